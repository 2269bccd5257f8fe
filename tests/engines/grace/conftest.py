"""Programs of this suite are kept, since making them takes longer than the tests: those that XLA compiles for
later processes, and those that TensorFlow traces for later tests of this one, more than a task has use for.

Where two compilations of the same program must give the same bits, a test turns this off.
"""

import os
import shutil
import tempfile
from functools import cache

import pytest

FOLDER = tempfile.mkdtemp(prefix="xla-programs-")
# TensorFlow reads it when it compiles for the first time.
os.environ["TF_XLA_FLAGS"] = f"--tf_xla_persistent_cache_directory={FOLDER}"


from mlipbench_hpc.architectures.grace_1l import evaluator, model, training  # noqa: E402

PATCH = pytest.MonkeyPatch()


def pytest_configure(config: pytest.Config) -> None:
    """Keep as many programs as the tests make."""
    PATCH.setattr(training, "learner", cache(training.Learner))
    # To set a seed makes TensorFlow forget what it has made of its functions, a second's work.
    PATCH.setattr(training, "initial_weights", cache(model.initial_weights))
    for module in (model, evaluator):
        PATCH.setattr(module, "program", cached)


@cache
def cached(blueprint: model.Blueprint) -> model.Program:
    """As model.program."""
    return model.Program(blueprint)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the programs."""
    PATCH.undo()
    shutil.rmtree(FOLDER, ignore_errors=True)
