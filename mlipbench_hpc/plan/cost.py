"""Cost of tasks before anything was measured: from the cards' laws, and from what files hold."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlipbench_hpc.architectures import law
from mlipbench_hpc.architectures.card import Card, CardError
from mlipbench_hpc.architectures.hyperparameters import complete, training_epochs, updates_per_epoch
from mlipbench_hpc.architectures.literature import Published, published
from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.plan.graph import Cost
from mlipbench_hpc.potentials.card import Card as PotentialCard

RECORDS_BYTES = 8_000
BYTES_PER_LABELLED_ATOM = 56
BYTES_PER_TRAJECTORY_ATOM = 12
BYTES_PER_THERMO_ROW = 160
BYTES_PER_CHECKPOINT_ATOM = 72
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


def label(card: PotentialCard, parameters: Mapping[str, Any], facts: DatasetFacts) -> Cost:
    """Sampling frames of such a system: equilibration at each temperature, then `every` between frames."""
    times, frames = parameters["equilibration"] * len(parameters["temperatures"]), parameters["frames"]
    steps = (times + frames * parameters["every"]) / parameters["timestep"]
    law_s = laws(card, parameters, facts)
    size = RECORDS_BYTES + round(BYTES_PER_LABELLED_ATOM * frames * per_frame(facts))
    return _of(law_s["start"], law_s["sample"] * steps + law_s["label"] * frames, size, inodes=5)


def relabel(card: PotentialCard, parameters: Mapping[str, Any], facts: DatasetFacts) -> Cost:
    """Reference energies and forces of a dataset's frames."""
    law_s, size = laws(card, parameters, facts), RECORDS_BYTES + round(BYTES_PER_LABELLED_ATOM * facts.atoms)
    return _of(law_s["start"], law_s["label"] * facts.frames, size, inodes=5)


def laws(
    card: Card | PotentialCard, parameters: Mapping[str, Any], facts: DatasetFacts, frames: float = 1
) -> dict[str, float]:
    """Core-seconds by each law of the card (see architectures/law.py), with `frames` in a batch.

    Raises CardError where a law has no value for these hyperparameters or options.
    """
    settings, cutoff, number_bytes = _settings(card, parameters)
    variables = {
        "atoms": per_frame(facts) * frames,
        "neighbours": facts.neighbours(cutoff),
        "species": len(facts.species),
        "number_bytes": number_bytes,
    }
    try:
        return law.seconds(card.cost, variables, settings)
    except law.LawError as error:
        raise CardError(f"card of {card.name}: cost.{error.name}: {error}") from error


def _settings(card: Card | PotentialCard, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], float, int]:
    """Hyperparameters or options by name, cutoff in Å, and bytes of a number."""
    if isinstance(card, PotentialCard):
        options = card.settings("generate")
        values = complete(options, parameters)
        settings = {name: values.get(name, setting.default) for name, setting in options.items()}
        return settings, card.cutoff or 0.0, NUMBER_BYTES["float64"]
    hyperparameters = complete(card.hyperparameters, parameters["hyperparameters"])
    cutoff = hyperparameters[card.receptive_field["cutoff"]]
    return hyperparameters, cutoff, NUMBER_BYTES[parameters["dtype"]]


def train(card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: int, validation: int) -> Cost:
    """Every epoch makes steps with `frames` of such data, then evaluates `validation` of them."""
    hyperparameters = complete(card.hyperparameters, parameters["hyperparameters"])
    size = min(frames, hyperparameters.get("batch_size", 1))
    law_s = laws(card, parameters, facts, size)
    epoch_s = law_s["train"] * frames / size + law_s["evaluate"] * validation / size
    epochs = training_epochs(hyperparameters, frames)
    own = _of(law_s["start"], epoch_s * epochs, bytes=3_000_000, inodes=8)
    updates = epochs * updates_per_epoch(hyperparameters, frames)
    return replace(own, published=_published(card, "train", parameters, facts, updates))


def _published(
    card: Card | PotentialCard, work: str, parameters: Mapping[str, Any], facts: DatasetFacts, steps: float
) -> Published | None:
    """What the literature says of so many steps of such a model; None of a reference potential."""
    if isinstance(card, PotentialCard):
        return None
    own = {**parameters, "hyperparameters": complete(card.hyperparameters, parameters["hyperparameters"])}
    return published(card.literature, work, own, per_frame(facts), steps)


def kernel(card: Card, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """What a kernel loads, made of one trained model, and its answers on a few frames."""
    law_s = laws(card, parameters, facts)
    return _of(law_s["start"], law_s["kernel"], bytes=1_500_000, inodes=8)


def adopt(card: Card, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """A model is loaded, and evaluated once."""
    return _of(laws(card, parameters, facts)["start"], 0.0, bytes=3_000_000, inodes=6)


def evaluate(card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: int) -> Cost:
    """One pass over the held-out frames."""
    size = RECORDS_BYTES + round(32 * per_frame(facts) * frames)
    return _pass(card, parameters, facts, frames, size, inodes=6)


def reevaluate(
    card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: float, members: int
) -> Cost:
    """So many members on so many stored frames, in one process."""
    size = RECORDS_BYTES + round(8 * (1 + members) * frames)
    return _pass(card, parameters, facts, frames, size, inodes=5, members=members)


def _pass(
    card: Card, parameters: dict[str, Any], facts: DatasetFacts, frames: float, size: int, inodes: int,
    members: int = 1,
) -> Cost:  # fmt: skip
    """Energies and forces of `frames` by every member in batches."""
    batch = min(max(frames, 1), parameters["batch_size"])
    law_s = laws(card, parameters, facts, batch)
    return _of(law_s["start"], law_s["evaluate"] * frames / batch * members, size, inodes)


def _of(start_s: float, work_s: float, bytes: int, inodes: int) -> Cost:
    return Cost(start_s + work_s, bytes, inodes, start_s)


def md(card: Card | PotentialCard, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """One replica that starts from such a frame, driven by a model or by a reference potential."""
    steps, atoms = parameters["steps"], per_frame(facts)
    size = steps / parameters["frame_every"] * (BYTES_PER_TRAJECTORY_ATOM * atoms + BYTES_PER_THERMO_ROW)
    size += CHECKPOINTS * BYTES_PER_CHECKPOINT_ATOM * atoms
    law_s = laws(card, parameters, facts)
    work_s = law_s[f"md_{parameters['engine']}"] * steps
    own = _of(law_s["start"], work_s, round(size) + RECORDS_BYTES, MD_INODES)
    return replace(own, published=_published(card, "md", parameters, facts, steps))


def speed(card: Card, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """Steps timed with the start as it is, then with twice as many copies of it while time allows."""
    law_s = laws(card, parameters, facts)
    step_s = law_s[f"md_{parameters['engine']}"]
    work_s, copies = 0.0, 1
    while copies <= parameters["copies"]:
        own_s = (1 + parameters["warm_up"]) * copies * step_s
        own_s += parameters["blocks"] * max(parameters["block_time"], copies * step_s)
        if work_s and work_s + own_s > parameters["scan_time"]:
            break
        work_s, copies = work_s + own_s, 2 * copies
    return Cost(law_s["start"] + work_s, RECORDS_BYTES, 5, law_s["start"], step_s)


def analyse(frames: float) -> Cost:
    """Observables of one trajectory of so many frames."""
    return Cost(core_s=2.0 + ANALYSIS_S_PER_FRAME * frames, bytes=50_000, inodes=6)


def scan(card: Card | PotentialCard, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """Every point of every scan, of each particle along each direction."""
    scans = len(parameters["frames"]) * len(parameters["particles"]) * len(parameters["directions"])
    points = scans * parameters["each"] * parameters["points"]
    size = RECORDS_BYTES + 100 * points
    if isinstance(card, Card):
        return _pass(card, parameters, facts, points, size, inodes=5)
    law_s = laws(card, parameters, facts)
    return _of(law_s["start"], law_s["label"] * points, size, inodes=5)


def locality(card: PotentialCard, parameters: dict[str, Any], facts: DatasetFacts) -> Cost:
    """Labels of all composed frames, of the host's charge and of any."""
    law_s, waters = laws(card, parameters, facts), parameters["hosts"] * parameters["waters"]
    frames = 2 * waters * parameters["donors"] * len(parameters["radii"])
    return _of(law_s["start"], law_s["label"] * frames, RECORDS_BYTES + 80 * frames, inodes=5)
