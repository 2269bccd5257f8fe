"""Tables of a store's CSV files, as numbers in every cell or with gaps."""

from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.report.collect import read_table

FULL = "a,b,c\n1,2.5,nan\n3,-4e-3,inf\n"


@pytest.mark.parametrize("text", [FULL, FULL.replace("nan", ""), FULL.replace("nan", '"nan"')])
def test_columns_are_the_same_by_either_way(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    every = read_table(tmp_path / "t.csv")
    assert list(every) == ["a", "b", "c"]
    np.testing.assert_array_equal(np.array(list(every.values())), [[1, 3], [2.5, -4e-3], [np.nan, np.inf]])
    some = read_table(tmp_path / "t.csv", "c", "a", "z")
    assert list(some) == ["a", "c"]
    np.testing.assert_array_equal(some["c"], every["c"])
    assert read_table(tmp_path / "t.csv", "z") == {}


@pytest.mark.parametrize(
    ("text", "columns"), [("", {}), ("a,b\n", {"a": 0, "b": 0}), ("a,b\n1\n", {}), ("a,b\n1,x\n", {})]
)
def test_files_without_numbers(tmp_path: Path, text: str, columns: dict[str, int]) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert {name: len(own) for name, own in read_table(tmp_path / "t.csv").items()} == columns
    assert read_table(tmp_path / "none.csv") == {}
