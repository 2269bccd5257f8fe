"""A third party's architecture and the tests' own helpers on the path."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Fixtures that run a whole campaign: their tests are no part of `make test-fast`.
CAMPAIGNS = {"finished", "blind"}
sys.path[:0] = [str(HERE / "plugins"), str(HERE / "support")]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests whose fixtures run campaigns."""
    for item in items:
        if isinstance(item, pytest.Function) and CAMPAIGNS & set(item.fixturenames):
            item.add_marker("campaign")


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The path of a toy campaign with its data beside it."""
    from toy import write_toy

    return write_toy(tmp_path)
