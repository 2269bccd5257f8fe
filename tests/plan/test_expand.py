import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from interface_frames import write_frames
from paper import write_paper
from toy import TOY, argon_frames

from mlipbench_hpc.architectures.card import find
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.spec.analysis import Profiles
from mlipbench_hpc.cli.plan import alike
from mlipbench_hpc.contract.key import tree_digest
from mlipbench_hpc.contract.versions import verb_versions
from mlipbench_hpc.plan.expand import Setting, environments, expand
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.plan.sources import conditions, slab
from mlipbench_hpc.potentials.card import find as potentials

GROW = ("split: main}", "split: main, grow: {force_rmse: 1 meV/Å, step: 2, at_most: 3}}")
EXAMPLES = Path(__file__).parents[2] / "campaigns"


LEARNT = {"train", "evaluate", "calibrate", "md", "analyse"}
REWEIGHT = ("reweight: null", "reweight: {stride: 5}")


def setting(validated: Any, **changes: Any) -> Setting:
    installed = ("analysis", "reference", "mace", "deepmd", "jax", "grace", "fairchem")
    identities = {name: f"venv:{name}" for name in installed}
    facts = validated.datasets, validated.systems, find(), identities, verb_versions()
    changes = {"recorded": validated.recorded} | changes
    return Setting(*facts, potentials=potentials(), **changes)


def plan(
    folder: Path, text: str = TOY, decisions: dict[str, bool] | None = None, **changes: Any
) -> list[Planned]:
    argon_frames(folder)
    (folder / "toy.yaml").write_text(text)
    validated = validate(folder / "toy.yaml")
    return expand(validated.campaign, setting(validated, **changes), decisions or {})


def of(verb: str, result: list[Planned]) -> list[Planned]:
    return [item for item in result if item.task.verb == verb]


def test_upstream_comes_first(tmp_path: Path) -> None:
    seen: set[str] = set()
    for item in plan(tmp_path):
        assert set(item.task.upstream.values()) <= seen
        seen.add(item.key)


def test_the_same_campaign_has_the_same_keys_anywhere(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert [i.key for i in plan(tmp_path / "a")] == [i.key for i in plan(tmp_path / "b")]


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        (("length: 0.4 ps", "length: 0.8 ps"), {"md", "analyse"}),
        (("r_max: 5 Å", "r_max: 4 Å"), {"analyse"}),
        (("toy}", "toy, hyperparameters: {gaussians: 8}}"), LEARNT),
        (("train: 8", "train: 9"), {"split"} | LEARNT),
    ],
)  # fmt: skip
def test_a_change_touches_what_depends_on_it_and_nothing_else(
    tmp_path: Path, change: tuple[str, str], touched: set[str]
) -> None:
    before, after = plan(tmp_path), plan(tmp_path, TOY.replace(*change))
    new = {item.key for item in after} - {item.key for item in before}
    assert {item.task.verb for item in after if item.key in new} == touched


@pytest.mark.parametrize(("text", "engine"), [("", "lammps"), ("    engine: ase\n", "ase")])
def test_the_engine_is_the_campaign_s_or_the_first_of_the_card(
    tmp_path: Path, text: str, engine: str
) -> None:
    argon_frames(tmp_path)
    (tmp_path / "toy.yaml").write_text(
        TOY.replace("    temperature: 40 K\n", f"    temperature: 40 K\n{text}")
    )
    validated = validate(tmp_path / "toy.yaml")
    toy = find()["toy"]
    laws = {**toy.card.cost, "md_lammps": "md_ase"}
    both = {"toy": replace(toy, card=replace(toy.card, engines=("lammps", "ase"), cost=laws))}
    result = expand(validated.campaign, replace(setting(validated), architectures=both), {})
    assert {item.task.parameters["engine"] for item in of("md", result)} == {engine}


def test_threads_decide_what_loads_a_model_and_nothing_else(tmp_path: Path) -> None:
    before, after = plan(tmp_path), plan(tmp_path, threads=2)
    assert of("split", before)[0].key == of("split", after)[0].key
    assert of("train", before)[0].key != of("train", after)[0].key


def test_an_open_loop_is_unrolled_to_its_maximum(tmp_path: Path) -> None:
    result = plan(tmp_path, TOY.replace(*GROW))
    assert len(of("decide", result)) == 3
    assert [item.subjects[0]["train"] for item in of("train", result)] == [8, 8, 10, 10, 12, 12]
    assert [item.maybe for item in of("train", result)] == [False, False, True, True, True, True]
    assert all(item.maybe for item in of("md", result))


def test_a_decision_prunes_it_and_md_uses_the_last_committee(tmp_path: Path) -> None:
    text = TOY.replace(*GROW)
    first, second, _ = (item.key for item in of("decide", plan(tmp_path, text)))
    result = plan(tmp_path, text, {first: False, second: True})
    assert len(of("decide", result)) == 2
    assert not any(item.maybe for item in result)
    assert of("md", result)[0].task.upstream["model"] == of("train", result)[2].key
    assert of("train", result)[2].subjects[0]["train"] == 10


def test_more_data_keep_the_held_out_frames_and_what_was_trained_on(tmp_path: Path) -> None:
    text = TOY.replace(*GROW)
    sizes = [item.task.parameters["train"] for item in of("split", plan(tmp_path, text))]
    assert sizes == [8, 10, 12]
    assert len({str({**item.task.parameters, "train": 0}) for item in of("split", plan(tmp_path, text))}) == 1


# Counted by hand from each file: tasks by verb.
EXAMPLE_TASKS = {
    "quickstart": {
        # Three systems, joined; sampled once each; four members of two committees; of the reference and
        # of each model two runs with four starts; all members are evaluated on each neutral run of a model.
        "build": 4, "label": 3, "dipole": 1, "split": 1, "visibility": 2, "train": 8, "evaluate": 8,
        "calibrate": 2, "md": 24, "analyse": 24, "reevaluate": 8, "reweight": 8,
    },
    "water": {
        "build": 1, "label": 1, "split": 1, "train": 4, "evaluate": 4, "calibrate": 1, "md": 2, "speed": 1,
        "analyse": 2, "reevaluate": 2, "reweight": 2,
    },
    "own-data": {
        "build": 1, "split": 1, "train": 4, "evaluate": 4, "calibrate": 1, "md": 2, "analyse": 2,
        "reevaluate": 2, "reweight": 2,
    },
    "architectures": {
        # The quickstart's data; four committees of four members, five of one; reaches of 5, 6, 8, 10, 12 Å.
        "build": 4, "label": 3, "dipole": 1, "split": 2, "visibility": 5, "train": 21, "evaluate": 21,
        "calibrate": 4, "speed": 8,
    },
    "new-interface": {
        # Two splits, four committees of six members, and three starts of each; two reaches of two splits.
        "build": 1, "split": 2, "visibility": 4, "train": 24, "evaluate": 24, "calibrate": 4, "md": 12,
        "analyse": 12, "reevaluate": 12, "reweight": 12,
    },
    "paper": {
        # Six folders and four joins. Splits: two, four sizes for three repeats and for one (shared by four
        # studies), and four of `charge`. Trainings: 8 x 5; 3 x 4 x 3 and 4 of the learning curves; 3 x 4
        # variants; 3 x 3 of MACE for `hold`; 4 x 4 x 5 of `charge`. Calibrated: 8; 3 x 4; 3; 16. Reaches of 6
        # and 10 Å in the three-ion data, in three ions of all charges, and in all charges; of eSEN in the
        # three-ion data. MD: 8; 4 x 3 x 3; 2 x 3; 2; 4 x 6 of `charge` (of six arms at targets); two of the
        # foundation model, adopted for either data. Scans: members of the models of 50. Reweighted: 12 runs
        # to their own members, 4 to others (driver and members).
        "build": 10, "split": 14, "visibility": 7, "adopt": 2, "train": 181, "evaluate": 183, "calibrate": 39,
        "md": 78, "record": 3, "analyse": 81, "speed": 7, "scan": 10, "reevaluate": 20, "reweight": 16,
    },
    "laptop": {
        # Three systems, joined. Splits: one for all; three sizes for three repeats and for one; five arms of
        # `charge`. Trainings: 8; DP 3 x 3 and MACE 3, for `hold` MACE 2 x 3 more; 5 x 2 x 4 of `charge`.
        # Calibrated: with three members, DP 3, MACE 2, and 5 x 2. MD: 2 x 2 of the reference; 2 x 2 x 3 of
        # `hold`; of `charge` three arms at no ions, four at two, 2 x 2 each; three engines. Reaches: 5, 6, 8,
        # 10 and 12 Å in all films, 5 and 8 in two ions alone. Reweighted: 28 runs of `charge`, and two cases
        # with their driver and members, of two runs each. The user's model: two, and two recorded ones.
        "build": 4, "label": 3, "dipole": 1, "split": 12, "visibility": 7, "adopt": 1, "train": 66,
        "evaluate": 67, "calibrate": 15, "md": 49, "record": 2, "speed": 9, "scan": 9, "locality": 1,
        "analyse": 51, "reevaluate": 36, "reweight": 32,
    },
}  # fmt: skip
EXAMPLE_ENVIRONMENTS = {
    "quickstart": ["analysis", "deepmd", "mace", "reference"],
    "water": ["analysis", "mace", "reference"],
    "own-data": ["analysis", "mace"],
    "new-interface": ["analysis", "deepmd", "mace"],
    "architectures": ["analysis", "deepmd", "fairchem", "grace", "jax", "mace", "reference"],
    "paper": ["analysis", "fairchem", "grace", "jax", "mace"],
    "laptop": ["analysis", "deepmd", "fairchem", "grace", "jax", "mace", "reference"],
}


def test_every_example_campaign_is_counted_by_hand() -> None:
    """The truth, in parts, has tests of its own."""
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == {*EXAMPLE_TASKS, "truth"}


@pytest.mark.parametrize("name", EXAMPLE_TASKS)
def test_an_example_campaign_has_the_tasks_counted_by_hand(tmp_path: Path, name: str) -> None:
    text = (EXAMPLES / f"{name}.yaml").read_text().replace("../data/", "")
    (tmp_path / "example.yaml").write_text(text)
    (tmp_path / "data").symlink_to(EXAMPLES / "data")
    if "water.extxyz" in text:
        water_frames(tmp_path / "water.extxyz")
    if name == "paper":
        write_paper(tmp_path, "example.yaml")
    if "interface.extxyz" in text:
        write_frames(tmp_path / "interface.extxyz", "Pt", "K", {0: 160, 1: 160, 2: 160}, 20)
    validated = validate(tmp_path / "example.yaml")
    tasks = expand(validated.campaign, setting(validated), {})
    assert Counter(item.task.verb for item in tasks) == EXAMPLE_TASKS[name]
    assert environments(validated.campaign, find(), potentials()) == EXAMPLE_ENVIRONMENTS[name]


def test_the_paper_s_hours_by_the_literature_are_counted_by_hand(tmp_path: Path) -> None:
    """Nanoseconds of MD of each model without and with three ions, and updates of its trainings."""
    validated = validate(write_paper(tmp_path))
    tasks = expand(validated.campaign, setting(validated), {})
    atoms = {name: facts.atoms / facts.frames / 384 for name, facts in validated.datasets.items()}
    # Alone 1 and 2 ns; `hold` 9 x 0.1; `charge` three arms of 1 and 2 ns; `heat` 0.1 of DP and MACE;
    # `hold-1ns` 3 x 1 of GRACE-1L and MACE.
    own = {"dp-jax": 0.1, "dp-mp": 0.0, "grace-1l": 3.0, "mace": 3.1}
    times = {"dp-jax": 20, "dp-mp": 9, "grace-1l": 9, "mace": 1}
    for name, more in own.items():
        runs = [item.cost.published for item in of("md", tasks) if item.task.architecture.name == name]
        hours = sum(run.least_s for run in runs) / 3600
        length = (1 + 0.9 + 3 + more) * atoms["neutral"] + (2 + 6) * atoms["three"]
        assert hours == pytest.approx(24 / 6.6 / times[name] * length, rel=1e-9)
    # MACE of the neutral data: 500 passes of 1000 frames in batches of three, against 400 in four hours.
    (one,) = {
        item.cost.published
        for item in of("train", tasks)
        if any(own.get("committee") == "neutral-mace" for own in item.subjects)
    }
    assert one.least_s == one.most_s == pytest.approx(4 * 3600 * 500 / 400 * atoms["no-ions"], rel=1e-9)


def test_plan_says_what_members_of_the_paper_share(tmp_path: Path) -> None:
    """2250 of 2350 frames, and 2500 of 3000: 96 and 83 %, as the paper says."""
    (line,) = alike(validate(write_paper(tmp_path)))
    shares = dict(part.split(" of ", 1)[::-1] for part in line.partition(": ")[2].split("; "))
    by_name = {name: share for names, share in shares.items() for name in names.split(", ")}
    assert (by_name["three"], by_name["charge-mixed"]) == ("96 %", "83 %")
    assert "hold-50x3" not in by_name


def test_the_campaign_in_the_readme_is_valid(tmp_path: Path) -> None:
    """As it is printed, but for a file that exists and the sizes that this file allows."""
    text = (EXAMPLES.parent / "README.md").read_text().split("```yaml\n")[1].split("```")[0]
    text = text.replace("frames.extxyz", "water.extxyz")
    text = text.replace("validation: 50, test: 100, train: 400", "validation: 5, test: 10, train: 20")
    (tmp_path / "readme.yaml").write_text(text)
    water_frames(tmp_path / "water.extxyz")
    assert set(validate(tmp_path / "readme.yaml").campaign.md) == {"film"}


def water_frames(path: Path) -> None:
    """Stand-in for the frames a user brings: 50 labelled boxes of 64 molecules, atoms on springs."""
    import numpy as np
    from ase import Atoms
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io import write

    generator = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3) * 3.1
    molecule = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    images = []
    for _ in range(50):
        sites = (grid[:, None] + molecule).reshape(-1, 3)
        shifts = generator.normal(scale=0.02, size=sites.shape)
        atoms = Atoms("OH2" * 64, sites + shifts, cell=[12.4] * 3, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=40 * (shifts**2).sum(), forces=-80 * shifts)
        images.append(atoms)
    write(path, images, format="extxyz")


def test_every_member_is_evaluated_on_the_frames_that_one_drove(tmp_path: Path) -> None:
    result = plan(tmp_path, TOY.replace(*REWEIGHT))
    trained, runs = of("train", result), of("md", result)
    energies, joined = of("reevaluate", result), of("reweight", result)
    assert [item.task.upstream for item in energies] == [
        {"md": md.key, "member-000": trained[0].key, "member-001": trained[1].key} for md in runs
    ]
    assert {item.task.parameters["stride"] for item in energies} == {5}
    (calibration,) = of("calibrate", result)
    assert calibration.task.parameters == {
        "conditions": [{"frames": 24, "temperature": None, "rattle_every": None}],
        "metal": "Au",
    }
    for item in of("evaluate", result):
        assert item.task.parameters["conditions"] == calibration.task.parameters["conditions"]
    assert [item.task.upstream["calibration"] for item in joined] == [calibration.key] * 2
    assert joined[1].task.upstream["energies"] == energies[1].key
    assert len(of("reweight", plan(tmp_path, TOY))) == 0


def test_only_the_named_runs_are_reweighted(tmp_path: Path) -> None:
    """Two entries of two replicas: of one entry two evaluations, of no entry none."""
    entry = TOY[TOY.index("  crystal:") : TOY.index("analysis:")]
    two = TOY.replace(
        "analysis:",
        entry.replace("crystal", "other").replace("replicas: 2", "replicas: 2\n    seed: 9") + "analysis:",
    )
    for names, amount in (("[other]", 2), ("[]", 0)):
        result = plan(tmp_path, two.replace("reweight: null", f"reweight: {{md: {names}}}"))
        energies = of("reevaluate", result)
        assert len(energies) == amount
        assert {item.subjects[0]["md"] for item in energies} <= {"other"}


def test_another_member_may_drive(tmp_path: Path) -> None:
    text = TOY.replace(*REWEIGHT).replace("    committee: pairs\n", "    committee: pairs\n    member: 1\n")
    result = plan(tmp_path, text)
    trained = [item.key for item in of("train", result)]
    assert [item.task.upstream["model"] for item in of("md", result)] == [trained[1]] * 2
    assert {item.task.parameters["driving_member"] for item in of("reweight", result)} == {1}
    for item in of("reevaluate", result):
        assert [item.task.upstream[f"member-00{member}"] for member in range(2)] == trained


def test_a_single_model_is_no_committee(tmp_path: Path) -> None:
    result = plan(tmp_path, TOY.replace(*REWEIGHT).replace("members: 2", "members: 1"))
    assert not {"calibrate", "reevaluate", "reweight"} & {item.task.verb for item in result}


def test_data_with_ions_at_a_metal_ask_who_sees_them(tmp_path: Path) -> None:
    """The receptive field is cutoff x layers of the model: the toy's is 5 Å."""
    argon_frames(tmp_path)
    (tmp_path / "toy.yaml").write_text(TOY)
    validated = validate(tmp_path / "toy.yaml")
    assert not of("visibility", expand(validated.campaign, setting(validated), {}))
    facts = replace(validated.datasets["argon"], species=(1, 8, 11, 79))
    charged = replace(setting(validated), facts={"argon": facts})
    (asked,) = of("visibility", expand(validated.campaign, charged, {}))
    assert asked.task.parameters == {"metal": "Au", "radius": 5.0, "only": {}}
    assert asked.subjects == ({"committee": "pairs"},)


def test_data_that_know_dipoles_of_wet_metal_are_asked_how_they_go_with_the_water(tmp_path: Path) -> None:
    argon_frames(tmp_path)
    (tmp_path / "toy.yaml").write_text(TOY)
    validated = validate(tmp_path / "toy.yaml")
    wet = replace(validated.datasets["argon"], species=(1, 8, 79))
    for facts in (wet, replace(wet, species=(1, 8), dipoles=3)):
        result = expand(validated.campaign, replace(setting(validated), facts={"argon": facts}), {})
        assert not of("dipole", result)
    facts = replace(wet, dipoles=3)
    result = expand(validated.campaign, replace(setting(validated), facts={"argon": facts}), {})
    (asked,) = of("dipole", result)
    assert asked.task.parameters == {"metal": "Au", "blocks": validated.campaign.analysis.blocks}
    assert asked.subjects == ({"frames": "argon"},)
    assert [asked.task.upstream["frames"]] == [item.key for item in of("build", result)]


def test_who_sees_the_ions_is_asked_of_all_committees_before_any_is_trained(tmp_path: Path) -> None:
    argon_frames(tmp_path)
    wider = "toy}\n  wider: {architecture: toy, hyperparameters: {cutoff: 6.0}}"
    another = "split: main}\n  wider: {model: wider, split: main}"
    (tmp_path / "toy.yaml").write_text(TOY.replace("toy}", wider).replace("split: main}", another))
    validated = validate(tmp_path / "toy.yaml")
    facts = replace(validated.datasets["argon"], species=(1, 8, 11, 79))
    result = expand(validated.campaign, replace(setting(validated), facts={"argon": facts}), {})
    verbs = [item.task.verb for item in result]
    seen = [item.subjects for item in of("visibility", result)]
    assert seen == [({"committee": "pairs"},), ({"committee": "wider"},)]
    assert max(i for i, verb in enumerate(verbs) if verb == "visibility") < verbs.index("train")


def test_where_data_lie_changes_no_key(tmp_path: Path) -> None:
    before = plan(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "argon.extxyz").rename(tmp_path / "elsewhere/other-name.extxyz")
    (tmp_path / "toy.yaml").write_text(TOY.replace("argon.extxyz", "elsewhere/other-name.extxyz"))
    validated = validate(tmp_path / "toy.yaml")
    after = expand(validated.campaign, setting(validated), {})
    assert [item.key for item in after] == [item.key for item in before]


INTERFACE = """\
name: interface
systems:
  zero: {slab: {size: [4, 4, 3], waters: 40}}
  two: {slab: {size: [4, 4, 3], waters: 40, ions: 2, seed: 1}}
  own: {structure: {path: own.xyz, format: extxyz}}
datasets:
  mixed:
    generate:
      {systems: [zero, two, own], starts: 2, potential: electrode, temperatures: [330 K], frames: 8, seed: 3}
  one:
    generate: {system: two, potential: electrode, gold: rigid, temperatures: [330 K], frames: 2}
  again:
    label: {frames: mixed, potential: electrode}
"""


def interface(folder: Path) -> list[Planned]:
    from ase import Atoms
    from ase.io import write

    write(folder / "own.xyz", Atoms("Au", cell=[9, 9, 30], pbc=True), format="extxyz")
    return plan(folder, INTERFACE)


def test_several_systems_and_starts_are_sampled_apart_and_joined(tmp_path: Path) -> None:
    result = interface(tmp_path)
    samples = [item for item in of("label", result) if "sample" in item.subjects[0]]
    assert [(s.subjects[0]["of"], s.subjects[0]["start"]) for s in samples] == [
        (system, start) for system in ("zero", "two", "own") for start in (0, 1)
    ]
    assert [s.task.parameters["frames"] for s in samples] == [2, 2, 1, 1, 1, 1]
    assert [s.task.parameters["seed"] for s in samples] == [3000, 3001] * 3
    assert all(s.task.parameters["gold"] == "mobile" for s in samples)
    (join,) = [item for item in of("build", result) if item.task.parameters["kind"] == "join"]
    assert join.subjects == ({"dataset": "mixed"},)
    assert list(join.task.upstream.values()) == [s.key for s in samples]
    assert sorted(join.task.upstream) == list(join.task.upstream)
    facts = validate(tmp_path / "toy.yaml").datasets["mixed"]
    assert facts.compositions == {"Au48H80O40": 4, "Au48H80Na2O40": 2, "Au1": 2}
    assert facts.sizes == (168,) * 4 + (170,) * 2 + (1,) * 2


def test_calibration_knows_at_which_temperature_frames_were_sampled(tmp_path: Path) -> None:
    """Of relabelled frames those of the sampling; of the quickstart three systems at three temperatures."""
    slabs = INTERFACE.replace("  own: {structure: {path: own.xyz, format: extxyz}}\n", "").replace(
        ", own]", "]"
    )
    (tmp_path / "toy.yaml").write_text(slabs)
    validated = validate(tmp_path / "toy.yaml")
    result = conditions(validated.campaign.datasets, validated.datasets, "again")
    assert [stretch["frames"] for stretch in result] == [2, 2, 2, 2]
    assert {(stretch["temperature"], stretch["rattle_every"]) for stretch in result} == {(330.0, None)}
    validated = validate(EXAMPLES / "quickstart.yaml")
    result = conditions(validated.campaign.datasets, validated.datasets, "interface")
    assert (
        result
        == [{"frames": 24, "temperature": kelvin, "rattle_every": 2} for kelvin in (300.0, 600.0, 1200.0)] * 3
    )


def test_the_slab_of_slow_quantities_is_that_of_the_campaign(tmp_path: Path) -> None:
    """Not stated for gold, which tasks assume, nor for water alone, so that their keys stay; else stated."""
    assert not any("metal" in item.task.parameters for item in of("label", interface(tmp_path)))
    gold, oxide, water, ions = (8, 1, 79), (8, 1, 22), (8, 1), (8, 1, 11)
    assert [slab(Profiles(), species) for species in (gold, water, ions)] == [{}, {}, {"metal": "Au"}]
    assert slab(Profiles(metal="Ti"), oxide) == {"metal": "Ti"}
    assert slab(Profiles(metal=["Pt", "Au"]), gold) == {"metal": ["Pt", "Au"]}


def test_starts_are_built_with_seeds_of_their_own(tmp_path: Path) -> None:
    result = [item for item in of("build", interface(tmp_path)) if "system" in item.subjects[0]]
    seeds = {(i.subjects[0]["system"], i.task.parameters.get("seed")) for i in result}
    assert seeds == {("zero", 0), ("zero", 1), ("two", 1000), ("two", 1001), ("own", None)}
    (own,) = [item for item in result if item.task.parameters["kind"] == "structure"]
    assert own.task.inputs == {"data": validate(tmp_path / "toy.yaml").systems["own"].sha256}


REFERENCE = """\
md:
  truth:
    potential: electrode
    start: {dataset: mixed, frames: [0, 4]}
    temperature: 330 K
    length: 1 ps
    replicas: 2
    fixed_layers: 2
    wall: 30 Å
"""


def test_a_reference_potential_drives_itself_and_is_analysed(tmp_path: Path) -> None:
    interface(tmp_path)
    result = plan(tmp_path, INTERFACE + REFERENCE)
    runs, (join,) = of("md", result), [i for i in of("build", result) if i.task.parameters["kind"] == "join"]
    subjects = [{"md": "truth", "replica": replica, "potential": "electrode"} for replica in (0, 1)]
    assert [run.subjects for run in runs] == [(subject,) for subject in subjects]
    assert [item.subjects for item in of("analyse", result)] == [(subject,) for subject in subjects]
    for run in runs:
        assert (run.task.environment, run.task.architecture) == ("reference", None)
        assert run.task.upstream == {"start": join.key}
        assert {
            "engine": "lammps",
            "potential": "electrode",
            "wall": 30.0,
        }.items() <= run.task.parameters.items()
        assert run.task.parameters["fixed_layers"] == {"count": 2, "metal": "Au"}
        assert not {"hyperparameters", "dtype"} & set(run.task.parameters)
    assert [run.task.parameters["start_frame"] for run in runs] == [0, 4]
    atoms = (4 * 168 + 2 * 170 + 2 * 1) / 8
    assert runs[0].cost.core_s == pytest.approx(2.0 + 2e-5 * atoms * 2000)
    assert not {"reevaluate", "reweight", "train"} & {item.task.verb for item in result}
    campaign = validate(tmp_path / "toy.yaml").campaign
    without = campaign.model_copy(update={"datasets": {}})
    assert environments(without, find(), potentials()) == ["analysis", "reference"]


def test_structures_of_the_user_s_are_read_and_then_labelled(tmp_path: Path) -> None:
    given = "  raw: {structures: {path: argon.extxyz, format: extxyz, frames: 5}}\n"
    given += "  labelled: {label: {frames: raw, potential: spc-fw}}\n"
    from ase.io import write

    from mlipbench_hpc.worker.builders.water import water_box

    write(tmp_path / "water.extxyz", [water_box(4, 0.9, seed).atoms(0) for seed in range(5)], format="extxyz")
    text = TOY.replace("splits:", f"{given.replace('argon', 'water')}splits:")
    result = plan(tmp_path, text)
    (build,) = [item for item in of("build", result) if item.subjects == ({"dataset": "raw"},)]
    assert build.task.parameters == {"kind": "structures", "format": "extxyz", "frames": 5, "reader": 5}
    (label,) = of("label", result)
    assert label.task.upstream == {"frames": build.key}
    sha256 = hashlib.sha256((tmp_path / "water.extxyz").read_bytes()).hexdigest()
    assert build.task.inputs == {"data": sha256}


def test_one_run_needs_no_join_and_given_frames_are_labelled(tmp_path: Path) -> None:
    result = interface(tmp_path)
    (one,) = [item for item in of("label", result) if item.subjects[0].get("dataset") == "one"]
    (again,) = [item for item in of("label", result) if item.subjects[0].get("dataset") == "again"]
    (join,) = [item for item in of("build", result) if item.task.parameters["kind"] == "join"]
    assert one.task.parameters["gold"] == "rigid"
    assert again.task.upstream == {"frames": join.key}
    assert again.task.parameters == {"potential": "electrode", "electrostatics": "slab-corrected"}
    assert again.task.environment == "reference"


@pytest.mark.parametrize(
    ("length", "stated", "steps"),
    [
        ("0.4 ps", "    checkpoint_every: 80 fs\n", 40),
        ("0.4 ps", "", 126),  # 0.25 ps is 125 steps of 2 fs; frames are 2 steps apart.
        ("100 ps", "", 126),
        ("2 ns", "", 2500),
        ("2000 ps", "    checkpoint_every: 0.25 ps\n", 125),
    ],
)
def test_the_checkpoint_interval_grows_with_the_run(
    tmp_path: Path, length: str, stated: str, steps: int
) -> None:
    text = TOY.replace("    checkpoint_every: 80 fs\n", stated).replace("length: 0.4 ps", f"length: {length}")
    assert {item.task.parameters["checkpoint_every"] for item in of("md", plan(tmp_path, text))} == {steps}


def test_no_two_runs_share_a_draw_of_momenta(tmp_path: Path) -> None:
    """The same entry under two names, each with two replicas: four seeds, and the same ones again."""
    run = "{committee: pairs, start: {dataset: argon}, temperature: 40 K, timestep: 2 fs, length: 0.4 ps, "
    run += "frame_every: 4 fs, replicas: 2}"
    text = TOY.replace("md:\n", f"md:\n  twin: {run}\n  again: {run}\n")
    seeds = [
        [item.task.parameters["seed"] for item in of("md", plan(tmp_path, text))
         if item.subjects[0]["md"] in ("twin", "again")]
        for _ in range(2)
    ]  # fmt: skip
    assert len(seeds[0]) == len(set(seeds[0])) == 4
    assert seeds[0] == seeds[1]
    assert all(0 <= seed < 2**48 for seed in seeds[0])


TWIN = ("{architecture: toy}", "{architecture: toy, kernel: twin}")
SED = {"sed": "sed 4"}


def test_a_kernel_stands_between_training_and_all_that_loads_the_model(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "twin").mkdir()
    own = plan(tmp_path / "own", TOY.replace(*REWEIGHT))
    twin = plan(tmp_path / "twin", TOY.replace(*REWEIGHT).replace(*TWIN), compilers=SED)
    kernels = [item.key for item in of("kernel", twin)]
    trained = [item.key for item in of("train", own)]
    assert [item.key for item in of("train", twin)] == trained
    assert [item.task.upstream["model"] for item in of("kernel", twin)] == trained
    assert [item.task.upstream["model"] for item in of("evaluate", twin)] == kernels
    assert {item.task.upstream["model"] for item in of("md", twin)} == {kernels[0]}
    (energies, *_) = of("reevaluate", twin)
    assert [energies.task.upstream[f"member-00{member}"] for member in (0, 1)] == kernels
    for verb in ("kernel", "evaluate", "md", "reevaluate"):
        for item in of(verb, twin):
            assert item.task.architecture is not None
            assert item.task.architecture.name == "toy/twin"
            assert item.task.architecture.module == "mlipbench_toy_twin"


def test_another_compiler_makes_another_kernel_and_trains_nothing_again(tmp_path: Path) -> None:
    first, second = (
        plan(tmp_path, TOY.replace(*TWIN), compilers={"sed": version}) for version in ("sed 4", "sed 5")
    )
    new = {item.key for item in second} - {item.key for item in first}
    touched = {item.task.verb for item in second if item.key in new}
    assert touched == {"kernel", "evaluate", "calibrate", "md", "analyse"}
    assert of("kernel", first)[0].task.parameters["compiler"] == {"program": "sed", "version": "sed 4"}


def test_the_environment_of_a_kernel_is_needed_beside_the_architecture_s(tmp_path: Path) -> None:
    argon_frames(tmp_path)
    (tmp_path / "toy.yaml").write_text(TOY.replace(*TWIN))
    campaign = validate(tmp_path / "toy.yaml").campaign
    toy = find()["toy"]
    kernel = replace(toy.card.kernels["twin"], environment="twins")
    other = replace(toy, card=replace(toy.card, kernels={"twin": kernel}))
    assert environments(campaign, {"toy": other}, potentials()) == ["analysis", "twins"]
    kernel = replace(kernel, prepared_in="workshop")
    other = replace(toy, card=replace(toy.card, kernels={"twin": kernel}))
    assert environments(campaign, {"toy": other}, potentials()) == ["analysis", "twins", "workshop"]


def test_a_kernel_may_be_prepared_elsewhere_and_by_no_compiler(tmp_path: Path) -> None:
    """DP's is made beside deepmd-kit and runs beside JAX; a campaign of water needs no more than that."""
    argon_frames(tmp_path)
    model = "{architecture: dp, kernel: jax}"
    text = TOY.replace(TWIN[0], model).replace("engine: ase", "engine: jax-md")
    result = plan(tmp_path, text)
    places = {item.task.verb: item.task.environment for item in result if item.task.architecture}
    assert places == {"train": "deepmd", "kernel": "deepmd", "evaluate": "jax", "md": "jax"}
    assert all("compiler" not in item.task.parameters for item in of("kernel", result))


def with_models(folder: Path, name: str = "model") -> str:
    """The toy's campaign with two models of the user's."""
    files = []
    for member in range(2):
        path = folder / f"{name}-{member}"
        path.mkdir(parents=True)
        (path / "model.json").write_text(json.dumps({"member": member}))
        files.append(f"{{path: {path}, sha256: {tree_digest(path)}, trust: true}}")
    return TOY.replace("split: main}", f"split: main, checkpoints: [{', '.join(files)}]}}")


def test_each_file_is_a_task_in_place_of_a_training(tmp_path: Path) -> None:
    result = plan(tmp_path, with_models(tmp_path))
    assert of("train", result) == []
    adopted = of("adopt", result)
    assert [item.task.upstream for item in adopted] == [{}, {}]
    assert [item.task.parameters["species"] for item in adopted] == [[18], [18]]
    evaluated = of("evaluate", result)
    assert [item.task.upstream["model"] for item in evaluated] == [item.key for item in adopted]
    assert len(of("calibrate", result)) == 1
    assert {item.task.upstream["model"] for item in of("md", result)} == {adopted[0].key}


def test_keys_hold_the_bytes_and_not_the_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = plan(tmp_path / "a", with_models(tmp_path / "a"))
    second = plan(tmp_path / "b", with_models(tmp_path / "b", "another-name"))
    assert [item.key for item in first] == [item.key for item in second]
