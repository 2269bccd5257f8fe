"""The study `truth`: what it unfolds into, mistakes, and the campaign that asks the question."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cut_truth import CAMPAIGN, COMMITTEES, cut

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.parts import part_of
from mlipbench_hpc.campaign.problem import CampaignError
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
    assert {run.restraints[0].height for run in runs} == {3.3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "nobody"}, "reference: no such entry in `md`; received 'nobody'"),
        ({"check": {"run": "lihgt"}}, "check.run: no such entry in `md`; received 'lihgt'"),
        ({"committees": ["dp-mixed", "dp-9"]}, "expected only what `committees` lists, not dp-specific-2"),
        ({"committees": ["dp-mixed", "dp-mixed"]}, "expected each of `committees` once"),
        ({"pairs": [["dp-mixed", "dp-mixed"]]}, "expected two different committees"),
        ({"members": 3}, "expected 3 different `frames` under `start`"),
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
        ("truth-", 16),
    ):
        assert len([name for name in runs if name.startswith(study)]) == count
    assert hours(plan) <= MOST_HOURS
    campaign = validate(CAMPAIGN).campaign
    for part in campaign.parts:
        assert hours(planned(CAMPAIGN, part)) <= SHARD_HOURS, part


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
