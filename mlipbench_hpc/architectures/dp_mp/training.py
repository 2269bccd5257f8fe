"""Training one committee member: DeePMD-kit's loss and schedule, one compiled step of Adam."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.architectures.dp_mp.energy import Weights, neighbour_weight
from mlipbench_hpc.architectures.dp_mp.graphs import Arrays, Graph, graphs, padded, stacked, union
from mlipbench_hpc.architectures.dp_mp.jax_library import Array, device, jax, jnp, use_threads
from mlipbench_hpc.architectures.dp_mp.model import (
    COMPUTE,
    NAMES,
    Record,
    packed,
    require_possible,
    save_model,
)
from mlipbench_hpc.architectures.dp_mp.weights import Tree, filled, flat, initial
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.shared.epochs import run_epochs
from mlipbench_hpc.architectures.shared.labels import require_known, require_labels
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.energies import without_reference
from mlipbench_hpc.data.frames import Floats, Frames

STATE = "state.npz"
LABELS = ("energies", "forces", "counted")
# D. P. Kingma, J. Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, arXiv:1412.6980.
FIRST_DECAY, SECOND_DECAY, SMALLEST = 0.9, 0.999, 1e-8


def loss(weights: Weights, constants: Arrays, batch: Arrays, prefactors: Array) -> Array:
    """Mean over the counted frames of p_e (ΔE)²/N + p_f |ΔF|²/3N, as in DeePMD-kit; prefactors: p_e, p_f."""
    inputs = {name: value for name, value in batch.items() if name not in LABELS}
    energies, forces = COMPUTE(constants, weights, inputs)
    atoms = batch["real"].sum(axis=1)
    energy = (energies - batch["energies"]) ** 2 / atoms
    squares = (forces - batch["forces"]) ** 2 * batch["real"][..., None]
    both = prefactors[0] * energy + prefactors[1] * squares.sum(axis=(1, 2)) / (3 * atoms)
    return jnp.sum(batch["counted"] * both) / jnp.sum(batch["counted"])


def adam(state: Tree, slopes: Tree, rate: Array) -> Tree:
    """The next state: weights, the running means of slopes and of their squares, and the number of steps."""
    count = state["count"] + 1
    first = jax.tree.map(lambda m, g: FIRST_DECAY * m + (1 - FIRST_DECAY) * g, state["first"], slopes)
    second = jax.tree.map(lambda v, g: SECOND_DECAY * v + (1 - SECOND_DECAY) * g * g, state["second"], slopes)
    first_share, second_share = 1 - FIRST_DECAY**count, 1 - SECOND_DECAY**count

    def moved(weight: Array, m: Array, v: Array) -> Array:
        return weight - rate * (m / first_share) / (jnp.sqrt(v / second_share) + SMALLEST)

    weights = jax.tree.map(moved, state["weights"], first, second)
    return {"weights": weights, "first": first, "second": second, "count": count}


def step(state: Tree, constants: Arrays, batch: Arrays, rate: Array, prefactors: Array) -> tuple[Tree, Array]:
    """One step of Adam on one batch: the next state, and the loss before it."""
    value, slopes = jax.value_and_grad(loss)(state["weights"], constants, batch, prefactors)
    return adam(state, slopes, rate), value


STEP = jax.jit(step)


@dataclass(frozen=True)
class Labelled:
    """F frames of one shape: their arrays, energies (F,) eV without reference energies, forces by slot."""

    arrays: Arrays
    sizes: Floats

    def __len__(self) -> int:
        return len(self.sizes)

    def batches(self, order: Sequence[int] | NDArray[np.int64], size: int) -> Iterator[Arrays]:
        """Frames in this order, `size` at a time; frames that fill up the last batch do not count."""
        for start in range(0, len(order), size):
            rows = np.asarray(order[start : start + size])
            places = np.append(rows, np.repeat(rows[:1], size - len(rows)))
            counted = (np.arange(size) < len(rows)).astype(self.sizes.dtype)
            yield {name: value[places] for name, value in self.arrays.items()} | {"counted": counted}


@dataclass
class Trainer:
    """State of Adam, and the frames that it learns from and is checked on."""

    job: TrainingJob
    record: Record
    adam: Tree
    train: Labelled
    validation: Labelled

    def epoch(self, number: int) -> dict[str, float]:
        """One pass over the training set, in an order that (seed, epoch) fixes; returns the curve's row."""
        chosen, dtype, losses, rate = self.job.hyperparameters, self.job.dtype, [], 0.0
        constants, per_epoch = self.record.constants(dtype), steps_per_epoch(len(self.train), chosen)
        order = np.random.default_rng([self.job.seed, number]).permutation(len(self.train))
        for index, batch in enumerate(self.train.batches(order, chosen["batch_size"])):
            progress = ((number - 1) * per_epoch + index) / max(chosen["epochs"] * per_epoch - 1, 1)
            rate = learning_rate(chosen, progress)
            weights = np.asarray(prefactors(chosen, rate), dtype)
            self.adam, value = STEP(self.adam, constants, batch, np.asarray(rate, dtype), weights)
            losses.append(float(value))
        return {"epoch": number, "loss": float(np.mean(losses)), **self.validate(), "learning_rate": rate}

    def validate(self) -> dict[str, float]:
        """Errors of the present weights on the validation set."""
        constants, size = self.record.constants(self.job.dtype), self.job.hyperparameters["batch_size"]
        energies, forces = [], []
        for batch in self.validation.batches(range(len(self.validation)), size):
            inputs = {name: value for name, value in batch.items() if name not in LABELS}
            energy, force = (np.asarray(part) for part in COMPUTE(constants, self.adam["weights"], inputs))
            counted, real = batch["counted"] > 0, batch["real"] > 0
            energies.append(((energy - batch["energies"]) / real.sum(axis=1))[counted])
            forces.append((force - batch["forces"])[real & counted[:, None]])
        return {
            "validation_energy_rmse_meV_per_atom": 1e3 * root_mean_square(energies),
            "validation_force_rmse_meV_per_A": 1e3 * root_mean_square(forces),
        }

    def state(self, epoch: int) -> dict[str, bytes]:
        """All of Adam's state (the order of the data follows from seed and epoch)."""
        return {STATE: packed({"epoch": epoch, **dict(flat(self.adam))})}

    def restore(self, folder: Path) -> int:
        """Take over a checkpoint; returns the last epoch that it finished."""
        with np.load(folder / STATE, allow_pickle=False) as archive:
            values = dict(archive)
        self.adam = jax.device_put(filled(self.adam, values), device(self.job.device))
        return int(values["epoch"])


def root_mean_square(parts: Sequence[NDArray[Any]]) -> float:
    """Over all numbers of all arrays, in float64."""
    return float(np.sqrt(np.mean(np.concatenate(parts).astype(np.float64) ** 2)))


def learning_rate(chosen: Mapping[str, Any], progress: float) -> float:
    """Exponential fall from start_lr (progress 0, first step) to stop_lr (progress 1, last step)."""
    return float(chosen["start_lr"] * (chosen["stop_lr"] / chosen["start_lr"]) ** progress)


def prefactors(chosen: Mapping[str, Any], rate: float) -> list[float]:
    """Weights of energies (1/eV²) and forces (Å²/eV²): they move with the rate, as DeePMD-kit's do."""
    share = rate / chosen["start_lr"]
    return [
        chosen[f"limit_pref_{name}"] + (chosen[f"start_pref_{name}"] - chosen[f"limit_pref_{name}"]) * share
        for name in ("e", "f")
    ]


def steps_per_epoch(frames: int, chosen: Mapping[str, Any]) -> int:
    """Batches that hold all frames."""
    return -(-frames // int(chosen["batch_size"]))


def epochs_of(frames: int, chosen: Mapping[str, Any]) -> int:
    """Passes over the training set: those that the hyperparameter `updates` needs, else `epochs`."""
    if not chosen["updates"]:
        return int(chosen["epochs"])
    return -(-int(chosen["updates"]) // steps_per_epoch(frames, chosen))


def train(job: TrainingJob) -> dict[str, Any]:
    """Train, checkpoint after every epoch, and write the last weights (see interface.py)."""
    require_possible(job.hyperparameters)
    use_threads(job.threads)
    epochs = epochs_of(len(job.train), job.hyperparameters)
    trainer = prepare(replace(job, hyperparameters={**job.hyperparameters, "epochs": epochs}))
    run_epochs(trainer.job, trainer)
    weights = trainer.adam["weights"]
    save_model(job.folder, trainer.record, weights)
    return {"epochs": epochs, "parameters": sum(int(value.size) for _, value in flat(weights))}


def prepare(job: TrainingJob) -> Trainer:
    """Frames as arrays, constants measured on the training set, and fresh weights."""
    chosen, known = job.hyperparameters, sorted(job.reference_energies)
    for frames in (job.train, job.validation):
        require_known(NAMES[chosen["layers"]], frames.species(), known)
        require_labels(frames)
    sets = [without_reference(frames, job.reference_energies) for frames in (job.train, job.validation)]
    items = [graphs(frames, known, chosen["rcut"]) for frames in sets]
    record = measure(job, known, items[0])
    shape = union([*items[0], *items[1]])
    train, validation = (
        labelled(frames, [padded(item, shape, chosen["rcut"]) for item in part], job.dtype)
        for frames, part in zip(sets, items, strict=True)
    )
    first = initial(chosen, len(known), np.random.default_rng(job.seed))
    weights = jax.tree.map(lambda value: value.astype(job.dtype), first)
    zeros = jax.tree.map(np.zeros_like, weights)
    state = {"weights": weights, "first": zeros, "second": zeros, "count": np.zeros((), job.dtype)}
    return Trainer(job, record, jax.device_put(state, device(job.device)), train, validation)


def measure(job: TrainingJob, known: list[int], items: Sequence[Graph]) -> Record:
    """Mean number of neighbours, and root mean square of their s(r), over the training set.

    Raises InputFailure where no atom has a neighbour.
    """
    chosen = job.hyperparameters
    lengths = np.concatenate([item.distances.ravel() for item in items])
    lengths = lengths[lengths < chosen["rcut"]]
    if not len(lengths):
        raise InputFailure(f"no two atoms are within rcut = {chosen['rcut']} Å of each other")
    unit = root_mean_square([np.asarray(neighbour_weight(lengths, chosen["rcut_smth"], chosen["rcut"]))])
    energies = [job.reference_energies[number] for number in known]
    return Record(dict(chosen), known, energies, len(lengths) / len(job.train.numbers), unit)


def labelled(frames: Frames, items: Sequence[Graph], dtype: str) -> Labelled:
    """Labels beside the arrays of padded graphs."""
    forces = np.zeros((len(items), *items[0].positions.shape))
    for index, item in enumerate(items):
        forces[index, item.slots] = frames.forces[frames.atoms_of(index)]
    labels = {"energies": frames.energies.astype(dtype), "forces": forces.astype(dtype)}
    return Labelled({**stacked(items, dtype), **labels}, frames.sizes.astype(dtype))
