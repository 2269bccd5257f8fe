"""Speeds in the report: units that can be worked out by hand, figures, warnings."""

from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.report.collect import collect
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.section import Content
from mlipbench_hpc.report.sections.speed import SECTION

ENTRY = {"committee": "mace", "start": {"system": "box"}, "timestep": 0.0005, "block_time": 2.0}


def size(copies: int, milliseconds: list[float], load: float = 0.5) -> dict[str, Any]:
    return {
        "copies": copies, "repeats": [copies, 1, 1], "atoms": 100 * copies, "mobile": 90 * copies,
        "edges": 4000 * copies, "skin_A": 0.0, "energy_eV": -1.0, "first_s": 8.0, "warm_up_s": 0.4,
        "steps_per_block": 40, "seconds_per_step": [1e-3 * value for value in milliseconds],
        "load_average": load, "peak_bytes": 2**29, "wall_s": 20.0,
    }  # fmt: skip


def content(campaign: Any, *sizes: dict[str, Any], by: str = "time") -> Content:
    """The section of a campaign with one entry that has run."""
    values = {
        "sizes": list(sizes), "ended": {"by": by, "sentence": "it took too long"}, "load_s": 3.0,
        "hardware": {"processor": "Xeon 9", "cores": 2, "gpu": None}, "cutoff_A": 4.5, "engine": "ase",
        "timestep_ps": 0.0005,
    }  # fmt: skip
    parameters = {
        "dtype": "float32", "device": "cpu", "threads": 1, "hyperparameters": {"r_max": 4.5},
        "thermostat": {},
    }  # fmt: skip
    campaign.document["campaign"]["speed"] = {"steps": ENTRY}
    campaign.commit("speed", {"speed": "steps", "committee": "mace"}, values, {}, None, parameters)
    built: Content = SECTION.build(collect(campaign.document, campaign.tasks, campaign.store))
    return built


TWO = (size(1, [2.0, 2.1, 1.9, 2.0, 2.2]), size(2, [5.0, 5.0, 4.8, 5.1, 5.2]))


def test_without_an_entry_there_is_no_section(campaign: Any) -> None:
    results = collect(campaign.document, campaign.tasks, campaign.store)
    assert SECTION.build(results) == Content([])


def test_units(campaign: Any) -> None:
    """2 ms for 100 atoms: 20 µs/atom; 43.2 million steps of 0.5 fs a day: 21.6 ns. 5 ms for 200: 25, 8.64."""
    own = content(campaign, *TWO)
    table, conditions, *_ = own.blocks
    assert [row[2:9] for row in table.rows] == [
        ["100", "4000", "4.50 + 0", "2.00", "1.90 to 2.20", "20.0", "21.6"],
        ["200", "8000", "4.50 + 0", "5.00", "4.80 to 5.20", "25.0", "8.64"],
    ]
    assert table.rows[0][9:] == ["5 x 40", "8.0 s", "0.40 s", "0.50 GiB"]
    (row,) = conditions.rows
    assert row[1:4] == ["mace", "mace", "Xeon 9, 1 thread of 2 cores"]
    assert "python 3.11.2" in row[4]
    assert row[5] == "time: it took too long"
    derived = own.numbers["speed"]["steps"]["derived"]
    assert [(one["us_per_atom_and_step"], one["ns_per_day"]) for one in derived] == [
        (pytest.approx(20), pytest.approx(21.6)), (pytest.approx(25), pytest.approx(8.64)),
    ]  # fmt: skip
    assert own.warnings == []
    assert own.summary == ["Speed steps: 20.0 µs/atom/step, 21.6 ns/day (100 atoms)"]


def test_figures(campaign: Any) -> None:
    scaling, accuracy = content(campaign, *TWO).figures
    assert scaling.columns["atoms"] == [100, 200]
    assert scaling.columns["us_per_atom"] == pytest.approx([20, 25])
    assert scaling.columns["least"] == pytest.approx([19, 24])
    assert scaling.columns["most"] == pytest.approx([22, 26])
    assert accuracy.columns["us_per_atom"] == pytest.approx([20])
    assert accuracy.columns["force_rmse_meV_per_A"][0] == pytest.approx(125, abs=3)
    assert "Xeon 9" in scaling.caption
    assert "M = 4, 120 training structures each" in accuracy.caption


@pytest.mark.parametrize(
    ("sizes", "by", "words"),
    [
        ([size(1, [2.0] * 5, load=3.4)], "time", "load average up to 3.4 on 2 cores"),
        ([size(1, [2.0] * 4 + [3.0])], "time", "blocks differ by 50 % of the median at 100 atoms"),
        ([size(1, [2.0] * 5)], "unstable", "it took too long."),
    ],
)
def test_warnings(campaign: Any, sizes: list[dict[str, Any]], by: str, words: str) -> None:
    (warning,) = content(campaign, *sizes, by=by).warnings
    assert words in warning.sentence
    assert warning.place == "speed steps"


@pytest.mark.whole
def test_on_the_page(campaign: Any, tmp_path: Path) -> None:
    content(campaign, *TWO)
    page = build_report(campaign.document, campaign.tasks, campaign.store, tmp_path / "out")
    assert '<section id="speed"' in page.read_text(encoding="utf-8")
    assert (tmp_path / "out/figures/speed-scaling.csv").exists()
