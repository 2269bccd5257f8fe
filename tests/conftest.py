"""A third party's architecture and the tests' own helpers on the path."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Fixtures that take long, and the marker of tests that use them: these are no part of `make test-fast`.
MARKERS = {"finished": "campaign", "blind": "campaign", "written": "whole"}
sys.path[:0] = [str(HERE / "plugins"), str(HERE / "support")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests whose fixtures run campaigns or write whole reports."""
    for item in items:
        if isinstance(item, pytest.Function):
            for marker in {MARKERS[name] for name in item.fixturenames if name in MARKERS}:
                item.add_marker(marker)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The path of a toy campaign with its data beside it."""
    from toy import write_toy

    return write_toy(tmp_path)
