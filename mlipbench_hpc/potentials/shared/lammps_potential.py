"""LAMMPS on one thread without MPI, with the shared force field in it."""

import ctypes
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from ase import units
from ase.data import chemical_symbols

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.potentials.shared import field
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.shared.film import Vacuum
from mlipbench_hpc.potentials.shared.lammps_library import start_lammps
from mlipbench_hpc.potentials.shared.wall import LammpsWall, Wall

KCAL_MOL = units.kcal / units.mol
FRICTION_FS = 100.0


class Prepared(NamedTuple):
    """Preparation of sampling: indices of the atoms that stay, and z of the wall in Å."""

    frozen: Ints
    wall: float | None


class LammpsPotential:
    """One box in a running LAMMPS; positions are not yet set. accuracy: PPPM's relative force error.

    Raises InputFailure for species that the potential does not know.
    """

    name: ClassVar[str]
    elements: ClassVar[tuple[int, ...]]
    kspace: ClassVar[str]
    sampling_accuracy: ClassVar[float]
    label_accuracy: ClassVar[float]
    # True where LAMMPS's box ends in the vacuum (see film.py), while the cell of frames repeats along z.
    film: ClassVar[bool] = False

    def __init__(self, box: Box, accuracy: float) -> None:
        self.box, self.accuracy = box, accuracy
        present = self.present(box)
        self.types = {n: i + 1 for i, n in enumerate(n for n in self.elements if n in present)}
        self.lammps = start_lammps()
        self._low = 0.0
        self._create()
        self.lammps.commands_list(field.masses(self.types))
        self.lammps.commands_list(self.interactions(box, self.types, accuracy, 1.0))

    @classmethod
    def present(cls, box: Box) -> set[int]:
        """Atomic numbers in a box; raises InputFailure when the potential cannot label it."""
        present = {int(number) for number in box.numbers}
        if strange := present - set(cls.elements):
            symbols = ", ".join(chemical_symbols[number] for number in sorted(strange))
            known = ", ".join(chemical_symbols[number] for number in cls.elements)
            raise InputFailure(f"{cls.name} knows only {known}; received {symbols}")
        return present

    @classmethod
    def interactions(cls, box: Box, types: dict[int, int], accuracy: float, kcal_mol: float) -> list[str]:
        """Commands of the potential; types: LAMMPS type by atomic number; kcal_mol in LAMMPS' energy unit."""
        return field.interactions(types, box.waters, f"{cls.kspace} {accuracy}", kcal_mol)

    @classmethod
    def before_setup(cls, box: Box, types: dict[int, int]) -> list[str]:
        """Commands after which energy and forces depend on nothing but the positions."""
        return []

    def _create(self) -> None:
        x, y, z = self.box.edges.tolist()
        self.lammps.commands_string(
            "units real\natom_style full\natom_modify map array sort 0 0\n"
            f"boundary p p {'f' if self.film else 'p'}\n"
            f"region box block 0 {x!r} 0 {y!r} 0 {z!r}\n"
            f"create_box {len(self.types)} box {field.ROOM}"
        )
        types = [self.types[int(number)] for number in self.box.numbers]
        spread = np.random.default_rng(0).uniform(0.0, 1.0, (len(types), 3)) * self.box.edges
        self.lammps.create_atoms(len(types), None, types, spread.ravel().tolist())

    def place(self, positions: Floats) -> None:
        """Set all positions, (N, 3) Å."""
        inside = positions % self.box.edges
        if self.film:
            vacuum = Vacuum.of(positions[:, 2], float(self.box.edges[2]))
            self._begin_box(vacuum.lower_end)
            inside[:, 2] = vacuum.opened(positions[:, 2])
        self.scatter("x", inside)

    def _begin_box(self, low: float) -> None:
        """Move the lower end of the box along z to z = `low` Å."""
        if low != self._low:
            self._low, high = low, low + float(self.box.edges[2])
            self.lammps.command(f"change_box all z final {low!r} {high!r} units box")

    def positions(self) -> Floats:
        """Positions (N, 3) Å, molecules whole, all other atoms in the box."""
        return self.box.whole(self.gather("x", 3))

    def scatter(self, name: str, values: Floats) -> None:
        """Set a property of all atoms, (N, n), in LAMMPS' units."""
        values = np.ascontiguousarray(values, dtype=float)
        pointer = values.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
        self.lammps.scatter_atoms(name, 1, values.shape[1], pointer)

    def gather(self, name: str, width: int) -> Floats:
        """Values (N, width) of a property in LAMMPS' units."""
        return np.array(self.lammps.gather_atoms(name, 1, width), dtype=float).reshape(-1, width)

    def label(self, positions: Floats) -> tuple[float, Floats]:
        """Energy in eV (zero: molecules at rest, infinitely apart) and forces (N, 3) eV/Å."""
        self.place(positions)
        self.lammps.commands_list(self.before_setup(self.box, self.types))
        self.lammps.command("run 0 post no")
        return self.potential_energy(), self.gather("f", 3) * KCAL_MOL

    def advance(self, steps: int) -> None:
        """Advance by so many timesteps."""
        self.lammps.command(f"run {steps} post no")

    def potential_energy(self) -> float:
        """Potential energy in eV, of the last timestep."""
        return float(self.lammps.get_thermo("pe")) * KCAL_MOL

    def prepare(self, positions: Floats, wall: float | None, parameters: Mapping[str, Any]) -> Prepared:
        """Fixed atoms and wall of sampling from `positions`.

        wall: z in Å that the system's builder chose, or None; parameters: those of the task.
        """
        return Prepared(np.zeros(0, dtype=np.int64), None)

    def answers(self, wall: float) -> Answers | None:
        """Labels beyond energy and forces, after `label`; wall: z in Å, or NaN."""
        return None

    def minimise(self, positions: Floats, frozen: Ints) -> None:
        """Relax `positions` enough not to explode, with `frozen` atoms fixed; sampling starts there."""
        self.place(positions)
        self._group("frozen", frozen)
        self.lammps.commands_string(
            "group mobile subtract all frozen\n"
            "fix hold frozen setforce 0 0 0\nminimize 1.0e-4 1.0e-2 200 2000\nunfix hold"
        )

    def heat(self, temperature: float, timestep: float, seed: int) -> None:
        """Random velocities and a Langevin thermostat at `temperature` K for all atoms mobile in `minimise`.

        timestep in ps, seed above 0. With `zero yes` fix langevin would take the same share of the total
        random force from every atom: most of it is gold's, and it would heat hydrogen by a quarter.
        """
        self.lammps.commands_string(
            f"timestep {timestep * 1e3!r}\n"
            f"velocity mobile create {temperature!r} {seed} mom yes rot no dist gaussian\n"
            "fix move mobile nve\n"
            f"fix bath mobile langevin {temperature!r} {temperature!r} {FRICTION_FS} {seed} zero no"
        )

    def reflect(self, height: float, mobile: Ints) -> None:
        """Set up the wall at z = `height` Å for atoms `mobile`, after all that adds forces."""
        wall = Wall.above(height, self.gather("x", 3)[:, 2], float(self.box.edges[2]))
        LammpsWall(wall, mobile, len(self.box.numbers)).install(self.lammps)

    def _group(self, name: str, atoms: Ints) -> None:
        """LAMMPS group of atoms by index; it may be empty."""
        self.lammps.command(f"group {name} empty")
        for piece in np.array_split(atoms + 1, len(atoms) // 100 + 1):
            if len(piece):
                self.lammps.command(f"group {name} id " + " ".join(map(str, piece)))

    def close(self) -> None:
        """End LAMMPS."""
        self.lammps.close()
