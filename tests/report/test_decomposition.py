"""Runs whose water decomposes: counted by hand from small trajectories, and what is left out then."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import add, collected
from interface import CELL, Interface, slab

from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.report import decomposition
from mlipbench_hpc.report.collect import Item, Reported
from mlipbench_hpc.report.exclusion import decomposed, failures
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.sections import md


def torn(whole: Interface, lost: int) -> np.ndarray:
    """Positions (N, 3) Å with a hydrogen of the first `lost` waters 20 Å above everything."""
    positions = whole.positions.copy()
    hydrogens = np.flatnonzero(whole.numbers == 1)[::2][:lost]
    positions[hydrogens, 2] = 35.0
    positions[hydrogens, 0] = 0.5 * np.arange(len(hydrogens))
    return positions


def trajectory(whole: Interface, lost: list[int]) -> bytes:
    """trajectory.nc of one frame for each number of waters that have lost a hydrogen."""
    records = np.zeros(len(lost), record_type(len(whole.numbers)))
    records["time"] = 0.01 * np.arange(len(lost))
    records["coordinates"] = [torn(whole, own) for own in lost]
    records["cell_lengths"], records["cell_angles"] = np.diag(CELL), 90.0
    head = header(whole.numbers)
    return head[:4] + numrecs(len(lost)) + head[8:] + records.tobytes()


@pytest.fixture
def film() -> Interface:
    """Nine waters on gold."""
    return slab([3.0] * 9, [0.5] * 9, [])


def item(folder: Path, content: bytes) -> Item:
    (folder / "trajectory.nc").write_bytes(content)
    return Item(Reported("", "md", "", {}, "", "done"), folder, {"values": {"outcome": "completed"}})


def test_the_mean_over_the_last_tenth_is_compared_with_the_first_frame(
    film: Interface, tmp_path: Path
) -> None:
    """Of 20 frames the last two have lost 1 and 2 of 9 waters, others before them do not count: 1.5 of 9."""
    own = decomposition.loss(item(tmp_path, trajectory(film, [0] * 10 + [5] * 8 + [1, 2])))
    assert own == decomposition.Loss(9, pytest.approx(1.5 / 9))


def test_a_run_that_begins_without_some_of_its_waters_has_not_lost_them(
    film: Interface, tmp_path: Path
) -> None:
    own = decomposition.loss(item(tmp_path, trajectory(film, [3] * 9 + [4])))
    assert own == decomposition.Loss(6, pytest.approx(1 / 6))


@pytest.mark.parametrize("content", [b"", b"no trajectory"])
def test_without_a_trajectory_nothing_is_said(content: bytes, tmp_path: Path) -> None:
    assert decomposition.loss(item(tmp_path, content)) is None


def lose(campaign: Any, name: str, content: bytes) -> None:
    """Put a trajectory into the committed runs of one entry."""
    for task in campaign.tasks:
        if task.verb == "md" and task.subject["md"] == name:
            folder = campaign.store.task(task.key)
            folder.chmod(0o755)
            (folder / "trajectory.nc").write_bytes(content)


@pytest.fixture
def two(campaign: Any) -> Any:
    """A reference and a model in the same system, two runs each."""
    add(campaign, "truth", None, ions=0)
    add(campaign, "film", "mace", ions=0)
    return campaign


def test_a_study_names_runs_that_do_not_count(two: Any, film: Interface) -> None:
    """Both of the model; of six that are asked for four are named."""
    lose(two, "film", trajectory(film, [0] * 9 + [2]))
    results = collected(two)
    assert failures(results, ["truth"]) == ""
    assert failures(results, ["film", "truth"]) == (
        " Excluded, so that numbers are those of the other runs alone: film, replica 0 (decomposed) and "
        "film, replica 1 (decomposed)."
    )
    add(two, "more", "mace", replicas=4, ions=0)
    lose(two, "more", trajectory(film, [0] * 9 + [2]))
    assert failures(collected(two), ["film", "more"]).endswith("more, replica 1 (decomposed) and 2 more.")


@pytest.mark.parametrize(
    ("model", "reference", "excluded"),
    [(0, 0, False), (2, 0, True), (2, 2, False), (2, 1, True), (4, 2, True), (2, None, True)],
)
def test_water_may_dissociate_where_it_does_in_the_reference(
    two: Any, film: Interface, model: int, reference: int | None, excluded: bool
) -> None:
    """2 of 9 waters are 22 %: above 10 %, and above 11 % + 10 % where the reference loses one of them."""
    lose(two, "film", trajectory(film, [0] * 9 + [model]))
    if reference is not None:
        lose(two, "truth", trajectory(film, [0] * 9 + [reference]))
    results = collected(two)
    runs = results.of("md", md="film")
    assert [bool(decomposed(results, run)) for run in runs] == [excluded] * 2
    (group,) = [group for group in groups(results) if group.interface]
    line = next(line for line in group.lines if line.name == "film")
    assert len(line.left_out) == 2 * excluded
    assert (line not in group.drawn) == excluded
    assert all("decomposed by the end of the run" in words for words in line.left_out)
    numbers = md.numbers_of(results, "film")["replicas"]["0"]["decomposed"]
    assert bool(numbers) == excluded
