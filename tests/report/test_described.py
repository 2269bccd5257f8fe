"""Description of the system and its runs: surface charge, widths, reference potential, one structure."""

from typing import Any

import pytest
from charged import CHARGED, collected, interfaces
from profiled import G_OO

from mlipbench_hpc.report import charge
from mlipbench_hpc.report.draw.runs import _normalisation, _surface, radial
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.sections.data import potentials
from mlipbench_hpc.report.starts import one_structure
from mlipbench_hpc.worker.observables.first_layer import OBSERVABLES, with_bins


@pytest.fixture
def compared(campaign: Any) -> Any:
    return interfaces(campaign)


def charged_of(campaign: Any) -> Group:
    return next(group for group in groups(collected(campaign)) if group.title == CHARGED)


def test_the_surface_charge_of_two_ions(compared: Any) -> None:
    """The quickstart's: 2 e on 11.54 Å × 9.994 Å = 115.33 Å² are 0.01734 e/Å²; × 1602.18: 27.8 µC/cm²."""
    group = charged_of(compared)
    group.species["Na"] = 2
    group.cell[:2] = [[11.54, 0.0, 0.0], [0.0, 9.994, 0.0]]
    assert charge.density(group) == pytest.approx(2 / 115.33, rel=1e-4)
    words = charge.sentence(group)
    assert "2 Na on 115.3 Å² of the cell are +0.0173 e/Å²" in words
    assert "carries −0.0173 e/Å², −27.8 µC/cm²" in words


def test_the_reference_potential_is_described(compared: Any) -> None:
    (words,) = [own for own in potentials(collected(compared)) if "electrode:" in own]
    for part in ("SPC/Fw", "−0.82", "EW3DC", "9 Å", "without electronic polarisation"):
        assert part in words


@pytest.mark.parametrize(("frames", "said"), [([10, 30], True), ([10, 160], False)])
def test_runs_from_one_sampling_run_are_of_one_structure(
    compared: Any, frames: list[int], said: bool
) -> None:
    """Frames 10 and 30 are of the run at 300 K, frame 160 is of that at 350 K."""
    compared.document["campaign"]["md"]["charged"]["start"] = {"dataset": "spcfw", "frames": frames}
    results = collected(compared)
    row = {"temperature_K": 300.0, "frames": 150, "every_ps": 0.1, "statistical_inefficiency": 5.0,
           "slowest": "height of Na 1"}  # fmt: skip
    results.of("label", dataset="spcfw")[0].values["sampling"] = [row, row | {"temperature_K": 350.0}]
    group = next(own for own in groups(results) if own.title == CHARGED)
    line = next(line for line in group.drawn if line.name == "charged")
    words = one_structure(line)
    assert words.startswith("one initial structure: its 2 runs start at 2 times of one sampling run") == said
    assert bool(words) == said


def test_g_of_runs_with_a_surface_is_said_to_be_of_the_whole_cell(
    compared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bulk's g tends to 1, that of the interfaces beside it does not."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))
    assert _surface(collected(compared), "charged")
    assert not _surface(collected(compared), "bulk")
    assert _normalisation([]) == ""
    figure = radial(collected(compared), G_OO)
    assert figure is not None
    names = [name for name in ("charged", "truth", "neutral") if name in set(figure.columns["md"])]
    assert ("relative to the mean density of the whole cell" in figure.caption) == bool(names)
    assert "In bulk" not in figure.caption


def test_the_width_of_bins_stands_with_the_density_of_the_peak() -> None:
    cosine, height, density = (with_bins(own, 0.25) for own in OBSERVABLES)
    assert density.definition.endswith("Bins here: 0.25 Å.")
    assert (cosine, height) == tuple(OBSERVABLES[:2])
