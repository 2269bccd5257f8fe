"""What an adapter gives: `train(job)` and `load(...)`. numpy only; engines are imported by the adapters.

An adapter module defines

    def train(job: TrainingJob) -> dict[str, Any]
    def load(folder: Path, hyperparameters, device: str, dtype: str) -> Evaluator

and, where LAMMPS has a pair style of its own for the architecture,

    def lammps(folder: Path, hyperparameters, numbers: list[int], evaluator: Evaluator) -> LammpsStyle

Without it the engine `lammps` asks the evaluator's calculator at every step. numbers: the atomic numbers
that LAMMPS's atom types 1, 2, … stand for, ascending. evaluator: what `load` gave.

`train` writes the model's file(s) into job.folder and returns JSON values (`epochs`, `parameters`); it calls
job.report after every epoch, and continues from job.resume when that is given, as exactly as the card claims
under `restart`.

An architecture is one folder: card.toml and adapter.py, here or in a package of its own, which offers it by
an entry point `name = module` of the group `mlipbench_hpc.architectures`. What it must obey, the claims of
its card among it, is written once, as a test class to inherit: see testing/__init__.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlipbench_hpc.data.frames import Floats, Frames

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator
    from lammps import lammps


@dataclass(frozen=True)
class TrainingJob:
    """One committee member to train.

    reference_energies: eV by atomic number, shared by the committee. hyperparameters: the card's defaults,
    the preset and the campaign's own, merged. resume: folder of the furthest valid checkpoint, or None.
    save(epoch, files): keep a checkpoint (named byte strings). report(row): one row of the learning curve,
    {"epoch": int, "loss": float, "validation_energy_rmse_meV_per_atom": float,
    "validation_force_rmse_meV_per_A": float, "learning_rate": float}; raises Interrupted when it is time to
    stop (call it after save), TaskFailure when a number is not finite.
    """

    folder: Path
    train: Frames
    validation: Frames
    reference_energies: dict[int, float]
    hyperparameters: dict[str, Any]
    seed: int
    device: str
    dtype: str
    threads: int
    resume: Path | None
    save: Callable[[int, dict[str, bytes]], None]
    report: Callable[[dict[str, float]], None]


class Evaluator(Protocol):
    """A loaded model."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order."""

    def calculator(self) -> "Calculator":
        """An ASE calculator with energy and forces."""


@dataclass(frozen=True)
class LammpsStyle:
    """What LAMMPS has to be told to compute the model's energy and forces by itself, in `units metal`.

    commands: pair_style, pair_coeff and whatever else; box, atoms (in the frame's order), masses and the
    group `mobile` exist by then. atom_style: what they need. box: further words for create_box.
    open_boundary: `s` (follows the atoms) or `f` (ends with the cell), for directions that are not periodic.
    packages: of LAMMPS, and symbols: of its library, without which the commands do not work; an `optional`
    style gives way to the calculator in such a LAMMPS. files: what the commands read. start: called with
    LAMMPS before the commands.
    film: whether LAMMPS's box ends in the vacuum, along z, in which the frames repeat all the same.
    before_setup: commands before every setup, for what LAMMPS would carry over from earlier steps; it is set
    up at the start and after each checkpoint, so that continuing a run is the same as starting one there.
    """

    commands: tuple[str, ...]
    atom_style: str = "atomic"
    box: str = ""
    open_boundary: str = "s"
    packages: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    optional: bool = False
    files: tuple[Path, ...] = ()
    start: "Callable[[lammps], None] | None" = None
    before_setup: tuple[str, ...] = ()
    film: bool = False
