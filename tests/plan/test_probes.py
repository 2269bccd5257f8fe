"""Scans and composed frames: how many tasks, what they consume, what they may cost, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from toy import TOY, argon_frames

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import CampaignError, validate
from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.expand import Setting, environments, expand
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.potentials.card import find as find_potentials

SCANS = """\
scans:
  model: {committee: pairs, start: {dataset: argon, frames: [3, 5]}, particles: [ion], each: 4}
  truth: {potential: lennard-jones, start: {dataset: argon, frames: [3, 5]}, particles: [ion], each: 4}
"""
SCANNED = TOY.replace("analysis:\n", f"{SCANS}analysis:\n")
FILM = """\
name: film
systems:
  none: {slab: {size: [4, 4, 3], waters: 36, ions: 0}}
  two: {slab: {size: [4, 4, 3], waters: 36, ions: 2}}
datasets:
  film: {generate: {systems: [none, two], potential: electrode, temperatures: [300 K], frames: 40}}
  again: {label: {frames: film, potential: electrode, electrostatics: three-periodic}}
splits:
  mixed: {dataset: film, validation: 4, test: 8, train: 20, members: 3}
models:
  tiny: {architecture: mace, preset: tiny}
committees:
  mace: {model: tiny, split: mixed}
studies:
  sight:
    kind: visibility
    committees: [mace]
    floor: {split: mixed, potential: electrode, radii: [6 Å, 8 Å], hosts: 5, waters: 2, donors: 7}
  rough:
    kind: roughness
    committees: [mace]
    reference: electrode
    start: {dataset: film, frames: [0, 30]}
"""


def plan(folder: Path, text: str) -> list[Planned]:
    """Tasks of a campaign, with all verbs at their first version."""
    argon_frames(folder)
    (folder / "toy.yaml").write_text(text)
    validated = validate(folder / "toy.yaml")
    campaign, potentials = validated.campaign, find_potentials()
    identities = dict.fromkeys(environments(campaign, find(), potentials), "venv:0")
    facts = validated.datasets, validated.systems, find(), identities
    return expand(campaign, Setting(*facts, dict.fromkeys(verbs(), 1), potentials=potentials), {})


def of(verb: str, tasks: list[Planned]) -> list[Planned]:
    return [item for item in tasks if item.task.verb == verb]


def test_a_scan_is_a_task_of_each_member_and_one_of_a_potential(tmp_path: Path) -> None:
    before, after = plan(tmp_path, TOY), plan(tmp_path, SCANNED)
    scans = of("scan", after)
    assert {item.key for item in after} - {item.key for item in before} == {item.key for item in scans}
    assert [item.subjects for item in scans] == [
        ({"scan": "model", "committee": "pairs", "member": 0},),
        ({"scan": "model", "committee": "pairs", "member": 1},),
        ({"scan": "truth", "potential": "lennard-jones"},),
    ]
    trained = [item.key for item in of("train", after)]
    assert [item.task.upstream.get("model") for item in scans] == [*trained, None]
    assert len({item.task.upstream["start"] for item in scans}) == 1
    shared = {"frames": [3, 5], "particles": ["ion"], "each": 4, "distance": 1.0, "points": 101, "seed": 0}
    for item in scans:
        assert shared.items() <= item.task.parameters.items()
    assert scans[2].task.parameters["epsilon"] == 0.0104
    assert scans[2].task.environment == "analysis"


def test_composed_frames_are_one_task_beside_the_split(tmp_path: Path) -> None:
    """Two kinds of 5 hosts x 2 waters x 7 donors x 2 radii: 280 labels; scans 2 x 2 x 2 x 2 x 101 points."""
    tasks = plan(tmp_path, FILM)
    (own,) = of("locality", tasks)
    (split,), (frames,) = of("split", tasks), [i for i in of("build", tasks) if i.subjects[0].get("dataset")]
    assert own.task.upstream == {"frames": frames.key, "split": split.key}
    assert own.task.environment == "reference"
    given = own.task.parameters
    assert (given["radii"], given["hosts"], given["waters"], given["donors"]) == ([6.0, 8.0], 5, 2, 7)
    assert [stretch["frames"] for stretch in given["conditions"]] == [20, 20]
    assert given["electrostatics"] == "slab-corrected"
    assert len(of("scan", tasks)) == 3 + 1
    card = find_potentials()["electrode"].card
    facts = validate(tmp_path / "toy.yaml").datasets["film"]
    law_s = cost.laws(card, given, facts)
    assert own.cost.core_s == pytest.approx(law_s["start"] + 280 * law_s["label"])
    scan = of("scan", tasks)[-1]
    assert scan.cost.core_s == pytest.approx(law_s["start"] + 16 * 101 * law_s["label"])


def test_the_environment_of_a_potential_that_only_scans_is_needed(tmp_path: Path) -> None:
    argon_frames(tmp_path)
    text = TOY.replace(
        "analysis:\n", "scans:\n  film: {potential: spc-fw, start: {system: box}}\nanalysis:\n"
    )
    text = text.replace("datasets:\n", "systems: {box: {water_box: {molecules: 16}}}\ndatasets:\n")
    (tmp_path / "toy.yaml").write_text(text)
    campaign = validate(tmp_path / "toy.yaml").campaign
    assert environments(campaign, find(), find_potentials()) == ["analysis", "reference"]


@pytest.mark.parametrize(
    ("text", "change", "place", "words"),
    [
        (SCANNED, ("frames: [3, 5]}, particles: [ion], each: 4}\n  truth", "frames: [3, 99]}}\n  truth"),
         "scans.model.start.frames[1]", "no such frame"),
        (SCANNED, ("committee: pairs, start: {", "committee: pears, start: {"),
         "scans.model.committee", "did you mean `pairs`"),
        (SCANNED, ("potential: lennard-jones", "potential: electrode"), "scans.truth.potential",
         "species that electrode does not know: Ar"),
        (SCANNED, ("potential: lennard-jones", "potential: lennard-jones, epsilon: -1"),
         "scans.truth.epsilon", "wrong value"),
        (SCANNED, ("potential: lennard-jones", "potential: lennard-jones, epsilom: 1"),
         "scans.truth.epsilom", "did you mean `epsilon`"),
        (FILM, ("split: mixed, potential", "split: mxed, potential"), "studies.sight.floor.split",
         "did you mean `mixed`"),
        (FILM, ("split: mixed, potential: electrode", "split: mixed, potential: spc-fw"),
         "studies.sight.floor.potential", "species that spc-fw does not know"),
        (FILM, ("mixed: {dataset: film", "mixed: {dataset: again"), None, ""),
        (FILM, ("committees: [mace]\n    floor", "committees: [mase]\n    floor"),
         "studies.sight.committees[0]", "did you mean `mace`"),
        (FILM, ("committees: [mace]\n    reference", "committees: [mase]\n    reference"),
         "studies.rough.committees[0]", "did you mean `mace`"),
        (FILM, ("reference: electrode", "reference: electrod"), "studies.rough.reference",
         "did you mean `electrode`"),
        (FILM, ("frames: [0, 30]", "frames: [0, 40]"), "studies.rough.start.frames[1]", "0 to 39"),
        (FILM, ("donors: 7", "donors: 1"), "studies.sight.floor.donors", "2"),
    ],
)  # fmt: skip
def test_mistakes_stand_at_the_line_that_was_written(
    tmp_path: Path, text: str, change: tuple[str, str], place: str | None, words: str
) -> None:
    argon_frames(tmp_path)
    assert change[0] in text
    (tmp_path / "toy.yaml").write_text(text.replace(*change))
    if place is None:
        validate(tmp_path / "toy.yaml")
        return
    with pytest.raises(CampaignError) as caught:
        validate(tmp_path / "toy.yaml")
    problems = [str(problem) for problem in caught.value.problems]
    assert all(place in problem for problem in problems)
    assert any(words in problem for problem in problems)


def test_labels_of_another_potential_are_refused(tmp_path: Path) -> None:
    """Hosts with a file's labels, composed frames with the reference's: no floor."""
    from ase.io import read, write

    argon_frames(tmp_path)
    frames: Any = read(tmp_path / "argon.extxyz", ":")
    for frame in frames:
        frame.numbers[:] = [79, 8, 1, 1] * 8
    write(tmp_path / "film.extxyz", frames)
    text = TOY.replace("argon.extxyz", "film.extxyz").replace("[[Ar, Ar]]", "[[O, O]]")
    text = text.replace("timestep: 2 fs", "timestep: 1 fs").replace(
        "analysis:\n", "locality:\n  floor: {split: main, potential: electrode, radii: [3 Å]}\nanalysis:\n"
    )
    (tmp_path / "toy.yaml").write_text(text)
    with pytest.raises(CampaignError) as caught:
        validate(tmp_path / "toy.yaml")
    assert any(
        "locality.floor.potential" in str(problem) and "its labels are a file's" in str(problem)
        for problem in caught.value.problems
    )
