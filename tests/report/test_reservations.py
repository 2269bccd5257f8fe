"""Reservations beside numbers: ions' layers, temperatures, controls, stationarity, starts, lengths."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import CHARGED, add, change, collected, interfaces, movement, moves
from ion_heights import INNER_A, OUTER_A, hopping, put_ions
from profiled import npz

from mlipbench_hpc.analysis.inference import ErrorTerm
from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report import conclusions, convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Committee, Number
from mlipbench_hpc.report.comparison import agreements, controls, with_errors
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.layers import layers_of, stays_of
from mlipbench_hpc.report.section import Consequence
from mlipbench_hpc.report.significance import primary
from mlipbench_hpc.report.starts import close_replicas, common_past
from mlipbench_hpc.report.stationary import Cause
from mlipbench_hpc.report.summary_table import differences
from mlipbench_hpc.report.temperatures import of_run


@pytest.fixture
def compared(campaign: Any) -> Any:
    return interfaces(campaign)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for drawing: for tests of words and tables alone."""
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def build(campaign: Any, out: Path) -> tuple[str, dict[str, Any], str]:
    """Page, results.json and summary."""
    page = build_report(campaign.document, campaign.tasks, campaign.store, out).read_text(encoding="utf-8")
    summary = (out / "summary.txt").read_text(encoding="utf-8")
    return page.replace("&#39;", "'"), read_json(out / "results.json") or {}, summary


def charged_of(campaign: Any) -> Group:
    return next(group for group in groups(collected(campaign)) if group.title == CHARGED)


def test_one_account_of_the_layers_of_ions(compared: Any, plain: None, tmp_path: Path) -> None:
    """An ion in each layer of every run, which 4.5 Å would cut; none changes: page and results.json agree."""
    for name in ("truth", "charged"):
        for replica in range(2):
            put_ions(compared, name, replica, [hopping(0, 0), hopping(1, 0)])
    page, results, summary = build(compared, tmp_path)
    ions = results["comparisons"][CHARGED]["lines"]["charged"]["ions"]["Na"]
    assert ions["peaks_A"] == pytest.approx([INNER_A, OUTER_A], abs=0.1)
    assert ions["border_A"] == pytest.approx(5.2, abs=0.2)
    assert [(run["starts_inner"], run["transitions"]) for run in ions["runs"]] == [
        ([True, False], [0, 0])
    ] * 2
    words = "2 ions start in the inner layer and 2 in the outer (1 of 2 inner in each run), 0 transitions"
    assert any(words in sentence for sentence in results["warnings"])
    assert words in page
    assert "0 transitions between layers" in " ".join(summary.split())
    assert "first layer, 0 transitions" not in page
    assert "starts_in_first_layer" not in (tmp_path / "results.json").read_text()


def test_the_reference_defines_the_layers(compared: Any) -> None:
    """The model's ions lie elsewhere: by the border of the reference they never leave its outer layer."""
    for replica in range(2):
        put_ions(compared, "truth", replica, [hopping(replica, 7)])
        put_ions(compared, "charged", replica, [hopping(replica, 7) + 2.0])
    truth, charged = charged_of(compared).lines
    layers = layers_of(charged, "Na")
    assert layers is not None
    assert layers == layers_of(truth, "Na")
    assert layers.border == pytest.approx(5.2, abs=0.2)
    assert sum(stay.transitions for stay in stays_of(truth, "Na")) == 14
    assert sum(stay.transitions for stay in stays_of(charged, "Na")) == 0


def warm(campaign: Any, name: str, mean: float, error: float, atoms: int = 142, frames: float = 5.1) -> None:
    """Temperature of all atoms in both replicas."""
    own = {"mean": mean, "se": error, "dof": 2.0, "atoms": atoms, "independent": frames}
    for replica in range(2):
        change(campaign, "analyse", name, replica, thermo={"temperature_K": own})


def test_a_temperature_far_off_is_named_however_large_its_error(
    compared: Any, plain: None, tmp_path: Path
) -> None:
    """381 ± 26 K is 3.1 errors off 300 K; the canonical error is 300 √(2/(3 · 142 · 5.1)) = 9.1 K."""
    warm(compared, "charged", 381.0, 26.0)
    page, results, summary = build(compared, tmp_path)
    words = (
        "replica 1: mean temperature of all atoms 381 ± 26 K (cannot be told from the target 300 K, its "
        "error is 26 K: too short to say) is off the target 300 K by more than 5 % and 3 canonical "
        "standard errors"
    )
    named = [sentence for sentence in results["warnings"] if words in sentence]
    assert len(named) == 1
    assert "the run relaxes or is too short" in named[0]
    assert "[charged (replicas 0 and 1): all atoms 381 K]" in " ".join(summary.split())
    # over both replicas 381 ± 18 K with 4 degrees of freedom: t = 4.4, p = 0.012
    assert "conditional on the ions' layers and temperatures (charged: all atoms 381 ± 18 K" in page.replace(
        "&#39;", "'"
    )


@pytest.mark.parametrize(
    ("mean", "error", "atoms", "frames", "off"),
    [(316.0, 30.0, 142, 50.0, True), (314.0, 1.0, 142, 50.0, False), (420.0, 60.0, 2, 5.0, False)],
)  # fmt: skip
def test_five_per_cent_or_three_canonical_errors(
    compared: Any, mean: float, error: float, atoms: int, frames: float, off: bool
) -> None:
    """15 K of 300 K; of two atoms in five independent frames three times 300 √(2/30) = 232 K."""
    warm(compared, "charged", mean, error, atoms, frames)
    (analysis, _) = collected(compared).of("analyse", md="charged")
    (temperature,) = of_run(analysis, 300.0)
    assert temperature.off == off


def test_conclusions_from_a_run_at_another_temperature_are_withheld(compared: Any) -> None:
    """381 ± 10 K in both replicas: ± 7 K with 4 degrees of freedom, resolved."""
    warm(compared, "charged", 381.0, 10.0)
    group = charged_of(compared)
    tests = primary(group)
    assert {test.verdict for test in tests} == {"withheld"}
    assert {test.withheld.cause for test in tests if test.withheld} == {Cause.TEMPERATURE}
    (cold,) = [
        own for own in convergence.reasons(group.lines[1], True) if "kinetic temperature" in own.sentence
    ]
    assert cold.consequence is Consequence.WRONG
    assert (
        "conclusions on the reference are withheld: charged is not at its temperature" in agreements(group)[0]
    )


def test_a_control_that_fails_widens_the_error_and_is_said(campaign: Any) -> None:
    """The reference's P_z hops between -11 and -1 every 40 frames, the model's run is 20 frames long.

    Each of the 16 windows differs from the rest, so the error of a replica is their scatter, about 5.
    """
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", analysed_ps=0.2)
    add(campaign, "truth", None)
    noise = np.random.default_rng(0)
    hops = np.repeat([-11.0, -1.0, -11.0, -1.0], 40)
    for item in collected(campaign).of("analyse", md="truth"):
        series = npz(time_ps=0.01 * np.arange(160), P_z=hops + 0.1 * noise.normal(size=160))
        item.folder.chmod(0o755)
        (item.folder / "total_orientation.npz").chmod(0o644)
        (item.folder / "total_orientation.npz").write_bytes(series)
        seal(item.folder, read_json(item.folder / "result.json") | {"outputs": outputs(item.folder)})
    results = collected(campaign)
    group = next(own for own in groups(results) if own.title == CHARGED)
    checked = controls(group)["charged", "total_orientation"]
    assert (checked.windows, checked.failed) == (16, 16)
    assert checked.scatter == pytest.approx(5 * (16 / 15) ** 0.5, rel=0.05)
    (test,) = [own for own in primary(group) if own.quantity.name == "total_orientation"]
    assert test.whole.error >= checked.scatter / 2**0.5
    (difference,) = [own for own in differences(group) if own.quantity.name == "total_orientation"]
    assert difference.shares[0] == pytest.approx(checked.scatter**2 / 2 / test.whole.error**2)
    words = "16 of 16 windows of truth as long as a run of charged differ from its rest in mean P_z"
    assert any(words in sentence for sentence in conclusions.sentences(results))
    assert any("The control fails, so the error is" in own for own in conclusions.sentences(results))


def test_another_sampling_error_where_it_is_larger() -> None:
    own = Number(
        1.0, 0.3, 9, committee=Committee(2.0, ErrorTerm(0.4, 9), ErrorTerm(1.2, 5), ErrorTerm(0.5, 5))
    )
    assert own.widened(ErrorTerm(0.2, 4)) == own
    wider = own.widened(ErrorTerm(0.5, 4))
    assert (wider.se, wider.dof) == (0.5, 4)
    assert wider.committee is not None
    assert wider.committee.sampling == ErrorTerm(0.5, 4)


def test_the_tests_of_stationarity_are_counted(compared: Any, plain: None, tmp_path: Path) -> None:
    """Three series of each of two lines: six tests at 1 %, of which 0.06 fail by chance and one does."""
    for replica in range(2):
        change(compared, "analyse", "charged", replica, stationarity=movement())
        change(compared, "analyse", "truth", replica, stationarity=movement(cosine=moves(p=1e-4)))
    page, results, _ = build(compared, tmp_path)
    own = results["stationarity"]
    assert (own["level"], own["tests"], own["rejected"], own["runs"]) == (0.01, 6, 1, 4)
    assert own["expected_by_chance"] == pytest.approx(0.06)
    assert own["changing"] == {"truth": ["cosine"], "charged": []}
    assert own["p"]["truth"]["cosine"] == pytest.approx(2e-4)
    assert "Stationarity: 6 tests at p ≤ 0.01" in page
    assert "at most 0.060 rejections are expected by chance, 1 is observed" in page


def sampled(campaign: Any) -> Results:
    """Starts 0 and 0.2 ps apart in a sampling run, whose slowest quantity has 0.5 ps; replicas 2 ps apart."""
    for name, frames in (("charged", [10, 30]), ("truth", [12, 30])):
        campaign.document["campaign"]["md"][name]["start"] = {"dataset": "spcfw", "frames": frames}
    results = collected(campaign)
    row = {"temperature_K": 300.0, "frames": 150, "every_ps": 0.1, "statistical_inefficiency": 5.0,
           "slowest": "height of Na 1"}  # fmt: skip
    results.of("label", dataset="spcfw")[0].values["sampling"] = [row, row | {"temperature_K": 350.0}]
    return results


def test_starts_that_share_their_past_are_said(compared: Any) -> None:
    results = sampled(compared)
    group = next(own for own in groups(results) if own.title == CHARGED)
    truth, charged = group.lines
    past = common_past(charged, truth)
    assert past is not None
    assert past.sentence.startswith(
        "starts lie 0 to 0.20 ps from those of truth in the same sampling run (spcfw: box at 300 K), less "
        "than the slowest autocorrelation time 0.50 ps (height of Na 1, sampling run): these runs "
        "share their past"
    )
    assert close_replicas(charged) is None
    assert past.sentence in agreements(group)[0]
    words = "Not independent of truth: charged, whose starts lie 0 to 0.20 ps from its own"
    assert any(words in sentence for sentence in conclusions.sentences(results))


def test_the_longest_run_is_that_after_equilibration(campaign: Any) -> None:
    """0.8 ps of which 0.45 ps are discarded: 0.35 ps, of which whole blocks of 0.3 ps are analysed."""
    add(campaign, "charged", "mace", time_ps=0.8, analysed_ps=0.3, equilibration_ps=0.45)
    group = charged_of(campaign)
    sentences = [own.sentence for own in convergence.reasons(group.lines[0], True)]
    assert any(own.startswith("longest run 0.350 ps after equilibration") for own in sentences)


def test_an_error_of_zero_is_not_determined() -> None:
    assert with_errors(Number(1.0, 0.1, 9)) == "1.00 ± 0.10 ± not determined"
    expected = "1.000 ± not determined ± 0.20"
    for error in (0.0, np.nan):
        assert with_errors(Number(1.0, error, 9, training=0.2)) == expected
