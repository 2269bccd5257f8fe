"""Training one committee member: tensorpotential's loss, Adam, and a running average of the weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.architectures.grace_1l.graphs import Arrays, Graph, Room, batch, common_room, graphs
from mlipbench_hpc.architectures.grace_1l.model import (
    NAMES,
    Blueprint,
    Hyperparameters,
    Program,
    Record,
    compiled,
    huber_loss,
    initial_weights,
    listed,
    numbered,
    pack,
    require_possible,
    save_model,
)
from mlipbench_hpc.architectures.grace_1l.tensor_potential import constants, tf, use_device, use_threads
from mlipbench_hpc.architectures.hyperparameters import training_epochs, updates_per_epoch
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.shared.epochs import run_epochs
from mlipbench_hpc.architectures.shared.labels import require_known, require_labels
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.energies import without_reference
from mlipbench_hpc.data.frames import Floats, Frames

STATE = "state.npz"
# Constants of a model are measured to so many digits: members of a committee then share one program.
DIGITS = 2
SMALLEST_SCALE = 0.1


class Learner(Program):
    """A compiled model with its loss, its optimizer, and the running average of its weights."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.loss = huber_loss()
        super().__init__(blueprint, self.loss)
        self.optimizer = tf.keras.optimizers.Adam(amsgrad=True)
        self.optimizer.build(self.weights)
        self.average = [tf.Variable(weight) for weight in self.weights]
        self.model_grad = compiled(self.potential, self.potential.model_grad)
        self.update = tf.function(self._update, autograph=False)

    def _update(self, arrays: Arrays, clip: NDArray[Any], decay: NDArray[Any]) -> Any:
        """One step of Adam on one batch; the loss before it."""
        loss, _, slopes, _ = self.model_grad(arrays)
        gradients, _ = tf.clip_by_global_norm([tf.convert_to_tensor(slope) for slope in slopes], clip)
        self.optimizer.apply_gradients(zip(gradients, self.weights, strict=True))
        for mean, weight in zip(self.average, self.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * weight)
        return loss

    def groups(self) -> dict[str, list[Any]]:
        """Variables on which the next step depends."""
        optimizer = list(self.optimizer.variables)
        return {"weight": self.weights, "average": self.average, "optimizer": optimizer}

    def start(self, weights: Sequence[NDArray[Any]]) -> None:
        """Take these weights, with an optimizer that has seen no step."""
        zeros = [np.zeros(variable.shape) for variable in self.groups()["optimizer"]]
        self.take({"weight": weights, "average": weights, "optimizer": zeros})

    def take(self, values: dict[str, Sequence[NDArray[Any]]]) -> None:
        """Set the variables by group."""
        for name, variables in self.groups().items():
            assign(variables, values[name])

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The averaged weights in place of the last ones."""
        last = [weight.numpy() for weight in self.weights]
        assign(self.weights, self.average)
        try:
            yield
        finally:
            assign(self.weights, last)


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Set variables one by one."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(tf.cast(value, variable.dtype))


@lru_cache(maxsize=2)
def learner(blueprint: Blueprint) -> Learner:
    """One for all trainings of this construction in this process: it compiles once for each size of batch."""
    return Learner(blueprint)


@dataclass(frozen=True)
class LabelledGraphs:
    """F structures: energies (F,) eV without constants, forces (N, 3) eV/Å of each; room of a batch."""

    items: Sequence[Graph]
    energies: Floats
    forces: Sequence[Floats]
    room: Room
    cutoff: float

    def __len__(self) -> int:
        return len(self.items)

    def batches(self, order: Sequence[int], size: int) -> Iterator[Arrays]:
        """Structures in this order, `size` at a time, with their labels."""
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            yield batch([self.items[row] for row in rows], self.room, self.cutoff) | self.labels(rows)

    def labels(self, rows: Sequence[int]) -> dict[str, Floats]:
        """Labels by tensorpotential's names; those of what only fills the batch have no weight."""
        forces = np.concatenate([self.forces[row] for row in rows])
        return {
            constants.DATA_REFERENCE_ENERGY: column(self.energies[list(rows)], self.room.structures),
            constants.DATA_ENERGY_WEIGHTS: column(np.ones(len(rows)), self.room.structures),
            constants.DATA_REFERENCE_FORCES: np.pad(forces, ((0, self.room.atoms - len(forces)), (0, 0))),
            constants.DATA_FORCE_WEIGHTS: column(np.ones(len(forces)), self.room.atoms),
        }


def column(values: Floats, count: int) -> Floats:
    """(count, 1): the values, and zeros after them."""
    return np.pad(values, (0, count - len(values)))[:, None]


@dataclass(frozen=True)
class Trainer:
    """The model in training, and the structures of training and validation. epochs: of the whole training."""

    job: TrainingJob
    record: Record
    learner: Learner
    train: LabelledGraphs
    validation: LabelledGraphs
    epochs: int

    def epoch(self, number: int) -> dict[str, float]:
        """One pass over the training set, in an order that (seed, epoch) fixes; returns the curve's row."""
        chosen, dtype = self.job.hyperparameters, self.job.dtype
        constant = np.asarray(chosen["clip_grad"], dtype), np.asarray(chosen["ema_decay"], dtype)
        self.learner.loss.set_loss_component_params(loss_parameters(chosen, number, self.epochs))
        order = np.random.default_rng([self.job.seed, number]).permutation(len(self.train)).tolist()
        updates, losses, rate = updates_per_epoch(chosen, len(self.train)), list[float](), 0.0
        for index, arrays in enumerate(self.train.batches(order, chosen["batch_size"])):
            rate = learning_rate(chosen, number - 1 + index / updates, self.epochs, updates)
            self.learner.optimizer.learning_rate.assign(np.float32(rate))
            losses.append(float(self.learner.update(self.learner.known(arrays), *constant)))
        return {"epoch": number, "loss": float(np.mean(losses)), **self.validate(), "learning_rate": rate}

    def validate(self) -> dict[str, float]:
        """Errors of the averaged weights on the validation set."""
        energies, forces, size = list[Floats](), list[Floats](), self.job.hyperparameters["batch_size"]
        with self.learner.averaged():
            for arrays in self.validation.batches(range(len(self.validation)), size):
                energy, force = self.learner.compute(arrays)
                frames, atoms = (int(arrays[name]) for name in REAL)
                counts = np.bincount(arrays[constants.ATOMS_TO_STRUCTURE_MAP])[:frames]
                labels = (
                    arrays[constants.DATA_REFERENCE_ENERGY].ravel(),
                    arrays[constants.DATA_REFERENCE_FORCES],
                )
                energies.append((energy - labels[0])[:frames] / counts)
                forces.append((force - labels[1])[:atoms].ravel())
        return {
            "validation_energy_rmse_meV_per_atom": 1e3 * root_mean_square(energies),
            "validation_force_rmse_meV_per_A": 1e3 * root_mean_square(forces),
        }

    def state(self, epoch: int) -> dict[str, bytes]:
        """All that the next epoch depends on (the order of the data follows from seed and epoch)."""
        arrays: dict[str, Any] = {"epoch": epoch}
        for name, variables in self.learner.groups().items():
            arrays |= numbered([variable.numpy() for variable in variables], name)
        return {STATE: pack(arrays)}

    def restore(self, folder: Path) -> int:
        """Take over a checkpoint; returns the last epoch that it finished."""
        with np.load(folder / STATE, allow_pickle=False) as archive:
            values = dict(archive)
        self.learner.take({name: listed(values, name) for name in self.learner.groups()})
        return int(values["epoch"])


REAL = constants.N_STRUCTURES_BATCH_REAL, constants.N_ATOMS_BATCH_REAL


def root_mean_square(parts: Sequence[Floats]) -> float:
    """Over all numbers of all arrays, in float64."""
    return float(np.sqrt(np.mean(np.concatenate(parts).astype(np.float64) ** 2)))


def early_epochs(hyperparameters: Hyperparameters, epochs: int) -> int:
    """Epochs before the switch of weights and learning rate."""
    return round(epochs * (1.0 - float(hyperparameters["late_fraction"])))


def learning_rate(hyperparameters: Hyperparameters, progress: float, epochs: int, updates: int) -> float:
    """Half a cosine from lr (first step) to stop_lr (last step before the switch), then late_lr.

    progress: epochs so far, a fraction of one after each of its `updates` steps.
    """
    early = early_epochs(hyperparameters, epochs)
    if progress >= early:
        return float(hyperparameters["late_lr"])
    share = progress * updates / max(early * updates - 1, 1)
    start, stop = hyperparameters["lr"], hyperparameters["stop_lr"]
    return float(stop + (start - stop) * 0.5 * (1.0 + np.cos(np.pi * share)))


def loss_parameters(hyperparameters: Hyperparameters, epoch: int, epochs: int) -> dict[str, dict[str, float]]:
    """Weights and widths of the Huber losses in one epoch, by tensorpotential's names."""
    late = "late_" if epoch > early_epochs(hyperparameters, epochs) else ""
    width = hyperparameters["huber_delta"]
    return {
        name: {"weight": hyperparameters[f"{late}{name}_weight"], "delta": width}
        for name in ("energy", "forces")
    }


def train(job: TrainingJob) -> dict[str, Any]:
    """Train, checkpoint after every epoch, and write the averaged weights (see interface.py)."""
    require_possible(job.hyperparameters)
    use_threads(job.threads)
    use_device(job.device)
    trainer = prepare(job)
    epochs = run_epochs(job, trainer)
    weights = [variable.numpy() for variable in trainer.learner.average]
    save_model(job.folder, trainer.record, weights)
    return {"epochs": epochs, "parameters": sum(int(weight.size) for weight in weights)}


def prepare(job: TrainingJob) -> Trainer:
    """Structures as arrays, constants measured on the training set, and fresh weights."""
    chosen, elements = job.hyperparameters, sorted(job.reference_energies)
    for frames in (job.train, job.validation):
        require_known(NAMES[chosen["layers"]], frames.species(), elements)
        require_labels(frames)
    sets = [without_reference(frames, job.reference_energies) for frames in (job.train, job.validation)]
    items = [list(graphs(frames, elements, chosen["rcut"])) for frames in sets]
    shift = float(np.mean(sets[0].energies / sets[0].sizes))
    record = measure(job, elements, items[0], shift)
    train, validation = (
        labelled(frames, part, shift, record) for frames, part in zip(sets, items, strict=True)
    )
    blueprint = record.blueprint(job.dtype)
    model = learner(blueprint)
    model.start(initial_weights(blueprint, job.seed))
    return Trainer(job, record, model, train, validation, training_epochs(chosen, len(job.train)))


def measure(job: TrainingJob, elements: list[int], items: Sequence[Graph], shift: float) -> Record:
    """Mean number of neighbours and root mean square force of the training set. shift: eV/atom.

    Raises InputFailure where no atom has a neighbour.
    """
    bonds = sum(len(item.centres) for item in items)
    if not bonds:
        raise InputFailure(f"no two atoms are within rcut = {job.hyperparameters['rcut']} Å of each other")
    energies = [job.reference_energies[number] + shift for number in elements]
    scale = max(root_mean_square([job.train.forces]), SMALLEST_SCALE)
    neighbours = bonds / len(job.train.numbers)
    return Record(dict(job.hyperparameters), elements, energies, rounded(neighbours), rounded(scale))


def rounded(value: float) -> float:
    """To DIGITS digits."""
    return float(f"{value:.{DIGITS - 1}e}")


def labelled(frames: Frames, items: Sequence[Graph], shift: float, record: Record) -> LabelledGraphs:
    """Structures with the labels of their frames. shift: eV/atom, taken off."""
    forces = [frames.forces[frames.atoms_of(index)] for index in range(len(frames))]
    room = common_room(items, min(record.hyperparameters["batch_size"], len(items)))
    return LabelledGraphs(items, frames.energies - shift * frames.sizes, forces, room, record.cutoff)
