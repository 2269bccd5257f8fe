"""How near test frames come to training frames, from the record of a split task."""

import pytest

from mlipbench_hpc.report.splits import nearness

RECORD = {"frames_tested": 20, "frames": {"-1": 3, "1": 8, "2": 5, "7": 4}}


@pytest.mark.parametrize(
    ("independent", "expected"),
    [(None, (8, None)), (1.0, (8, 0)), (2.0, (8, 8)), (2.5, (8, 13)), (50.0, (8, 17))],
)
def test_frames_nearer_than_independent_ones(
    independent: float | None, expected: tuple[int, int | None]
) -> None:
    """By hand; a trajectory without training frames (-1) is never near."""
    assert nearness(RECORD, independent) == expected
