"""Section on reweighting between committees, from a store made by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from charged import collected, movement, moves
from profiled import Z, analysed, csv_bytes, reweighted

from mlipbench_hpc.contract.folder import outputs, read_json, seal
from mlipbench_hpc.data.observable import WATERS
from mlipbench_hpc.report.html import build_report
from mlipbench_hpc.report.sections.reweighting_check import SECTION

FILM = (Z > 2) & (Z < 6)
STUDY = {"kind": "reweighting-check", "cases": {"mace": {"run": "mine", "against": "theirs"}}, "stride": 10}


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No time for rendering, except where a test writes the whole report."""
    if request.node.get_closest_marker("whole") is None:
        monkeypatch.setattr("mlipbench_hpc.report.draw.drawing.render", lambda *_: ("<svg ></svg>", b""))


def film(moved: float) -> bytes:
    """profiles.csv: from 2 to 6 Å 3 mol/L of Na and 2 g/cm³ of water times 1 + moved, ± a tenth."""
    columns = {"z_A": Z}
    for name, value in (("density_g_per_cm3", 2.0), ("orientation_g_per_cm3", -0.5),
                        ("concentration-Na_mol_per_L", 3.0)):  # fmt: skip
        columns |= {name: (1 + moved) * value * FILM, f"se_{name}": 0.1 * abs(value) * FILM}
    return csv_bytes(columns)


def add(campaign: Any, name: str, committee: str, moved: float) -> Any:
    campaign.document["campaign"]["md"][name] = {
        "committee": committee, "member": 0, "potential": None, "temperature": 300.0, "length": 2.0,
        "replicas": 1, "start": {"system": "box"},
    }  # fmt: skip
    subject = {"md": name, "replica": 0, "committee": committee}
    campaign.commit("md", subject, {"outcome": "completed", "cause": None, "time_ps": 2.0}, {})
    own, files = analysed(seed=1)
    files["profiles.csv"] = film(moved)
    campaign.commit("analyse", subject, own, files)
    return own, files


@pytest.fixture
def checked(campaign: Any) -> Any:
    """A run of `mace`, whose profiles members of `salt` make 1, 1.04, 0.96 and 1.08 times."""
    document = campaign.document["campaign"]
    document["analysis"]["profiles"] = {"metal": "Au", "bin": 0.1}
    document["committees"]["salt"] = document["committees"]["mace"]
    document["studies"] = {"check": STUDY}
    campaign.document["studies"] = {
        "check": {"kind": STUDY["kind"], "entries": {"reweighting": ["check-mace"]}}
    }
    own = add(campaign, "mine", "mace", 0.0)
    add(campaign, "theirs", "salt", 0.5)
    values, files = reweighted(own, std=0.7)
    values["members"] |= {"0": values["members"]["1"]}  # all members of the other committee
    subject = {"reweighting": "check-mace", "of": "mine", "replica": 0, "committee": "salt"}
    campaign.commit("reweight", subject, values, files)
    return campaign


def test_frames_reweighted_to_the_other_committee_stand_beside_its_md(checked: Any) -> None:
    """Member 0 of the other committee gives 3 mol/L; its own MD 4.5: 1.5 apart, before and after."""
    content = SECTION.build(collected(checked))
    numbers = content.numbers["reweighting_check"]["check"]
    own = {one["observable"]: one for one in numbers["checks"]["mace"]}["concentration-Na"]
    assert (own["rms_before"], own["rms_after"]) == pytest.approx((1.5, 1.5))
    error = np.hypot(1.2 * 0.3, 0.3)
    assert own["rms_sampling"] == pytest.approx(error)
    assert (own["inside_two_se"], own["std_h"]) == (0.0, 0.7)
    (figure,) = content.figures
    assert figure.name.startswith("check-reweighting-")
    assert "mace, member 0 to salt, member 0" in figure.caption
    chosen = np.array(figure.columns["observable"]) == "concentration-Na"
    np.testing.assert_allclose(np.array(figure.columns["own_md"])[chosen], 4.5 * FILM)
    (row,) = content.blocks[-1].rows
    relative = np.hypot(1.2 * 0.3 / 3, 0.3 / 4.5)  # of both errors
    assert row[2] == f"{3 / 4.5:.3f} ± {3 / 4.5 * relative:.3f}"
    assert row[0] == "highest Na concentration, reweighted / MD, mace"
    assert content.verdict == [[
        "Study check (reweighting check): 1 of 1 case done. 0 of 3 observables show no difference beyond "
        "sampling error between frames reweighted to the other committee and its own MD."
    ]]  # fmt: skip
    assert set(numbers["members"]["mace"]["0"]) == {"0", "1", "2", "3"}


def test_out_of_reach_nothing_is_tested(checked: Any) -> None:
    """std(h) of 9.9 kT leaves one effective frame: agreement within its errors is no success."""
    poor = {"std_h": 9.9, "effective_frames": 1.0, "independent_frames": 1.0, "verdict": "run it directly"}
    (task,) = [task for task in checked.tasks if "reweighting" in task.subject]
    values = read_json(checked.store.task(task.key) / "result.json")["values"]
    change(checked, task, members={member: own | poor for member, own in values["members"].items()})
    content = SECTION.build(collected(checked))
    ((sentence,),) = content.verdict
    reach = (
        "1.0 independent effective ones in the run with the fewest (at least 30), std(h) 9.9 kT (at most 2)"
    )
    assert sentence.startswith(
        "Study check (reweighting check): 1 of 1 case done. Case mace cannot be tested: "
    )
    assert sentence.endswith(f"frames, {reach}; run it directly.")
    assert "show no difference" not in sentence
    table = next(block for block in content.blocks if "result" in getattr(block, "header", []))
    assert {row[table.header.index("result")] for row in table.rows} == {"cannot be tested"}
    assert content.blocks[-1].rows[0][2] == "cannot be tested"
    numbers = content.numbers["reweighting_check"]["check"]["checks"]["mace"]
    assert {(one["result"], one["independent_frames"]) for one in numbers} == {("cannot be tested", 1.0)}


def test_what_is_not_stationary_is_not_tested(checked: Any) -> None:
    """The other committee's own run is too short for a test of the first layer's population."""
    (task,) = [task for task in checked.tasks if task.verb == "analyse" and task.subject["md"] == "theirs"]
    change(checked, task, stationarity=movement(**{WATERS: moves(independent=2.7)}))
    content = SECTION.build(collected(checked))
    ((sentence,),) = content.verdict
    reason = "theirs is too short for a test of the first layer's population: 2.7 independent frames"
    assert f"Withheld in 3 observables: {reason}" in sentence
    assert "show no difference" not in sentence
    table = next(block for block in content.blocks if "result" in getattr(block, "header", []))
    assert {row[table.header.index("result")] for row in table.rows} == {"withheld"}
    assert content.blocks[-1].rows[0][2] == "withheld"
    numbers = content.numbers["reweighting_check"]["check"]["checks"]["mace"]
    assert all(reason in one["withheld"] for one in numbers)


def change(campaign: Any, task: Any, **values: Any) -> None:
    """Other values in one committed result."""
    path = campaign.store.task(task.key) / "result.json"
    path.chmod(0o644)
    result = read_json(path)
    result["values"] |= values
    seal(path.parent, result | {"outputs": outputs(path.parent)})


def test_a_case_that_was_skipped_is_named(checked: Any) -> None:
    task = next(task for task in checked.tasks if task.verb == "reweight")
    checked.tasks.remove(task)
    subject = dict(task.subject)
    checked.commit(
        "reweight", subject | {"replica": 1}, {"skipped": "the run was unstable: it is left out"}, {}
    )
    content = SECTION.build(collected(checked))
    (caution,) = content.warnings
    assert "case mace, replica 1: the run was unstable" in caution.sentence
    reason = "Case mace: its reweighting has not run, or could not be made."
    assert content.verdict == [[f"Study check (reweighting check): 0 of 1 case done. {reason}"]]


def test_a_case_of_an_unstable_run_says_so(checked: Any) -> None:
    (task,) = [task for task in checked.tasks if task.verb == "md" and task.subject["md"] == "theirs"]
    change(checked, task, outcome="unstable", cause="it exploded")
    ((sentence,),) = SECTION.build(collected(checked)).verdict
    assert sentence.endswith(
        "0 of 1 case done. Case mace: theirs, replica 0, was unstable at 2.00 ps (it exploded)."
    )


@pytest.mark.whole
def test_on_the_page(checked: Any, tmp_path: Path) -> None:
    page = build_report(checked.document, checked.tasks, checked.store, tmp_path / "out").read_text("utf-8")
    assert '<section id="reweighting_check"' in page
    assert read_json(tmp_path / "out/results.json")["reweighting_check"]["check"]["checks"]["mace"]
