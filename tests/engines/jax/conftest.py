"""Programs that JAX compiles in this suite are kept for its later processes: they take longer than the tests.

Where two compilations of the same program must give the same bits, a test turns this off.
"""

import os
import shutil
import tempfile

import pytest

FOLDER = tempfile.mkdtemp(prefix="jax-programs-")
# JAX reads it when it is imported.
os.environ["JAX_COMPILATION_CACHE_DIR"] = FOLDER


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the programs."""
    shutil.rmtree(FOLDER, ignore_errors=True)
