"""Training one committee member with deepmd-kit's own graph, loss, optimizer and learning-rate schedule."""

import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.dp.deepmd_kit import (
    DPTrainer,
    deepmd_random,
    get_data,
    make_default_mesh,
    normalize,
    options,
    tf,
    update_sel,
    use_threads,
    working_in,
)
from mlipbench_hpc.architectures.dp.model import NAME, Record, export, require_possible, script
from mlipbench_hpc.architectures.dp.systems import System, systems
from mlipbench_hpc.architectures.hyperparameters import training_epochs
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.architectures.shared.epochs import run_epochs
from mlipbench_hpc.architectures.shared.labels import require_known, require_labels, symbols
from mlipbench_hpc.data.energies import without_reference
from mlipbench_hpc.data.frames import Floats

STATE = "state.npz"
CHECKPOINT = "model.ckpt"


@dataclass
class Trainer:
    """Trainer of deepmd-kit with an open session, and its systems.

    Their energies lack the reference energies.
    """

    job: TrainingJob
    engine: Any
    train: list[System]
    validation: list[System]

    def epoch(self, number: int) -> dict[str, float]:
        """Train one pass over the training set, in an order fixed by (seed, epoch); returns curve's row."""
        losses = [self._step(system, rows) for system, rows in self._batches(number)]
        rate = self.engine.lr.value(int(self.engine.sess.run(self.engine.global_step)) - 1)
        return {"epoch": number, "loss": float(np.mean(losses)), **self.validate(), "learning_rate": rate}

    def _batches(self, number: int) -> Iterator[tuple[System, Any]]:
        """Batches of one composition each, in mixed order of all compositions."""
        random, size = np.random.default_rng([self.job.seed, number]), self.job.hyperparameters["batch_size"]
        batches = []
        for system in self.train:
            shuffled = random.permutation(len(system.frames))
            batches += [(system, shuffled[start : start + size]) for start in range(0, len(shuffled), size)]
        for index in random.permutation(len(batches)):
            yield batches[index]

    def _step(self, system: System, rows: Any) -> float:
        feed = self.feed(system, rows, training=True)
        loss, _ = self.engine.sess.run([self.engine.l2_l, self.engine.train_op], feed)
        return float(loss)

    def feed(self, system: System, rows: Any, training: bool) -> dict[Any, Any]:
        """Placeholders of deepmd-kit for one batch."""
        counts = np.bincount(system.types, minlength=self.engine.ntypes)
        atoms = len(system.types)
        values = {
            "coord": system.coordinates[rows].ravel(),
            "box": system.boxes[rows].ravel(),
            "energy": system.energies[rows],
            "force": system.forces[rows].ravel(),
            "find_energy": 1.0,
            "find_force": 1.0,
            "type": np.tile(system.types, len(rows)),
            "natoms_vec": np.concatenate([[atoms, atoms], counts]),
            "default_mesh": make_default_mesh(True, False),
            "is_training": training,
        }
        return {self.engine.place_holders[name]: value for name, value in values.items()}

    def validate(self) -> dict[str, float]:
        """Errors of the present weights on the validation set."""
        parts = [self._errors(system) for system in self.validation]
        energies, forces = (np.concatenate(errors) for errors in zip(*parts, strict=True))
        return {
            "validation_energy_rmse_meV_per_atom": 1e3 * float(np.sqrt(np.mean(energies**2))),
            "validation_force_rmse_meV_per_A": 1e3 * float(np.sqrt(np.mean(forces**2))),
        }

    def _errors(self, system: System) -> tuple[Floats, Floats]:
        """Errors of the energies (F,) eV/atom and of all force components, eV/Å."""
        size, answers = self.job.hyperparameters["batch_size"], []
        wanted = [self.engine.model_pred[name] for name in ("energy", "force")]
        for start in range(0, len(system.frames), size):
            rows = np.arange(start, min(start + size, len(system.frames)))
            answers.append(self.engine.sess.run(wanted, self.feed(system, rows, training=False)))
        energies, forces = (
            np.concatenate([array.ravel() for array in part]) for part in zip(*answers, strict=True)
        )
        return (energies - system.energies) / len(system.types), forces - system.forces.ravel()

    def state(self, epoch: int) -> dict[str, bytes]:
        """Every variable of the graph: weights, Adam's moments, statistics and the number of steps."""
        stream = io.BytesIO()
        values = self.engine.sess.run({variable.op.name: variable for variable in variables()})
        np.savez(stream, epoch=epoch, **values)
        return {STATE: stream.getvalue()}

    def restore(self, folder: Path) -> int:
        """Restore a checkpoint; returns its last finished epoch."""
        with np.load(folder / STATE, allow_pickle=False) as archive:
            values = dict(archive)
        self.assign(values)
        return int(values["epoch"])

    def assign(self, values: dict[str, Any]) -> None:
        """Set variables by name."""
        for variable in variables():
            if variable.op.name in values:
                variable.load(values[variable.op.name], self.engine.sess)

    def keep(self, reference: Floats, scratch: Path) -> None:
        """Save a TensorFlow checkpoint; deepmd-kit's bias of each type then includes its reference energy."""
        bias = next(variable for variable in variables() if variable.op.name == "fitting_attr/t_bias_atom_e")
        self.assign({bias.op.name: self.engine.sess.run(bias) + reference})
        self.engine.saver.save(self.engine.sess, str(scratch / CHECKPOINT))


def variables() -> list[Any]:
    """All variables of the current graph."""
    result: list[Any] = tf.global_variables()
    return result


def train(job: TrainingJob) -> dict[str, Any]:
    """Train, checkpoint after every epoch, freeze and compress the last weights (see interface.py)."""
    require_possible(job.hyperparameters)
    use_threads(job.threads)
    known = sorted(job.reference_energies)
    for frames in (job.train, job.validation):
        require_known(NAME, frames.species(), known)
        require_labels(frames)
    reference = np.array([job.reference_energies[number] for number in known])
    record = Record(known, reference.tolist(), job.hyperparameters["rcut"], job.dtype)
    with tempfile.TemporaryDirectory(dir=job.folder, prefix=".deepmd-") as name:
        scratch = Path(name)
        with working_in(scratch):
            trainer = prepare(job, known, scratch)
            epochs = run_epochs(job, trainer)
            count = sum(int(np.prod(variable.shape)) for variable in tf.trainable_variables())
            trainer.keep(reference, scratch)
            trainer.engine.sess.close()
        export(job.folder, record, scratch, CHECKPOINT)
    return {"epochs": epochs, "parameters": count}


def prepare(job: TrainingJob, known: list[int], scratch: Path) -> Trainer:
    """Trainer of deepmd-kit on this job's frames, in the current graph, with fresh weights."""
    cutoff = job.hyperparameters["rcut"]
    learn, check = (
        systems(without_reference(frames, job.reference_energies), known, cutoff)
        for frames in (job.train, job.validation)
    )
    folders = [scratch / f"system-{index}" for index in range(len(learn))]
    for system, folder in zip(learn, folders, strict=True):
        system.write(folder, symbols(known))
    size = job.hyperparameters["batch_size"]
    epochs = training_epochs(job.hyperparameters, len(job.train))
    steps = epochs * sum(-(-len(system.frames) // size) for system in learn)
    most = max(len(system.frames) for system in learn)
    settings = script(job, known, [folder.name for folder in folders], steps, most)
    (scratch / "input.json").write_text(json.dumps(settings, indent=1))
    return Trainer(job, build(settings, job.seed, steps), learn, check)


def build(asked: dict[str, Any], seed: int, steps: int) -> Any:
    """First steps of `dp train`: neighbours counted, statistics computed, session opened."""
    deepmd_random.seed(seed)
    settings = update_sel(normalize(asked))
    tf.constant(json.dumps(settings), name="train_attr/training_script", dtype=tf.string)
    engine = DPTrainer(settings, run_opt=options())
    data = get_data(
        settings["training"]["training_data"], engine.model.get_rcut(), engine.model.get_type_map(), None
    )
    data.add_data_requirements(engine.data_requirements)
    engine.build(data, steps)
    engine._init_session()
    return engine
