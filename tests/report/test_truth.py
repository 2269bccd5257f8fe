"""Members' own MD against the truth, from compact results made by hand: joined, judged, written."""

import json
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cut_truth import CAMPAIGN, cut
from scipy import stats

from mlipbench_hpc.analysis import inference
from mlipbench_hpc.analysis.inference import holm
from mlipbench_hpc.campaign.load import load_campaign
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.cli import main
from mlipbench_hpc.report.truth import judge, reweighting, tables
from mlipbench_hpc.report.truth.check import checks
from mlipbench_hpc.report.truth.compact import digest
from mlipbench_hpc.report.truth.join import NotJoinable, joined
from mlipbench_hpc.report.truth.page import page, studies_of
from mlipbench_hpc.report.truth.sentences import sentences
from mlipbench_hpc.studies.truth import NUMBERS

SPECIES = {"Au": 48, "H": 72, "Na": 2, "O": 36}
ERRORS = dict(zip(NUMBERS, (0.01, 0.2, 0.1, 0.02, 0.05), strict=True))
TRUTH = dict(zip(NUMBERS, (-0.3, -6.0, 3.0, 3.0, 2.5), strict=True))


def series(first: float = 0.0, second: float = 0.0, independent: float = 40.0) -> dict[str, Any]:
    """One series of 1000 frames whose halves have these means, each ± 0.01."""
    return {
        "frames": 1000, "discard": 0, "inefficiency": 1000 / independent, "independent": independent,
        "first": first, "second": second, "error": 0.01, "dof": independent / 2 - 1, "slope": 0.0,
    }  # fmt: skip


def judged(kelvin: float = 300.0, **changes: Any) -> dict[str, Any]:
    """What a run's tests need: series that stand still, all atoms at their temperature."""
    own = {"cosine": series(), "total_orientation": series(), "waters_in_first_layer": series()} | changes
    values = {"mean": kelvin, "se": 1.0, "dof": 9.0, "atoms": 142, "independent": 40.0}
    described = {"name": "temperature_K", "title": "Temperature", "symbol": "T", "unit": "K", "species": ""}
    temperature = described | {"path": ["thermo", "temperature_K"], "values": values}
    stationarity = {"frame_ps": 0.03, "series": own, "ions": ["Na"]}
    return {"stationarity": stationarity, "temperatures": [temperature], "sampled": None}


def run(shift: float = 0.0, se: float = 1.0, **changes: Any) -> dict[str, Any]:
    """One run whose numbers are the truth's plus `shift` of their errors."""
    numbers = {
        name: {"mean": TRUTH[name] + shift * ERRORS[name], "se": se * ERRORS[name], "dof": 9.0}
        for name in NUMBERS
    }
    profile = {"z_A": [0.25, 0.75], "mean": [0.0, 1.0 + shift], "se": [0.0, 0.1]}
    restraints = [{"atom": 156, "mean_A": 3.3 + 0.01 * shift}, {"atom": 157, "mean_A": 3.4}]
    whole = {"outcome": "completed", "cause": None, "time_ps": 30.0, "species": SPECIES, "numbers": numbers}
    whole |= {"analysed_ps": 19.5, "equilibration_ps": 10.5, "blocks": 10, "model": None, "judged": judged()}
    return (
        whole | {"profiles": {"density": profile, "orientation": profile}, "restraints": restraints} | changes
    )


def committee(alpha: float | None = 2.0, store: str = "here") -> dict[str, Any]:
    """Two members, trained in a store."""
    stratum = {"composition": "Au48H72Na2O36", "temperature_K": 300.0, "alpha": alpha, "withheld": None}
    force = {"rmse_meV_per_A": 150.0, "std_meV_per_A": 1200.0}
    strata = [{"composition": "Au48H72Na2O36", "temperature_K": 300.0, "frames": 24, "force": force}]
    errors = [{"member": 0, "energy": {}, "force": force, "strata": strata}]
    models = {member: f"{store} {member}" for member in ("0", "1")}
    own = {"members": 2, "structures": 18, "models": models, "calibrated": True}
    return own | {"alpha": [stratum], "errors": errors}


# Shifts of both members of each committee, in units of the errors of their runs.
SHIFTS = {"dp-specific-2": (1.0, 3.0), "dp-mixed": (20.0, 24.0), "dp-1": (-2.0, 6.0), "dp-2": (-4.0, 0.0)}
STUDY = {"dp-specific-2": "dp-inner", "dp-mixed": "dp-inner", "dp-1": "cover-a", "dp-2": "cover-a"}


def member(name: str, place: int) -> str:
    return f"{STUDY[name]}-{name}-{place}"


def driven(place: int, shift: float, store: str = "here", **changes: Any) -> dict[str, Any]:
    """Run of one member of the committee that a store trained."""
    return run(shift, model=f"{store} {place}", **changes)


def compact(sha256: str, **changes: Any) -> dict[str, Any]:
    """Two runs of the truth, whose means are 0 ± 1/√2 errors, and all members' runs."""
    runs = {"truth-inner": {"0": run(-1.0), "1": run(1.0)}, "light": {"0": run(0.0), "1": run(0.5)}}
    for name, shifts in SHIFTS.items():
        runs |= {member(name, place): {"0": driven(place, own)} for place, own in enumerate(shifts)}
    cost = {"md": {"a": [3600.0, 0, 0], "b": [1800.0, 2, 1]}}
    head = {"schema": 3, "campaign": "truth", "campaign_sha256": sha256, "mlipbench": "1", "store": "s"}
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
    runs["dp-inner-dp-mixed-1"] = {
        "0": {"outcome": "unstable", "cause": "hot", "time_ps": 0.1, "model": "here 1"}
    }
    (inner, _) = studies(campaign, runs=runs)
    assert inner.unstable("dp-mixed") == ["hot"]
    assert len(inner.members("dp-mixed")) == 1
    assert inner.own("dp-mixed", "cosine") is None
    tests = [test for test in judge.primary([inner]) if test.committee == "dp-mixed"]
    assert {test.verdict for test in tests} == {"withheld"}


def test_unstable_runs_of_the_reference_are_told(campaign: Path) -> None:
    runs = compact("")["runs"]
    runs["truth-inner"]["2"] = {"outcome": "unstable", "cause": "it exploded", "time_ps": 88.5}
    every = studies(campaign, runs=runs)
    assert tables.averages(every)[0].rows[0][1:3] == ["2", "1"]
    (line,) = [own for own in sentences(every, [], [], []) if "the reference" in own]
    assert line == "truth-inner, the reference: 1 run of it unstable, and left out (it exploded)."


def test_lost_runs_of_committees_are_told_with_their_causes(campaign: Path) -> None:
    """Causes that differ in numbers alone are told once."""
    runs = compact("")["runs"]
    for place, cause in enumerate(("Na 1 and Na 2 within 1.3 Å", "Na 1 and Na 2 within 1.4 Å")):
        runs[f"cover-a-dp-1-{place}"] = {
            "0": {"outcome": "unstable", "cause": cause, "model": f"here {place}"}
        }
    lines = sentences(studies(campaign, runs=runs), [], [], [])
    words = "2 of 2 runs of dp-1 unstable, and left out (Na 1 and Na 2 within 1.3 Å, 2 such)"
    assert f"cover-a: {words}." in lines


def test_committees_far_from_the_truth_are_named(campaign: Path) -> None:
    """dp-mixed is 22 errors of one run off, of which its spread of √7 makes 3.9 of both errors."""
    every = studies(campaign)
    apart = every[0].deviation("dp-mixed", "cosine")
    assert apart is not None
    z = 22 / math.sqrt(1 / 2 + 1 + (4 + 1 / 2) * (8 - 1))
    assert apart.z == pytest.approx(z)
    (line,) = [own for own in sentences(every, [], [], []) if "each alone" in own]
    assert f"dp-mixed in ⟨cos θ⟩ of the first layer ({z:.1f})" in line
    assert "dp-specific-2" not in line
    assert f"z {z:.1f}" in str(tables.averages(every)[0].rows)


def test_what_would_be_resolved_is_the_difference_of_the_first_step(campaign: Path) -> None:
    tests = judge.primary(studies(campaign))
    row = tables.primary(tests).rows[0]
    own = tests[0].comparison
    assert own is not None
    raised = own.critical(0.05 / len(tests))
    assert float(row[7].replace("−", "-")) == pytest.approx(raised, rel=0.05)
    assert inference.welch(raised, own.terms).p == pytest.approx(0.05 / len(tests), rel=1e-6)


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


def test_committees_of_two_studies_are_compared(campaign: Path) -> None:
    """dp-1, members at −2 and 6, against dp-mixed of dp-inner, at 20 and 24: −20 errors of 0.01."""
    document = yaml.safe_load(campaign.read_text(encoding="utf-8"))
    document["studies"]["cover-a"]["against"] = {"study": "dp-inner", "pairs": [["dp-1", "dp-mixed"]]}
    campaign.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    inner, cover = studies(campaign)
    tests = judge.primary([inner, cover])
    assert len(tests) == 20
    own = next(test for test in tests if test.study == "cover-a" and test.number == "cosine")
    assert (own.committee, own.against, own.withheld) == ("dp-1", "dp-mixed of dp-inner", "")
    assert own.comparison is not None
    assert own.comparison.difference == pytest.approx(-0.2)
    # As in one study: the same four errors, whichever side comes first.
    turned = judge.to_each_other((inner, "dp-mixed"), (cover, "dp-1"), "cosine")
    assert turned is not None
    assert (turned.difference, turned.p) == (pytest.approx(0.2), pytest.approx(own.comparison.p))
    runs = compact("")["runs"]
    del runs["dp-inner-dp-mixed-1"]
    (lacking,) = {
        test.withheld for test in judge.primary(studies(campaign, runs=runs)) if test.study == "cover-a"
    }
    assert lacking == "1 of 2 runs of dp-mixed are there"
    alone = [test for test in judge.primary([cover]) if test.study == "cover-a"]
    assert {test.withheld for test in alone} == {"study dp-inner is not in this part"}


def test_without_training_errors_the_test_is_welch_s(campaign: Path) -> None:
    """Members that agree: t of the difference with the sampling errors alone has at least Welch's p."""
    runs = compact("")["runs"]
    for place in (0, 1):
        runs[f"dp-inner-dp-mixed-{place}"] = {"0": driven(place, 9.0)}
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
        runs[f"dp-inner-dp-specific-2-{place}"] = {"0": driven(place, 12.0 + place)}
    every = studies(campaign, runs=runs)
    assert "differs from the truth by +0.125, more than 0.05" in every[0].gate
    tests = judge.primary(every)
    assert len(tests) == 15
    verdicts = {(test.committee, test.against): test.verdict for test in tests if test.number == "cosine"}
    assert verdicts["dp-mixed", "truth-inner"] == verdicts["dp-mixed", "dp-specific-2"] == "withheld"
    assert verdicts["dp-specific-2", "truth-inner"] in ("differs", "unresolved")
    assert any("train longer" in line for line in sentences(every, tests, [], []))


def test_the_check_compares_the_reference_with_itself(campaign: Path) -> None:
    (cosine, total) = checks(studies(campaign))
    assert cosine.difference == pytest.approx(-0.25 * 0.01)
    assert total.limit == 0.1
    runs = compact("")["runs"] | {"light": {"0": run(1.0), "1": run(4.5)}}
    wide = checks(studies(campaign, runs=runs))[0]
    assert wide.verdict == "not decided: longer runs"
    runs = compact("")["runs"] | {"light": {"0": run(9.0), "1": run(9.0)}}
    assert checks(studies(campaign, runs=runs))[0].verdict == "no"


def test_coverage_counts_the_independent_committees(campaign: Path) -> None:
    """dp-mixed of the study itself, dp-1 and dp-2: z by hand of both errors."""
    rows = {row.number: row for row in judge.covered(studies(campaign))}
    own = rows["cosine"]
    assert set(own.deviations) == {"dp-mixed", "dp-1", "dp-2"}
    assert (own.both.number, own.left_out) == (3, {})
    assert own.both.shared == pytest.approx(
        1 / (1.5 + 4.5 * (7.0 + 31.0 + 7.0) / 3), rel=1e-6
    )  # the truth's ± 1 of all squared errors
    z = []
    for mean, variance in ((22.0, 8.0), (2.0, 32.0), (-2.0, 8.0)):
        z.append(mean / math.sqrt(1.5 + 4.5 * (variance - 1.0)))
    assert own.both.rms == pytest.approx(math.sqrt(np.mean(np.square(z))))
    assert own.sampling.rms > own.both.rms
    assert own.shared is not None
    assert own.shared.difference == pytest.approx((0.22 + 0.02 - 0.02) / 3)
    every = [row for row in rows.values() if row.shared]
    assert all(row.shared_p >= row.shared.p for row in every if row.shared)
    table = tables.shared(list(rows.values()))
    assert table is not None
    assert table.rows[0][1:3] == ["3", "2"]


def test_a_check_that_says_nothing_is_said(campaign: Path) -> None:
    runs = compact("")["runs"]
    moving = {str(place): run(0.0, judged=MOVING) for place in (0, 1)}
    every = studies(campaign, runs=runs | {"light": moving})
    rows = checks(every)
    assert [row.verdict for row in rows] == ["withheld", "not decided: longer runs"]
    lines = sentences(every, [], [], rows)
    assert any("the check of the timestep is withheld, light is not stationary" in line for line in lines)
    every = studies(campaign, runs={name: own for name, own in runs.items() if name != "light"})
    lines = sentences(every, [], [], checks(every))
    assert "dp-inner: no numbers for the check of the timestep." in lines


MOVING = judged(cosine=series(0.0, 0.5))
HOT, SHORT = judged(345.0), judged(cosine=series(independent=4.0))


@pytest.mark.parametrize(
    ("own", "words", "others"),
    [
        (
            MOVING,
            "dp-mixed is not stationary in ⟨cos θ⟩ of the first layer: its mean changes by +0.500",
            False,
        ),
        (
            SHORT,
            "dp-mixed is too short for a test of ⟨cos θ⟩ of the first layer: 8 independent frames",
            False,
        ),
        (HOT, "dp-mixed is not at its temperature: kinetic temperature (mean over 2 replicas)", True),
    ],
)
def test_nothing_is_concluded_from_runs_that_fail_as_in_a_report(
    campaign: Path, own: dict[str, Any], words: str, others: bool
) -> None:
    """A number whose series moves or is too short is withheld alone; all of runs off their temperature."""
    runs = compact("")["runs"]
    for place, shift in enumerate(SHIFTS["dp-mixed"]):
        runs[member("dp-mixed", place)] = {"0": driven(place, shift, judged=own)}
    every = studies(campaign, runs=runs)
    tests = {(test.committee, test.against, test.number): test for test in judge.primary(every)}
    assert words in tests["dp-mixed", "truth-inner", "cosine"].withheld
    assert words in tests["dp-mixed", "dp-specific-2", "cosine"].withheld
    total = tests["dp-mixed", "truth-inner", "total_orientation"]
    assert bool(total.withheld) == others
    assert not tests["dp-specific-2", "truth-inner", "cosine"].withheld
    known = [test for test in tests.values() if not test.withheld]
    np.testing.assert_allclose(
        [test.p for test in known],
        holm(
            np.array(
                [test.comparison.p if test.comparison else 1.0 for test in known] + [1.0] * (15 - len(known))
            )
        )[: len(known)],
    )
    covered = next(row for row in judge.covered(every) if row.number == "cosine")
    assert set(covered.deviations) == {"dp-1", "dp-2"}
    assert words in covered.left_out["dp-mixed"]
    text = "\n".join(sentences(every, judge.primary(every), judge.covered(every), []))
    (left,) = [line for line in text.splitlines() if line.startswith("Left out of coverage: dp-mixed in")]
    assert words in left
    assert "(withheld)" in str(tables.averages(every)[0].rows)


def test_a_reference_that_moves_closes_the_gate(campaign: Path) -> None:
    runs = compact("")["runs"]
    runs["truth-inner"] = {str(place): run(0.0, judged=MOVING) for place in (0, 1)}
    every = studies(campaign, runs=runs)
    assert every[0].gate.startswith("the gate: truth-inner is not stationary")
    tests = [test for test in judge.primary(every) if test.number == "cosine"]
    assert {test.verdict for test in tests} == {"withheld"}
    assert "cosine" not in {row.number for row in judge.covered(every)}


def test_runs_are_judged_with_the_correlation_of_the_longest(campaign: Path) -> None:
    """20 independent frames by their own light; the truth's runs show 7 ps, of which 19.5 ps hold 2.8."""
    runs = compact("")["runs"]
    slow = judged(cosine=series(independent=1000 * 0.03 / 7.0))
    runs["truth-inner"] = {str(place): run(0.0, judged=slow, analysed_ps=89.0) for place in range(4)}
    (inner, _) = studies(campaign, runs=runs)
    assert "too short for a test" in inner.withheld("dp-mixed", "cosine")
    assert not inner.withheld("dp-mixed", "total_orientation")


def test_alpha_is_that_of_the_models_that_ran(campaign: Path) -> None:
    """Two stores trained dp-mixed, α 1.5 and 3: the runs are of the second, whichever file comes first."""
    here = compact(sha(campaign))
    first, second = committee(1.5, "first"), committee(3.0, "second")
    runs = here["runs"] | {
        member("dp-mixed", place): {"0": driven(place, own, "second")}
        for place, own in enumerate(SHIFTS["dp-mixed"])
    }
    without = {name: own for name, own in runs.items() if "dp-mixed" not in name}
    a = here | {"runs": without, "committees": here["committees"] | {"dp-mixed": first}}
    b = here | {"runs": runs, "committees": {"dp-mixed": second}}
    for parts in ({"a": a, "b": b}, {"b": b, "a": a}):
        whole = joined(parts, sha(campaign))
        (inner, _) = studies_of(load_campaign(campaign), whole)
        assert inner.alpha("dp-mixed") == 3.0
        last = list(parts)[-1]
        assert whole["twice"] == [
            f"{last}: committee dp-mixed, trained again: α and errors are those of the models that ran"
        ]


def test_runs_of_models_of_two_stores_are_no_committee(campaign: Path) -> None:
    here = compact(sha(campaign))
    runs = here["runs"] | {member("dp-mixed", 1): {"0": driven(1, 24.0, "second")}}
    other = {"store": "t", "runs": {}, "committees": {"dp-mixed": committee(3.0, "second")}}
    whole = joined({"a": here | {"runs": runs}, "b": here | other}, sha(campaign))
    every = studies_of(load_campaign(campaign), whole)
    assert every[0].alpha("dp-mixed") is None
    held = {test.withheld for test in judge.primary(every) if test.committee == "dp-mixed"}
    assert len(held) == 1
    assert "runs of dp-mixed are of models that no joined file has together" in held.pop()
    assert "dp-mixed" in judge.covered(every)[0].left_out


def test_of_one_store_the_later_file_has_the_whole_committee(campaign: Path) -> None:
    """A file written while it was half trained and not calibrated, and one afterwards."""
    here, half = compact(sha(campaign)), committee(None) | {"calibrated": False, "alpha": [], "members": 1}
    half["models"] = {"0": "here 0"}
    early = here | {"runs": {}, "committees": {"dp-mixed": half}}
    for parts in ({"a": early, "b": here}, {"b": here, "a": early}):
        whole = joined(parts, sha(campaign))
        assert whole["committees"]["dp-mixed"] == [committee()]
        assert not whole["twice"]
    (inner, _) = studies(
        campaign, committees={"dp-mixed": committee(None) | {"calibrated": False, "alpha": []}}
    )
    assert inner.without_alpha("dp-mixed") == "it is not calibrated yet"


def test_the_free_energy_s_interval_holds_it_in_95_percent() -> None:
    """Two ions that change layer, four runs: ΔF of the rates is kT ln(k_out→in / k_in→out), by definition."""
    rates, kT, inside = (0.02, 0.01), 25.85, 0
    true = -kT * math.log(rates[0] / rates[1])
    for seed in range(200):
        shares = two_states(np.random.default_rng([seed, 11]), rates)
        own = tables.free_energy(float(shares.mean()), float(shares.std(ddof=1)) / 2, 3.0, kT)
        assert own is not None
        inside += own[2] <= true <= own[3]
    assert inside / 200 == pytest.approx(0.95, abs=0.04)


def two_states(random: np.random.Generator, rates: tuple[float, float]) -> Any:
    """Shares (4,) of time in the inner layer, runs of 4000 steps of two ions; rates: out and in, per step."""
    state, inner = random.random((4, 2)) < rates[1] / sum(rates), np.zeros((4, 2))
    for draw in random.random((4000, 4, 2)):
        state = np.where(state, draw >= rates[0], draw < rates[1])
        inner += state
    return inner.mean(axis=1) / 4000


def test_the_free_energy_s_error_is_that_of_moved_shares() -> None:
    own = tables.free_energy(0.7, 0.001, 1e9, 25.0)
    assert own is not None
    ends = [-25.0 * math.log((1 - share) / share) for share in (0.699, 0.701)]
    assert own[1] == pytest.approx((ends[1] - ends[0]) / 2, rel=1e-4)
    assert own[3] - own[0] == pytest.approx(1.96 * own[1], rel=1e-3)
    assert tables.free_energy(1.0, 0.1, 3.0, 25.0) is None
    assert tables.free_energy(0.5, None, 3.0, 25.0) is None


def test_ions_are_shown_with_error_and_condition() -> None:
    own = {
        "peaks_A": [3.2, 6.5], "runs": [{"transitions": [1, 2]}], "temperature_K": 300.0,
        "share": {"mean": 0.6, "se": 0.1, "dof": 3.0}, "condition": "Na: 3 transitions",
    }  # fmt: skip
    table = tables.ions({"ions": {"truth-free": {"Na": own}}})
    assert table is not None
    (row,) = table.rows
    assert row[3:5] == ["3", "0.60 ± 0.10"]
    assert row[5] == "10 ± 11"
    assert row[-1] == "Na: 3 transitions"
    assert tables.ions({"ions": {"truth-free": {"Na": own | {"share": None}}}}) is None


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
    once = {"tasks": 2, "core_hours": 1.5, "earlier_attempts": 2, "unknown_attempts": 1}
    assert together["cost"] == {"md": once}
    parts["b"] = parts["b"] | {"store": "another"}
    assert joined(parts, sha(campaign))["cost"] == {"md": {name: 2 * own for name, own in once.items()}}


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"schema": 1}, "no compact results"),
        ([], "no compact results"),
        (compact("other"), "campaign `truth` with another content"),
        (compact("x") | {"schema": 0}, "schema 0, expected 3"),
    ],
)
def test_parts_that_do_not_belong_are_refused(part: Any, message: str) -> None:
    with pytest.raises(NotJoinable, match=message):
        joined({"file": part}, "x")
    with pytest.raises(NotJoinable, match="at least one file"):
        joined({}, "x")


def without_limits(path: Path) -> Campaign:
    own = load_campaign(path)
    studies = {
        name: {key: one for key, one in spec.items() if key != "limits"} for name, spec in own.studies.items()
    }
    return own.model_copy(update={"studies": studies})


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("runs", [], "runs: wrong value; received a list of 0"),
        ("runs.truth-inner.0", None, "runs.truth-inner.0: wrong value; received nothing"),
        ("runs.truth-inner.0.outcome", "fine", "outcome: is not one of the choices; received 'fine'"),
        (
            "runs.truth-inner.0.judged",
            None,
            "judged: wrong value; received nothing; expected what a run with",
        ),
        ("runs.truth-inner.0.judged.stationarity", {"series": {}}, "stationarity"),
        ("runs.truth-inner.0.numbers.cosine.mean", "0.5", "cosine.mean: wrong value; received '0.5'"),
        ("runs.truth-inner.0.numbers.cosine.mean", True, "cosine.mean: wrong value; received True"),
        ("runs.truth-inner.0.numbers.cosine.se", -0.1, "received -0.1; expected greater than or equal to 0"),
        ("runs.truth-inner.0.numbers.cosine.dof", 0, "cosine.dof: wrong value; received 0"),
        ("runs.truth-inner.0.numbers.cosin", {}, "numbers"),
        ("runs.truth-inner.0.profiles.density.mean", [0.0], "received 1 values; expected 2, as z_A has"),
        ("runs.truth-inner.0.restraints", "x", "restraints: wrong value; received 'x'"),
        ("runs.truth-inner.0.reweight", {"verdict": "usable"}, "reweight.scalars: is required"),
        ("runs.truth-inner.2", run(), "runs.truth-inner: received replica 2, expected 0, 1"),
        (
            "runs.truth-iner",
            {"0": run()},
            "runs: received truth-iner, expected names of the campaign",
        ),
        ("runs.truth-inner.0.judged.stationarity.series.cosine.dof", -3.0, "cosine.dof"),
        ("committees.bogus", committee(), "committees: received bogus, expected names of the campaign"),
        ("committees.dp-1.alpha", None, "committees.dp-1.alpha: wrong value"),
        ("committees.dp-1.models", None, "committees.dp-1.models: wrong value; received nothing"),
        ("ions", {"truth-free": {"Na": {}}}, "ions.truth-free.Na.runs: is required"),
        ("cost", {"md": {"a": [1.0]}}, "cost.md.a"),
    ],
)
def test_files_with_anything_else_are_refused(
    campaign: Path, path: str, value: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file from elsewhere that would give a wrong number or a traceback; nothing is written."""
    whole = json.loads(json.dumps(compact(sha(campaign))))
    *above, last = path.split(".")
    place = whole
    for key in above:
        place = place[key]
    place[last] = value
    file, out = campaign.parent / "part.json", campaign.parent / "page"
    file.write_text(json.dumps(whole))
    assert main(["join", str(campaign), str(file), "--out", str(out)]) == 2
    assert not out.exists()
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("part.json: ")]
    assert any(message in line for line in lines), lines


def test_runs_without_tests_or_of_other_atoms_conclude_nothing(campaign: Path) -> None:
    runs = compact("")["runs"]
    runs[member("dp-mixed", 0)]["0"]["judged"]["stationarity"] = {"frame_ps": 0.03, "series": {}, "ions": []}
    (inner, _) = studies(campaign, runs=runs)
    assert inner.against_truth("dp-mixed", "cosine") == "dp-mixed is not tested for stationarity"
    runs = compact("")["runs"]
    runs[member("dp-mixed", 0)]["0"]["species"] = {"Xx": 5}
    (inner, _) = studies(campaign, runs=runs)
    words = "runs of dp-mixed and truth-inner are of different atoms"
    assert inner.against_truth("dp-mixed", "cosine") == words
    assert judge.not_to_each_other((inner, "dp-mixed"), (inner, "dp-specific-2"), "cosine") == words
    nowhere = committee()
    nowhere["alpha"][0]["composition"] = None
    assert studies(campaign, committees={"dp-mixed": nowhere})[0].alpha("dp-mixed") is None


def test_the_page_does_not_depend_on_the_order_of_files(campaign: Path) -> None:
    whole, folder = compact(sha(campaign)), campaign.parent
    for name, chosen in (("a", "dp-mixed"), ("b", "dp-1")):
        part = whole | {"committees": {chosen: committee()}, "cost": {}}
        (folder / f"{name}.json").write_text(json.dumps(part))
    pages = []
    for names in ("ab", "ba"):
        files = [str(folder / f"{name}.json") for name in names]
        assert main(["join", str(campaign), *files, "--out", str(folder / names)]) == 0
        pages.append([(folder / names / own).read_text() for own in ("truth.md", "results.json")])
    assert pages[0] == pages[1]


def test_comments_description_and_limits_are_free(campaign: Path) -> None:
    text = campaign.read_text(encoding="utf-8")
    document = yaml.safe_load(text)
    document["description"] = "Another."
    document["studies"]["dp-inner"]["limits"] = []
    assert digest(yaml.safe_dump(document)) == digest("# more\n" + text) == digest(text)
    document["md"]["truth-inner"]["seed"] = 7
    assert digest(yaml.safe_dump(document)) != digest(text)


def test_reweighting_stands_beside_own_runs(campaign: Path) -> None:
    """Members at 20 and 24 errors, noise 1: σ² = 8 - 1; of two runs one may not be reweighted."""
    runs = compact("")["runs"]
    for place, verdict, sigma in ((0, "trust", 0.03), (1, "run it directly", 0.9)):
        scalars = {"cosine": {"sigma": sigma}, "total_orientation": {"sigma": None}}
        own = {"verdict": verdict, "members": [], "scalars": scalars}
        runs[member("dp-mixed", place)]["0"]["reweight"] = own
    made = reweighting.table(studies(campaign, runs=runs))
    assert made is not None
    cosine, total = made.rows
    assert cosine[:3] == ["dp-inner", "dp-mixed", "⟨cos θ⟩ of the first layer"]
    assert cosine[3:] == ["0.026", "0.030 to 0.030", "1 of 2", "trust: 1 and run it directly: 1"]
    assert total[4] == tables.NOTHING
    assert reweighting.table(studies(campaign)) is None


def test_the_reference_s_other_runs_are_shown(campaign: Path) -> None:
    runs = compact("")["runs"] | {"truth-free": {"0": run(-1.0), "1": run(1.0)}}
    every = studies(campaign, runs=runs)
    shown = tables.others(every, ["truth-free", "truth-outer"])
    assert shown is not None
    assert [row[:3] for row in shown.rows] == [["truth-free", "2", "−0.300 ± 0.010"]]
    assert tables.others(every, []) is None


def test_the_page_holds_the_declared_table_and_what_is_not_known(campaign: Path) -> None:
    runs = compact("")["runs"]
    runs["truth-inner"] = {
        str(place): run(side, judged=judged(300 + 2 * side)) for place, side in enumerate((-1, 1))
    }
    text, numbers, drawn = page(load_campaign(campaign), studies(campaign, runs=runs)[0].compact)
    assert text.startswith("# truth\n")
    assert text.count("| dp-inner | dp-mixed | truth-inner |") == 5
    assert "![Does the band cover the truth?](truth-coverage.png)" in text
    assert {one.name for one in drawn} == {"truth-differences", "truth-profiles", "truth-coverage"}
    assert all(one.png().startswith(b"\x89PNG") for one in drawn)
    assert "| dp-inner | truth-inner | 2 | 3.350 |" in text
    assert "| dp-inner | truth-inner | 300.0 ± 2.0 |" in text
    assert len(numbers["primary"]) == 15
    assert json.loads(json.dumps(numbers)) == numbers
    assert "- A check by DFT would tell" in text
    assert "Check of truth-inner: 2 runs of 0.600 ps at 0.500 fs of electrode, 0.300 ps dropped" in text
    assert "What could change it" not in page(without_limits(campaign), studies(campaign)[0].compact)[0]
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
    assert main([*words[:3], *words[2:]]) == 2
    (tmp_path / "b.json").write_text(json.dumps(whole | {"runs": {}, "committees": {}}))
    assert main([*words[:2], str(tmp_path / "b.json"), "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"truth.md", "results.json"}
    (tmp_path / "bad.json").write_text("NaN")
    assert main([*words[:2], str(tmp_path / "bad.json"), "--out", str(out)]) == 2
    (tmp_path / "bad.json").write_text("{")
    assert main([*words[:2], str(tmp_path / "bad.json"), "--out", str(out)]) == 2
    assert main([*words[:2], str(tmp_path / "lost.json"), "--out", str(out)]) == 2
    (tmp_path / "other.json").write_text(json.dumps(whole | {"campaign_sha256": "0"}))
    assert main([*words[:2], str(tmp_path / "other.json"), "--out", str(out)]) == 2


def test_the_committed_page_is_what_the_committed_results_give(tmp_path: Path) -> None:
    """The verb, the campaign and the compact results of all parts; no place of any machine in one of them."""
    files = sorted((CAMPAIGN.parent / "data/truth").glob("*.json"))
    assert {path.stem for path in files} == set(load_campaign(CAMPAIGN).parts)
    assert main(["join", str(CAMPAIGN), *map(str, files), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "truth.md").read_text() == (CAMPAIGN.parent / "truth.md").read_text()
    numbers = (json.loads((folder / "results.json").read_text()) for folder in (tmp_path, CAMPAIGN.parent))
    ours, committed = ({name: list(leaves(own)) for name, own in one.items()} for one in numbers)
    assert ours.keys() == committed.keys()
    for name, own in ours.items():
        assert own == pytest.approx(committed[name], rel=1e-9, nan_ok=True)
    for path in (*files, CAMPAIGN.parent / "results.json"):
        assert not re.search(r"/[\w.]+/|[\w-]+@[\w-]+", path.read_text()), path.name


def leaves(content: Any) -> Iterator[Any]:
    """Values of JSON in their order; texts by a number of theirs, as pytest.approx takes numbers alone."""
    if isinstance(content, dict | list):
        for own in content.values() if isinstance(content, dict) else content:
            yield from leaves(own)
    elif isinstance(content, str):
        yield float(zlib.crc32(content.encode()))
    else:
        yield math.nan if content is None else float(content)
