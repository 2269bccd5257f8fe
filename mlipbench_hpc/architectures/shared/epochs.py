"""The loop over epochs, with a checkpoint after each."""

from pathlib import Path
from typing import Protocol

from mlipbench_hpc.architectures.interface import TrainingJob


class Trainer(Protocol):
    """What a training library does within one epoch, and the state that the next one depends on."""

    def epoch(self, number: int) -> dict[str, float]:
        """One pass over the training set; returns the learning curve's row (see TrainingJob.report)."""

    def state(self, epoch: int) -> dict[str, bytes]:
        """All that the next epoch depends on, as named files."""

    def restore(self, folder: Path) -> int:
        """Take over a checkpoint's state; returns the last epoch that it finished."""


def run_epochs(job: TrainingJob, trainer: Trainer) -> int:
    """Train up to the hyperparameter `epochs`, from the checkpoint that the job resumes; returns that number.

    Raises what job.report raises, after the epoch's checkpoint is on disk.
    """
    epochs: int = job.hyperparameters["epochs"]
    finished = trainer.restore(job.resume) if job.resume else 0
    for number in range(finished + 1, epochs + 1):
        row = trainer.epoch(number)
        job.save(number, trainer.state(number))
        job.report(row)
    return epochs
