"""Parts of a campaign: campaigns of the same tasks; names that lead nowhere."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cut_truth import cut

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.parts import NoPart, part_of
from mlipbench_hpc.campaign.problem import CampaignError
from mlipbench_hpc.cli import main
from mlipbench_hpc.contract.versions import verb_versions
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.potentials.card import find as potentials


def write(folder: Path, document: dict[str, Any]) -> Path:
    path = folder / "truth.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def plan(path: Path, part: str = "") -> list[Planned]:
    validated = validate(path)
    campaign = part_of(validated.campaign, part) if part else validated.campaign
    identities = {name: f"venv:{name}" for name in ("analysis", "reference", "jax")}
    facts = validated.datasets, validated.systems
    return expand(campaign, Setting(*facts, find(), identities, verb_versions(), potentials=potentials()), {})


def test_a_part_has_the_keys_of_the_whole_and_all_that_it_needs(tmp_path: Path) -> None:
    path = write(tmp_path, cut())
    whole = {item.key for item in plan(path)}
    seen = set[str]()
    for part in cut()["parts"]:
        own = plan(path, part)
        keys = {item.key for item in own}
        assert keys < whole
        assert {key for item in own for key in item.task.upstream.values()} <= keys
        seen |= keys
    assert seen == whole


def test_a_study_s_part_holds_its_runs_and_not_its_reference(tmp_path: Path) -> None:
    path = write(tmp_path, cut())
    names = {own["md"] for item in plan(path, "dp") for own in item.subjects if item.task.verb == "md"}
    assert names == {
        f"dp-inner-{name}-{member}" for name in ("dp-specific-2", "dp-mixed") for member in (0, 1)
    }
    names = {own["md"] for item in plan(path, "truth") for own in item.subjects if item.task.verb == "md"}
    assert names == {"truth-inner", "light"}


def test_a_study_that_makes_nothing_brings_what_it_is_about(tmp_path: Path) -> None:
    """Runs that `dynamics` names, and datasets of `polarization`, are their parts."""
    document = cut()
    document["studies"]["motion"] = {"kind": "dynamics", "runs": ["truth-inner"]}
    document["studies"]["answer"] = {"kind": "polarization", "datasets": ["test"]}
    document["parts"] |= {"motion": ["motion"], "answer": ["answer"]}
    path = write(tmp_path, document)
    runs = {own["md"] for item in plan(path, "motion") for own in item.subjects if item.task.verb == "md"}
    assert runs == {"truth-inner"}
    assert [item.task.verb for item in plan(path, "answer")].count("dipole") == 1


def test_names_that_lead_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = cut()
    document["parts"]["dp"] = ["dp-iner"]
    document["parts"]["none"] = []
    with pytest.raises(CampaignError) as caught:
        validate(write(tmp_path, document))
    texts = [str(problem) for problem in caught.value.problems]
    assert any("parts.none" in text for text in texts)
    document["parts"].pop("none")
    with pytest.raises(CampaignError) as caught:
        validate(write(tmp_path, document))
    (problem,) = caught.value.problems
    assert "parts.dp[0]: no such entry; received 'dp-iner'" in str(problem)
    assert problem.hint == "dp-inner"
    path = write(tmp_path, cut())
    with pytest.raises(NoPart, match="no part 'x' in campaign `truth`; it has truth, dp, cover"):
        part_of(validate(path).campaign, "x")
    assert main(["plan", str(path), "--part", "x", "--store", str(tmp_path / "store")]) == 2
    assert "no part 'x'" in capsys.readouterr().err


def test_a_part_holds_runs_and_committees_alone(tmp_path: Path) -> None:
    """Timings are in the whole campaign only, and a study that makes other entries is refused."""
    document = cut()
    document["speed"] = {"steps": {"committee": "dp-mixed", "start": {"dataset": "validation"}}}
    path = write(tmp_path, document)
    assert "speed" in {item.task.verb for item in plan(path)}
    assert "speed" not in {item.task.verb for item in plan(path, "dp")}
