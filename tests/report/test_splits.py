"""How near test frames come to training frames, from the record of a split task."""

from typing import Any

import pytest

from mlipbench_hpc.report import splits
from mlipbench_hpc.report.collect import collect
from mlipbench_hpc.report.sections.data import numbers
from mlipbench_hpc.report.sections.timings import timings
from mlipbench_hpc.report.splits import nearness, offsets, separation

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


@pytest.mark.parametrize(("common", "words"), [(0.8331, "83\u00a0%"), (None, "–")])
def test_what_two_members_have_in_common(campaign: Any, common: float | None, words: str) -> None:
    values = {"train": 8, "members": 4, "test": 8, "common": common}
    campaign.commit("split", {"split": "main", "train": 8}, values, {})
    campaign.tasks = [task for task in campaign.tasks if task.verb != "split" or task.subject["train"] == 8]
    table = separation(collect(campaign.document, campaign.tasks, campaign.store))
    assert table is not None
    assert table.rows[0][-1] == words


def test_counts_are_integers_unless_they_are_means_over_members(campaign: Any) -> None:
    """Of four members 8 test frames in all are next to a training frame, 3 of no trajectory with any."""
    values = {"train": 8, "members": 4, "test": 20, "separation": RECORD}
    campaign.commit("split", {"split": "main", "train": 8}, values, {})
    campaign.tasks = [task for task in campaign.tasks if task.verb != "split" or task.subject["train"] == 8]
    table = separation(collect(campaign.document, campaign.tasks, campaign.store))
    assert table is not None
    assert table.rows[0][1:5] == ["20", "2", "–", "0.8"], "3 / 4"


def test_splits_that_are_not_independent_are_told_in_one_sentence(
    campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four members 8 / 4 test frames are next to a training frame, (8 + 5) / 4 within 2.5 frames."""
    values = {"train": 8, "members": 4, "test": 20, "separation": RECORD}
    campaign.commit("split", {"split": "main", "train": 8}, values, {})
    campaign.tasks = [task for task in campaign.tasks if task.verb != "split" or task.subject["train"] == 8]
    results = collect(campaign.document, campaign.tasks, campaign.store)
    assert splits.warnings(results) == [], "it is not known how far apart independent frames are"
    monkeypatch.setattr(splits, "inefficiency", lambda results, name: 2.5)
    (sentence,) = splits.warnings(results)
    assert sentence.endswith("(mean over members) main: 2 and 3.2 of 20 (2.50 frames).")


def test_a_single_frame_determines_no_scatter_of_energies(campaign: Any) -> None:
    entries = {
        formula: {"frames": frames, "mean_eV": 0.5, "scatter_meV_per_atom": scatter}
        for formula, frames, scatter in (("H32O16", 3, 4.0), ("H2O1", 1, 0.0))
    }
    values = {"reference_energies": "fit", "offsets": entries, "members": 4, "test": 8}
    campaign.commit("split", {"split": "main", "train": 8}, values, {})
    campaign.tasks = [task for task in campaign.tasks if task.verb != "split" or task.subject["train"] == 8]
    results = collect(campaign.document, campaign.tasks, campaign.store)
    table = offsets(results)
    assert table is not None
    assert {row[2]: row[-1] for row in table.rows} == {"H32O16": "4.00", "H2O1": "not determined"}
    (own,) = numbers(results)["splits"].values()
    scatter = {formula: entry["scatter_meV_per_atom"] for formula, entry in own["offsets"].items()}
    assert scatter == {"H32O16": 4.0, "H2O1": None}


def test_times_of_committees_and_runs_stand_apart(campaign: Any) -> None:
    results = collect(campaign.document, campaign.tasks, campaign.store)
    rows = {(row[0], row[1]): row[2] for row in timings(results).rows}
    assert rows["train", "mace"] == "4"
    assert rows["md", "bulk"] == "2"
    assert rows["split", "–"] == "1"
