"""Cards: every mistake in a campaign's hyperparameters is found without the engine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mlipbench_hpc.architectures.card import (
    Card,
    CardError,
    find,
    load_card,
    merge,
    problems,
)
from mlipbench_hpc.architectures.hyperparameters import complete, keyed

CARD = """
name = "line"
environment = "tests"
engines = ["ase"]
devices = ["cpu"]
dtypes = ["float64"]
citation = ["nobody, 2026"]
restart = {training = "bitwise", md = 1e-6}
default_preset = "short"
[hyperparameters.slope]
type = "float"
default = 1.5
minimum = 0.0
maximum = 10.0
help = "eV/Å"
[hyperparameters.degree]
type = "int"
default = 1
choices = [1, 2, 4]
help = "of the polynomial"
[hyperparameters.smooth]
type = "bool"
default = false
help = "rounded corners"
[hyperparameters.widths]
type = "list"
default = [4]
minimum = 1
help = "of layers"
[presets.short]
[presets.steep]
slope = 9
[receptive_field]
cutoff = "slope"
layers = "degree"
[cost]
start = 2
train = "1e-3 * atoms * slope"
evaluate = "train / 10"
md_ase = "evaluate"
"""


def write(folder: Path, text: str = CARD) -> Path:
    """card.toml in `folder`."""
    path = folder / "card.toml"
    path.write_text(text)
    return path


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return load_card(write(tmp_path))


def test_claims_of_a_restart_are_values_and_words(card: Card) -> None:
    assert (card.restart.training, card.restart.md) == ("bitwise", 1e-6)
    assert card.restart.describe() == "training bitwise and MD to a relative 1e-06"


def test_merge_takes_default_then_preset_then_override(card: Card) -> None:
    assert merge(card, None, {}) == {"slope": 1.5, "degree": 1, "smooth": False, "widths": [4]}
    assert merge(card, "steep", {"degree": 4}) == {"slope": 9.0, "degree": 4, "smooth": False, "widths": [4]}
    assert merge(card, "steep", {"slope": 2})["slope"] == 2.0


def test_whole_numbers_for_a_float_give_one_key(card: Card) -> None:
    assert repr(merge(card, None, {"slope": 2})) == repr(merge(card, None, {"slope": 2.0}))


@pytest.mark.parametrize(
    ("preset", "overrides", "where", "words"),
    [
        (None, {"slop": 1.0}, "hyperparameters.slop", "did you mean slope?"),
        (None, {"xyz": 1.0}, "hyperparameters.xyz", "it knows slope, degree"),
        (None, {"slope": "1"}, "hyperparameters.slope", "expected float"),
        (None, {"slope": True}, "hyperparameters.slope", "received True"),
        (None, {"slope": 10.5}, "hyperparameters.slope", "at most 10.0"),
        (None, {"slope": -0.1}, "hyperparameters.slope", "at least 0.0"),
        (None, {"slope": float("nan")}, "hyperparameters.slope", "received nan"),
        (None, {"degree": 1.0}, "hyperparameters.degree", "expected int"),
        (None, {"degree": 3}, "hyperparameters.degree", "one of 1, 2, 4"),
        (None, {"smooth": 1}, "hyperparameters.smooth", "expected bool"),
        (None, {"widths": 3}, "hyperparameters.widths", "expected list of int, each at least 1, received 3"),
        (None, {"widths": [4, "4"]}, "hyperparameters.widths", "received [4, '4']"),
        (None, {"widths": [4, 0]}, "hyperparameters.widths", "received [4, 0]"),
        ("shrt", {}, "preset", "did you mean short?"),
        ("zzz", {}, "preset", "it has short, steep"),
    ],
)
def test_each_mistake_is_named(
    card: Card, preset: str | None, overrides: dict, where: str, words: str
) -> None:
    ((path, message),) = problems(card, preset, overrides)
    assert path == where
    assert words in message


LIMITED = CARD.replace('help = "eV/Å"', 'less_than = "degree"\nhelp = "eV/Å"').replace(
    "slope = 9", "slope = 3.5\ndegree = 4"
)


@pytest.fixture
def limited(tmp_path: Path) -> Card:
    """`slope` must stay below `degree`: 0.5 below 1 by default, 3.5 below 4 in the preset `steep`."""
    return load_card(write(tmp_path, LIMITED.replace("default = 1.5", "default = 0.5")))


@pytest.mark.parametrize(
    ("preset", "overrides", "where", "words"),
    [
        (None, {"slope": 2.0}, "hyperparameters.slope", "less than degree, which is 1, received 2.0"),
        (None, {"slope": 1}, "hyperparameters.slope", "less than degree, which is 1, received 1"),
        ("steep", {"degree": 2}, "hyperparameters.degree", "more than slope, which is 3.5, received 2"),
        ("steep", {"slope": 5, "degree": 2}, "hyperparameters.slope", "less than degree, which is 2"),
        (None, {"slope": "x"}, "hyperparameters.slope", "at most 10.0 and less than degree, received 'x'"),
    ],
)
def test_a_setting_that_must_stay_below_another(
    limited: Card, preset: str | None, overrides: dict, where: str, words: str
) -> None:
    ((path, message),) = problems(limited, preset, overrides)
    assert path == where
    assert words in message


def test_settings_that_stay_below_another_are_sound(limited: Card) -> None:
    for preset, overrides in ((None, {}), ("steep", {}), (None, {"slope": 3, "degree": 4})):
        assert problems(limited, preset, overrides) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("default = 1.5", "default = 1.5", "presets.short.slope: expected less than degree, which is 1"),
        ("degree = 4", "degree = 2", "presets.steep.slope: expected less than degree, which is 2"),
        ('"degree"\nhelp', '"degre"\nhelp', "slope.less_than: no number among the hyperparameters is called"),
        (
            '"degree"\nhelp',
            '"smooth"\nhelp',
            "slope.less_than: no number among the hyperparameters is called",
        ),
    ],
)
def test_cards_that_contradict_themselves(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = LIMITED if old == new else LIMITED.replace("default = 1.5", "default = 0.5").replace(old, new)
    with pytest.raises(CardError, match=re.escape(words)):
        load_card(write(tmp_path, text))


def test_what_may_be_equal_is_refused_beyond_and_of_lists_the_last_counts() -> None:
    cards = {name: own.card for name, own in find().items()}
    assert problems(cards["dp-mp"], None, {"start_lr": 0.001, "stop_lr": 0.001}) == []
    (rising,) = problems(cards["dp-mp"], None, {"stop_lr": 0.1})
    assert "expected at most start_lr, which is 0.006, received 0.1" in str(rising)
    (falling,) = problems(cards["grace-1l"], None, {"lr": 1e-5})
    assert "expected at least stop_lr, which is 0.0001, received 1e-05" in str(falling)
    (wide,) = problems(cards["dp"], None, {"neuron": [8, 16], "axis_neuron": 17})
    assert "expected at most neuron, which is [8, 16], received 17" in str(wide)
    assert problems(cards["dp"], None, {"neuron": [8, 16], "axis_neuron": 16}) == []
    (odd,) = problems(cards["esen"], None, {"sphere_channels": 17})
    assert "int at least 2 and at most 1024 and a multiple of 2, received 17" in str(odd)
    assert len(problems(cards["esen"], None, {"lmax": 2, "mmax": 3})) == 1


def test_dp_s_smoothing_must_begin_before_its_cutoff() -> None:
    dp = find()["dp"].card
    assert problems(dp, None, {"rcut_smth": 5.9}) == []
    ((where, message),) = problems(dp, None, {"rcut_smth": 6.0})
    assert (where, message) == (
        "hyperparameters.rcut_smth", "expected less than rcut, which is 6.0, received 6.0"
    )  # fmt: skip


def test_all_mistakes_come_at_once_and_none_where_there_is_none(card: Card) -> None:
    assert len(problems(card, "zzz", {"slope": "a", "degree": 3, "other": 0})) == 4
    assert problems(card, "steep", {"slope": 3, "smooth": True, "widths": []}) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("default = 1.5", "default = 11.5", "hyperparameters.slope.default: expected float at least 0.0"),
        ("slope = 9", "slpe = 9", "presets.steep.slpe: line has no such hyperparameter; did you mean slope?"),
        ('type = "bool"', 'type = "boolean"', "hyperparameters.smooth.type: expected one of"),
        ('cutoff = "slope"', 'cutoff = "radius"', "receptive_field.cutoff: no hyperparameter"),
        ('default_preset = "short"', 'default_preset = "long"', "default_preset: no preset"),
        ('help = "eV/Å"', 'hlp = "eV/Å"', "hyperparameters.slope.hlp: unknown key; did you mean help?"),
        ('citation = ["nobody, 2026"]', "", "citation: is missing"),
        ("default = [4]", "default = []", "hyperparameters.widths.default: a list's default"),
        ("restart = {", "resart = {", "restart: is missing"),
        ('{training = "bitwise", md = 1e-6}', '"bitwise"', "restart: expected a table with md and training"),
        ("md = 1e-6", "md = 0.0", "restart.md: expected 'bitwise', or a relative deviation above 0"),
        ("md = 1e-6", "md = 1", "below 1, received 1"),
        ("md = 1e-6", 'md = "nearly"', "received 'nearly'"),
        (", md = 1e-6", "", "restart.md: is missing"),
        ("md = 1e-6", "md = 1e-6, mdd = 1e-6", "restart.mdd: unknown key; did you mean md?"),
        ("[cost]", "[cost", "card.toml"),
        ("[cost]", "[expansion]\nl_max = 1\n[cost]", "expansion.correlation: is missing"),
        (
            "[cost]",
            "[expansion]\ncorelation = 1\n[cost]",
            "corelation: unknown key; did you mean correlation?",
        ),
        (
            "[cost]",
            '[expansion]\ncorrelation = "slope"\n[cost]',
            "or an int hyperparameter's name, received 'slope'",
        ),
        ("default_preset", "expansion = 3\ndefault_preset", "expansion: expected a table with correlation"),
        ('md_ase = "evaluate"', "", "cost.md_ase: is missing"),
        ("train / 10", "tran / 10", "cost.evaluate: 'tran / 10': 'tran' is no hyperparameter"),
        (
            "atoms * slope",
            "atoms * (5 - slope)",
            "cost.train: '1e-3 * atoms * (5 - slope)' gives -0.6 s with the preset steep",
        ),
    ],
)
def test_a_wrong_card_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in CARD
    with pytest.raises(CardError, match=r"card\.toml") as caught:
        load_card(write(tmp_path, CARD.replace(old, new)))
    assert words in str(caught.value)


def test_built_in_architectures_are_found_with_valid_cards() -> None:
    result = find()
    assert "mace" in result
    for name, one in result.items():
        assert one.name == one.card.name == name
        assert one.card.environment
        assert {"cutoff", "layers"} == set(one.card.receptive_field)
        assert (one.folder / "adapter.py").is_file(), f"{name} has a card and no adapter"
        for preset in one.card.presets:
            assert problems(one.card, None, merge(one.card, preset, {})) == []


def test_a_legacy_value_stays_out_of_keys_and_comes_back(tmp_path: Path) -> None:
    text = CARD.replace("[hyperparameters.degree]", "legacy = 1\n[hyperparameters.degree]")
    card = load_card(write(tmp_path, text))
    settings = card.hyperparameters
    at_legacy, beyond = merge(card, None, {"slope": 1.0}), merge(card, None, {})
    assert "slope" not in keyed(settings, at_legacy)
    assert complete(settings, keyed(settings, at_legacy)) == at_legacy
    assert keyed(settings, beyond) == beyond == complete(settings, beyond)
    with pytest.raises(CardError, match=r"slope.legacy: expected float at least 0.0 and at most 10.0"):
        load_card(write(tmp_path, text.replace("legacy = 1", "legacy = -1")))


def install(site: Path, distribution: str, module: str) -> None:
    """An installed distribution that offers `module` as an architecture; importing its adapter would fail."""
    package = site / module
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "adapter.py").write_text("raise RuntimeError('imported on the login node')")
    write(package)
    info = site / f"{distribution}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[mlipbench_hpc.architectures]\nline = {module}\n")


def test_third_parties_come_by_entry_point_without_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "straight", "straight_architecture")
    monkeypatch.syspath_prepend(str(tmp_path))
    result = find()["line"]
    assert result.module == "straight_architecture"
    assert result.folder == tmp_path / "straight_architecture"
    assert "straight_architecture.adapter" not in sys.modules


def test_one_name_for_two_architectures_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "one", "one_architecture")
    install(tmp_path, "two", "two_architecture")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(CardError, match="the name 'line' is taken"):
        find()


def test_the_login_side_needs_no_engine() -> None:
    """Reading cards loads neither numpy nor torch nor any adapter."""
    heavy = ("numpy", "torch", "pydantic", "mlipbench_hpc.architectures.mace")
    code = (
        "import sys; from mlipbench_hpc.architectures.card import find; find();"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
