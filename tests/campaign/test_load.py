"""Every mistake at once, each in its exact words and with its own line."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from mlipbench_hpc.campaign.load import load, load_campaign, validate
from mlipbench_hpc.campaign.problem import CampaignError, Problem, dotted
from mlipbench_hpc.campaign.site import SlurmSite, load_site

GOOD = """\
name: water
systems:
  box: {water_box: {molecules: 8}}
datasets:
  generated:
    generate: {system: box, potential: spc-fw, temperatures: [300 K], frames: 40}
splits:
  four: {dataset: generated, validation: 5, test: 5, train: 20}
models:
  small: {architecture: mace}
committees:
  first: {model: small, split: four}
md:
  bulk:
    committee: first
    start: {system: box}
    length: 2 ps
"""


def problems_of(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    file = tmp_path / "campaign.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CampaignError) as caught:
        validate(file)
    return caught.value.problems


def only(tmp_path: Path, old: str, new: str) -> Problem:
    """The one problem of the good campaign after one change."""
    assert old in GOOD
    (problem,) = problems_of(tmp_path, GOOD.replace(old, new, 1))
    return problem


def test_the_good_campaign_is_good(tmp_path: Path):
    file = tmp_path / "campaign.yaml"
    file.write_text(GOOD)
    validated = validate(file)
    facts = validated.datasets["generated"]
    assert (facts.frames, facts.atoms, facts.largest, facts.species) == (40, 960, 24, (1, 8))
    assert facts.compositions == {"H16O8": 40}
    assert load_campaign(file) == validated.campaign


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            "name: water",
            "name: '../../x; rm -rf ~'",
            "1: name: is not a name; received '../../x; rm -rf ~'; expected a name: "
            "letters, digits and `_ . + -`, "
            "beginning with a letter or digit, at most 64 characters",
        ),
        (
            "architecture: mace}",
            "architecture: mace}\n  '../up': {architecture: mace}",
            "11: models.'../up': is not a name; received '../up'; expected a name: "
            "letters, digits and `_ . + -`, "
            "beginning with a letter or digit, at most 64 characters",
        ),
        (
            "name: water",
            "nme: water\nname: water",
            "1: nme: unknown key; received 'nme'; expected one of analysis, "
            "committees, datasets, description, "
            "evaluation, locality, md, models, name, parts, reweighting, scans, speed, splits, studies, "
            "systems, trajectories; did you mean "
            "`name`?",
        ),
        (
            "    length: 2 ps",
            "    length: 2 ps\n    timstep: 1 fs",
            "18: md.bulk.timstep: unknown key; received 'timstep'; expected one of "
            "checkpoint_every, committee, "
            "engine, equilibrate, equilibration, fixed_atoms, fixed_layers, frame_every, hydrogen_mass, "
            "length, member, potential, replicas, restraints, "
            "seed, stability, start, temperature, thermostat, "
            "timestep, wall; did you mean `timestep`?",
        ),
        (
            "length: 2 ps",
            "length: 2 K",
            "17: md.bulk.length: wrong value; received '2 K'; expected a time with its unit (fs, ps, ns), "
            "such as `0.5 fs`",
        ),
        (
            "length: 2 ps",
            "length: 2",
            "17: md.bulk.length: wrong value; received 2; expected a time with its "
            "unit (fs, ps, ns), such as `0.5 fs`",
        ),
        (
            "    length: 2 ps",
            "    seed: 1",
            "14: md.bulk.length: is required; received nothing; expected a value such as `0.5 fs`",
        ),
        (
            "molecules: 8",
            "molecules: 0",
            "3: systems.box.water_box.molecules: wrong value; received 0; expected greater than 0",
        ),
        (
            "validation: 5",
            "validation: 0",
            "8: splits.four.validation: wrong value; received 0; expected greater than 0",
        ),
        ("test: 5", "test: 5.0", "8: splits.four.test: wrong value; received 5.0; expected a valid integer"),
        (
            "train: 20",
            "train: 20, disjoint: no",
            "8: splits.four.disjoint: wrong value; received 'no'; expected a valid boolean",
        ),
        (
            "spc-fw",
            "spcfw",
            "6: datasets.generated.generate.potential: unknown reference potential; "
            "received 'spcfw'; expected one of electrode, spc-fw; did you mean `spc-fw`?",
        ),
        (
            "length: 2 ps",
            "length: 2 ps\n    thermostat: {kind: langevinn, friction: 1 1/ps}",
            "18: md.bulk.thermostat.kind: is not one of the choices; received 'langevinn'; expected one of "
            "nose-hoover-chain, langevin; did you mean `langevin`?",
        ),
        (
            "length: 2 ps",
            "length: 2 ps\n    thermostat:\n      kind: langevin\n      frction: 1 "
            "1/ps\n      friction: 1 1/ps",
            "20: md.bulk.thermostat.frction: unknown key; received 'frction'; "
            "expected one of friction, kind; "
            "did you mean `friction`?",
        ),
        (
            "length: 2 ps",
            "length: 2 ps\n    thermostat: {friction: 1 1/ps}",
            "18: md.bulk.thermostat.kind: is required; received nothing; expected a kind",
        ),
        (
            "    generate:",
            "    file: {path: x, format: extxyz, units: {energy: eV, force: eV/A}}\n    generate:",
            "5: datasets.generated: wrong value; received a mapping with file, "
            "generate; expected exactly one of "
            "`file`, `structures`, `generate`, `label` and `join`",
        ),
        (
            "start: {system: box}",
            "start: box",
            "16: md.bulk.start: wrong value; received 'box'; expected a mapping with dataset, frames, system",
        ),
        (
            "start: {system: box}",
            "start: {system: box}\n    wall: 30",
            "17: md.bulk.wall: wrong value; received 30; expected a length with its unit "
            "(Å, A, Angstrom, nm), such as `6 Å` or one of none",
        ),
        (
            "start: {system: box}",
            "start: {system: box}\n    potential: spc-fw",
            "14: md.bulk: wrong value; received a mapping with committee, start, potential, length; "
            "expected exactly one of `committee` and `potential`",
        ),
    ],
)
def test_one_mistake_one_message(tmp_path: Path, old: str, new: str, text: str):
    assert str(only(tmp_path, old, new)) == f"{tmp_path / 'campaign.yaml'}:{text}"


def test_mistakes_of_every_kind_are_reported_together_in_file_order(tmp_path: Path):
    text = GOOD.replace("name: water", "name: a b").replace("molecules: 8", "molecules: many")
    text = text.replace("split: four", "split: for").replace("architecture: mace", "architecture: mce")
    text = text.replace("train: 20", "train: 31").replace("[300 K]", "[300 K, 3 m]")
    text += "    timestep: 0.5 fs\n    timestep: 1 fs\nmodels: {}\n"
    result = problems_of(tmp_path, text)
    places = [(problem.line, problem.path) for problem in result]
    assert places == [
        (1, "name"),
        (3, "systems.box.water_box.molecules"),
        (6, "datasets.generated.generate.temperatures[1]"),
        (10, "models.small.architecture"),
        (12, "committees.first.split"),
        (19, "md.bulk.timestep"),
        (20, "models"),
    ]
    assert result[4].hint == "four"


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["leaf"]
    size: int


class Twig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["twig"]
    length: float


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: list[Annotated[Leaf | Twig, Field(discriminator="kind")]]
    age: int | Literal["unknown"] = "unknown"


def test_any_schema_can_be_loaded_and_alternatives_of_a_union_make_one_message(tmp_path: Path):
    file = tmp_path / "tree.yaml"
    file.write_text("age: [1]\nparts:\n  - {kind: twig, length: 2}\n  - kind: leaf\n    sze: 3\n")
    with pytest.raises(CampaignError) as caught:
        load(file, Tree)
    age, unknown = caught.value.problems  # what is misspelt is not missing too
    assert (age.line, age.expected) == (1, "a valid integer or one of unknown")
    assert (unknown.line, unknown.path, unknown.hint) == (5, "parts[1].sze", "size")
    file.write_text("parts: [{kind: leaf, size: 2}]\n")
    tree, lines = load(file, Tree)
    assert tree.parts == [Leaf(kind="leaf", size=2)]
    assert lines.line(("parts", 0, "size")) == 1


def test_a_site_file_is_loaded_by_the_same_machinery(tmp_path: Path):
    (cors, retries) = site_problems(tmp_path, "name: here\nscheduler: local\ncors: 2\nretries: -1\n")
    assert (cors.line, cors.hint) == (3, "cores")
    assert (retries.line, retries.path) == (4, "retries")


@pytest.mark.parametrize(("text", "hint"), [("slrum", "slurm"), ("3", ""), ("[slurm]", "slurm")])
def test_an_unknown_scheduler_is_the_only_mistake(tmp_path: Path, text: str, hint: str):
    (problem,) = site_problems(tmp_path, f"name: here\nscheduler: {text}\ncors: 2\n")
    assert (problem.line, problem.path, problem.hint) == (2, "scheduler", hint)
    assert "one of local, slurm, pbs" in str(problem)


CLUSTER = """\
name: here
scheduler: slurm
account: chem
nodes:
  gpu: {partition: gpu, cores_per_node: 8, gpus_per_node: 4, walltime: 12 h}
"""


def test_a_cluster_site(tmp_path: Path):
    (tmp_path / "site.yaml").write_text(CLUSTER)
    site = load_site(tmp_path / "site.yaml")
    assert type(site) is SlurmSite
    gpu = site.nodes["gpu"]
    assert (gpu.margin, gpu.drain, gpu.workers_per_node(2)) == (300.0, 42600, 4)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("account: chem", "account: $(touch hurt)", 3),
        ("account: chem", "account: 'chem; touch hurt'", 3),
        ("account: chem", "account: --wrap=hurt", 3),
        ("account: chem", 'account: "chem\\n#SBATCH --wrap=hurt"', 3),
        ("account: chem", "modules: ['gcc; touch hurt']", 3),
        ("account: chem", "variables: {'A=1 B': x}", 3),
        ("account: chem", "ports: [54000, 54001]", 3),
        ("account: chem", "ports: [80, 54001]", 3),
        ("partition: gpu", "queue: gpu", 5),
        ("walltime: 12 h", "walltime: 90 s", 5),
        ("walltime: 12 h", "walltime: 30 s", 5),
        ("account: chem", "driver_walltime: 90 s", 3),
        ("account: chem", "driver_walltime: 30 s", 3),
        ("walltime: 12 h", "walltime: 12 h, nodes_per_block: 2", 5),
        ("walltime: 12 h", "walltime: 12 h, min_blocks: 2", 5),
        ("gpu: {partition", "gpus: {partition", 5),
        ("cores_per_node: 8, ", "", 5),
    ],
)
def test_mistakes_in_a_cluster_site_are_found_before_anything_runs(
    tmp_path: Path, old: str, new: str, line: int
):
    (problem,) = site_problems(tmp_path, CLUSTER.replace(old, new))
    assert problem.line == line, problem


def test_one_mistake_in_a_site_hides_no_other(tmp_path: Path):
    nodes = "min_blocks: 2, nodes_per_block: 2, cors: 8"
    text = CLUSTER.replace("account: chem", "ports: [54000, 54001]")
    text = text.replace("walltime: 12 h", f"{nodes}, walltime: x")
    result = {problem.path: problem.expected for problem in site_problems(tmp_path, text)}
    assert set(result) == {
        "ports", "nodes.gpu.min_blocks", "nodes.gpu", "nodes.gpu.cors", "nodes.gpu.walltime",
    }  # fmt: skip
    assert result["nodes.gpu"] == "`launcher: srun`, for nodes_per_block is more than 1"


def site_problems(folder: Path, text: str) -> list[Problem]:
    file = folder / "site.yaml"
    file.write_text(text)
    with pytest.raises(CampaignError) as caught:
        load_site(file)
    return caught.value.problems


def test_a_document_that_is_no_mapping(tmp_path: Path):
    (problem,) = problems_of(tmp_path, "- name: water\n")
    assert problem.message == "the file is no mapping"


def test_dotted_paths_quote_what_is_no_word():
    assert dotted(("md", "bulk-1", "start", "frames", 2)) == "md.bulk-1.start.frames[2]"
    assert dotted(("models", "../up")) == "models.'../up'"


SITES = Path(__file__).parents[2] / "campaigns" / "sites"


@pytest.mark.parametrize("name", sorted(path.stem for path in SITES.glob("*.yaml")))
def test_every_example_site_is_valid(name: str) -> None:
    assert load_site(SITES / f"{name}.yaml").name == name
