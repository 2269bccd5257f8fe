"""Observables of a run: every module here defines a `FAMILY`. To add an observable is to add a module.

`contract.versions` notices that this package reads its own `__path__`: all its modules count as imported.
"""

import importlib
import pkgutil

from mlipbench_hpc.worker.observing import Family


def families() -> list[Family]:
    """`FAMILY` of every module here."""
    names = [f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__)]
    return [importlib.import_module(name).FAMILY for name in names]
