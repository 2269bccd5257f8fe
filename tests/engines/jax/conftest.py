"""Programs that JAX compiles in this suite are kept for its later processes: they take longer than the tests.

Where two compilations of the same program must give the same bits, a test turns this off.
"""

import os
import shutil
import tempfile

import pytest

FOLDER = tempfile.mkdtemp(prefix="jax-programs-")
# JAX reads them when it is imported: where programs are kept, and that none is too small for it.
os.environ["JAX_COMPILATION_CACHE_DIR"] = FOLDER
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the programs."""
    shutil.rmtree(FOLDER, ignore_errors=True)
