"""train: one committee member of any architecture, continued from earlier attempts' furthest checkpoint."""

import csv
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlipbench_hpc.architectures.hyperparameters import training_epochs, updates_per_epoch
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.contract.folder import read_json, write_bytes
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.context import Context

CURVE = "curve.json"
COLUMNS = (
    "epoch",
    "loss",
    "validation_energy_rmse_meV_per_atom",
    "validation_force_rmse_meV_per_A",
    "learning_rate",
)


@dataclass
class Curve:
    """Learning curve, one row an epoch, kept inside the checkpoints: a resumed attempt has all of it.

    An adapter saves an epoch's state before it reports its row: the state is kept until then, and both are
    written as one checkpoint. Progress is counted in gradient updates where the hyperparameter `updates` says
    how long the training is, else in epochs. frames: number of training frames.
    """

    context: Context
    frames: int
    rows: list[dict[str, float]] = field(default_factory=list)
    _pending: tuple[int, dict[str, bytes]] | None = None

    def resume(self) -> Path | None:
        """Furthest valid checkpoint of earlier attempts; its rows become this attempt's."""
        for _, folder, _ in self.context.earlier_checkpoints():
            rows = read_json(folder / CURVE)
            if rows is not None:
                self.rows = rows
                return folder
        return None

    def save(self, epoch: int, files: dict[str, bytes]) -> None:
        """Keep the adapter's state after `epoch`; it is written when that epoch is reported."""
        self._pending = (epoch, files)

    def report(self, row: dict[str, float]) -> None:
        """Add a row, write the pending checkpoint with all rows, and stop here on a request to stop.

        Raises TaskFailure for a row with NaN or infinity.
        """
        if not all(map(math.isfinite, row.values())):
            raise TaskFailure(f"training diverged: {row}; try a lower learning rate")
        self.rows.append(row)
        if self._pending is not None:
            epoch, files = self._pending
            self.context.save_checkpoint(epoch, {**files, CURVE: json.dumps(self.rows).encode()})
            self._pending = None
        self.context.progress(*self.progress())
        self.context.check()

    def progress(self) -> tuple[int, int, str]:
        """Epochs or updates that are done, their total, and the unit."""
        hyperparameters = self.context.hyperparameters
        done, epochs = len(self.rows), training_epochs(hyperparameters, self.frames)
        if not hyperparameters.get("updates"):
            return done, epochs, "epochs"
        updates = updates_per_epoch(hyperparameters, self.frames)
        return done * updates, epochs * updates, "updates"

    def write(self, path: Path) -> None:
        """Write curve.csv, whole or not at all."""
        stream = io.StringIO()
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_bytes(path, stream.getvalue().encode())


def run(context: Context) -> dict[str, Any]:
    """Write model file(s) and curve.csv; returns values of the adapter and the last errors."""
    parameters = context.parameters
    train, validation, reference = training_data(context)
    curve = Curve(context, len(train))
    job = TrainingJob(
        folder=context.folder,
        train=train,
        validation=validation,
        reference_energies=reference,
        hyperparameters=context.hyperparameters,
        seed=parameters["seed"],
        device=parameters["device"],
        dtype=parameters["dtype"],
        threads=parameters["threads"],
        resume=curve.resume(),
        save=curve.save,
        report=curve.report,
        initial=context.upstream("initial") if "initial" in context.task.upstream else None,
    )
    values: dict[str, Any] = context.adapter().train(job)
    curve.write(context.folder / "curve.csv")
    return {"frames": len(train), **values, **last_errors(curve.rows)}


def training_data(context: Context) -> tuple[Frames, Frames, dict[int, float]]:
    """This member's training frames, the validation frames, and eV by atomic number shared by the committee.

    Raises InputFailure when the split has no such member.
    """
    split = json.loads((context.upstream("split") / "split.json").read_text(encoding="utf-8"))
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    member = context.parameters["member"]
    if member >= len(split["members"]):
        raise InputFailure(f"member {member}: the split has {len(split['members'])}; plan the campaign again")
    reference = {int(number): float(energy) for number, energy in split["reference_energies"].items()}
    return frames.select(split["members"][member]), frames.select(split["validation"]), reference


def last_errors(rows: list[dict[str, float]]) -> dict[str, float]:
    """Validation errors of the last epoch."""
    return {name: value for name, value in rows[-1].items() if name.startswith("validation_")} if rows else {}
