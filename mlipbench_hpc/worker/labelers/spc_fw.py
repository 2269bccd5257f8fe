"""Flexible SPC water: Wu, Tepper, Voth, J. Chem. Phys. 124, 024503 (2006), doi:10.1063/1.2136877.

Run by LAMMPS on one thread without MPI: sampling with a coarse mesh, labels with a fine one. Lennard-Jones
is cut and shifted at 9 Å, without tail corrections, so that energies and forces belong together.
"""

import ctypes
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from ase import units

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames, Ints, concatenate

if TYPE_CHECKING:
    from lammps import lammps

    from mlipbench_hpc.worker.context import Context

CUTOFF_A = 9.0
SAMPLING_ACCURACY = 1e-4
LABEL_ACCURACY = 1e-6
FRICTION_FS = 100.0
CHUNK_PS = 0.5
KCAL_MOL = units.kcal / units.mol
BOND_LIMIT_A = 1.3

FIELD = """
mass 1 15.9994
mass 2 1.008
set type 1 charge -0.82
set type 2 charge 0.41
pair_style lj/cut/coul/long {cutoff}
pair_modify shift yes tail no
pair_coeff * * 0.0 1.0
pair_coeff 1 1 0.1554253 3.165492
bond_style harmonic
bond_coeff 1 529.581 1.012
angle_style harmonic
angle_coeff 1 37.95 113.24
special_bonds lj/coul 0 0 0
kspace_style pppm {accuracy}
neighbor 1.0 bin
neigh_modify delay 0 every 5 check yes
thermo_modify lost error norm no
"""


@dataclass(frozen=True)
class Water:
    """Molecules in an orthorhombic periodic box: numbers (N,), edges (3,) Å, waters (M, 3): O, H, H."""

    numbers: Ints
    edges: Floats
    waters: Ints

    @classmethod
    def of(cls, frames: Frames, index: int) -> "Water":
        """Read the molecules off one frame: every O with exactly two H within 1.3 Å (minimum image).

        Raises InputFailure for anything else than water in an orthorhombic periodic box.
        """
        cell, own = frames.cells[index], frames.atoms_of(index)
        numbers = frames.numbers[own]
        if not frames.pbc[index].all() or not np.allclose(cell, np.diag(np.diag(cell))):
            raise InputFailure("spc-fw: only orthorhombic boxes, periodic in all directions, are labelled")
        edges = np.diag(cell).copy()
        oxygens, hydrogens = np.flatnonzero(numbers == 8), np.flatnonzero(numbers == 1)
        if len(oxygens) + len(hydrogens) != len(numbers) or len(hydrogens) != 2 * len(oxygens):
            raise InputFailure("spc-fw: the potential is for water only (two H for each O)")
        steps = frames.positions[own][hydrogens, None] - frames.positions[own][oxygens]
        distances = np.linalg.norm(steps - edges * np.round(steps / edges), axis=-1)
        owners = distances.argmin(axis=1)
        broken = distances.min(axis=1) > BOND_LIMIT_A
        if broken.any() or (np.bincount(owners, minlength=len(oxygens)) != 2).any():
            raise InputFailure("spc-fw: some O does not own exactly two H within 1.3 Å")
        pairs = hydrogens[np.argsort(owners, kind="stable")].reshape(-1, 2)
        return cls(numbers, edges, np.column_stack([oxygens, pairs]))

    def whole(self, positions: Floats) -> Floats:
        """(N, 3) Å: oxygens wrapped into the box, each H beside its own O."""
        result = positions.copy()
        oxygens = positions[self.waters[:, 0]] % self.edges
        result[self.waters[:, 0]] = oxygens
        for column in (1, 2):
            steps = positions[self.waters[:, column]] - oxygens
            result[self.waters[:, column]] = oxygens + steps - self.edges * np.round(steps / self.edges)
        return result


@dataclass
class Engine:
    """LAMMPS with SPC/Fw water in it; accuracy is PPPM's relative force error."""

    water: Water
    accuracy: float

    @cached_property
    def lammps(self) -> "lammps":
        """The running engine, with the water's topology but positions still to be set."""
        engine = _start_lammps()
        x, y, z = self.water.edges.tolist()
        engine.commands_string(
            "units real\natom_style full\natom_modify map array sort 0 0\nboundary p p p\n"
            f"region box block 0 {x!r} 0 {y!r} 0 {z!r}\n"
            "create_box 2 box bond/types 1 angle/types 1 extra/bond/per/atom 2 extra/angle/per/atom 1 "
            "extra/special/per/atom 2"
        )
        types = [1 if number == 8 else 2 for number in self.water.numbers]
        spread = np.random.default_rng(0).uniform(0.0, 1.0, (len(types), 3)) * self.water.edges
        engine.create_atoms(len(types), None, types, spread.ravel().tolist())
        engine.commands_string(FIELD.format(cutoff=CUTOFF_A, accuracy=self.accuracy))
        engine.commands_string("\n".join(self._bonds()))
        return engine

    def _bonds(self) -> list[str]:
        """Commands that tie each molecule together; the last one also builds the list of excluded pairs."""
        lines = []
        for oxygen, first, second in self.water.waters + 1:
            lines += [f"create_bonds single/bond 1 {oxygen} {end} special no" for end in (first, second)]
            lines.append(f"create_bonds single/angle 1 {first} {oxygen} {second} special no")
        lines[-1] = lines[-1].replace("special no", "special yes")
        return lines

    def place(self, positions: Floats) -> None:
        """Set all positions, (N, 3) Å."""
        wrapped = np.ascontiguousarray(positions % self.water.edges)
        pointer = wrapped.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        self.lammps.scatter_atoms("x", 1, 3, pointer)

    def positions(self) -> Floats:
        """(N, 3) Å, molecules whole, oxygens in the box."""
        return self.water.whole(self._gather("x"))

    def _gather(self, name: str) -> Floats:
        values = np.ctypeslib.as_array(self.lammps.gather_atoms(name, 1, 3))
        return values.reshape(-1, 3).astype(float)

    def label(self, positions: Floats) -> tuple[float, Floats]:
        """Energy in eV (zero: molecules at rest, infinitely apart) and forces (N, 3) eV/Å."""
        self.place(positions)
        self.lammps.command("run 0 post no")
        energy = float(self.lammps.get_thermo("pe")) * KCAL_MOL
        return energy, self._gather("f") * KCAL_MOL

    def heat(self, temperature: float, timestep: float, seed: int) -> None:
        """Fresh velocities and a Langevin thermostat at `temperature` K; timestep in ps, seed above 0."""
        self.lammps.commands_string(
            f"timestep {timestep * 1e3!r}\n"
            f"velocity all create {temperature!r} {seed} mom yes rot no dist gaussian\n"
            "fix move all nve\n"
            f"fix bath all langevin {temperature!r} {temperature!r} {FRICTION_FS} {seed} zero yes"
        )

    def minimise(self, positions: Floats) -> None:
        """Start from `positions`, relaxed enough not to explode."""
        self.place(positions)
        self.lammps.command("minimize 1.0e-4 1.0e-2 200 2000")

    def close(self) -> None:
        """Free the engine."""
        self.lammps.close()


def _start_lammps() -> "lammps":
    """A silent engine on one thread.

    The wheel links against the libmpi.so.12 that the mpich wheel puts into the venv's lib, where the loader
    does not look: it is loaded by its path first, so that LD_LIBRARY_PATH need not be set.
    """
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
    from lammps import lammps

    quiet = ["-log", "none", "-screen", "none", "-nocite", "-suffix", "off"]
    return lammps(cmdargs=quiet)


def generate(start: Frames, context: "Context") -> Frames:
    """Sample water at each temperature in turn from the first frame of `start`, and label what was sampled.

    The frames are shared out evenly over the temperatures (earlier ones take the remainder).
    """
    how = context.parameters
    water = Water.of(start, 0)
    judge = Engine(water, LABEL_ACCURACY)
    parts: list[Frames] = []
    temperatures: list[float] = how["temperatures"]
    for index, temperature in enumerate(temperatures):
        count = how["frames"] // len(temperatures) + (index < how["frames"] % len(temperatures))
        sampler = Engine(water, SAMPLING_ACCURACY)
        sampler.minimise(start.positions[start.atoms_of(0)])
        sampler.heat(temperature, how["timestep"], _engine_seed(how["seed"], index))
        _advance(sampler, how["equilibration"], how["timestep"], context)
        for _ in range(count):
            _advance(sampler, how["every"], how["timestep"], context)
            parts.append(_labelled(start, sampler.positions(), judge))
            context.progress(len(parts), how["frames"], "frames")
        sampler.close()
    judge.close()
    return concatenate(parts)


def _engine_seed(seed: int, index: int) -> int:
    """LAMMPS wants a seed from 1 to 900,000,000; each temperature gets its own."""
    return 1 + int(np.random.SeedSequence([seed, index]).generate_state(1)[0]) % 900_000_000


def _advance(engine: Engine, time: float, timestep: float, context: "Context") -> None:
    """Run `time` ps of MD in pieces short enough to stop between them."""
    left, piece = round(time / timestep), max(1, round(CHUNK_PS / timestep))
    while left > 0:
        context.check()
        engine.lammps.command(f"run {min(piece, left)} post no")
        left -= piece


def _labelled(start: Frames, positions: Floats, judge: Engine) -> Frames:
    """One frame with the species and box of `start`, the label of `judge`."""
    energy, forces = judge.label(positions)
    one = start.select([0])
    return replace(one, positions=positions, energies=np.array([energy]), forces=forces)
