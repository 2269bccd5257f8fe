"""Programs that XLA compiles in this suite are kept for its later processes: they take longer than the tests.

Where two compilations of the same program must give the same bits, a test turns this off.
"""

import os
import shutil
import tempfile

import pytest

FOLDER = tempfile.mkdtemp(prefix="xla-programs-")
# TensorFlow reads it when it compiles for the first time.
os.environ["TF_XLA_FLAGS"] = f"--tf_xla_persistent_cache_directory={FOLDER}"


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the programs."""
    shutil.rmtree(FOLDER, ignore_errors=True)
