"""Training one committee member: DeePMD-kit's loss and schedule, one compiled step of Adam."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.architectures.dp_mp.energy import Weights, neighbour_weight
from mlipbench_hpc.architectures.dp_mp.graphs import Arrays, Graph, graphs, pad, stack, union
from mlipbench_hpc.architectures.dp_mp.model import (
    COMPUTE_BATCH,
    NAMES,
    Record,
    require_possible,
    save_model,
)
from mlipbench_hpc.architectures.dp_mp.weights import (
    Hyperparameters,
    Tree,
    initial_weights,
    leaves,
    pack,
    with_leaves,
)
from mlipbench_hpc.architectures.hyperparameters import training_epochs, updates_per_epoch
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.shared.epochs import run_epochs
from mlipbench_hpc.architectures.shared.jax_library import Array, device, jax, jnp, use_threads
from mlipbench_hpc.architectures.shared.labels import require_known, require_labels
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.energies import without_reference
from mlipbench_hpc.data.frames import Floats, Frames

STATE = "state.npz"
LABELS = ("energies", "forces", "mask")
# D. P. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, arXiv:1412.6980.
FIRST_DECAY, SECOND_DECAY, SMALLEST = 0.9, 0.999, 1e-8


def loss(weights: Weights, constants: Arrays, batch: Arrays, prefactors: Array) -> Array:
    """Mean over the frames of the mask of p_e (ΔE)²/N + p_f |ΔF|²/3N, as in DeePMD-kit.

    prefactors: p_e (1/eV²) and p_f (Å²/eV²).
    """
    energies, forces = COMPUTE_BATCH(constants, weights, inputs(batch))
    atoms = batch["occupancy"].sum(axis=1)
    energy = (energies - batch["energies"]) ** 2 / atoms
    squares = (forces - batch["forces"]) ** 2 * batch["occupancy"][..., None]
    losses = prefactors[0] * energy + prefactors[1] * squares.sum(axis=(1, 2)) / (3 * atoms)
    return jnp.sum(batch["mask"] * losses) / jnp.sum(batch["mask"])


def inputs(batch: Arrays) -> Arrays:
    """What the model sees of a batch: all but the labels."""
    return {name: value for name, value in batch.items() if name not in LABELS}


def adam(state: Tree, gradients: Tree, rate: Array) -> Tree:
    """The next state: weights, running means of gradients and of their squares, and the number of updates."""
    count = state["count"] + 1
    first = jax.tree.map(lambda m, g: FIRST_DECAY * m + (1 - FIRST_DECAY) * g, state["first"], gradients)
    second = jax.tree.map(
        lambda v, g: SECOND_DECAY * v + (1 - SECOND_DECAY) * g * g, state["second"], gradients
    )
    first_weight, second_weight = 1 - FIRST_DECAY**count, 1 - SECOND_DECAY**count

    def update(weight: Array, m: Array, v: Array) -> Array:
        return weight - rate * (m / first_weight) / (jnp.sqrt(v / second_weight) + SMALLEST)

    weights = jax.tree.map(update, state["weights"], first, second)
    return {"weights": weights, "first": first, "second": second, "count": count}


def step(state: Tree, constants: Arrays, batch: Arrays, rate: Array, prefactors: Array) -> tuple[Tree, Array]:
    """One step of Adam on one batch: the next state, and the loss before it."""
    value, gradients = jax.value_and_grad(loss)(state["weights"], constants, batch, prefactors)
    return adam(state, gradients, rate), value


STEP = jax.jit(step)


@dataclass(frozen=True)
class FrameArrays:
    """F frames of one shape and their labels: (F,) eV without reference energies, (F, S, 3) eV/Å by slot."""

    arrays: Arrays

    def __len__(self) -> int:
        return len(self.arrays["energies"])

    def batches(self, order: Sequence[int] | NDArray[np.int64], size: int) -> Iterator[Arrays]:
        """Frames in this order, `size` at a time; the mask leaves out frames that fill up the last batch."""
        for start in range(0, len(order), size):
            rows = np.asarray(order[start : start + size])
            places = np.append(rows, np.repeat(rows[:1], size - len(rows)))
            mask = (np.arange(size) < len(rows)).astype(self.arrays["energies"].dtype)
            yield {name: value[places] for name, value in self.arrays.items()} | {"mask": mask}


@dataclass
class Trainer:
    """State of Adam, and the frames of training and validation. epochs: of the whole training."""

    job: TrainingJob
    record: Record
    state_of_adam: Tree
    train: FrameArrays
    validation: FrameArrays
    epochs: int

    def epoch(self, number: int) -> dict[str, float]:
        """One pass over the training set, in an order that (seed, epoch) fixes; returns the curve's row."""
        hyperparameters, dtype, losses, rate = self.job.hyperparameters, self.job.dtype, list[float](), 0.0
        constants, updates = self.record.constants(dtype), updates_per_epoch(hyperparameters, len(self.train))
        order = np.random.default_rng([self.job.seed, number]).permutation(len(self.train))
        for index, batch in enumerate(self.train.batches(order, hyperparameters["batch_size"])):
            progress = ((number - 1) * updates + index) / max(self.epochs * updates - 1, 1)
            rate = learning_rate(hyperparameters, progress)
            numbers = np.asarray(rate, dtype), np.asarray(prefactors(hyperparameters, rate), dtype)
            self.state_of_adam, value = STEP(self.state_of_adam, constants, batch, *numbers)
            losses.append(float(value))
        return {"epoch": number, "loss": float(np.mean(losses)), **self.validate(), "learning_rate": rate}

    def validate(self) -> dict[str, float]:
        """Errors of the present weights on the validation set."""
        constants, size = self.record.constants(self.job.dtype), self.job.hyperparameters["batch_size"]
        energies, forces = [], []
        for batch in self.validation.batches(range(len(self.validation)), size):
            energy, force = map(
                np.asarray, COMPUTE_BATCH(constants, self.state_of_adam["weights"], inputs(batch))
            )
            frames, slots = batch["mask"] > 0, batch["occupancy"] > 0
            energies.append(((energy - batch["energies"]) / slots.sum(axis=1))[frames])
            forces.append((force - batch["forces"])[slots & frames[:, None]])
        return {
            "validation_energy_rmse_meV_per_atom": 1e3 * root_mean_square(energies),
            "validation_force_rmse_meV_per_A": 1e3 * root_mean_square(forces),
        }

    def state(self, epoch: int) -> dict[str, bytes]:
        """All of Adam's state (the order of the data follows from seed and epoch)."""
        return {STATE: pack({"epoch": epoch, **dict(leaves(self.state_of_adam))})}

    def restore(self, folder: Path) -> int:
        """Take over a checkpoint; returns the last epoch that it finished."""
        with np.load(folder / STATE, allow_pickle=False) as archive:
            values = dict(archive)
        self.state_of_adam = jax.device_put(with_leaves(self.state_of_adam, values), device(self.job.device))
        return int(values["epoch"])


def root_mean_square(parts: Sequence[NDArray[np.floating[Any]]]) -> float:
    """Over all numbers of all arrays, in float64."""
    return float(np.sqrt(np.mean(np.concatenate(parts).astype(np.float64) ** 2)))


def learning_rate(hyperparameters: Hyperparameters, progress: float) -> float:
    """Exponential fall from start_lr (progress 0, first step) to stop_lr (progress 1, last step)."""
    start, stop = hyperparameters["start_lr"], hyperparameters["stop_lr"]
    return float(start * (stop / start) ** progress)


def prefactors(hyperparameters: Hyperparameters, rate: float) -> list[float]:
    """Weights of energies (1/eV²) and forces (Å²/eV²): they move with the rate, as DeePMD-kit's do."""
    share = rate / hyperparameters["start_lr"]
    limits = [(hyperparameters[f"start_pref_{name}"], hyperparameters[f"limit_pref_{name}"]) for name in "ef"]
    return [limit + (start - limit) * share for start, limit in limits]


def train(job: TrainingJob) -> dict[str, Any]:
    """Train, checkpoint after every epoch, and write the last weights (see interface.py)."""
    require_possible(job.hyperparameters)
    use_threads(job.threads)
    trainer = prepare(job)
    epochs = run_epochs(job, trainer)
    weights = trainer.state_of_adam["weights"]
    save_model(job.folder, trainer.record, weights)
    return {"epochs": epochs, "parameters": sum(int(value.size) for _, value in leaves(weights))}


def prepare(job: TrainingJob) -> Trainer:
    """Frames as arrays, constants measured on the training set, and fresh weights."""
    hyperparameters, elements = job.hyperparameters, sorted(job.reference_energies)
    for frames in (job.train, job.validation):
        require_known(NAMES[hyperparameters["layers"]], frames.species(), elements)
        require_labels(frames)
    sets = [without_reference(frames, job.reference_energies) for frames in (job.train, job.validation)]
    items = [list(graphs(frames, elements, hyperparameters["rcut"])) for frames in sets]
    record, shape = measure(job, elements, items[0]), union([*items[0], *items[1]])
    train, validation = (
        with_labels(frames, [pad(item, shape, hyperparameters["rcut"]) for item in part], job.dtype)
        for frames, part in zip(sets, items, strict=True)
    )
    state = jax.device_put(initial_state(job, len(elements)), device(job.device))
    epochs = training_epochs(hyperparameters, len(job.train))
    return Trainer(job, record, state, train, validation, epochs)


def initial_state(job: TrainingJob, species: int) -> Tree:
    """Adam's state before its first step, whose weights the seed decides."""
    random = np.random.default_rng(job.seed)
    weights = initial_weights(job.hyperparameters, species, random)
    weights = jax.tree.map(lambda value: value.astype(job.dtype), weights)
    zeros = jax.tree.map(np.zeros_like, weights)
    return {"weights": weights, "first": zeros, "second": zeros, "count": np.zeros((), job.dtype)}


def measure(job: TrainingJob, elements: list[int], items: Sequence[Graph]) -> Record:
    """Mean number of neighbours, and root mean square of their s(r), over the training set.

    Raises InputFailure where no atom has a neighbour.
    """
    hyperparameters = job.hyperparameters
    lengths = np.concatenate([item.distances.ravel() for item in items])
    lengths = lengths[lengths < hyperparameters["rcut"]]
    if not len(lengths):
        raise InputFailure(f"no two atoms are within rcut = {hyperparameters['rcut']} Å of each other")
    weight = jax.jit(neighbour_weight)(lengths, hyperparameters["rcut_smth"], hyperparameters["rcut"])
    unit = root_mean_square([np.asarray(weight)])
    energies = [job.reference_energies[number] for number in elements]
    return Record(dict(hyperparameters), elements, energies, len(lengths) / len(job.train.numbers), unit)


def with_labels(frames: Frames, items: Sequence[Graph], dtype: str) -> FrameArrays:
    """Arrays of padded graphs with the labels of their frames."""
    forces: Floats = np.zeros((len(items), *items[0].positions.shape))
    for index, item in enumerate(items):
        forces[index, item.slots] = frames.forces[frames.atoms_of(index)]
    labels = {"energies": frames.energies.astype(dtype), "forces": forces.astype(dtype)}
    return FrameArrays({**stack(items, dtype), **labels})
