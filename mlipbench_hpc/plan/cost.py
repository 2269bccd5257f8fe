"""What tasks may cost before anything was measured: from the cards, and from what files hold."""

from typing import Any

from mlipbench_hpc.architectures.card import Card
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
# Measured on one core: 170 atoms of gold, water and ions at the accuracy of labels, 176 steps a second.
REFERENCE_S_PER_ATOM_STEP = 3.5e-5
ANALYSIS_S_PER_FRAME = 1e-3


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


def train(card: Card, hyperparameters: dict[str, Any], atoms: float) -> Cost:
    """`atoms` is the size of the training set; epochs come from the hyperparameters."""
    epochs = float(hyperparameters.get("epochs", 1))
    return Cost(core_s=5.0 + card.cost["train_s_per_atom_epoch"] * atoms * epochs, bytes=3_000_000, inodes=8)


def evaluate(card: Card, atoms: float) -> Cost:
    """One pass over the held-out frames."""
    size = RECORDS_BYTES + round(32 * atoms)
    return Cost(core_s=5.0 + card.cost["evaluate_s_per_atom"] * atoms, bytes=size, inodes=6)


def reevaluate(card: Card, frames: float, atoms: float) -> Cost:
    """One member on so many stored frames of `atoms` atoms each."""
    core_s = 5.0 + card.cost["evaluate_s_per_atom"] * frames * atoms
    return Cost(core_s=core_s, bytes=RECORDS_BYTES + round(16 * frames), inodes=5)


def md(card: Card | None, parameters: dict[str, Any], atoms: float) -> Cost:
    """One replica; without a card it is the reference potential's own."""
    steps, segments = parameters["steps"], parameters["steps"] / parameters["checkpoint_every"]
    frames = steps / parameters["frame_every"]
    size = frames * (BYTES_PER_TRAJECTORY_ATOM * atoms + BYTES_PER_THERMO_ROW)
    size += segments * BYTES_PER_CHECKPOINT_ATOM * atoms
    per_atom_step = card.cost["md_s_per_atom_step"] if card else REFERENCE_S_PER_ATOM_STEP
    core_s = 5.0 + per_atom_step * atoms * steps
    return Cost(core_s=core_s, bytes=round(size) + RECORDS_BYTES, inodes=8 + 3 * round(segments))


def analyse(frames: float) -> Cost:
    """Observables of one trajectory of so many frames."""
    return Cost(core_s=2.0 + ANALYSIS_S_PER_FRAME * frames, bytes=50_000, inodes=6)
