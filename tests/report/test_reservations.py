"""Reservations beside numbers: ions' layers, temperatures, controls, stationarity, starts, lengths."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import CHARGED, add, change, collected, interfaces, movement, moves
from ion_heights import INNER_A, OUTER_A, hopping, put_ions
from profiled import THERMO, npz
from scipy import stats

from mlipbench_hpc.analysis.inference import ErrorTerm, holm
from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.report import conclusions, convergence
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.combine import Committee, Number
from mlipbench_hpc.report.comparison import agreements, controls, with_errors
from mlipbench_hpc.report.correlation_times import known_ps
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.layers import layers_of, stays_of
from mlipbench_hpc.report.section import Consequence
from mlipbench_hpc.report.sections import md
from mlipbench_hpc.report.significance import primary
from mlipbench_hpc.report.starts import close_replicas, common_past
from mlipbench_hpc.report.stationary import Cause, judgements
from mlipbench_hpc.report.summary_table import differences
from mlipbench_hpc.report.temperatures import of_run, unequal


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


def warm(
    campaign: Any,
    name: str,
    mean: float,
    error: float,
    atoms: int = 142,
    frames: float = 5.1,
    replicas: int = 2,
) -> None:
    """Temperature of all atoms in the replicas."""
    own = {"mean": mean, "se": error, "dof": 2.0, "atoms": atoms, "independent": frames}
    for replica in range(replicas):
        change(campaign, "analyse", name, replica, thermo={"temperature_K": own})


def test_a_temperature_far_off_is_named_however_large_its_error(
    compared: Any, plain: None, tmp_path: Path
) -> None:
    """381 ± 26 K is 3.1 errors off 300 K; the canonical error is 300 √(2/(3 · 142 · 5.1)) = 9.1 K.

    With 2 degrees of freedom Student's p of t = 81/26 is 0.09.
    """
    assert 2 * stats.t.sf(81 / 26, 2) == pytest.approx(0.09, abs=0.005)
    warm(compared, "charged", 381.0, 26.0)
    page, results, summary = build(compared, tmp_path)
    words = (
        "replica 1: mean temperature beyond 5 % and 3 expected canonical fluctuations from the target 300 K, "
        "all atoms 381 ± 26 K (81 K above, p = 0.09)"
    )
    named = [sentence for sentence in results["warnings"] if words in sentence]
    assert len(named) == 1
    assert "the run relaxes or is too short" in named[0]
    assert "[charged (replicas 0 and 1): all atoms 381 K]" in " ".join(summary.split())
    # over both replicas 381 ± 18 K with 4 degrees of freedom: t = 4.4, p = 0.012
    assert (
        "conditional on where ions began and on temperatures (charged: all atoms 381 ± 18 K"
        in page.replace("&#39;", "'")
    )


@pytest.mark.parametrize(("on_page", "amount"), [(True, 0), (False, 1)])
def test_a_single_run_off_its_temperature_is_named_once(compared: Any, on_page: bool, amount: int) -> None:
    """Criteria of convergence name it where a section compares it; studies have no such section."""
    warm(compared, "neutral", 381.0, 26.0, replicas=1)
    own = [one for one in md.warnings(collected(compared), on_page) if one.place == "neutral"]
    assert sum("all atoms 381" in one.sentence for one in own) == amount


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

    Square waves of half a period of 40 frames have g about 20: windows of 20 are as far apart, of which each
    differs from the other ones, so the error of a replica is their scatter, about 5.
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
    assert (checked.windows, checked.failed) == (8, 8)
    assert checked.gap == pytest.approx(20, abs=3)
    assert checked.scatter == pytest.approx(5 * (8 / 7) ** 0.5, rel=0.1)
    (test,) = [own for own in primary(group) if own.quantity.name == "total_orientation"]
    assert test.whole.error >= checked.scatter / 2**0.5
    (difference,) = [own for own in differences(group) if own.quantity.name == "total_orientation"]
    assert difference.shares[0] == pytest.approx(checked.scatter**2 / 2 / test.whole.error**2)
    words = "8 of 8 windows of truth as long as a run of charged differ from its others in mean P_z"
    assert "control, windows of the reference as long as a run of charged" in agreements(group)[0]
    worth = checked.scatter / 2**0.5
    assert f"their scatter is worth ± {worth:.1f} for the mean of 2 runs" in agreements(group)[0]
    for item in results.of("analyse", md="charged"):
        item.values["profiles"]["total_orientation"]["mean"] += 500.0
    first = conclusions.sentences(replace(results))[0]
    assert first.startswith("Resolved, with reservations: 1 of 4 differences")
    assert (
        f"Errors within single runs are too small, by the control: {words} (0.40 expected; their scatter"
        in first
    )


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
    states = {name: [series["state"] for series in line.values()] for name, line in own["results"].items()}
    assert states == {"truth": ["changing", "stationary", "stationary"], "charged": ["stationary"] * 3}
    # both runs change by what is p = 1e-4 in one of them: less than the least that is stated
    assert own["results"]["truth"]["cosine"]["p"] == 1e-4
    assert "Stationarity: 6 series of 4 runs" in page
    assert "6 tests at p ≤ 0.01 of the change" in page
    assert "0.060 would be rejected by chance on average, and 1 is" in page


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
    expected = "1.00 (error not determined) ± 0.20"
    for error in (0.0, np.nan):
        assert with_errors(Number(1.0, error, 9, training=0.2)) == expected


def test_a_run_shorter_than_the_correlation_of_longer_ones_is_withheld(campaign: Any) -> None:
    """Two model runs of 0.3 ps against reference runs of 2 ps with an autocorrelation time of 0.4 ps.

    By itself each model run shows 50 independent frames; by the reference's time 0.6/0.4 = 1.5 in both.
    """
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", analysed_ps=0.3)
    add(campaign, "truth", None, analysed_ps=2.0)
    slow = moves() | {"inefficiency": 40.0, "frames": 200}
    for replica in range(2):
        change(
            campaign, "analyse", "charged", replica, stationarity=movement(cosine=moves() | {"frames": 30})
        )
        change(campaign, "analyse", "truth", replica, stationarity=movement(cosine=slow))
    group = charged_of(campaign)
    tests = {test.quantity.name: test for test in primary(group)}
    cosine = tests["cosine"].withheld
    assert cosine is not None
    assert cosine.cause is Cause.NOT_TESTED
    assert cosine.sentence == (
        "charged is too short for a test of ⟨cos θ⟩ of the first layer: 1.5 independent frames, at least 10 "
        "are needed (autocorrelation time 0.40 ps)"
    )
    assert tests["total_orientation"].withheld is None
    assert {test.family for test in tests.values()} == {4}


def test_what_is_withheld_counts_in_the_number_of_tests(compared: Any) -> None:
    """Of four declared differences one is withheld: the smallest of the other three times four, by Holm."""
    for replica in range(2):
        series = movement(total_orientation=moves(p=1e-4))
        change(compared, "analyse", "truth", replica, stationarity=series)
    tests = primary(charged_of(compared))
    known = sorted((test for test in tests if test.verdict != "withheld"), key=lambda test: test.whole.p)
    assert (len(tests), len(known)) == (4, 3)
    assert known[0].p == pytest.approx(min(1.0, 4 * known[0].whole.p))
    assert np.isnan(next(test.p for test in tests if test.verdict == "withheld"))


def test_the_primary_table_states_what_a_reader_needs_to_recompute_it(
    compared: Any, plain: None, tmp_path: Path
) -> None:
    page, results, _ = build(compared, tmp_path)
    (own,) = [
        test
        for test in results["comparisons"][CHARGED]["lines"]["charged"]["tests"]
        if test["observable"] == "cosine"
    ]
    assert own["compared"] == "member 0 of mace"
    assert own["t"] == pytest.approx(own["difference"] / own["error"])
    assert own["p"] == pytest.approx(2 * stats.t.sf(abs(own["t"]), own["dof"]), rel=1e-6)
    assert own["tests"] == 4
    assert own["interval_95"] > 1.9 * own["error"]
    assert "degrees of freedom: those with which" in page
    assert "member 0 of mace against the reference" in page


def test_ions_of_an_element_are_tested_together(compared: Any) -> None:
    """Both Na of two runs move outwards by 1.3 errors of one run: 1.3 √2 errors of the mean."""
    for replica in range(2):
        series = {f"Na {ion}": moves(first=5.0, second=6.3) for ion in range(2)}
        change(compared, "analyse", "truth", replica, stationarity=movement(["Na"], **series))
    judged = judgements(charged_of(compared).lines[0])
    assert [name for name in judged if name.startswith("Na")] == ["Na"]
    assert judged["Na"].change.t == pytest.approx(1.3 * 2**0.5)
    assert judged["Na"].change.p == pytest.approx(2 * stats.t.sf(1.3 * 2**0.5, 39))


def test_a_drift_stands_beside_the_number(campaign: Any, plain: None, tmp_path: Path) -> None:
    """P_z of four of four runs rises by 0.33, 0.85, 0.70 and 1.07: t = 4.7, p = 0.018, not rejected."""
    rises = np.array([0.33, 0.85, 0.70, 1.07])
    assert stats.ttest_1samp(rises, 0.0).pvalue == pytest.approx(0.018, abs=0.001)
    add(campaign, "truth", None, replicas=4)
    for replica, rise in enumerate(rises):
        series = movement(total_orientation=moves(second=float(rise)) | {"error": 0.1})
        change(campaign, "analyse", "truth", replica, stationarity=series)
    _, results, summary = build(campaign, tmp_path)
    error = rises.std(ddof=1) / 2
    numbers = results["comparisons"][CHARGED]["lines"]["truth"]["numbers"]["total_orientation"]
    assert numbers["drift"] == pytest.approx({"change": rises.mean(), "error": error})
    assert f"drift +0.74 ± {error:.2f}" in " ".join(summary.split())
    assert results["stationarity"]["rejected"] == 0


def test_species_that_differ_are_named_where_all_atoms_are_right(compared: Any) -> None:
    """O 330 ± 4 K and H 270 ± 4 K, all atoms 300 ± 2 K: t = 60/5.7 for each of the two replicas."""

    def own(mean: float, error: float) -> dict[str, float]:
        return {"mean": mean, "se": error, "dof": 20.0, "atoms": 40, "independent": 100.0}

    thermo = {"temperature_K": own(300.0, 2.0), "temperature_O_K": own(330.0, 4.0)}
    thermo["temperature_H_K"] = own(270.0, 4.0)
    described = [observable.to_json() for observable in THERMO[1:3]]
    for replica, item in enumerate(collected(compared).of("analyse", md="charged")):
        every = [*item.values["descriptors"], *described]
        change(compared, "analyse", "charged", replica, thermo=thermo, descriptors=every)
    (line,) = [line for line in charged_of(compared).lines if line.name == "charged"]
    words = unequal(line)
    assert (
        words == "no equipartition: O 330.0 ± 2.8 K and H 270.0 ± 2.8 K (p < 0.0001), all atoms 300.0 ± 1.4 K"
    )
    assert any(words in own.sentence for own in convergence.reasons(line, True))


def test_the_sampling_run_counts_where_it_is_slower(compared: Any) -> None:
    """P_z every 0.1 ps with g = 6 is 0.6 ps, longer than 0.02 ps in the runs; g = 1.4 resolves no time."""
    for name in ("charged", "truth"):
        compared.document["campaign"]["md"][name]["start"] = {"dataset": "spcfw", "frames": [10, 30]}
        for replica in range(2):
            change(compared, "analyse", name, replica, stationarity=movement())
    row = {"temperature_K": 300.0, "frames": 150, "every_ps": 0.1, "statistical_inefficiency": 6.0,
           "slowest": "P_z", "inefficiencies": {"P_z": 6.0, "potential energy": 1.4}}  # fmt: skip
    results = collected(compared)
    results.of("label", dataset="spcfw")[0].values["sampling"] = [row, row | {"temperature_K": 350.0}]
    truth = next(own for own in groups(results) if own.title == CHARGED).lines[0]
    assert known_ps(truth, "total_orientation") == pytest.approx(0.6)
    assert known_ps(truth, "potential_eV_per_atom") == pytest.approx(0.02)
    # two runs of 1.6 ps
    assert judgements(truth)["total_orientation"].independent == pytest.approx(3.2 / 0.6)
    assert judgements(truth)["total_orientation"].too_short


def test_criteria_by_run_stand_in_a_table(compared: Any, plain: None, tmp_path: Path) -> None:
    """Every run is shorter than 100 ps: one warning names the criteria, the table says which are met."""
    for replica in range(2):
        change(compared, "analyse", "truth", replica, stationarity=movement(cosine=moves(p=1e-4)))
    page, _, summary = build(compared, tmp_path)
    table = convergence.table(groups(collected(compared)))
    assert table is not None
    (own,) = [row for row in table.rows if row[0].startswith("reference potential electrode")]
    truth = dict(zip(table.header, own, strict=True))
    assert (truth["stationary"], truth["length"], truth["temperature"]) == ("fails", "fails", "met")
    assert (truth["ions"], truth["training band"], truth["replicas"]) == ("–", "–", "met")
    assert len(table.rows) == 3
    lines = " ".join(summary.split())
    assert lines.count("Criteria of sampling that runs fail") == 1
    assert "below the required 100 ps" not in lines
    assert "below the required 100 ps" in page


def test_the_comparison_without_runs_off_their_temperature(compared: Any) -> None:
    """Replica 1 of the model is at 400 K and has another ⟨cos θ⟩: without it replica 0 is compared."""
    warm(compared, "charged", 300.0, 2.0)
    hot = {"mean": 400.0, "se": 30.0, "dof": 2.0, "atoms": 142, "independent": 50.0}
    values = collected(compared).of("analyse", md="charged", replica=1)[0].values["profiles"]
    layer = values["first_layer"] | {"cosine": {"mean": 0.5, "se": 0.02}}
    profiles = values | {"first_layer": layer}
    change(compared, "analyse", "charged", 1, thermo={"temperature_K": hot}, profiles=profiles)
    group = charged_of(compared)
    test = next(own for own in primary(group) if own.quantity.name == "cosine")
    part = test.at_temperature
    assert part is not None
    whole, own, its = part
    truth, cool = (collected(compared).of("analyse", md=md)[0].values for md in ("truth", "charged"))
    means = [values["profiles"]["first_layer"]["cosine"]["mean"] for values in (truth, cool)]
    assert (own, its) == (1, 2)
    assert whole.difference == pytest.approx(means[1] - means[0])
    assert test.whole.difference == pytest.approx((means[1] + 0.5) / 2 - means[0])
    every = [own for own in primary(group) if own.quantity.name != "cosine"]
    cold = [own.at_temperature[0].p for own in every if own.at_temperature]
    assert test.p_at_temperature == pytest.approx(holm(np.array([whole.p, *cold]))[0])


def test_what_runs_off_their_temperature_alone_resolve_is_said(compared: Any) -> None:
    """Both replicas of the model lie 50 g/cm³ off, and both are at 350 ± 100 K: none is left without them."""
    warm(compared, "charged", 350.0, 100.0)
    for replica in range(2):
        values = collected(compared).of("analyse", md="charged", replica=replica)[0].values["profiles"]
        layer = values["first_layer"] | {"peak_g_per_cm3": {"mean": 52.6, "se": 0.08}}
        change(compared, "analyse", "charged", replica, profiles=values | {"first_layer": layer})
    resolved = conclusions.sentences(collected(compared))[0]
    assert "Resolved, with reservations: 1 of 4 differences" in resolved
    words = f"member 0 of mace in density at the first peak of {CHARGED} (no run is left)."
    assert f"(Holm-corrected; few runs are left): {words}" in resolved
