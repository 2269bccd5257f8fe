"""A third party's architecture and the tests' own helpers on the path."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "plugins"), str(HERE / "support")]


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The path of a toy campaign with its data beside it."""
    from toy import write_toy

    return write_toy(tmp_path)
