"""What tasks may cost before anything was measured: from the cards' laws, and from what files hold."""

from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.architectures import law
from mlipbench_hpc.architectures.card import Card, CardError
from mlipbench_hpc.architectures.hyperparameters import complete
from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.spec import GeneratedDataset
from mlipbench_hpc.plan.graph import Cost

RECORDS_BYTES = 8_000
BYTES_PER_LABELLED_ATOM = 56
BYTES_PER_TRAJECTORY_ATOM = 12
BYTES_PER_THERMO_ROW = 160
BYTES_PER_CHECKPOINT_ATOM = 72
CLASSICAL_S_PER_ATOM_STEP = 8e-6
REFERENCE_S_PER_ATOM = 1e-4
# Measured on one core at the accuracy of labels: 3.3e-5 with 170 atoms that all move, 1.8e-5 with 156, a
# layer of them fixed.
REFERENCE_S_PER_ATOM_STEP = 2.5e-5
REFERENCE_START_S = 5.0
ANALYSIS_S_PER_FRAME = 1e-3
NUMBER_BYTES = {"float32": 4, "float64": 8}
# A run of MD has at most eleven of its 400 checkpoints at any time, of three inodes each, and twelve more.
CHECKPOINTS = 11
MD_INODES = 45


def per_frame(facts: DatasetFacts) -> float:
    """Mean number of atoms of a frame."""
    return facts.atoms / facts.frames


def build(atoms: float) -> Cost:
    """Writing or importing a dataset of so many atoms in all."""
    return Cost(
        core_s=1.0 + 2e-6 * atoms, bytes=RECORDS_BYTES + round(BYTES_PER_LABELLED_ATOM * atoms), inodes=4
    )


def label(atoms: float, frames: int, recipe: GeneratedDataset) -> Cost:
    """Sampling `frames` of `atoms` atoms: equilibration at each temperature, then `every` between frames."""
    steps = (len(recipe.temperatures) * recipe.equilibration + frames * recipe.every) / recipe.timestep
    core_s = 2.0 + CLASSICAL_S_PER_ATOM_STEP * atoms * steps + REFERENCE_S_PER_ATOM * frames * atoms
    size = RECORDS_BYTES + round(BYTES_PER_LABELLED_ATOM * frames * atoms)
    return Cost(core_s=core_s, bytes=size, inodes=5)


def relabel(facts: DatasetFacts) -> Cost:
    """Reference energies and forces of given frames."""
    size = RECORDS_BYTES + round(BYTES_PER_LABELLED_ATOM * facts.atoms)
    return Cost(core_s=2.0 + REFERENCE_S_PER_ATOM * facts.atoms, bytes=size, inodes=5)


def laws(
    card: Card, parameters: Mapping[str, Any], facts: DatasetFacts, frames: float = 1
) -> dict[str, float]:
    """Core-seconds by each law of the card (see architectures/law.py), with `frames` in a batch.

    Raises CardError where a law has no value for these hyperparameters.
    """
    hyperparameters = complete(card.hyperparameters, parameters["hyperparameters"])
    variables = {
        "atoms": per_frame(facts) * frames,
        "neighbours": facts.neighbours(hyperparameters[card.receptive_field["cutoff"]]),
        "species": len(facts.species),
        "number_bytes": NUMBER_BYTES[parameters["dtype"]],
    }
    try:
        return law.seconds(card.cost, variables, hyperparameters)
    except law.LawError as error:
        raise CardError(f"card of {card.name}: cost.{error.name}: {error}") from error


def train(card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: int, validation: int) -> Cost:
    """Every epoch makes steps with `frames` of such data, then evaluates `validation` of them."""
    hyperparameters = complete(card.hyperparameters, parameters["hyperparameters"])
    size = min(frames, hyperparameters.get("batch_size", 1))
    law_s = laws(card, parameters, facts, size)
    epoch_s = law_s["train"] * frames / size + law_s["evaluate"] * validation / size
    work_s = epoch_s * hyperparameters.get("epochs", 1)
    return _of(law_s["start"], work_s, bytes=3_000_000, inodes=8)


def evaluate(card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: int) -> Cost:
    """One pass over the held-out frames."""
    size = RECORDS_BYTES + round(32 * per_frame(facts) * frames)
    return _pass(card, parameters, facts, frames, size, inodes=6)


def reevaluate(card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: float) -> Cost:
    """One member on so many stored frames."""
    return _pass(card, parameters, facts, frames, RECORDS_BYTES + round(16 * frames), inodes=5)


def _pass(
    card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: float, size: int, inodes: int
) -> Cost:
    """Energies and forces of `frames` in batches."""
    batch = min(max(frames, 1), parameters["batch_size"])
    law_s = laws(card, parameters, facts, batch)
    return _of(law_s["start"], law_s["evaluate"] * frames / batch, size, inodes)


def _of(start_s: float, work_s: float, bytes: int, inodes: int) -> Cost:
    return Cost(start_s + work_s, bytes, inodes, start_s)


def md(card: Card | None, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """One replica that starts from such a frame; without a card it is the reference potential's own."""
    steps, atoms = parameters["steps"], per_frame(facts)
    size = steps / parameters["frame_every"] * (BYTES_PER_TRAJECTORY_ATOM * atoms + BYTES_PER_THERMO_ROW)
    size += CHECKPOINTS * BYTES_PER_CHECKPOINT_ATOM * atoms
    if card:
        law_s = laws(card, parameters, facts)
        start_s, step_s = law_s["start"], law_s[f"md_{parameters['engine']}"]
    else:
        start_s, step_s = REFERENCE_START_S, REFERENCE_S_PER_ATOM_STEP * atoms
    return _of(start_s, step_s * steps, round(size) + RECORDS_BYTES, MD_INODES)


def analyse(frames: float) -> Cost:
    """Observables of one trajectory of so many frames."""
    return Cost(core_s=2.0 + ANALYSIS_S_PER_FRAME * frames, bytes=50_000, inodes=6)
