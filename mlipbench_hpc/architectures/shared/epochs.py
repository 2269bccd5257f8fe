"""Loop over epochs, with a checkpoint after each."""

from pathlib import Path
from typing import Protocol

from mlipbench_hpc.architectures.hyperparameters import training_epochs
from mlipbench_hpc.architectures.interface import TrainingJob


class Trainer(Protocol):
    """One epoch of a training library, and the state that the next one depends on."""

    def epoch(self, number: int) -> dict[str, float]:
        """Train one pass over the training set; returns the curve's row (see TrainingJob.report)."""

    def state(self, epoch: int) -> dict[str, bytes]:
        """State on which the next epoch depends, as named files."""

    def restore(self, folder: Path) -> int:
        """Restore a checkpoint's state; returns its last finished epoch."""


def run_epochs(job: TrainingJob, trainer: Trainer) -> int:
    """Train all epochs of the hyperparameters, from the checkpoint to resume; returns their number.

    Errors of job.report are raised after the epoch's checkpoint is on disk.
    """
    epochs = training_epochs(job.hyperparameters, len(job.train))
    finished = trainer.restore(job.resume) if job.resume else 0
    for number in range(finished + 1, epochs + 1):
        row = trainer.epoch(number)
        job.save(number, trainer.state(number))
        job.report(row)
    return epochs
