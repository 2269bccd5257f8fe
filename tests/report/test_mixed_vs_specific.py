"""Section on mixed and specific training, from a store made by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.units import kB
from charged import add, change, collected
from profiled import LAGS, npz

from mlipbench_hpc.campaign.spec import Committee, MolecularDynamics, Split
from mlipbench_hpc.campaign.unfold import unfold
from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.report import mixed_errors, mixed_profiles
from mlipbench_hpc.report.combine import Band
from mlipbench_hpc.report.draw.mixed_vs_specific import visible
from mlipbench_hpc.report.extremes import Extremes, Ratio
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.sections.mixed_vs_specific import SECTION
from mlipbench_hpc.report.studies import parts

STUDY: dict[str, Any] = {
    "kind": "mixed-vs-specific", "dataset": "spcfw", "validation": 20, "test": 40, "models": ["tiny"],
    "counts": [0, 1, 2], "train": 10, "members": 2, "held_out": [1], "references": ["truth"],
    "targets": [{"ions": 0, "start": {"system": "box"}}, {"ions": 1, "start": {"system": "box"}}],
    "md": {"length": "2 ps"}, "replicas": 2,
}  # fmt: skip
SCHEMAS: dict[str, Any] = {"splits": Split, "committees": Committee, "md": MolecularDynamics}
CHARGED = "Au36 O24 H48 Na1, 300 K"
# meV by arm: what errors of energy are multiples of, and errors of forces in meV/Å; of both members.
SCALES = {
    "specific-0": ((1.0, 3.0), (10.0, 30.0)), "specific-1": ((2.0, 2.0), (20.0, 20.0)),
    "mixed": ((4.0, 4.0), (22.0, 26.0)), "small-mixed": ((8.0, 8.0), (40.0, 40.0)),
    "without-1": ((20.0, 20.0), (80.0, 80.0)),
}  # fmt: skip
PATTERN = np.array([1.0, 3.0, 2.0])


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for rendering, except where a test writes the whole report."""
    if request.node.get_closest_marker("whole") is None:
        monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def predictions(arm: str, energy: float, force: float) -> bytes:
    """Three frames of gold and water without ions, and three with one, so far as the arm is tested there."""
    neutral, charged = [79, 8, 1, 1], [79, 8, 1, 1, 11]
    frames = [neutral] * 3 * (arm != "specific-1") + [charged] * 3 * (arm != "specific-0")
    errors = np.tile(PATTERN, len(frames) // 3) * energy / 1000
    numbers = np.concatenate(frames)
    labels = np.random.default_rng(3).normal(size=(len(numbers), 3))
    return npz(
        indices=np.arange(len(frames)), offsets=np.cumsum([0, *map(len, frames)]), numbers=numbers,
        energies=errors - 7.0, label_energies=np.full(len(frames), -7.0), forces=labels + force / 1000,
        label_forces=labels,
    )  # fmt: skip


def estimate(alpha: float) -> dict[str, Any]:
    return {"structures": 40, "independent": 30.0, "alpha": alpha, "interval": [1.0, 9.0], "withheld": "",
            "share_of_largest": 0.1, "coverage": []}  # fmt: skip


def calibration(alpha: float) -> dict[str, Any]:
    """α overall, twice that without ions, three times with one."""
    parts = {"AuH2O": 2 * alpha, "AuH2NaO": 3 * alpha}
    both = {name: {"raw": estimate(own), "centred": estimate(own / 2)} for name, own in parts.items()}
    return {"members": 2, "raw": estimate(alpha), "centred": estimate(alpha / 2), "compositions": both,
            "strata": [], "zeros": []}  # fmt: skip


@pytest.fixture
def studied(campaign: Any) -> Any:
    document = campaign.document["campaign"]
    document["studies"] = {"mix": STUDY}
    unfolded = unfold({"studies": {"mix": STUDY}})
    for section, name in unfolded.homes:
        entry = SCHEMAS[section].model_validate(unfolded.document[section][name])
        document[section][name] = entry.model_dump(mode="json")
    campaign.document["studies"] = {"mix": {"kind": STUDY["kind"], "entries": unfolded.entries("mix")}}
    return campaign


def learn(campaign: Any) -> None:
    for place, (arm, (energies, forces)) in enumerate(SCALES.items()):
        for member in range(2):
            subject = {"committee": f"mix-{arm}-tiny", "round": 0, "member": member, "train": 10}
            key = campaign.commit("train", subject, {"frames": 10}, {})
            content = predictions(arm, energies[member], forces[member])
            (known, *_) = collected(campaign).of("evaluate", committee="mace")
            campaign.commit(
                "evaluate", subject, known.values, {"predictions-test.npz": content}, {"model": key}
            )
        subject = {"committee": f"mix-{arm}-tiny", "round": 0}
        campaign.commit("calibrate", subject, calibration(1.0 + place), {})


def run(campaign: Any) -> None:
    """With one ion: all four arms, each farther from the reference by one of its errors; without: two."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "truth", None)
    for shift, arm in enumerate(("specific-1", "mixed", "small-mixed", "without-1")):
        add(campaign, f"mix-{arm}-tiny-at-1", f"mix-{arm}-tiny", shift=float(shift))
    for arm in ("specific-0", "mixed"):
        add(campaign, f"mix-{arm}-tiny-at-0", f"mix-{arm}-tiny", ions=0)


def part_of(campaign: Any) -> Any:
    (part,) = parts(collected(campaign), "mixed-vs-specific")
    return part


def test_errors_of_every_arm_on_the_frames_of_the_target(studied: Any) -> None:
    """Errors of (1, 3, 2) times a scale: rms scale √(14/3), about their mean scale √(2/3)."""
    learn(studied)
    every = mixed_errors.judged(part_of(studied))
    assert [(own.ions, own.arm.label) for own in every] == [
        (0, "specific-0"), (0, "mixed"), (0, "small-mixed"), (1, "specific-1"), (1, "mixed"),
        (1, "small-mixed"), (1, "without-1"),
    ]  # fmt: skip
    neutral, without = every[0], every[-1]
    assert neutral.energy is not None
    rms = np.sqrt(14 / 3)
    assert (neutral.energy.mean, neutral.energy.least, neutral.energy.greatest) == pytest.approx(
        (2 * rms, rms, 3 * rms)
    )
    assert neutral.centred is not None
    assert neutral.centred.mean == pytest.approx(2 * np.sqrt(2 / 3))
    assert neutral.force is not None
    assert (neutral.force.mean, neutral.force.least) == pytest.approx((20.0, 10.0))
    assert without.force is not None
    assert without.force.mean == pytest.approx(80.0)
    assert [own.frames for own in every] == [3] * 7
    assert [own.alpha("raw") for own in every] == [2, 6, 8, 6, 9, 12, 15]


def test_errors_beside_the_paper(studied: Any) -> None:
    """Neutral: 4 over 2 in energies, 24 over 20 in forces; the paper about 2, and 1.1 to 1.2.

    Errors of the means of two members: 1 and 0 in energies, 10 and 2 in forces, in those units: of 4 / 2 it
    is 4/2², of 24 / 20 √(2² + (1.2 10)²)/20.
    """
    learn(studied)
    part = part_of(studied)
    beside = mixed_errors.paper(part, mixed_errors.judged(part))
    assert beside is not None
    rows = {row[0]: row[1:] for row in beside.rows}
    assert rows["centred energy RMSE, mixed / specific tiny, no Na"][:2] == ["about 2", "2.0 ± 1.0"]
    assert rows["force RMSE, mixed / specific tiny, no Na"] == ["1.1 to 1.2", "1.20 ± 0.61", "1.04"]
    assert rows["centred energy RMSE, small-mixed / specific tiny, no Na"][1] == "4.0 ± 2.0"
    words = "centred energy RMSE of specific tiny, 1 Na ion (paper: 3, raw), meV/structure"
    assert rows[words] == ["70.0", "1.633 (1.63 to 1.63)", "0.0233"], "2 √(2/3) meV"
    assert rows["α of specific tiny (paper: 3 ions, mixed)"] == ["4.10", "2.00", "0.488"]
    assert rows["α of mixed tiny (paper: 3 ions, mixed)"] == ["6.70", "3.00", "0.448"]
    assert "Systems differ" in beside.caption
    sentence = mixed_errors.sentence(part, mixed_errors.judged(part))
    assert sentence.startswith("Study mix (mixed and specific training): 10 of 10 members evaluated.")
    assert "Centred energy RMSE 2.0 ± 1.0 of tiny with 0 Na (not resolved)" in sentence
    assert "of tiny with 1 Na (cannot be tested)" in sentence, "members of both are equal: no error"
    assert sentence.endswith("which differ: train more members.")


def test_net_forces_do_not_count_what_cancels_within_a_molecule(studied: Any) -> None:
    """Errors of 30 meV/Å on O and -15 on each H cancel; 10 along y on O alone are √(100/3) a component."""
    water = Frames(
        np.array([0, 3, 6]), np.array([8, 1, 1] * 2),
        np.tile([[5.0, 5, 5], [5.8, 5, 5.6], [4.2, 5, 5.6]], (2, 1)),
        np.tile(12.0 * np.eye(3), (2, 1, 1)), np.ones((2, 3), bool), np.zeros(2), np.zeros((6, 3)),
    )  # fmt: skip
    path = studied.store.root / "water.npz"
    water.save(path)
    frames = studied.commit("label", {"dataset": "waters"}, {}, {"frames.npz": path.read_bytes()})
    errors = np.tile([[0.03, 0.01, 0], [-0.015, 0, 0], [-0.015, 0, 0]], (2, 1))
    content = npz(
        indices=np.array([1, 0]), offsets=water.offsets, numbers=water.numbers, energies=np.zeros(2),
        label_energies=np.zeros(2), forces=errors, label_forces=np.zeros((6, 3)),
    )  # fmt: skip
    subject = {"committee": "mix-specific-0-tiny", "round": 0, "member": 0}
    studied.commit("evaluate", subject, {}, {"predictions-test.npz": content}, {"frames": frames})
    results = collected(studied)
    (item,) = results.of("evaluate", committee="mix-specific-0-tiny")
    (tested,) = mixed_errors.on_ions(results, item, "Na", [0]).values()
    assert tested.net == pytest.approx(np.sqrt(100 / 3))
    assert tested.force == pytest.approx(np.sqrt(np.square(1000 * errors).mean()))


def test_a_ratio_that_differs_is_resolved_and_others_are_not() -> None:
    """Of means 10 and 5 with errors 0.1: t = 5/√0.02; of members 1 ± 1 and 2 ± 1 nothing is told."""
    apart = Ratio.of(Extremes.of((9.9, 10.1)), Extremes.of((4.9, 5.1)))
    assert apart is not None
    assert (apart.value, apart.error) == (pytest.approx(2.0), pytest.approx(np.hypot(0.1, 0.2) / 5))
    assert (apart.outcome(), apart.words()) == ("above 1", "2.000 ± 0.045")
    near = Ratio.of(Extremes.of((0.0, 2.0)), Extremes.of((1.0, 3.0)))
    assert near is not None
    assert near.outcome() == "not resolved"
    single = Ratio.of(Extremes.of((3.0,)), Extremes.of((1.0, 3.0)))
    assert single is not None
    assert (single.words(), single.outcome()) == ("1.50 (spread unknown: 1 repeat)", "cannot be tested")
    assert Ratio.of(None, Extremes.of((1.0,))) is None


def test_numbers_of_runs_and_their_difference_to_specific_ones(studied: Any) -> None:
    """cos θ of -0.31 ± 0.02, two runs each, farther by one error for each arm."""
    learn(studied)
    run(studied)
    part = part_of(studied)
    every = mixed_profiles.states(part)
    assert [(state.ions, len(state.places), len(state.references)) for state in every] == [
        (0, 2, 0), (1, 4, 1),
    ]  # fmt: skip
    shown = mixed_profiles.table(part, every)
    assert shown is not None
    cells = {(row[0], row[2]): row[5:] for row in shown.rows if "cos" in row[4]}
    assert cells[CHARGED, "specific-1"][::2] == ["-0.310 ± 0.014".replace("-", "−"), "–"]
    assert cells[CHARGED, "without-1"][2] == "0.060 ± 0.020"


def test_distances_of_profiles(studied: Any) -> None:
    learn(studied)
    run(studied)
    part = part_of(studied)
    tables = {
        name: [
            item.table("profiles.csv")["density_g_per_cm3"]
            for item in collected(studied).of("analyse", md=name)
        ]
        for name in ("truth", "mix-specific-1-tiny-at-1", "mix-mixed-tiny-at-1")
    }
    truth, specific, mixed = (np.mean(own, axis=0) for own in tables.values())
    values = mixed_profiles.numbers(part, mixed_profiles.states(part))[CHARGED]["tiny"]
    own = values["mixed"]["rms"]["density"]
    for name, other in (("truth", truth), ("specific", specific)):
        occupied = (mixed != 0) | (other != 0)
        assert own[name] == pytest.approx(np.sqrt(np.mean((mixed - other)[occupied] ** 2)))
    assert values["specific-1"]["rms"]["density"]["specific"] is None


def test_distances_do_not_depend_on_empty_bins() -> None:
    """Two bins of four are empty in both: √((1² + 3²)/2)."""
    z = np.arange(4.0)
    one, other = (
        Band(x=z, mean=np.array(mean), se=np.zeros(4), training=None, committee=None)
        for mean in ([0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0])
    )
    assert mixed_profiles.rms(one, other) == pytest.approx(np.sqrt(5.0))
    assert mixed_profiles.rms(other, one) == mixed_profiles.rms(one, other)
    nothing = replace(one, mean=np.zeros(4))
    assert mixed_profiles.rms(nothing, nothing) is None


@pytest.mark.parametrize(
    ("widths", "drawn"),
    [([np.nan, 1.0, 2.0], True), ([1.0, np.nan, 1.0], False), ([0.0, 0.0], False), ([np.nan] * 3, False)],
)
def test_a_band_is_drawn_between_two_known_neighbours(widths: list[float], drawn: bool) -> None:
    assert visible(widths) == drawn


def test_runs_that_failed_are_named_where_their_panel_is_empty(studied: Any) -> None:
    learn(studied)
    run(studied)
    for replica in range(2):
        change(studied, "md", "mix-without-1-tiny-at-1", replica, outcome="unstable", cause="T", time_ps=0.1)
    part = part_of(studied)
    (state,) = [state for state in mixed_profiles.states(part) if state.ions == 1]
    assert mixed_profiles.failed(part, state) == {}, "an arm without any run has no panel"
    studied.document["campaign"]["studies"]["mix"] = STUDY | {"models": ["tiny", "mace"]}
    part = part_of(studied)
    (state,) = [state for state in mixed_profiles.states(part) if state.ions == 1]
    assert set(mixed_profiles.failed(part, state)) == {("mace", arm) for arm in state.arms}


def test_figures_hold_profiles_bands_and_free_energies(studied: Any) -> None:
    learn(studied)
    run(studied)
    content = SECTION.build(collected(studied))
    figures = {figure.name: figure.columns for figure in content.figures}
    slug = CHARGED.replace(",", "").replace(" ", "-")
    names = [
        "density",
        "orientation",
        "concentration-Na",
        "free-energy-concentration-Na",
        "total_orientation",
    ]
    assert {f"mixed-mix-{name}-{slug}" for name in names} <= set(figures)
    profile, free = (
        figures[f"mixed-mix-{name}-{slug}"] for name in ("concentration-Na", "free-energy-concentration-Na")
    )
    chosen = np.array(profile["trained"]) == "mixed"
    density, training = (np.array(profile[name])[chosen] for name in ("mean", "training"))
    energies, widths = (np.array(free[name])[chosen] for name in ("mean", "training"))
    inside = (density > 0) & (training < density)
    expected = -1000 * kB * 300 * np.log(density[inside] / density.max())
    np.testing.assert_allclose(energies[inside], expected)
    np.testing.assert_allclose(widths[inside], 1000 * kB * 300 * training[inside] / density[inside])
    moving = figures["mixed-dynamics-mix-tiny"]
    assert len(moving["run"]) == 2 * 6 * len(LAGS)
    errors = figures["mixed-mix-errors"]
    assert errors["centred_mean_meV"][0] == pytest.approx(2 * np.sqrt(2 / 3))
    captions = {figure.name: figure.caption for figure in content.figures}
    assert ("± α·σ" in captions[f"mixed-mix-concentration-Na-{slug}"]) == np.isfinite(training).any()
    assert "shifted to its own minimum" in captions[f"mixed-mix-free-energy-concentration-Na-{slug}"]
    (caution,) = [c for c in content.warnings if "no such run is done" in c.sentence]
    assert "Na1" not in caution.sentence


def test_a_study_that_has_not_run_says_so(studied: Any) -> None:
    content = SECTION.build(collected(studied))
    assert content.figures == []
    assert content.verdict == [["Study mix (mixed and specific training): 0 of 10 members evaluated."]]


@pytest.mark.whole
def test_on_the_page(studied: Any, tmp_path: Path) -> None:
    learn(studied)
    run(studied)
    page = build_report(studied.document, studied.tasks, studied.store, tmp_path / "out").read_text("utf-8")
    assert '<section id="mixed_vs_specific"' in page
    values = read_json(tmp_path / "out/results.json")["mixed_vs_specific"]["mix"]
    assert values["errors"]["1"]["tiny"]["without-1"]["force_rmse_meV_per_A"]["mean"] == pytest.approx(80.0)
    assert (tmp_path / "out/figures/mixed-mix-errors.pdf").read_bytes().startswith(b"%PDF")
