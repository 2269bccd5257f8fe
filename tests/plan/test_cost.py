"""The cards' laws against measured seconds, and sums that can be done by hand."""

from typing import Any

import pytest

from mlipbench_hpc.architectures.card import Card, find, merge
from mlipbench_hpc.campaign.facts import DatasetFacts, built_facts, generated_facts
from mlipbench_hpc.campaign.spec import GeneratedDataset, System
from mlipbench_hpc.plan import cost

CARDS = {name: found.card for name, found in find().items()}
SLABS = {
    156: {"size": [4, 4, 3], "waters": 36, "ions": 0},
    158: {"size": [4, 4, 3], "waters": 36, "ions": 2},
    384: {"size": [6, 4, 4], "waters": 95, "ions": 3},
}
PAPER_MACE = {
    "r_max": 5.0, "num_channels": 64, "max_L": 2, "max_ell": 3, "correlation": 3, "radial_MLP": [64, 64, 64],
}  # fmt: skip


def facts(atoms: int | str) -> DatasetFacts:
    """Gold under water with so many atoms, or 64 molecules of water."""
    kind: Any = {"water_box": {"molecules": 64}} if atoms == "water" else {"slab": SLABS[int(atoms)]}
    found = built_facts(System.model_validate(kind))
    assert found is not None
    return found


def asked(card: Card, overrides: dict[str, Any], dtype: str = "float32", **more: Any) -> dict[str, Any]:
    preset = overrides.get("preset")
    own = {name: value for name, value in overrides.items() if name != "preset"}
    return {"hyperparameters": merge(card, preset, own), "dtype": dtype, "batch_size": 1, **more}


@pytest.mark.parametrize(("name", "overrides", "atoms", "dtype", "train", "evaluate", "md"), MEASURED)
def test_laws_are_within_a_factor_of_two_of_measured_seconds(
    name: str, overrides: dict[str, Any], atoms: int | str, dtype: str, train: float, evaluate: float, md: float
) -> None:
    card = CARDS[name]
    parameters = asked(card, overrides | {"epochs": 1}, dtype, engine=card.engines[0], steps=1000, frame_every=10)
    size = parameters["hyperparameters"]["batch_size"]
    step = cost.train(card, parameters, facts(atoms), size, 0)
    frame = cost.evaluate(card, parameters, facts(atoms), 1)
    run = cost.md(card, parameters, facts(atoms))
    for planned, measured in ((step, train), (frame, evaluate), (run, 1000 * md)):
        assert 0.5 < (planned.core_s - planned.start_s) / measured < 2.0


FLAT = {"start": 3, "train": "atoms", "evaluate": "atoms / 4", "md_ase": "atoms / 10"}


@pytest.fixture
def flat() -> Card:
    """MACE's card with laws that can be summed by hand: 156 atoms, so 156 s a training step of one frame."""
    return replace(CARDS["mace"], cost=FLAT)


def test_an_epoch_trains_and_validates(flat: Card) -> None:
    """Two epochs of five frames and two to validate: 2 (5 · 156 + 2 · 39) + 3; batches change nothing here."""
    for batch in (1, 2, 8):
        parameters = asked(flat, {"epochs": 2, "batch_size": batch})
        found = cost.train(flat, parameters, facts(156), 5, 2)
        assert (found.core_s, found.start_s) == (pytest.approx(2 * (5 * 156 + 2 * 39) + 3), 3)


def test_what_a_step_costs_besides_its_atoms_is_paid_once_a_batch(flat: Card) -> None:
    """10 s a step whatever is in it: eight frames in batches of four are two steps, in one batch of 100 one."""
    card = replace(flat, cost=FLAT | {"train": "10", "evaluate": "10"})
    for batch, steps in ((1, 8), (4, 2), (100, 1)):
        parameters = asked(card, {"epochs": 1, "batch_size": batch}) | {"batch_size": batch}
        assert cost.train(card, parameters, facts(156), 8, 0).core_s == pytest.approx(3 + 10 * steps)
        assert cost.evaluate(card, parameters, facts(156), 8).core_s == pytest.approx(3 + 10 * steps)
        assert cost.reevaluate(card, parameters, facts(156), 8.0).core_s == pytest.approx(3 + 10 * steps)
    assert cost.reevaluate(card, parameters, facts(156), 0.0).core_s == pytest.approx(3)


def test_md_s_folder_does_not_grow_with_its_checkpoints(flat: Card) -> None:
    """Two checkpoints and twenty inodes, however many segments; frames of 12 bytes an atom and a row each."""
    for every in (100, 100_000):
        parameters = asked(flat, {}, engine="ase", steps=100_000, frame_every=20, checkpoint_every=every)
        found = cost.md(flat, parameters, facts(156))
        assert found.core_s == pytest.approx(3 + 15.6 * 100_000)
        assert found.inodes == 20
        assert found.bytes == 5000 * (12 * 156 + 160) + 2 * 72 * 156 + cost.RECORDS_BYTES


def test_the_law_sees_neighbours_species_and_number_width(flat: Card) -> None:
    """The cutoff of the model, not the dataset's: 5 Å holds (5/4)³ times what 4 Å does."""
    for law, ratio in (("neighbours", (5 / 4) ** 3), ("species", 1.0), ("number_bytes", 1.0)):
        card = replace(flat, cost=FLAT | {"train": law})
        seconds = [
            cost.laws(card, asked(card, {"r_max": radius}), facts(156))["train"] for radius in (4.0, 5.0)
        ]
        assert seconds[1] / seconds[0] == pytest.approx(ratio)
    assert seconds == [4, 4]
    assert cost.laws(card, asked(card, {}, "float64"), facts(156))["train"] == 8
    species = replace(flat, cost=FLAT | {"train": "species"})
    assert cost.laws(species, asked(card, {}), facts(158))["train"] == 4


def test_a_generated_dataset_is_as_dense_as_its_systems() -> None:
    """Three frames of water at 1 g/cm³, one at 3: six atoms of four are at 1, so is their mean 1.5."""
    systems = {
        name: built_facts(System.model_validate({"water_box": {"molecules": 64, "density": f"{density} g/cm3"}}))
        for name, density in (("thin", 1), ("thick", 3))
    }
    ...
