"""The source of a verb or an architecture does not change under a version that nobody looked at."""

import ast
import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from toy import write_toy

from mlipbench_hpc.architectures import card as cards
from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.contract import versions
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.contract.verbs import verb_of
from mlipbench_hpc.contract.versions import Source, meaning, verb_versions, version
from mlipbench_hpc.plan.expand import Setting, expand
from mlipbench_hpc.potentials import card as potentials

SPEC = importlib.util.spec_from_file_location("closure", Path(__file__).parent / "closure.py")
assert SPEC is not None
assert SPEC.loader is not None
closure = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(closure)
QUICKSTART = Path(__file__).parents[1] / "campaigns/quickstart.yaml"
WATER = QUICKSTART.with_name("water.yaml")
ENVIRONMENTS = ("analysis", "reference", "mace", "deepmd", "tests")
Edit = Callable[[Path], None]


def test_every_version_was_looked_at() -> None:
    assert closure.changed() == [], "look, then: python tests/closure.py accept|bump NAME"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this package, whose source and cards decide keys in this test."""
    folder = tmp_path / "package/mlipbench_hpc"
    shutil.copytree(versions.FOLDER, folder, ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(versions, "FOLDER", folder)
    monkeypatch.setattr(cards, "BUILT_IN", folder / "architectures")
    monkeypatch.setattr(potentials, "BUILT_IN", folder / "potentials")
    return folder


def tasks(path: Path) -> list[Task]:
    """Every task of a campaign."""
    versions._read.cache_clear()
    validated = validate(path)
    identities = {name: f"venv:{name}" for name in ENVIRONMENTS}
    facts = validated.datasets, validated.systems, cards.find(), identities, verb_versions()
    setting = Setting(*facts, potentials=potentials.find())
    return [item.task for item in expand(validated.campaign, setting, {})]


def keys(path: Path) -> dict[tuple[str, str, str], str]:
    """Key by verb, architecture and label of every task of a campaign."""
    return {
        (task.verb, task.architecture.name if task.architecture else "", task.label): task.key
        for task in tasks(path)
    }


@cache
def quickstart_keys() -> dict[tuple[str, str, str], str]:
    """Keys of the quickstart while nothing is changed, once for all tests."""
    return keys(QUICKSTART)


def own_changes(before: dict, after: dict) -> set[tuple[str, str]]:
    """Verb and architecture of the tasks whose keys differ."""
    assert before.keys() == after.keys()
    return {name[:2] for name in before if before[name] != after[name]}


def edit(name: str, old: str, new: str) -> Edit:
    def change(package: Path) -> None:
        text = (package / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        (package / name).write_text(text.replace(old, new, 1))

    return change


def test_forces_negated_in_shared_code_change_the_keys_of_all_architectures_and_no_other(
    package: Path,
) -> None:
    before = quickstart_keys()
    edit("architectures/shared/calculator.py", '"forces": forces', '"forces": -forces')(package)
    own, consuming = (
        own_changes(before, keys(QUICKSTART)),
        {("calibrate", ""), ("analyse", ""), ("reweight", "")},
    )
    learnt = {(verb, name) for verb in ("train", "evaluate", "md", "reevaluate") for name in ("dp", "mace")}
    assert own == learnt | consuming
    assert Source.here().verb(verb_of("md")) == versions.recorded()["verbs"]["md"]["digest"]


@pytest.mark.parametrize(
    "change",
    [
        edit(
            "architectures/shared/calculator.py",
            "class EnergyAndForces",
            "# A comment.\nclass EnergyAndForces",
        ),
        edit("architectures/dp/evaluator.py", '"""An ASE calculator', '"""Some ASE calculator'),
        edit("architectures/dp/card.toml", "# ", "# more "),
        edit("architectures/dp/card.toml", 'help = "', 'help = "more: '),
        edit("architectures/mace/card.toml", "[presets.small]", "[presets.other]\nlr = 0.1\n[presets.small]"),
        edit(
            "architectures/mace/card.toml",
            "[presets.tiny]",
            '[hyperparameters.new]\ntype = "float"\ndefault = 2\nlegacy = 2\nhelp = "new"\n[presets.tiny]',
        ),
        edit("worker/md.py", '"""md: ', '"""MD, '),
        edit("worker/evaluate.py", "import", "# A comment.\nimport"),
    ],
)
def test_comments_help_presets_and_a_hyperparameter_at_its_legacy_value_change_no_key(
    package: Path, change: Edit
) -> None:
    before = quickstart_keys()
    change(package)
    assert keys(QUICKSTART) == before


def test_a_hyperparameter_beyond_its_legacy_value_changes_the_keys_of_its_architecture(package: Path) -> None:
    before = quickstart_keys()
    added = '[hyperparameters.new]\ntype = "int"\ndefault = 3\nlegacy = 2\nhelp = "new"\n[presets.tiny]'
    edit("architectures/mace/card.toml", "[presets.tiny]", added)(package)
    assert {name for _, name in own_changes(before, keys(QUICKSTART))} == {"mace", ""}


def test_a_legacy_value_that_changes_changes_keys(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else models of before and after it would share keys, which leave the value out."""
    added = '[hyperparameters.new]\ntype = "int"\ndefault = 2\nlegacy = 2\nhelp = "new"\n[presets.tiny]'
    edit("architectures/mace/card.toml", "[presets.tiny]", added)(package)
    lock = versions.recorded()
    lock = lock | {
        "architectures": lock["architectures"]
        | {"mace": lock["architectures"]["mace"] | {"legacy": {"new": 2}}}
    }
    monkeypatch.setattr(versions, "recorded", lambda: lock)
    before = keys(QUICKSTART)
    edit("architectures/mace/card.toml", "default = 2\nlegacy = 2", "default = 3\nlegacy = 3")(package)
    assert {name for _, name in own_changes(before, keys(QUICKSTART))} == {"mace", ""}


def test_what_a_worker_does_to_hyperparameters_changes_the_keys_of_models(package: Path) -> None:
    before = quickstart_keys()
    edit("worker/context.py", "return complete_from(", "return 2 * complete_from(")(package)
    assert ("train", "dp") in own_changes(before, keys(QUICKSTART))


def test_a_changed_verb_changes_its_own_keys_and_those_below(package: Path) -> None:
    before = quickstart_keys()
    edit("worker/calibrate.py", "return ", "return 2 and ")(package)
    assert own_changes(before, keys(QUICKSTART)) == {("calibrate", ""), ("reweight", "")}
    assert verb_versions()["calibrate"] == Source.here().verb(verb_of("calibrate"))


@pytest.mark.parametrize(
    ("change", "electrode", "spc_fw"),
    [
        (edit("potentials/electrode/adapter.py", "1.979", "1.98"), True, False),
        (edit("potentials/shared/field.py", "3.165492", "3.2"), True, True),
        (edit("potentials/electrode/card.toml", 'reason = "', 'reason = "for '), False, False),
    ],
)
def test_a_potential_s_source_changes_the_keys_of_what_it_labels_and_drives(
    package: Path, change: Edit, electrode: bool, spc_fw: bool
) -> None:
    before = unchanged_reference_keys()
    change(package)
    after = reference_keys()
    changed = {name for name in before if before[name] != after[name]}
    expected = {("label", "electrode"), ("md", "electrode")} if electrode else set()
    assert changed == expected | ({("label", "spc-fw")} if spc_fw else set())


@cache
def unchanged_reference_keys() -> dict[tuple[str, str], set[str]]:
    """The same while nothing is changed, once for all tests."""
    return reference_keys()


def reference_keys() -> dict[tuple[str, str], set[str]]:
    """Own keys by verb and reference potential, of the quickstart and of water.yaml."""
    result: dict[tuple[str, str], set[str]] = {}
    for task in [*tasks(QUICKSTART), *tasks(WATER)]:
        if task.potential:
            own = replace(task, version=1, upstream={})
            result.setdefault((task.verb, task.potential.name), set()).add(own.key)
    return result


def test_a_stored_meaning_of_other_source_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (source := tmp_path / "__init__.py").write_text("x = 1\n")

    def digest() -> str:
        versions._read.cache_clear()
        return versions._read(source, "somewhere")[0]

    first = digest()
    (stored,) = tmp_path.glob("__pycache__/*.meaning.json")
    damaged = [stored.read_text().replace(first, "0" * 64), "[]", "", stored.read_text()[:-9], '{"key": 1}']
    assert digest() == first
    source.write_text("x = 2\n")
    second = digest()
    assert second != first
    for text in damaged:
        stored.write_text(text)
        assert digest() == second


def test_an_engine_s_source_is_part_of_md_though_a_table_names_it(package: Path) -> None:
    before = verb_versions()
    edit("worker/engines/lammps.py", "post no", "post yes")(package)
    versions._read.cache_clear()
    after = verb_versions()
    assert {name for name in before if before[name] != after[name]} == {"md", "speed"}


def test_a_new_module_of_observables_changes_the_keys_of_analyses(package: Path) -> None:
    """No other module imports it by name: the package looks at its own path."""
    before = quickstart_keys()
    (package / "worker/observables/more.py").write_text("FAMILY = None\n")
    assert own_changes(before, keys(QUICKSTART)) == {("analyse", ""), ("reweight", "")}


def test_a_third_party_is_known_by_the_digest_of_its_own_and_of_shared_source(
    package: Path, tmp_path: Path
) -> None:
    campaign = write_toy(tmp_path)
    toy = cards.find()["toy"]
    assert toy.version == Source.here().package("mlipbench_toy", toy.folder)
    before = keys(campaign)
    edit("data/frames.py", "def concatenate", "UNUSED = 1\n\n\ndef concatenate")(package)
    assert ("train", "toy") in own_changes(before, keys(campaign))


def test_a_third_party_s_own_modules_and_files_count_however_they_are_imported(tmp_path: Path) -> None:
    folder = tmp_path / "outer/inner"
    folder.mkdir(parents=True)
    texts = {
        "outer/__init__.py": "", "outer/helper.py": "x = 1\n", "outer/unrelated.py": "x = 1\n",
        "outer/inner/__init__.py": "", "outer/inner/adapter.py": "from ..helper import x\n",
        "outer/inner/table.json": "[1]", "outer/inner/card.toml": "a = 1\n",
        "outer/inner/.adapter.py.swp": "", "outer/inner/adapter.py~": "", "outer/inner/README.md": "",
    }  # fmt: skip
    counted = {"outer/helper.py", "outer/inner/adapter.py", "outer/inner/table.json", "outer/__init__.py"}

    def digest() -> str:
        versions._read.cache_clear()
        return Source.here().package("outer.inner", folder)

    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for name, text in texts.items():
        before = digest()
        (tmp_path / name).write_text(text + "\ny = 2\n")
        assert (digest() != before) == (name in counted or name == "outer/inner/__init__.py"), name


def test_a_recorded_version_holds_while_the_source_does() -> None:
    entry = versions.recorded()["verbs"]["md"]
    assert version("verbs", "md", str(entry["digest"])) == entry["version"]
    assert version("verbs", "md", "f" * 64) == "f" * 64
    assert version("architectures", "nobody", "f" * 64) == "f" * 64


def test_a_docstring_decides_no_number_and_a_number_does() -> None:
    def meant(source: str) -> str:
        return meaning(ast.parse(source))

    assert meant('def f():\n    """One."""\n    return 1') == meant("def f():\n    # two\n    return 1")
    assert meant('async def f():\n    """One."""\n    return 1') == meant("async def f():\n    return 1")
    assert meant("def f():\n    return 1") != meant("def f():\n    return 2")
