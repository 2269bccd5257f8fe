"""What the report says of frames that were sampled too close to one another."""

from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report.collect import collect
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.sampling import table
from mlipbench_hpc.report.sections.data import warnings


def rows(frames: int, **inefficiencies: float) -> dict[str, Any]:
    """Values of a label task, by temperature given as T300=2.5."""
    result = [
        {"temperature_K": float(name[1:]), "every_ps": 0.1, "frames": frames, "statistical_inefficiency": g}
        for name, g in inefficiencies.items()
    ]
    return {"frames": frames * len(result), "sampling": result}


def sampled(campaign: Any, *runs: dict[str, Any]) -> Any:
    """The made-up campaign, its dataset sampled in several runs."""
    for start, values in enumerate(runs):
        campaign.commit("label", {"sample": "spcfw", "of": "box", "start": start}, values, {})
    return collect(campaign.document, campaign.tasks, campaign.store)


def test_correlated_frames_are_warned_about_by_temperature(campaign: Any) -> None:
    """At 300 K 60 frames are worth 30/5 + 30/2 = 21; at 600 K 60 are worth 30 + 15 = 45, which is enough."""
    results = sampled(campaign, rows(30, T300=5.0, T600=1.0), rows(30, T300=2.0, T600=2.0))
    (caution,) = warnings(results)
    assert caution.about == "Dataset spcfw (120 sampled frames; labelled frames alone)"
    assert caution.sentence == (
        "frames every 0.100 ps are correlated: 21.0 of 60 frames at 300 K are independent, by the "
        "autocorrelation of the slowest quantity (potential energy); increase `every` or `starts` of the "
        "dataset."
    )


@pytest.mark.parametrize("inefficiency", [1.0, 2.0])
def test_frames_that_count_half_are_not(campaign: Any, inefficiency: float) -> None:
    results = sampled(campaign, rows(30, T300=inefficiency))
    assert warnings(results) == []


def test_the_table_and_the_numbers(campaign: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))
    result = table(sampled(campaign, rows(30, T300=5.0), rows(20, T300=2.5)))
    assert result is not None
    assert result.rows == [
        ["spcfw", "box", "0", "300", "30", "0.100", "5.00", "6.00", "potential energy alone"],
        ["spcfw", "box", "1", "300", "20", "0.100", "2.50", "8.00", "potential energy alone"],
    ]
    page = build_report(campaign.document, campaign.tasks, campaign.store, tmp_path).read_text(
        encoding="utf-8"
    )
    assert "14.0 of 50 frames at 300 K are independent" in page
    assert "number of frames per independent frame" in page
    message = read_json(tmp_path / "results.json") or {}
    assert [row["statistical_inefficiency"] for row in message["sampling"]["spcfw"]] == [5.0, 2.5]
    assert any("correlated" in one for one in message["warnings"])


def test_a_dataset_of_one_run_and_one_that_was_sampled_before_this_was_said(campaign: Any) -> None:
    assert table(collect(campaign.document, campaign.tasks, campaign.store)) is None
    campaign.commit("label", {"dataset": "spcfw"}, rows(10, T350=1.0), {})
    campaign.document["campaign"]["datasets"]["spcfw"]["generate"] |= {"system": None, "systems": ["box"]}
    result = table(collect(campaign.document, campaign.tasks, campaign.store))
    assert result is not None
    assert result.rows[-1][:3] == ["spcfw", "box", "0"]


def test_a_run_without_slow_quantities_in_every_frame_is_judged_by_its_energy_alone(campaign: Any) -> None:
    """Of two runs at 1200 K one lacks P_z in a frame: its energy alone would make all frames independent."""
    both, energy = rows(24, T1200=4.7), rows(24, T1200=1.0)
    both["sampling"][0] |= {"slowest": "P_z", "inefficiencies": {"potential energy": 1.2, "P_z": 4.7}}
    energy["sampling"][0] |= {"slowest": "potential energy", "inefficiencies": {"potential energy": 1.0}}
    results = sampled(campaign, both, energy)
    (caution,) = warnings(results)
    assert caution.sentence == (
        "independence of the frames of box at 1200 K is judged by the potential energy alone, because P_z "
        "and ions' heights are not known in every frame: fewer than 24.0 of these 24 frames may be "
        "independent; increase `every`."
    )
    result = table(results)
    assert result is not None
    assert [row[-1] for row in result.rows] == ["P_z", "potential energy alone"]
