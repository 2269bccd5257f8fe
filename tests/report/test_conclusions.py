"""What the first screen says where tests are missing, withheld, conditional, or of models alone."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from charged import CHARGED, NEUTRAL, add, change, collected, interfaces, movement, moves
from ion_heights import hopping, put_ions
from profiled import ERRORS, SCALARS

from mlipbench_hpc.analysis.inference import Comparison, ErrorTerm
from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report import conclusions, next_run, summary_table
from mlipbench_hpc.report.combine import Committee, Number, numbered
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.layers import conditional
from mlipbench_hpc.report.significance import primary, unmatched
from mlipbench_hpc.report.stationary import Cause, Withholding

LONG = {"time_ps": 600.0, "analysed_ps": 500.0}


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def build(campaign: Any, out: Path) -> tuple[str, dict[str, Any], str]:
    """Page, results.json and summary."""
    page = build_report(campaign.document, campaign.tasks, campaign.store, out)
    summary = (out / "summary.txt").read_text(encoding="utf-8")
    return page.read_text(encoding="utf-8"), read_json(out / "results.json") or {}, summary


def declare(campaign: Any, *declared: tuple[str, str, list[str]]) -> None:
    names = ("run", "against", "observables")
    campaign.document["campaign"]["analysis"]["comparisons"] = [
        dict(zip(names, comparison, strict=True)) for comparison in declared
    ]


def test_comparisons_that_match_nothing_are_named_beside_the_reference(campaign: Any) -> None:
    """The reference did run; the runs compared are of two systems, or have no such number."""
    declare(interfaces(campaign), ("neutral", "truth", ["cosine"]), ("charged", "truth", ["sodium_height"]))
    results = collected(campaign)
    assert unmatched(results) == [
        f"neutral against truth (different systems: neutral ran {NEUTRAL}; truth ran {CHARGED})",
        "charged against truth (no sodium_height in both)",
    ]
    sentence = conclusions.sentences(results)[0]
    assert "`analysis.comparisons` matches nothing: neutral against truth" in sentence
    assert f"runs of the reference potential: truth in {CHARGED}" in sentence
    assert "no reference potential ran" not in sentence


def test_a_comparison_that_matches_nothing_beside_others_is_a_warning(
    campaign: Any, plain: None, tmp_path: Path
) -> None:
    declare(interfaces(campaign), ("charged", "truth", ["cosine"]), ("charged", "gone", ["cosine"]))
    assert len(primary(groups(collected(campaign))[0])) == 1
    _, results, summary = build(campaign, tmp_path)
    warning = "no test of charged against gone (no run of gone can be averaged at an interface)"
    assert any(warning in sentence for sentence in results["warnings"])
    assert "charged against gone" in " ".join(summary.split())


def models_alone(campaign: Any) -> Any:
    """Two committees on the same interface, and no reference."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "first", "mace", shift=0.6)
    add(campaign, "second", "mace", shift=-0.6)
    return campaign


def test_without_a_reference_models_stand_against_each_other(
    campaign: Any, plain: None, tmp_path: Path
) -> None:
    page, _, summary = build(models_alone(campaign), tmp_path)
    results = collected(campaign)
    assert conclusions.sentences(results)[0].startswith(
        "Resolved: no test, because no reference potential ran these systems and `analysis.comparisons` is "
        "empty; the table shows models against each other."
    )
    for text in (page, " ".join(summary.split())):
        assert "models against each other" in text
        assert "from the reference potential." not in text
        assert "unresolved: from the reference" not in text


def test_declared_tests_between_models_stand_in_the_summary(
    campaign: Any, plain: None, tmp_path: Path
) -> None:
    declare(models_alone(campaign), ("second", "first", ["cosine"]))
    _, _, summary = build(campaign, tmp_path)
    assert "unresolved from mace (first)" in " ".join(summary.split())


def test_the_table_shows_the_number_that_is_tested(campaign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: σ/√M = 0.3 between models, √(α² + 1/M)·σ = 1.2 against a truth, sampling 0.4 of each."""
    committee = Committee(2.0, ErrorTerm(0.4, 9), ErrorTerm(1.2, 3), ErrorTerm(0.3, 3))
    own = Number(1.0, 0.1, 9, committee=committee)
    group = groups(collected(models_alone(campaign)))[0]
    quantity = group.observables[-1]
    monkeypatch.setattr(summary_table, "numbered", lambda *_: own)
    assert summary_table.shown(group, group.drawn[0], quantity) == (2.0, pytest.approx(0.5))
    monkeypatch.setattr(summary_table, "numbered", lambda *_: replace(own, usable=False))
    assert summary_table.shown(group, group.drawn[0], quantity) == (1.0, pytest.approx(0.1))
    add(campaign, "truth", None)
    group = groups(collected(campaign))[0]
    monkeypatch.setattr(summary_table, "numbered", lambda *_: own)
    assert summary_table.shown(group, group.drawn[1], quantity) == (2.0, pytest.approx(1.6**0.5))


def test_a_run_too_short_for_a_test_of_stationarity_is_withheld(campaign: Any) -> None:
    reason = "12 frames, at least 20 are needed"
    change(interfaces(campaign), "analyse", "charged", 1, stationarity={"skipped": reason})
    group = groups(collected(campaign))[0]
    assert {test.verdict for test in primary(group)} == {"withheld"}
    words = f"not tested for stationarity: {reason}"
    assert primary(group)[0].withheld == Withholding(Cause.NOT_TESTED, "charged", words)


def test_withheld_differences_ask_for_longer_runs(campaign: Any) -> None:
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", **LONG)
    add(campaign, "truth", None, **LONG)
    for replica in range(2):
        change(campaign, "analyse", "truth", replica, stationarity=movement(cosine=moves(p=1e-4)))
    following = conclusions.sentences(collected(campaign))[2]
    assert following.startswith("Next: extend the MD truth to 2000 ps")
    assert following.endswith("; conclusions are withheld, because a run is not stationary.")


def test_a_committee_that_is_not_usable_is_trained_before_it_runs_longer(
    campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its errors on test frames are judged elsewhere; the reference's run is short and is extended."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace")
    add(campaign, "truth", None)
    short = conclusions.sentences(collected(campaign))[2]
    assert short.startswith("Next: extend the MD truth and charged to 100 ps")
    bad = SimpleNamespace(verdict="not usable", provisional=True, doubts_md=True)
    monkeypatch.setattr(next_run, "judgement", lambda *_: bad)
    following = conclusions.sentences(collected(campaign))[2]
    assert following.startswith("Next: train mace longer or on more structures")
    assert "(of mace within two standard errors of it)" in following
    assert "Then extend the MD truth to 100 ps" in following


@pytest.mark.parametrize(("apart", "agree"), [(0.5, True), (8.0, False)])
def test_starts_of_both_layers_have_to_agree(campaign: Any, apart: float, agree: bool) -> None:
    """Two starts in each layer, P_z `apart` errors of one run: of a pair the error is 1/√2, so 8 is 8 SE."""
    campaign.document["campaign"]["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    add(campaign, "charged", "mace", replicas=4, **LONG)
    add(campaign, "truth", None, **LONG)
    for replica in range(4):
        low = int(replica < 2)
        values = collected(campaign).of("analyse", md="charged", replica=replica)[0].values["profiles"]
        mean = SCALARS["total_orientation"] + low * apart * ERRORS["total_orientation"]
        own = values["total_orientation"] | {"mean": mean}
        profiles = values | {"total_orientation": own}
        change(campaign, "analyse", "charged", replica, profiles=profiles)
        put_ions(campaign, "charged", replica, [hopping(1 - low, 7)])
    (line,) = (line for line in groups(collected(campaign))[0].drawn if line.name == "charged")
    words = conditional(line)
    assert (words == "") == agree
    if not agree:
        assert words.startswith(
            "Na: runs that start with more ions in the inner layer differ from the others by 3.20 ± 0.40 in "
            "mean P_z (Welch, p = "
        )
        assert numbered(line, "total_orientation").mean == pytest.approx(-6.0 + 1.6)


def test_a_resolved_difference_is_conditional_on_the_layer(campaign: Any) -> None:
    interfaces(campaign)
    for replica in range(2):
        put_ions(campaign, "charged", replica, [hopping(0, 0), hopping(1, 0)])
    results = collected(campaign)
    for run in results.of("analyse", md="charged"):
        run.values["profiles"]["first_layer"]["peak_g_per_cm3"]["mean"] += 50.0
    resolved = conclusions.sentences(results)[0]
    assert "Conditional on the layers where the ions of charged began." in resolved
    assert "conditional on where ions began" in conclusions.conclusions(results)[0].brief


def test_the_training_part_counts_with_its_lower_limit(campaign: Any) -> None:
    """Without sampling noise both limits of σ are one; with noise above the spread the lower one is 0."""
    results = collected(interfaces(campaign))
    for noise, least in ((0.0, 1.0), (100.0, 0.0)):
        for run in results.of("reweight", md="charged"):
            run.values["scalars"]["cosine"]["noise"] = noise
        fresh = groups(replace(results))[0]
        own = next(own for own in summary_table.differences(fresh) if own.quantity.name == "cosine")
        assert own.least_shares[:2] == own.shares[:2]
        assert own.least_shares[2] == pytest.approx(least * own.shares[2])
        assert own.shares[2] > 0.5


@pytest.mark.parametrize(("change", "said"), [(-0.05, True), (0.05, False), (-0.01, False)])
def test_runs_that_move_away_together_are_said(
    monkeypatch: pytest.MonkeyPatch, change: float, said: bool
) -> None:
    """Three pairs of runs whose differences of -0.3 change by ± 0.02 of three degrees of freedom.

    By t = 2.5 each one-sided p is 0.044, z = 1.71, together 1.71·√3 = 2.95: p = 0.0016; by t = 0.5 p = 0.28.
    """
    moved = Comparison(change, 0.02, 0.1, (ErrorTerm(0.02, 3),))
    still = Comparison(0.0, 0.0, 1.0, ())
    changes = {"model": moved, "truth": still}
    monkeypatch.setattr(conclusions, "change_of", lambda line, _: changes[line.name[:5]])
    every = [
        SimpleNamespace(
            line=SimpleNamespace(name=f"model {place}"), other=SimpleNamespace(name=f"truth {place}"),
            quantity=SimpleNamespace(name=name), whole=Comparison(-0.3, 0.05, 0.01),
        )
        for place in range(3)
        for name in ("cosine", "total_orientation")
    ]  # fmt: skip
    words = conclusions._relaxing(every)  # type: ignore[arg-type]
    assert ("grow in 3 comparisons taken together (Stouffer, p = 0.002)" in words) == said, words
    assert conclusions._relaxing(every[:4]) == ""  # type: ignore[arg-type]
    for own in every:  # one reference, whose change is in all: z is 1.71, as of one comparison
        own.other.name = "truth"
    assert conclusions._relaxing(every) == ""  # type: ignore[arg-type]
