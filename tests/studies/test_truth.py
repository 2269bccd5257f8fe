"""The study `truth`: what it unfolds into, mistakes, and the campaign that asks the question."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cut_truth import CAMPAIGN, COMMITTEES, cut

from mlipbench_hpc.analysis.committee import BAND_FRAMES
from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.parts import part_of
from mlipbench_hpc.campaign.problem import CampaignError, Problem
from mlipbench_hpc.contract.versions import verb_versions
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.potentials.card import find as potentials

MOST_HOURS, SHARD_HOURS = 14.0, 4.0


def write(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "truth.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def planned(path: Path, part: str = "") -> list[Planned]:
    validated = validate(path)
    campaign = part_of(validated.campaign, part) if part else validated.campaign
    names = ("analysis", "reference", "deepmd", "mace", "symmetrix", "grace", "jax")
    identities = {name: f"venv:{name}" for name in names}
    facts = validated.datasets, validated.systems
    installed = {"potentials": potentials(), "compilers": {"g++": "12"}}
    return expand(campaign, Setting(*facts, find(), identities, verb_versions(), **installed), {})


def hours(plan: list[Planned]) -> float:
    return sum(item.cost.core_s for item in plan) / 3600


def test_every_member_of_every_committee_runs_from_a_frame_of_its_own(tmp_path: Path) -> None:
    campaign = validate(write(tmp_path, cut())).campaign
    names = [f"dp-inner-{name}-{member}" for name in COMMITTEES[:2] for member in (0, 1)]
    assert [name for name in campaign.md if name.startswith("dp-inner-")] == names
    runs = [campaign.md[name] for name in names]
    assert [(run.committee, run.member) for run in runs] == [
        (name, member) for name in COMMITTEES[:2] for member in (0, 1)
    ]
    assert [run.start.frames for run in runs] == [[17], [22]] * 2
    assert {run.hydrogen_mass for run in runs} == {4.0}
    assert {run.restraints[0].height for run in runs} == {4.2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "nobody"}, "reference: no such entry in `md`; received 'nobody'"),
        ({"check": {"run": "lihgt"}}, "check.run: no such entry in `md`; received 'lihgt'"),
        (
            {"committees": ["dp-mixed", "dp-9"]},
            "compare[0]: wrong value; received 'dp-specific-2'; expected one of `committees`: dp-mixed, dp-9",
        ),
        ({"committees": ["dp-mixed", "dp-mixed"]}, "expected each of `committees` once"),
        ({"pairs": [["dp-mixed", "dp-mixed"]]}, "pairs[0]: wrong value; received dp-mixed twice"),
        (
            {"pairs": [["dp-mixed", "dp-specific-2"], ["dp-specific-2", "dp-mixed"]]},
            "pairs[1]: wrong value; received dp-specific-2 and dp-mixed; expected each pair once",
        ),
        (
            {"pairs": [["dp-mixed", "dp-specific-2", "dp-mixed"]]},
            "pairs[0]: wrong value; received a list of 3",
        ),
        (
            {"compare": ["dp-mixed", "dp-mixed"]},
            "compare[1]: wrong value; received 'dp-mixed'; expected each",
        ),
        ({"gate": {"committees": ["dp-mixed", "dp-mixed"]}}, "gate.committees[1]: wrong value"),
        ({"gate": {"committees": ["dp-mixed"], "cosine": True}}, "gate.cosine: wrong value; received True"),
        ({"members": 3}, "expected a frame of its own for each member"),
        ({"numbers": ["cosin"]}, "numbers[0]"),
        ({"gate": {"committees": ["dp-mixed"], "cosine": 2}}, "gate.cosine"),
    ],
)
def test_mistakes_are_reported_at_the_study(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    document = cut()
    document["parts"].pop("dp")
    document["analysis"]["reweight"] = {"stride": 2}
    document["studies"]["dp-inner"] |= change
    with pytest.raises(CampaignError) as caught:
        validate(write(tmp_path, document))
    assert any(
        f"studies.dp-inner.{message}" in str(own) or message in str(own) for own in caught.value.problems
    )
    assert all("studies.dp-inner" in str(own) for own in caught.value.problems)


def test_a_committee_that_does_not_exist_is_named_at_its_place(tmp_path: Path) -> None:
    document = cut()
    document["studies"]["cover-a"] |= {"committees": ["dp-1", "dp-7"], "coverage": ["dp-1"]}
    with pytest.raises(CampaignError) as caught:
        validate(write(tmp_path, document))
    assert any("studies.cover-a.committees[1]" in str(own) for own in caught.value.problems)


OTHERWISE = {
    "temperature": "310 K", "timestep": "0.5 fs", "hydrogen_mass": None, "restraints": [], "fixed_layers": 2,
    "fixed_atoms": [150], "wall": "31 Å", "thermostat": {"kind": "langevin", "friction": "0.001 1/fs"},
}  # fmt: skip


def problems(folder: Path, document: dict[str, Any]) -> list[Problem]:
    document["parts"] = {}
    with pytest.raises(CampaignError) as caught:
        validate(write(folder, document))
    return list(caught.value.problems)


def line_of(folder: Path, *keys: str) -> int:
    """Line of a key of the written campaign, found by a search for each key below the last."""
    lines, place = (folder / "truth.yaml").read_text(encoding="utf-8").splitlines(), -1
    for depth, key in enumerate(keys):
        start = "  " * depth + f"{key}:"
        place = next(index for index, line in enumerate(lines) if index > place and line.startswith(start))
    return place + 1


@pytest.mark.parametrize("key", list(OTHERWISE))
def test_members_run_as_the_reference_does(tmp_path: Path, key: str) -> None:
    """Each condition that changes averages, alone, in both studies of one reference."""
    document = cut()
    md = document["studies"]["dp-inner"]["md"]
    document["studies"]["dp-inner"]["md"] = md | {key: OTHERWISE[key]}
    own = [one for one in problems(tmp_path, document) if "with which it is compared" in one.message]
    assert [one.path for one in own] == [f"studies.dp-inner.md.{key}"]
    assert "not as in `truth-inner`" in str(own[0])
    assert own[0].line == line_of(tmp_path, "studies", "dp-inner", "md", key)


@pytest.mark.parametrize("key", [key for key in OTHERWISE if key not in ("timestep", "hydrogen_mass")])
def test_the_check_differs_in_timestep_and_masses_alone(tmp_path: Path, key: str) -> None:
    document = cut()
    document["md"]["light"][key] = OTHERWISE[key]
    own = [one for one in problems(tmp_path, document) if "with which it is compared" in one.message]
    assert [one.path for one in own] == ["studies.dp-inner.check.run"]
    assert key in own[0].received


def test_a_check_that_checks_nothing_is_refused(tmp_path: Path) -> None:
    document = cut()
    document["md"]["light"] |= {"timestep": "1.5 fs", "hydrogen_mass": "4 u"}
    (own,) = problems(tmp_path, document)
    assert "the timestep and masses that it is to check" in own.message


def test_lengths_frames_and_equilibration_are_free(tmp_path: Path) -> None:
    document = cut()
    document["studies"]["dp-inner"]["md"] |= {
        "length": "0.9 ps", "equilibration": "0.45 ps", "frame_every": "30 fs", "seed": 7,
    }  # fmt: skip
    validate(write(tmp_path, document))


def test_members_start_from_the_atoms_of_the_reference(tmp_path: Path) -> None:
    """Frames 0 to 11 of the cut have no ions; the restrained element is not there either."""
    document = cut()
    document["md"]["truth-inner"]["restraints"] = document["studies"]["dp-inner"]["md"]["restraints"] = []
    document["studies"].pop("cover-a")
    document["studies"]["dp-inner"].pop("check")
    document["studies"]["dp-inner"]["start"] = {"dataset": "validation", "frames": [1, 4]}
    (own,) = problems(tmp_path, document)
    assert "other atoms" in own.message
    assert (own.received, own.expected) == ("Au48H72O36", "Au48H72Na2O36")


def test_members_run_in_the_cell_of_the_reference(tmp_path: Path) -> None:
    document = cut()
    document["systems"]["wider"] = {
        "slab": {"size": [4, 4, 3], "waters": 36, "ions": 2, "lattice_constant": "4.3 Å"}
    }
    wide = document["datasets"]["validation"]["generate"] | {"systems": ["wider"], "frames": 4}
    document["datasets"]["wide"] = {"generate": wide}
    document["studies"].pop("cover-a")
    document["studies"]["dp-inner"]["start"] = {"dataset": "wide", "frames": [0, 1]}
    (own,) = problems(tmp_path, document)
    assert "starts in another cell" in own.message


def test_committees_learn_the_labels_of_what_drives_the_reference(tmp_path: Path) -> None:
    """The reference three-periodic, the labels slab-corrected: the truth would not be what was learned."""
    document = cut()
    document["studies"].pop("cover-a")
    for name in ("truth-inner", "light"):
        document["md"][name]["electrostatics"] = "three-periodic"
    own = problems(tmp_path, document)
    assert [one.path for one in own] == [f"studies.dp-inner.committees[{place}]" for place in (0, 1)]
    assert "whose labels are not what drives the reference" in own[0].message


def test_a_reference_is_a_run_of_a_reference_potential(tmp_path: Path) -> None:
    document = cut()
    document["studies"].pop("cover-a")
    document["studies"]["dp-inner"] |= {"reference": "own"}
    document["studies"]["dp-inner"].pop("check")
    run = {key: own for key, own in document["md"]["truth-inner"].items() if key != "potential"}
    document["md"]["own"] = run | {"committee": "dp-mixed"}
    (own,) = problems(tmp_path, document)
    assert own.path == "studies.dp-inner.reference"
    assert "driven by no reference potential" in own.message


def test_coverage_counts_each_committee_once_against_one_truth(tmp_path: Path) -> None:
    document = cut()
    cover = document["studies"]["cover-a"]
    cover |= {"committees": ["dp-mixed", "dp-2"], "coverage": ["dp-mixed", "dp-2"]}
    own = problems(tmp_path, document)[0]
    assert own.path == "studies.cover-a.coverage[0]"
    assert "dp-mixed, also in dp-inner" in own.received
    document["md"]["again"] = document["md"]["truth-inner"] | {"seed": 9}
    cover |= {"committees": ["dp-1"], "coverage": ["dp-1"], "reference": "again"}
    (own,) = problems(tmp_path, document)
    assert "coverage of two truths" in own.message


@pytest.mark.parametrize(
    ("against", "place", "message"),
    [
        ({"study": "dp-iner", "pairs": [["dp-1", "dp-mixed"]]}, "study", "did you mean `dp-inner`?"),
        ({"study": "cover-a", "pairs": [["dp-1", "dp-mixed"]]}, "study", "no such study"),
        ({"study": "dp-inner", "pairs": [["dp-1", "dp-2"]]}, "pairs[0][1]", "no committee of study dp-inner"),
    ],
)
def test_another_study_stands_before_and_has_the_committee(
    tmp_path: Path, against: dict[str, Any], place: str, message: str
) -> None:
    document = cut()
    document["studies"]["cover-a"]["against"] = against
    (own,) = problems(tmp_path, document)
    assert own.path == f"studies.cover-a.against.{place}"
    assert message in str(own)


def test_committees_of_two_studies_are_compared_where_both_have_one_truth(tmp_path: Path) -> None:
    document = cut()
    cover = document["studies"]["cover-a"]
    cover["against"] = {"study": "dp-inner", "pairs": [["dp-mixed", "dp-specific-2"]]}
    (own,) = problems(tmp_path, document)
    assert "against.pairs[0][0]: wrong value; received 'dp-mixed'; expected one of `committees`" in str(own)
    cover["against"] = {"study": "dp-inner", "pairs": [["dp-1", "dp-mixed"]]}
    cover |= {"reference": "again", "coverage": []}
    document["md"]["again"] = document["md"]["truth-inner"] | {"seed": 9}
    (own,) = problems(tmp_path, document)
    assert own.path == "studies.cover-a.against.study"
    assert "truth-inner in dp-inner, again here" in str(own)


def test_committees_of_one_pool_are_not_independent(tmp_path: Path) -> None:
    document = cut()
    document["committees"]["dp-2"]["split"] = document["committees"]["dp-1"]["split"]
    (own,) = problems(tmp_path, document)
    assert own.path == "studies.cover-a.coverage[1]"
    assert "not independent; received dp-2 and dp-1, of frames of one dataset" in str(own)


def test_one_mistake_in_a_study_is_one(tmp_path: Path) -> None:
    """Its runs are not made, and what names them is no mistake besides; another mistake is."""
    document = cut()
    document["committees"]["dp-2"]["split"] = "dp-inner-mixed"
    document["studies"]["dp-inner"]["pairs"] = [["dp-mixed", "dp-mixed"]]
    assert {own.path for own in problems(tmp_path, document)} == {
        "studies.dp-inner.pairs[0]", "committees.dp-2.split",
    }  # fmt: skip
    document = cut()
    document["studies"]["dp-inner"]["pairs"] = [["dp-mixed", "dp-mixed"]]
    document["studies"]["cover-a"]["against"] = {"study": "dp-inner", "pairs": [["dp-1", "dp-mixed"]]}
    with pytest.raises(CampaignError) as caught:
        validate(write(tmp_path, document))
    (own,) = caught.value.problems
    assert own.path == "studies.dp-inner.pairs[0]"


def test_the_campaign_is_the_design_and_fits_a_night() -> None:
    """24 trainings of dp and 36 runs, 18 and 24 of mace, six more committees with a run of each member."""
    plan = planned(CAMPAIGN)
    trained = [own["committee"] for item in plan for own in item.subjects if item.task.verb == "train"]
    assert len([name for name in trained if name.startswith(("dp-s", "dp-mixed"))]) == 24
    assert len([name for name in trained if name.startswith("mace-")]) == 18
    assert len([name for name in trained if name[3:].isdigit()]) == 36
    runs = [own["md"] for item in plan for own in item.subjects if item.task.verb == "md"]
    for study, count in (
        ("dp-neutral-", 18),
        ("dp-inner-", 18),
        ("mace-", 24),
        ("cover-", 36),
        ("truth-", 20),
    ):
        assert len([name for name in runs if name.startswith(study)]) == count
    assert hours(plan) <= MOST_HOURS
    campaign = validate(CAMPAIGN).campaign
    for part in campaign.parts:
        assert hours(planned(CAMPAIGN, part)) <= SHARD_HOURS, part


def test_alpha_has_enough_independent_frames_and_runs_start_apart() -> None:
    """One validation frame of each structure, of which 24 are needed; no run shares one with another line."""
    campaign = validate(CAMPAIGN).campaign
    recipe = campaign.datasets["validation"].generate
    assert recipe is not None
    assert recipe.rattle is None
    runs = recipe.runs
    assert {frames for _, _, frames in runs} == {1}
    known = {name: [place for place, (of, _, _) in enumerate(runs) if of == name] for name in recipe.origins}
    assert {name: len(own) >= BAND_FRAMES for name, own in known.items()} == {
        "neutral": True,
        "two-ions": True,
    }
    lines = [run.start.frames for run in campaign.md.values() if run.potential]
    lines += [
        list(spec["start"]["frames"]) for name, spec in campaign.studies.items() if name.startswith("dp-")
    ]
    every = [frame for frames in lines for frame in frames]
    assert len(every) == len(set(every))
    for name, run in campaign.md.items():
        system = "neutral" if "neutral" in name else "two-ions"
        assert set(run.start.frames) <= set(known[system]), name


def test_parts_together_are_the_campaign() -> None:
    parts = validate(CAMPAIGN).campaign.parts
    keys = {item.key for part in parts for item in planned(CAMPAIGN, part)}
    assert keys == {item.key for item in planned(CAMPAIGN)}


def test_every_own_run_is_reweighted_and_ions_come_last() -> None:
    """By name in the campaign, because runs of studies are not by themselves; atoms 156 and 157 are Na."""
    campaign = validate(CAMPAIGN).campaign
    reweight = campaign.analysis.reweight
    assert reweight is not None
    studies = ("dp-neutral-", "dp-inner-", "mace-neutral-", "mace-inner-")
    assert set(reweight.md or []) == {name for name in campaign.md if name.startswith(studies)}
    outer = campaign.md["truth-outer"].restraints
    assert [own.atoms for own in outer] == [[156], [157]]
    slab = campaign.systems["two-ions"].slab
    assert slab is not None
    n, m, layers = slab.size
    assert n * m * layers + 3 * slab.waters == 156
