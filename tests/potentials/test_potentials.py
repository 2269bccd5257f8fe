"""Reference potentials: their cards, and one of a third party, made of a card and one file."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from labelling import LabelConformance
from mlipbench_lj.adapter import labeller

from mlipbench_hpc.architectures.card import CardError
from mlipbench_hpc.architectures.card import find as architectures
from mlipbench_hpc.campaign.load import CampaignError, validate
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.cli import main
from mlipbench_hpc.cli.task import with_adapter
from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.contract.task import EXIT_COMMITTED, Potential, Task
from mlipbench_hpc.contract.versions import Source, verb_versions
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.plan.expand import Setting, environments, expand
from mlipbench_hpc.plan.graph import Planned
from mlipbench_hpc.potentials.card import BUILT_IN, cards, find, load_card
from mlipbench_hpc.potentials.electrode.adapter import Electrode, ThreePeriodicElectrode
from mlipbench_hpc.potentials.interface import Labeller
from mlipbench_hpc.potentials.shared.field import CUTOFF_A
from mlipbench_hpc.potentials.shared.labeller import LammpsLabeller
from mlipbench_hpc.potentials.spc_fw.adapter import SpcFw
from mlipbench_hpc.runtime.code import stage
from mlipbench_hpc.runtime.trouble import Trouble
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.labelling import labeller as labeller_of_module

CAMPAIGN = """\
name: argon
datasets:
  bare: {structures: {path: argon.extxyz, format: extxyz}}
  labelled: {label: {frames: bare, potential: lennard-jones, epsilon: 0.02}}
md:
  crystal:
    potential: lennard-jones
    start: {dataset: bare}
    temperature: 40 K
    timestep: 2 fs
    length: 0.4 ps
    frame_every: 4 fs
analysis: {rdf: {pairs: [[Ar, Ar]], r_max: 5 Å}}
"""


def argon(seed: int = 0) -> Atoms:
    """A rattled crystal of 32 atoms without labels."""
    atoms = bulk("Ar", "fcc", a=5.3, cubic=True) * (2, 2, 2)
    atoms.positions += np.random.default_rng(seed).normal(scale=0.12, size=atoms.positions.shape)
    return atoms


def written(folder: Path, text: str = CAMPAIGN, images: list[Atoms] | None = None) -> Path:
    write(folder / "argon.extxyz", images or [argon(seed) for seed in range(2)], format="extxyz")
    (folder / "argon.yaml").write_text(text)
    return folder / "argon.yaml"


def planned(path: Path) -> list[Planned]:
    validated = validate(path)
    identities = {"analysis": "venv:analysis", "reference": "venv:reference"}
    facts = validated.datasets, validated.systems, architectures(), identities, verb_versions()
    return expand(validated.campaign, Setting(*facts, potentials=find()), {})


def mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(CampaignError) as error:
        validate(written(folder, text))
    return [str(problem).split(": ", 1)[1] for problem in error.value.problems]


class TestLennardJones(LabelConformance):
    """What potentials in LAMMPS obey, this one obeys too; it has no mesh."""

    moved = (1e-9, 1e-9)

    def labeller(self) -> Labeller:
        return labeller({"epsilon": 0.0104})

    def frame(self) -> Frames:
        return Frames.from_atoms([argon()])


def test_a_third_party_s_potential_plans_labels_and_drives_with_its_own_options(tmp_path: Path) -> None:
    plan = {item.task.verb: item.task for item in planned(written(tmp_path))}
    lj = find()["lennard-jones"]
    source = Source.here().package("mlipbench_lj", lj.folder)
    for verb in ("label", "md"):
        assert plan[verb].potential == Potential("lennard-jones", "mlipbench_lj", source)
        assert plan[verb].environment == "analysis"
    assert plan["label"].parameters == {"potential": "lennard-jones", "epsilon": 0.02}
    assert {"potential": "lennard-jones", "epsilon": 0.0104, "engine": "ase"}.items() <= plan[
        "md"
    ].parameters.items()
    campaign = validate(tmp_path / "argon.yaml").campaign
    assert environments(campaign, architectures(), find()) == ["analysis"]


def test_its_labels_are_those_of_the_formula(tmp_path: Path) -> None:
    """Two atoms 3.3 Å apart, where the cutoff, smooth from 0.66 · 5.2 Å = 3.43 Å on, changes nothing."""
    pair = Atoms("Ar2", [[5.0, 5.0, 5.0], [5.0, 5.0, 8.3]], cell=[20.0] * 3, pbc=True)
    plan = planned(written(tmp_path, images=[pair, argon()]))
    store = Store(tmp_path / "store")
    store.create()
    store.add_input(tmp_path / "argon.extxyz")
    for item in plan:
        if item.task.verb in ("build", "label", "md"):
            assert attempt(store.begin(item.task), None, commit=True) == EXIT_COMMITTED
    (label,) = [item.task for item in plan if item.task.verb == "label"]
    frames = Frames.load(store.task(label.key) / "frames.npz")
    ratio = (3.4 / 3.3) ** 6
    assert frames.energies[0] == pytest.approx(4 * 0.02 * (ratio**2 - ratio), rel=1e-9)
    pull = 24 * 0.02 / 3.3 * (2 * ratio**2 - ratio)
    assert frames.forces[:2, 2] == pytest.approx([-pull, pull], rel=1e-9)
    (run,) = [item.task for item in plan if item.task.verb == "md"]
    values = (store.result(run.key) or {})["values"]
    assert (values["outcome"], values["steps"]) == ("completed", 200)


def test_workers_are_given_its_code(tmp_path: Path) -> None:
    code = stage(tmp_path, find().values())
    adapter = Path("mlipbench_lj/adapter.py")
    assert (code / adapter).read_bytes() == (find()["lennard-jones"].folder / adapter.name).read_bytes()


@pytest.mark.engine
def test_mlipbench_label_takes_it_too(tmp_path: Path, capfd: Any) -> None:
    written(tmp_path)
    words = ["label", str(tmp_path / "argon.extxyz"), "--potential", "lennard-jones"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert "2 frames with energies (eV)" in capfd.readouterr().out
    assert json.loads((tmp_path / "out/label.json").read_text())["potential"] == "lennard-jones"


def test_mlipbench_label_names_the_potentials_there_are(tmp_path: Path, capfd: Any) -> None:
    written(tmp_path)
    assert main(["label", str(tmp_path / "argon.extxyz"), "--potential", "electrod"]) == 2
    expected = "--potential: received electrod, expected one of electrode, lennard-jones, screened, spc-fw"
    assert f"{expected}; did you mean electrode?" in capfd.readouterr().err


GENERATE = "datasets: {{g: {{generate: {{system: b, temperatures: [300 K], frames: 2, {}}}}}}}\n"
BOX = "name: x\nsystems: {b: {water_box: {molecules: 8}}}\n"
WHERE = "datasets.g.generate."


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "potential: electrod, gold: rigid, seed: 1",
            "potential: unknown reference potential; received 'electrod'; expected one of electrode, spc-fw; "
            "did you mean `electrode`?",
        ),
        (
            "potential: spc-fw, gold: rigid",
            "gold: spc-fw has no option `gold`; received 'rigid'; expected no such entry: it is an option of "
            "electrode",
        ),
        (
            "potential: lennard-jones",
            "potential: lennard-jones samples no frames, it labels those of another dataset; received "
            "`generate`; expected one of electrode, spc-fw",
        ),
    ],
)
def test_potentials_and_options_that_do_not_fit_are_named_once(
    tmp_path: Path, options: str, expected: str
) -> None:
    assert mistakes(tmp_path, BOX + GENERATE.format(options)) == [WHERE + expected]


def test_an_option_s_value_and_a_key_that_nobody_has_are_named_beside_other_mistakes(tmp_path: Path) -> None:
    text = BOX + GENERATE.format("potential: electrode, gold: molten, evry: 1 ps, every: 1 K")
    lines = mistakes(tmp_path, text)
    assert len(lines) == 3
    joined = "\n".join(lines)
    assert f"{WHERE}gold: wrong value; received 'molten'; expected str one of mobile, rigid" in joined
    assert f"{WHERE}evry: unknown key; received 'evry'; expected one of " in joined
    assert "did you mean `every`?" in joined
    assert f"{WHERE}every: wrong value; received '1 K'" in joined


def test_the_schema_tells_names_and_options() -> None:
    schema = Campaign.model_json_schema()["$defs"]
    names = "GeneratedDataset", "LabelledDataset", "MolecularDynamics"
    generate, label, md = (schema[name] for name in names)
    assert generate["properties"]["potential"]["enum"] == ["electrode", "lennard-jones", "screened", "spc-fw"]
    assert md["properties"]["potential"]["enum"][-1] is None
    assert md["properties"]["engine"]["enum"] == ["ase", "lammps", "jax-md", None]
    gold = generate["properties"]["gold"]
    assert (gold["enum"], gold["default"]) == (("mobile", "rigid"), "mobile")
    assert "gold" not in label["properties"]
    assert label["properties"]["epsilon"]["minimum"] == 0.0
    assert not any(part["additionalProperties"] for part in (generate, label, md))


def test_cards_say_what_adapters_do() -> None:
    for name, potential in {"electrode": Electrode, "spc-fw": SpcFw}.items():
        card = cards()[name]
        assert card.name == potential.name
        assert set(card.elements) == set(potential.elements)
        assert card.cutoff == CUTOFF_A


ELECTRODE = (BUILT_IN / "electrode/card.toml").read_text()


OPTION = "[options.gold]\ntype = 'int'\ndefault = 1\nhelp = ''\n"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "electrode"', 'nme = "electrode"', "nme: unknown key; did you mean name?; name: is missing"),
        ("samples = true", 'samples = "yes"', "samples: expected bool, received 'yes'"),
        ('default = "mobile"', 'default = "molten"', "sampling.gold.default: expected str one of mobile"),
        ('"dipole"]', '"quadrupole"]', "answers.quadrupole: expected one of charges, potential, dipole"),
        ('["lammps"]', '["gromacs"]', "engines.gromacs: no such engine; expected one of ase, lammps"),
        ("[1, 8, 11, 79]", '["Au"]', "elements: expected atomic numbers, received 'Au'"),
        ("sample = ", "sampel = ", "cost.sample: is missing"),
        ('reason = "', 'cause = "', "needs.0.cause: unknown key; needs.0.reason: is missing"),
        ('help = "mobile', 'legacy = "molten"\nhelp = "mobile', "sampling.gold.legacy: expected str one of"),
        ('help = "mobile', 'less_than = "seed"\nhelp = "mobile', "gold: options have no `less_than`"),
        ("[[needs]]", OPTION + "[[needs]]", "sampling.gold: an option of that name is there too"),
    ],
)
def test_a_wrong_card_is_refused_by_name(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in ELECTRODE
    path = tmp_path / "card.toml"
    path.write_text(ELECTRODE.replace(old, new, 1))
    with pytest.raises(CardError) as error:
        load_card(path)
    assert expected in str(error.value)


def test_an_option_with_the_name_of_a_parameter_is_refused() -> None:
    card = cards()["lennard-jones"]
    clash = replace(card, options={"seed": card.options["epsilon"]})
    with pytest.raises(CardError, match="`seed` is a parameter of md: rename this option"):
        clash.with_options("md", {"seed": 1}, {})


def test_three_periodic_electrostatics_leave_parameters_as_they_were_before_the_option() -> None:
    """The option says its name where it is not that; without it a task is three-periodic, as it was."""
    card, before = cards()["electrode"], {"potential": "electrode"}
    for use in ("generate", "label", "md"):
        for value, entry in (
            ("three-periodic", {}),
            ("slab-corrected", {"electrostatics": "slab-corrected"}),
        ):
            gold = {"gold": "mobile"} if use == "generate" else {}
            assert card.with_options(use, before, {"electrostatics": value}) == before | gold | entry
        assert card.with_options(use, before, {})["electrostatics"] == "slab-corrected"
    assert card.legacy == {"electrostatics": "three-periodic"}
    module = find()["electrode"].module
    for given, potential in (
        (before, ThreePeriodicElectrode),
        (card.with_options("md", before, {}), Electrode),
    ):
        running = labeller_of_module(module, given)
        assert isinstance(running, LammpsLabeller)
        assert running.potential is potential


def test_the_first_version_of_a_potential_leaves_keys_as_they_were_before_it_had_one() -> None:
    """The key by hand, from the words of contract/task.py; a later version, or a digest, stands in it."""

    def task(version: int | str | None) -> Task:
        potential = None if version is None else Potential("electrode", "m", version)
        return Task("label", 4, "reference", "venv:0", {"potential": "electrode"}, potential=potential)

    content: dict[str, Any] = {
        "schema": 2, "verb": "label", "version": 4, "identity": "venv:0", "upstream": {}, "inputs": {},
        "parameters": {"potential": "electrode"}, "architecture": None,
    }  # fmt: skip
    assert task(None).key == task(1).key == digest(content)
    for version in (2, "ab" * 32):
        assert task(version).key == digest(content | {"potential": ["electrode", version]})
    assert Task.from_json(task(2).to_json()) == task(2)
    record = task(1).to_json()
    del record["potential"]
    assert Task.from_json(record) == task(None)


def test_a_record_of_before_potentials_had_adapters_is_run_with_the_adapter_of_that_name() -> None:
    record, present = Task("md", 4, "reference", "venv:0", {"potential": "spc-fw"}), find()
    then = replace(present["spc-fw"])
    vars(then)["adapter"] = replace(then.adapter, version=1)
    complete = with_adapter(record, {"spc-fw": then})
    assert complete.potential is not None
    assert (complete.potential.name, complete.key) == ("spc-fw", record.key)
    assert with_adapter(Task("build", 2, "analysis", "venv:0", {}), find()).potential is None
    with pytest.raises(Trouble, match="the reference potential spc-fw has changed since"):
        with_adapter(record, present)
    with pytest.raises(Trouble, match="the reference potential lennard-jones has changed since"):
        with_adapter(Task("label", 4, "analysis", "venv:0", {"potential": "lennard-jones"}), find())


OUTSIDE = [path for path in sorted(BUILT_IN.parent.rglob("*.py")) if BUILT_IN not in path.parents]
LOGIN = ("campaign", "plan", "report", "runtime", "cli")


def literals(path: Path) -> list[Any]:
    """Strings and numbers of a module, docstrings apart."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    texts = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    return [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in texts]


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: str(path.relative_to(BUILT_IN.parent)))
def test_no_code_outside_its_folder_names_a_potential_its_options_or_its_elements(path: Path) -> None:
    words = [word for word in literals(path) if isinstance(word, str)]
    # The electrode of electrochemistry is no potential's name.
    words = [word.replace("lectrode potential", "").replace("of the electrode", "") for word in words]
    assert not [word for word in words if "electrode" in word or "spc-fw" in word or "spc_fw" in word]
    if path.relative_to(BUILT_IN.parent).parts[0] in LOGIN:
        assert "gold" not in words
        assert 79 not in literals(path)
