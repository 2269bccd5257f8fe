"""Committees for use without campaigns, and the handout of an adapter that has no function for it."""

import json
import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.interface import Handout
from mlipbench_hpc.contract.folder import outputs, write_bytes

HYPERPARAMETERS = "hyperparameters.json"
CURVE = "curve.csv"
# For `calculators`, a list of an ASE calculator for each member.
ONE_BY_ONE = """\
calculator = calculators[0]


def committee(atoms):
    answers = [(one.get_potential_energy(atoms), one.get_forces(atoms)) for one in calculators]
    energies, forces = zip(*answers, strict=True)
    return np.array(energies), np.array(forces)
"""
OWN = """\
from {adapter} import load

hyperparameters = json.loads((HERE / "{hyperparameters}").read_text(encoding="utf-8"))
calculators = [load(Path(file), hyperparameters, "cpu", "{dtype}").calculator() for file in FILES]
"""


def own_handout(
    adapter: str,
    models: list[Path],
    hyperparameters: dict[str, Any],
    numbers: list[int],
    dtype: str,
    out: Path,
) -> Handout:
    """Handout for which users need this package: folders as `train` left them, read by module `adapter`."""
    names = tuple(member_name(member) for member in range(len(models)))
    for name, model in zip(names, models, strict=True):
        copy_model(model, out / name)
    write_bytes(out / HYPERPARAMETERS, json.dumps(hyperparameters, indent=1).encode())
    lines = OWN.format(adapter=adapter, hyperparameters=HYPERPARAMETERS, dtype=dtype)
    note = f"The files are read by {adapter}: it must be on PYTHONPATH, as the checkout that made them is."
    return Handout(
        files=names,
        python=f"{lines}{ONE_BY_ONE}",
        needs=("mlipbench_hpc", *packages("numpy", "ase")),
        licence="mlipbench-hpc: MIT. Packages that the adapter imports have licences of their own.",
        notes=(note, "LAMMPS has no pair style for these files; inside campaigns it calls the calculator."),
    )


def copy_model(model: Path, target: Path) -> None:
    """Copy a model's files, without records of its task and its learning curve, as writable ones."""
    for name in outputs(model):
        if name != CURVE:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(model / name, target / name)


def member_name(member: int, ending: str = "") -> str:
    """Name of a member's file or folder."""
    return f"member-{member:03d}{ending}"


def packages(*names: str) -> tuple[str, ...]:
    """Names and versions of those packages that are installed (builds for GPUs have other names)."""
    versions = []
    for name in names:
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    return tuple(versions)
