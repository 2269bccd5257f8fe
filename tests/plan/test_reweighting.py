"""Tasks that reweight a run to another committee: counted by hand, shared where equal, refused."""

from pathlib import Path

import pytest
from toy import TOY, argon_frames

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import CampaignError, validate
from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.plan.graph import Planned

RUN = """\
  {name}:
    committee: {committee}
    start: {{dataset: argon}}
    temperature: 40 K
    timestep: 2 fs
    length: 0.4 ps
    frame_every: 4 fs
    checkpoint_every: 80 fs
"""
FEW = "  few: {dataset: argon, validation: 4, test: 4, train: 6, members: 3}\n"
TWO = (
    TOY.replace("  main: {", FEW + "  main: {")
    .replace("  pairs: {model: pairs, split: main}", "  pairs: {model: pairs, split: main}\n"
             "  others: {model: pairs, split: few}")
    .replace("analysis:\n", RUN.format(name="other", committee="others") + "analysis:\n")
    + "reweighting:\n  across: {run: crystal, against: other, stride: 2}\n"
)  # fmt: skip


def plan(folder: Path, text: str = TWO) -> list[Planned]:
    """Tasks of the toy campaign with two committees, all verbs at their first version."""
    argon_frames(folder)
    (folder / "toy.yaml").write_text(text)
    validated = validate(folder / "toy.yaml")
    facts = validated.datasets, validated.systems, find(), {"analysis": "venv:analysis"}
    return expand(validated.campaign, Setting(*facts, dict.fromkeys(verbs(), 1)), {})


def of(verb: str, tasks: list[Planned]) -> list[Planned]:
    return [item for item in tasks if item.task.verb == verb]


def test_the_driving_member_and_all_members_of_the_other_committee_are_evaluated(tmp_path: Path) -> None:
    tasks = plan(tmp_path)
    trained = {
        (item.subjects[0]["committee"], item.subjects[0]["member"]): item.key for item in of("train", tasks)
    }
    driving, members, *more = of("reevaluate", tasks)
    assert len(more) == 2, "of the second replica"
    labels = [item.task.label for item in tasks]
    assert len(set(labels)) == len(labels)
    runs = [item.key for item in of("md", tasks) if item.subjects[0]["md"] == "crystal"]
    assert driving.task.upstream == {"md": runs[0], "member-000": trained["pairs", 0]}
    others = {f"member-00{member}": trained["others", member] for member in range(3)}
    assert members.task.upstream == {"md": runs[0]} | others
    first, second = of("reweight", tasks)
    assert first.task.upstream == {
        "md": runs[0], "driving": driving.key, "energies": members.key,
        "calibration": of("calibrate", tasks)[1].key,
    }  # fmt: skip
    assert second.subjects == (
        {"reweighting": "across", "of": "crystal", "replica": 1, "committee": "others"},
    )
    assert first.task.parameters["driving_member"] is None
    assert first.task.parameters["stride"] == 2


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ("against: other", "against: othr", "across.against", "no such entry in `md`"),
        ("against: other", "against: crystal", "across.against", "driven by the same committee"),
        ("members: 3}", "members: 1}", "across.against", "a committee of one"),
        ("stride: 2}", "strid: 2}", "across.strid", "unknown key"),
        ("    committee: others\n    start: {dataset: argon}\n    temperature: 40 K",
         "    committee: others\n    start: {dataset: argon}\n    temperature: 50 K", "across",
         "temperatures"),
        ("    committee: others", "    potential: spc-fw", "across.against", "driven by no committee"),
    ],
)  # fmt: skip
def test_what_cannot_be_reweighted_is_refused(
    tmp_path: Path, old: str, new: str, path: str, said: str
) -> None:
    assert old in TWO
    with pytest.raises(CampaignError) as refused:
        plan(tmp_path, TWO.replace(old, new))
    mine = [problem for problem in refused.value.problems if problem.path == f"reweighting.{path}"]
    assert [said in str(problem) for problem in mine] == [True], refused.value.problems
