"""Restraints of heights and heavy hydrogen in campaigns: every mistake in its words, and what tasks get."""

from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError
from mlipbench_hpc.contract.versions import verb_versions
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.potentials.card import find as potentials

GOOD = """\
name: held
systems:
  film: {slab: {size: [4, 4, 3], waters: 36, ions: 2}}
  bulk: {water_box: {molecules: 8}}
datasets:
  frames: {generate: {system: film, potential: electrode, temperatures: [300 K], frames: 40}}
splits:
  four: {dataset: frames, validation: 5, test: 5, train: 20}
models:
  small: {architecture: dp}
committees:
  first: {model: small, split: four}
md:
  truth:
    potential: electrode
    start: {system: film}
    length: 3 ps
    timestep: 1.5 fs
    frame_every: 15 fs
    hydrogen_mass: 4 u
    restraints: [{atoms: Na, height: 3 Å, spring: 1 eV/Å²}]
  model:
    committee: first
    start: {system: film}
    length: 3 ps
    timestep: 1.5 fs
    frame_every: 15 fs
    hydrogen_mass: 4 u
    restraints: [{atoms: Na, height: 3 Å, spring: 1 eV/Å²}]
analysis:
  comparisons: [{run: model, against: truth, observables: [cosine]}]
"""
ENTRY = "restraints: [{atoms: Na, height: 3 Å, spring: 1 eV/Å²}]\n  model"


def write(folder: Path, text: str) -> Path:
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, *pairs: tuple[str, str]) -> list[str]:
    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(CampaignError) as caught:
        validate(write(folder, text))
    return [str(problem).partition(".yaml:")[2] for problem in caught.value.problems]


def heights(words: str) -> tuple[str, str]:
    return ENTRY, f"restraints: [{words}]\n  model"


ONE = "height: 3 Å, spring: 1 eV/Å²"
AT = "md.truth.restraints"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (f"{{atoms: K, {ONE}}}", f"{AT}[0].atoms: the start holds no such element; received 'K'"),
        (f"{{atoms: Au, {ONE}}}", f"{AT}[0].atoms: heights are counted from its atoms; received 'Au'"),
        (f"{{atoms: [158], {ONE}}}", f"{AT}[0].atoms[0]: no such atom; received 158; expected 0 to 157"),
        (f"{{atoms: [], {ONE}}}", f"{AT}[0].atoms"),
        (
            f"{{atoms: [3], {ONE}}}",
            f"{AT}[0].atoms[0]: heights are counted from atoms of its element; received 3",
        ),
        (f"{{atoms: Na, {ONE}}}, {{atoms: [156], {ONE}}}", f"{AT}[1].atoms: restrained twice; received 156"),
        (f"{{atoms: [157], {ONE}}}, {{atoms: Na, {ONE}}}", f"{AT}[1].atoms: restrained twice; received 157"),
        (
            f"{{atoms: [156, 157], {ONE}}}, {{atoms: [157], {ONE}}}",
            f"{AT}[1].atoms: restrained twice; received 157",
        ),
        (
            "{atoms: Na, height: 30 Å, spring: 1 eV/Å²}",
            f"{AT}[0].height: above the film; received 30 Å; expected at most 14.4 Å, where the wall stands",
        ),
        (
            "{atoms: Na, height: 3 Å, spring: 300 eV/Å²}",
            f"{AT}[0].spring: too stiff for the timestep; received 300 eV/Å², a period of 18 fs for 22.99 u; "
            "expected at most 105 eV/Å² at a timestep of 1.5 fs",
        ),
        ("{atoms: Na, height: 3 Å, spring: 1 eV/Å}", f"{AT}[0].spring: wrong value; received '1 eV/Å'"),
        ("{atoms: Na, height: -3 Å, spring: 1 eV/Å²}", f"{AT}[0].height: wrong value; received '-3 Å'"),
        ("{atoms: Na, height: 3 Å}", f"{AT}[0].spring: is required"),
    ],
)
def test_restraints_that_cannot_work(tmp_path: Path, words: str, expected: str) -> None:
    found = problems(
        tmp_path,
        heights(words),
        ("  comparisons: [{run: model, against: truth, observables: [cosine]}]", "  blocks: 10"),
    )
    assert len(found) == 1, found
    assert expected in found[0], found[0]


def test_a_fixed_atom_and_a_start_without_a_surface(tmp_path: Path) -> None:
    fixed = (ENTRY, f"fixed_atoms: [156]\n    restraints: [{{atoms: [156], {ONE}}}]\n  model")
    none = ("analysis:\n  comparisons: [{run: model, against: truth, observables: [cosine]}]\n", "")
    (line,) = problems(tmp_path, fixed, none)
    assert f"{AT}[0].atoms[0]: a fixed atom; received 156" in line
    bulk = ("potential: electrode\n    start: {system: film}", "potential: spc-fw\n    start: {system: bulk}")
    found = problems(tmp_path, bulk, heights(f"{{atoms: O, {ONE}}}"), none)
    assert any(f"{AT}: the start has no surface; received a start of H, O" in line for line in found), found


@pytest.mark.parametrize(
    ("mass", "expected"),
    [
        ("1 u", "no mass of heavy hydrogen; received 1 u; expected more than 1.008 u"),
        ("7 u", "no mass of heavy hydrogen; received 7 u"),
        ("4 K", "wrong value; received '4 K'; expected a mass with its unit (u, Da), such as `4 u`"),
    ],
)
def test_masses_that_cannot_be(tmp_path: Path, mass: str, expected: str) -> None:
    line, *_ = problems(tmp_path, ("hydrogen_mass: 4 u", f"hydrogen_mass: {mass}"))
    assert f"md.truth.hydrogen_mass: {expected}" in line


def test_heavy_hydrogen_allows_no_timestep_that_its_oxygen_does_not(tmp_path: Path) -> None:
    (line,) = problems(
        tmp_path, ("timestep: 1.5 fs\n    frame_every: 15 fs", "timestep: 2.5 fs\n    frame_every: 25 fs")
    )
    assert "md.truth.timestep: too long" in line


def test_runs_with_different_restraints_are_not_compared(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, heights("{atoms: Na, height: 3.5 Å, spring: 1 eV/Å²}"))
    assert "analysis.comparisons[0]: runs with different restraints of heights" in line


def tasks(folder: Path, text: str) -> dict[str, Any]:
    validated = validate(write(folder, text))
    identities = {name: f"venv:{name}" for name in ("analysis", "reference", "deepmd")}
    setting = Setting(
        validated.datasets, validated.systems, find(), identities, verb_versions(), potentials=potentials()
    )
    planned = expand(validated.campaign, setting, {})
    return {item.subjects[0]["md"]: item for item in planned if item.task.verb == "md"}


def test_tasks_hold_them_where_runs_have_them_and_keys_of_others_stay(tmp_path: Path) -> None:
    plain = GOOD.replace("    hydrogen_mass: 4 u\n", "")
    plain = plain.replace("    restraints: [{atoms: Na, height: 3 Å, spring: 1 eV/Å²}]\n", "")
    held, free = tasks(tmp_path, GOOD), tasks(tmp_path, plain)
    for name in ("truth", "model"):
        own, other = held[name].task.parameters, dict(free[name].task.parameters)
        heights = [{"atoms": "Na", "target": 3.0, "spring": 1.0}]
        more = {"restraints": {"metal": "Au", "heights": heights}, "hydrogen_mass": 4.0}
        assert own == other | more
        assert held[name].key != free[name].key
