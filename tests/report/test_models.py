"""Whether models are good enough for MD: by molecules and ions at the MD's temperature."""

from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.report import models, quality
from mlipbench_hpc.report.collect import Item, Reported, Results, collect
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.sections import models as section
from mlipbench_hpc.report.uncertainty import energy_offsets

Shares = dict[str, float]


def cell(rmse: float, values: int) -> dict[str, Any]:
    """Of labels whose standard deviation is 200 meV/Å."""
    return {"rmse_meV_per_A": rmse, "std_meV_per_A": 200.0 if values else None, "values": values}


def stratum(kelvin: float | None, composition: str | None, rmse: Shares) -> dict[str, Any]:
    force = {kind: cell(rmse.get(kind, 0.0), 30 * (kind in rmse)) for kind in ("all", "molecules", "ions")}
    return {"temperature_K": kelvin, "composition": composition, "frames": 5, "force": force}


def results(strata: list[dict[str, Any]], whole: Shares, temperatures: list[float]) -> Results:
    """A committee of one evaluated model, and its runs."""
    subject = {"committee": "mace", "round": 0, "member": 0, "train": 108}
    test = {"frames": 20, "force": stratum(None, None, whole)["force"], "strata": strata}
    campaign = {
        "splits": {"main": {"dataset": "none"}}, "committees": {"mace": {"model": "tiny", "split": "main"}},
        "md": {f"run{place}": {"committee": "mace", "temperature": kelvin}
               for place, kelvin in enumerate(temperatures)}
        | {"reference": {"committee": None, "temperature": 1200.0}},
    }  # fmt: skip
    items = [
        Item(Reported(verb, verb, verb, subject, "mace", "done"), Path("nowhere"), {"values": values})
        for verb, values in (("train", {"epochs": 1}), ("evaluate", {"test": test}))
    ]
    return Results({"campaign": campaign}, items)


AT_300 = stratum(300.0, None, {"all": 10.0, "molecules": 40.0, "ions": 90.0})
AT_600 = stratum(600.0, None, {"all": 30.0, "molecules": 180.0, "ions": 100.0})
OF_ONE = stratum(300.0, "H72Na1O36", {"all": 10.0, "molecules": 199.0})


@pytest.mark.parametrize(
    ("strata", "whole", "temperatures", "ratio", "forces", "verdict", "words"),
    [
        # 90 of 200: neither 600 K nor the atoms of the whole test set decide
        ([AT_300, AT_600], {"all": 199.0}, [300.0], 0.45, "ions", "doubtful", "without rattled"),
        ([AT_300, AT_600], {"all": 1.0}, [300.0, 600.0], 0.9, "molecules", "not usable", "at 600 K"),
        ([stratum(300.0, None, {"all": 199.0, "molecules": 50.0})], {"all": 1.0}, [300.0], 0.25, "molecules",
         "usable", "at 300 K"),
        ([stratum(None, None, {"all": 1.0, "ions": 120.0})], {"all": 1.0}, [300.0], 0.6, "ions", "not usable",
         "their temperature is not stated"),
        ([AT_600], {"all": 10.0, "molecules": 60.0}, [300.0], 0.3, "molecules", "doubtful",
         "none was sampled at 300 K"),
        ([AT_300], {"all": 10.0, "molecules": 60.0}, [], 0.3, "molecules", "doubtful", "no MD is planned"),
        ([stratum(300.0, None, {"all": 20.0})], {"all": 199.0}, [300.0], 0.1, "all", "usable", "at 300 K"),
    ],
)  # fmt: skip
def test_the_worst_of_molecules_and_ions_at_the_temperature_of_the_md_decides(
    strata: list[dict[str, Any]],
    whole: Shares,
    temperatures: list[float],
    ratio: float,
    forces: str,
    verdict: str,
    words: str,
) -> None:
    reported = results(strata, whole, temperatures)
    final = final_round(reported, "mace")
    assert final is not None
    judged = quality.judgement(reported, final)
    assert judged is not None
    assert (judged.ratio, judged.forces, judged.verdict) == (pytest.approx(ratio), forces, verdict)
    assert words in judged.condition
    assert judged.components == 30
    sentence = judged.sentence()
    assert quality.FORCES[forces] in sentence
    assert f"{100 * ratio:.0f}\u00a0%" in sentence
    assert f"{verdict} for MD" in sentence


def test_runs_of_studies_are_md_of_the_committee() -> None:
    """The campaign has no MD of its own; a study runs the committee at 300 K, where ions decide."""
    reported = results([AT_300, AT_600], {"all": 10.0}, [300.0])
    mine = Results(reported.document, reported.items, {"md": set()})
    final = final_round(mine, "mace")
    assert final is not None
    judged = quality.judgement(mine, final)
    assert judged is not None
    assert (judged.forces, judged.condition) == ("ions", "at 300 K, without rattled frames")


def test_the_table_of_errors_lists_every_composition_at_that_temperature() -> None:
    reported = results([AT_300, OF_ONE, AT_600], {"all": 199.0}, [300.0])
    final = final_round(reported, "mace")
    assert final is not None
    table = quality.strata_errors(reported, [final])
    assert table is not None
    rows = [(row[2], row[3], row[4], row[5], row[-1]) for row in table.rows]
    assert rows == [
        ("all", "net forces on water molecules", "5", "30", "20 ± 4\u00a0%"),
        ("all", "forces on ions", "5", "30", "45 ± 9\u00a0%"),
        ("all", "forces on atoms", "5", "30", "5 ± 1\u00a0%"),
        ("H72Na1O36", "net forces on water molecules", "5", "30", "100 ± 19\u00a0%"),
        ("H72Na1O36", "forces on atoms", "5", "30", "5 ± 1\u00a0%"),
    ]


def test_nothing_is_judged_where_labels_do_not_vary() -> None:
    flat = stratum(300.0, None, {"all": 10.0})
    flat["force"]["all"]["std_meV_per_A"] = 0.0
    reported = results([flat], {"all": 10.0}, [300.0])
    final = final_round(reported, "mace")
    assert final is not None
    assert quality.judgement(reported, final) is None


def test_the_worst_composition_decides_and_is_named() -> None:
    """Pooled, ions err by 45 % of σ; with one Na+ by 51 %, and neutral frames are at 600 K only."""
    one = stratum(300.0, "H72Na1O36", {"molecules": 40.0, "ions": 102.0})
    two = stratum(300.0, "H72Na2O36", {"molecules": 20.0, "ions": 80.0})
    neutral = stratum(600.0, "H72O36", {"molecules": 180.0})
    reported = results([AT_300, one, two, AT_600, neutral], {"all": 199.0}, [300.0])
    final = final_round(reported, "mace")
    assert final is not None
    judged = quality.judgement(reported, final)
    assert judged is not None
    assert (judged.composition, judged.ratio, judged.verdict) == ("H72Na1O36", 0.51, "not usable")
    # 30 components: an error of at least 0.51/√30 = 0.093, and 0.5 is nearer than two of these
    assert (judged.error, judged.provisional) == (pytest.approx(0.0931, abs=1e-4), True)
    sentence = judged.sentence()
    assert "of forces on ions in H72Na1O36, at 300 K" in sentence
    assert "Provisional: so few components leave this share uncertain by at least ±\u00a09\u00a0%" in sentence
    assert sentence.endswith("Not judged, because no test frame is of that temperature: H72O36.")


def test_a_verdict_far_from_every_limit_is_not_provisional() -> None:
    """180 of 200 with 30 components: 0.9 ± 0.16 is more than two errors from 0.5."""
    reported = results([stratum(300.0, None, {"ions": 180.0})], {"all": 199.0}, [300.0])
    final = final_round(reported, "mace")
    assert final is not None
    judged = quality.judgement(reported, final)
    assert judged is not None
    assert (judged.verdict, judged.provisional, judged.untested) == ("not usable", False, [])
    assert "Provisional" not in judged.sentence()


def test_a_single_member_has_no_spread() -> None:
    assert models.over(1) == "of 1 member, std over members not determined"


def test_the_median_of_force_errors_stands_beside_their_rmse(campaign: Any) -> None:
    """Errors are normal, 110 to 140 meV/Å: median 0.6745 σ, and the largest 1 % carry 8.45 % of Σ error²."""
    reported = collect(campaign.document, campaign.tasks, campaign.store)
    final = final_round(reported, "mace")
    assert final is not None
    table = models.tails([final], "test")
    assert table is not None
    row = next(row for row in table.rows if row[1] == "forces on atoms")
    rmse, median = (float(cell.partition(" ")[0]) for cell in row[3:5])
    assert (rmse, median) == (pytest.approx(125, rel=0.01), pytest.approx(0.6745 * 125, rel=0.015))
    assert row[5] in ("8\u00a0%", "9\u00a0%")
    (paragraph,) = section.build(reported).verdict
    assert "on all 40 test frames" in paragraph[0]
    assert f"the largest 1\u00a0% of the components carry {row[5]} of the squared error" in paragraph[0]


def test_energy_offsets_are_stated_for_each_committee_by_name(campaign: Any) -> None:
    zeros = [{"member": 1, "composition": "H32O16", "offset_eV": -2.066, "mean_eV": 0.5}]
    campaign.commit("calibrate", {"committee": "mace", "round": 0}, {"zeros": zeros}, {})
    reported = collect(campaign.document, campaign.tasks, campaign.store)
    assert energy_offsets(reported, "mace") == [
        "energies of mace lie off the labels by a constant of more than three times the scatter about it: "
        "member 1 −2.07 eV in H32O16 (mean of the members +0.5 eV). The raw α is of these offsets, the "
        "centred α and the bands are not."
    ]


def test_the_span_of_members_stands_beside_their_mean() -> None:
    """One member drives MD: of 46, 102 and 140 of 200 meV/Å the mean is 48 %, of members 23 to 70 %."""
    others = {"all": cell(1.0, 30), "molecules": cell(0.0, 0)}
    members = [{"frames": 5, "force": others | {"ions": cell(rmse, 30)}} for rmse in (46.0, 102.0, 140.0)]
    own = quality.Stratum.of("at 300 K", members)
    judged = quality.Judgement.of(own.judged[0].ratio or 0.0, own, own.judged[0], [])
    assert judged.span == pytest.approx((0.23, 0.7))
    assert (
        "RMSE 48\u00a0% of the labels' standard deviation (members 23 to 70\u00a0%), between"
        in judged.sentence()
    )
    alone = quality.Stratum.of("at 300 K", members[:1])
    assert quality.Judgement.of(0.23, alone, alone.judged[0], []).span is None
