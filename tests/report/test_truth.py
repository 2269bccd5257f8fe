"""Members' own MD against the truth, from compact results made by hand: joined, judged, written."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cut_truth import cut
from scipy import stats

from mlipbench_hpc.analysis.inference import holm
from mlipbench_hpc.campaign.load import load_campaign
from mlipbench_hpc.cli import main
from mlipbench_hpc.report.truth import judge, tables
from mlipbench_hpc.report.truth.compact import digest
from mlipbench_hpc.report.truth.join import NotJoinable, joined
from mlipbench_hpc.report.truth.page import page, studies_of
from mlipbench_hpc.studies.truth import NUMBERS

SPECIES = {"Au": 48, "H": 72, "Na": 2, "O": 36}
ERRORS = dict(zip(NUMBERS, (0.01, 0.2, 0.1, 0.02, 0.05), strict=True))
TRUTH = dict(zip(NUMBERS, (-0.3, -6.0, 3.0, 3.0, 2.5), strict=True))


def run(shift: float = 0.0, se: float = 1.0, **changes: Any) -> dict[str, Any]:
    """One run whose numbers are the truth's plus `shift` of their errors."""
    numbers = {
        name: {"mean": TRUTH[name] + shift * ERRORS[name], "se": se * ERRORS[name], "dof": 9.0}
        for name in NUMBERS
    }
    profile = {"z_A": [0.25, 0.75], "mean": [0.0, 1.0 + shift], "se": [0.0, 0.1]}
    restraints = [{"atom": 156, "mean_A": 3.3 + 0.01 * shift}, {"atom": 157, "mean_A": 3.4}]
    whole = {"outcome": "completed", "cause": None, "time_ps": 30.0, "species": SPECIES, "numbers": numbers}
    return (
        whole | {"profiles": {"density": profile, "orientation": profile}, "restraints": restraints} | changes
    )


def committee(alpha: float | None = 2.0) -> dict[str, Any]:
    stratum = {"composition": "Au48H72Na2O36", "temperature_K": 300.0, "alpha": alpha, "withheld": None}
    force = {"rmse_meV_per_A": 150.0, "std_meV_per_A": 1200.0}
    strata = [{"composition": "Au48H72Na2O36", "temperature_K": 300.0, "frames": 24, "force": force}]
    errors = [{"member": 0, "energy": {}, "force": force, "strata": strata}]
    return {"members": 2, "structures": 18, "train_s": [9.0, 9.0], "alpha": [stratum], "errors": errors}


# Shifts of both members of each committee, in units of the errors of their runs.
SHIFTS = {"dp-specific-2": (1.0, 3.0), "dp-mixed": (20.0, 24.0), "dp-1": (-2.0, 6.0), "dp-2": (-4.0, 0.0)}
STUDY = {"dp-specific-2": "dp-inner", "dp-mixed": "dp-inner", "dp-1": "cover-a", "dp-2": "cover-a"}


def compact(sha256: str, **changes: Any) -> dict[str, Any]:
    """Two runs of the truth, whose means are 0 ± 1/√2 errors, and all members' runs."""
    runs = {"truth-inner": {"0": run(-1.0), "1": run(1.0)}, "light": {"0": run(0.0), "1": run(0.5)}}
    for name, shifts in SHIFTS.items():
        runs |= {f"{STUDY[name]}-{name}-{place}": {"0": run(own)} for place, own in enumerate(shifts)}
    cost = {"md": {"tasks": {"a": [3600.0, 0], "b": [1800.0, 2]}}}
    head = {"schema": 1, "campaign": "truth", "campaign_sha256": sha256, "mlipbench": "1"}
    own = {"runs": runs, "ions": {}, "committees": {name: committee() for name in SHIFTS}, "cost": cost}
    return head | own | changes


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    path = tmp_path / "truth.yaml"
    path.write_text(yaml.safe_dump(cut(), sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def sha(path: Path) -> str:
    return digest(path.read_text(encoding="utf-8"))


def studies(path: Path, **changes: Any) -> list[judge.Study]:
    whole = joined({"one": compact(sha(path), **changes)}, sha(path))
    return studies_of(load_campaign(path), whole)


def test_averages_by_hand(campaign: Path) -> None:
    """Truth: two runs 2 errors apart, so ± 1 between them; members at 1 and 3: mean 2, s² = 2, noise 1."""
    inner, _ = studies(campaign)
    truth = inner.reference("cosine")
    assert truth is not None
    assert (truth.mean, truth.runs) == (pytest.approx(-0.3), 2)
    assert truth.se == pytest.approx(0.01)
    own = inner.own("dp-specific-2", "cosine")
    assert own is not None
    assert own.mean == pytest.approx(-0.3 + 2 * 0.01)
    assert own.sampling == pytest.approx(0.01 / math.sqrt(2))
    assert own.sigma == pytest.approx(0.01)
    assert inner.alpha("dp-specific-2") == 2.0
    apart = inner.deviation("dp-specific-2", "cosine")
    assert apart is not None
    assert apart.difference == pytest.approx(0.02)
    assert apart.sampling == pytest.approx(math.hypot(0.01 / math.sqrt(2), 0.01))
    assert apart.training == pytest.approx(math.sqrt(4.5) * 0.01)


def test_alpha_is_that_of_the_composition_and_a_withheld_one_is_none(campaign: Path) -> None:
    other = committee()
    other["alpha"][0]["composition"] = "Au48H72O36"
    (inner, _) = studies(campaign, committees={"dp-mixed": other})
    assert inner.alpha("dp-mixed") is None
    held = committee()
    held["alpha"][0]["withheld"] = "M = 2"
    (inner, _) = studies(campaign, committees={"dp-mixed": held})
    assert inner.alpha("dp-mixed") is None


def test_unstable_runs_are_left_out_and_counted(campaign: Path) -> None:
    runs = compact("")["runs"]
    runs["dp-inner-dp-mixed-1"] = {"0": {"outcome": "unstable", "cause": "hot", "time_ps": 0.1}}
    (inner, _) = studies(campaign, runs=runs)
    assert inner.unstable("dp-mixed") == 1
    assert len(inner.members("dp-mixed")) == 1
    assert inner.own("dp-mixed", "cosine") is None
    tests = [test for test in judge.primary([inner]) if test.committee == "dp-mixed"]
    assert {test.verdict for test in tests} == {"no numbers"}


def test_a_committee_whose_runs_are_not_all_there_is_not_judged(campaign: Path) -> None:
    runs = compact("")["runs"]
    del runs["dp-inner-dp-mixed-1"]
    (inner, _) = studies(campaign, runs=runs)
    own = [test for test in judge.primary([inner]) if "dp-mixed" in (test.committee, test.against)]
    assert own
    assert {test.withheld for test in own} == {"1 of 2 runs of dp-mixed are there"}


def test_a_number_that_one_run_lacks_is_none(campaign: Path) -> None:
    """The runs that have it are no fair choice: of widths the slowest have none."""
    runs = compact("")["runs"]
    one = runs["dp-inner-dp-mixed-0"]["0"]
    one["numbers"]["cosine"] = one["numbers"]["cosine"] | {"mean": None}
    (inner, _) = studies(campaign, runs=runs)
    assert inner.own("dp-mixed", "cosine") is None


def test_the_primary_table_is_corrected_over_all_declared_differences(campaign: Path) -> None:
    """Two committees against the truth and one pair, in five numbers: fifteen tests."""
    every = studies(campaign)
    tests = judge.primary(every)
    assert len(tests) == 15
    p = np.array([test.comparison.p for test in tests if test.comparison])
    np.testing.assert_allclose([test.p for test in tests], holm(p))
    first = tests[0]
    assert (first.committee, first.against, first.number) == ("dp-specific-2", "truth-inner", "cosine")
    assert first.verdict == "unresolved"
    pair = next(test for test in tests if test.against == "dp-specific-2" and test.number == "cosine")
    assert pair.comparison is not None
    assert pair.comparison.difference == pytest.approx(0.2)


def test_without_training_errors_the_test_is_welch_s(campaign: Path) -> None:
    """Members that agree: t of the difference with the sampling errors alone has at least Welch's p."""
    runs = compact("")["runs"]
    for place in (0, 1):
        runs[f"dp-inner-dp-mixed-{place}"] = {"0": run(9.0)}
    (inner, _) = studies(campaign, runs=runs)
    own = judge.to_truth(inner, "dp-mixed", "cosine")
    assert own is not None
    sampling = math.hypot(0.01 / math.sqrt(2), 0.01)
    assert own.difference == pytest.approx(0.09)
    assert own.p >= 2 * stats.t.sf(0.09 / sampling, 18)


def test_a_closed_gate_withholds_all_but_its_own(campaign: Path) -> None:
    """The specific committee is 0.12 off, above 0.05: it is judged, the mixed one and the pair are not."""
    runs = compact("")["runs"]
    for place in (0, 1):
        runs[f"dp-inner-dp-specific-2-{place}"] = {"0": run(12.0 + place)}
    every = studies(campaign, runs=runs)
    assert "differs from the truth by +0.125, more than 0.05" in every[0].gate
    tests = judge.primary(every)
    assert len(tests) == 15
    verdicts = {(test.committee, test.against): test.verdict for test in tests if test.number == "cosine"}
    assert verdicts["dp-mixed", "truth-inner"] == verdicts["dp-mixed", "dp-specific-2"] == "withheld"
    assert verdicts["dp-specific-2", "truth-inner"] in ("differs", "unresolved")
    assert any("train longer" in line for line in tables.sentences(every, tests, [], []))


def test_the_check_compares_the_reference_with_itself(campaign: Path) -> None:
    (cosine, total) = judge.checks(studies(campaign))
    assert cosine.difference == pytest.approx(-0.25 * 0.01)
    assert cosine.passed
    assert total.limit == 0.1
    runs = compact("")["runs"] | {"light": {"0": run(3.0)}}
    wide = judge.checks(studies(campaign, runs=runs))[0]
    assert not wide.passed
    assert wide.verdict == "not decided: longer runs"
    runs = compact("")["runs"] | {"light": {"0": run(9.0), "1": run(9.0)}}
    assert judge.checks(studies(campaign, runs=runs))[0].verdict == "no"


def test_coverage_counts_the_independent_committees(campaign: Path) -> None:
    """dp-mixed of the study itself, dp-1 and dp-2: z by hand of both errors."""
    rows = {row.number: row for row in judge.covered(studies(campaign))}
    own = rows["cosine"]
    assert set(own.deviations) == {"dp-mixed", "dp-1", "dp-2"}
    assert (own.both.number, own.both.dof) == (3, 1)
    z = []
    for mean, variance in ((22.0, 8.0), (2.0, 32.0), (-2.0, 8.0)):
        z.append(mean / math.sqrt(1.5 + 4.5 * (variance - 1.0)))
    assert own.both.rms == pytest.approx(math.sqrt(np.mean(np.square(z))))
    assert own.sampling.rms > own.both.rms


def test_parts_join_and_each_entry_counts_once(campaign: Path) -> None:
    whole = compact(sha(campaign))
    runs = whole["runs"]
    half = {name: runs[name] for name in list(runs)[:3]}
    other = {name: runs[name] for name in list(runs)[2:]}
    changed = {**other, list(half)[2]: {"0": run(50.0)}}
    parts = {"a": whole | {"runs": half}, "b": whole | {"runs": changed}}
    together = joined(parts, sha(campaign))
    assert together["runs"] == runs
    assert together["twice"] == [f"b: run {list(half)[2]}, replica 0"]
    assert together["cost"] == {"md": {"tasks": 4, "core_hours": 3.0, "earlier_attempts": 4}}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"schema": 1}, "no compact results"),
        ([], "no compact results"),
        (compact("other"), "another text of campaign `truth`"),
        (compact("x") | {"schema": 0}, "schema 0, expected 1"),
    ],
)
def test_parts_that_do_not_belong_are_refused(part: Any, message: str) -> None:
    with pytest.raises(NotJoinable, match=message):
        joined({"file": part}, "x")
    with pytest.raises(NotJoinable, match="at least one file"):
        joined({}, "x")


def test_the_page_holds_the_declared_table_and_what_is_not_known(campaign: Path) -> None:
    text, numbers, drawn = page(load_campaign(campaign), studies(campaign)[0].compact)
    assert text.startswith("# truth\n")
    assert text.count("| dp-inner | dp-mixed | truth-inner |") == 5
    assert "![Does the band cover the truth?](truth-coverage.png)" in text
    assert {one.name for one in drawn} == {"truth-differences", "truth-profiles", "truth-coverage"}
    assert all(one.png().startswith(b"\x89PNG") for one in drawn)
    assert "| dp-inner | truth-inner | 2 | 3.350 |" in text
    assert len(numbers["primary"]) == 15
    assert json.loads(json.dumps(numbers)) == numbers
    nothing, _, none = page(load_campaign(campaign), studies(campaign, runs={}, committees={})[0].compact)
    assert none == []
    assert "no numbers" in nothing


def test_the_verb_writes_page_results_and_figures(campaign: Path, tmp_path: Path) -> None:
    whole = compact(sha(campaign))
    (tmp_path / "a.json").write_text(json.dumps(whole))
    out = tmp_path / "out"
    words = ["join", str(campaign), str(tmp_path / "a.json"), "--out", str(out)]
    assert main(words) == 0
    assert {path.name for path in out.iterdir()} == {
        "truth.md", "results.json", "truth-differences.png", "truth-profiles.png", "truth-coverage.png",
    }  # fmt: skip
    for name in ("truth.md", "results.json"):
        assert str(tmp_path) not in (out / name).read_text()
    (tmp_path / "bad.json").write_text("{")
    assert main([*words[:2], str(tmp_path / "bad.json"), "--out", str(out)]) == 2
    assert main([*words[:2], str(tmp_path / "lost.json"), "--out", str(out)]) == 2
    (tmp_path / "other.json").write_text(json.dumps(whole | {"campaign_sha256": "0"}))
    assert main([*words[:2], str(tmp_path / "other.json"), "--out", str(out)]) == 2
