"""Published speeds on cards: what is timed, what is scaled, and what a card may not say."""

from pathlib import Path
from typing import Any

import pytest

from mlipbench_hpc.architectures.card import CardError, find, load_card, merge
from mlipbench_hpc.architectures.hyperparameters import training_epochs
from mlipbench_hpc.architectures.literature import literature_of, published

CARD = (Path(__file__).parents[2] / "mlipbench_hpc/architectures/grace_2l/card.toml").read_text()
TABLE = {
    "work": "md", "model": {"width": 64}, "dtype": "float32", "steps": 1_000_000, "hours": [2, 3],
    "atoms": 400, "hardware": "GPU", "program": "its own", "stated": "two to three hours",
    "source": "somebody, 2026",
}  # fmt: skip
SAME: dict[str, Any] = {"hyperparameters": {"width": 64, "epochs": 7}, "dtype": "float32"}


def test_hours_are_in_proportion_to_atoms_and_steps() -> None:
    """A quarter of the atoms and four million steps: as long as published."""
    entries = literature_of({"literature": [TABLE]})
    own = published(entries, "md", SAME, atoms=100, steps=4_000_000)
    assert own is not None
    assert (own.least_s, own.most_s) == (pytest.approx(2 * 3600), pytest.approx(3 * 3600))
    assert own.words == "two to three hours; its own; somebody, 2026"


@pytest.mark.parametrize(
    ("work", "other"),
    [("train", {}), ("md", {"dtype": "float64"}), ("md", {"hyperparameters": {"width": 32}})],
)
def test_another_work_precision_or_model_has_no_number(work: str, other: dict[str, Any]) -> None:
    assert published(literature_of({"literature": [TABLE]}), work, SAME | other, 100, 10) is None


def test_the_paper_s_models_are_the_presets_of_their_cards() -> None:
    """One nanosecond of 0.5 fs: 24 h / 6.6 of GRACE-2L; of MACE more, of the others that over their ratio."""
    hours = {"grace-2l": 24 / 6.6, "mace": 24 / 6.6, "dp-jax": 24 / 6.6 / 20}
    hours |= dict.fromkeys(["dp-mp", "grace-1l"], 24 / 6.6 / 9)
    for name, installed in find().items():
        card, dtype = installed.card, "float64" if name.startswith("grace") else "float32"
        for preset in card.presets:
            model = {"hyperparameters": merge(card, preset, {}), "dtype": dtype}
            own = published(card.literature, "md", model, 384, 2_000_000)
            assert (own is not None) == (name in hours and preset.startswith("paper")), (name, preset)
            if own is not None:
                assert own.least_s / 3600 == pytest.approx(hours[name])
                assert (own.most_s < float("inf")) == (name == "grace-2l")


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        ("mace", [2000, 2000, 800, 400]),
        ("grace-1l", [4000, 3930, 800, 400]),  # 133,600 updates of 34 an epoch, where the paper has 4000
        ("grace-2l", [4000, 3930, 800, 400]),
    ],
)
def test_table_s_i_has_these_epochs(name: str, epochs: list[int]) -> None:
    """Of 50, 100, 500 and 1000 structures; DP and DP-MP have 150,000 updates of each."""
    cards = {own: installed.card for own, installed in find().items()}
    chosen = merge(cards[name], "paper-efficiency", {})
    assert [training_epochs(chosen, frames) for frames in (50, 100, 500, 1000)] == epochs
    for other in ("dp-jax", "dp-mp"):
        assert merge(cards[other], "paper-efficiency", {})["updates"] == 150_000


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("hours = [24, 24]", "hours = [24, 23]", "literature.0.hours: expected [least, most] above 0"),
        ("hours = [24, 24]", "hours = [inf, inf]", "literature.0.hours: expected [least, most] above 0"),
        ("hours = [24, 24]", "hours = 24", "literature.0.hours: expected [least, most] above 0"),
        ("steps = 13_200_000", "steps = 0", "literature.0.steps: expected a number above 0, received 0"),
        ('work = "md"', 'work = "label"', "literature.0.work: expected one of md, train, received 'label'"),
        ('work = "md"\n', "", "literature.0.work: is missing"),
        ('stated = "6.6 ns/day"', "stated = 6.6", "literature.0.stated: expected words, received 6.6"),
        ("model = {rcut = 5.0, ", "model = {r_cut = 5.0, ", "literature.0.model.r_cut: grace-2l has no such"),
        ("atoms = 384\nhardware", "atom = 384\natoms = 384\nhardware", "literature.0.atom: unknown key"),
    ],
)
def test_what_a_card_may_not_say(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert CARD.count(old) == 1
    (tmp_path / "card.toml").write_text(CARD.replace(old, new))
    with pytest.raises(CardError, match="literature") as caught:
        load_card(tmp_path / "card.toml")
    assert words in str(caught.value)


def test_a_kernel_has_no_speed_of_its_architecture() -> None:
    assert find()["mace"].card.literature
    assert find()["mace"].card.by("symmetrix").literature == ()
