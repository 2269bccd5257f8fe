"""A third party's architecture and the tests' own helpers on the path."""

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PLUGINS = str(HERE / "plugins")
sys.path[:0] = [PLUGINS, str(HERE / "support")]
os.environ["PYTHONPATH"] = os.pathsep.join([PLUGINS, *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The path of a toy campaign with its data beside it."""
    from toy import write_toy

    return write_toy(tmp_path)
