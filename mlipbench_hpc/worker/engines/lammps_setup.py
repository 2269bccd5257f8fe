"""LAMMPS instances from a state: equal states give equal instances, whatever came before.

Its metal units are ours but for rounding (k_B in the sixth digit, eV in the eighth): masses and temperature
are scaled so that its energies are ASE's to the last digits.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.units import kB

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.potentials.shared.lammps_library import start_lammps
from mlipbench_hpc.worker.engines.integrators import PS, State
from mlipbench_hpc.worker.engines.lammps_cell import Cell
from mlipbench_hpc.worker.engines.lammps_chain import BATH, read_chain, start_chain
from mlipbench_hpc.worker.engines.lammps_forces import Asked, Native

if TYPE_CHECKING:
    from lammps import lammps

MASSES = "mlipbench_masses"


def build(forces: Native | Asked, cell: Cell, state: State, parameters: dict[str, Any]) -> "lammps":
    """LAMMPS instance at `state`, with no forces computed yet.

    The thermostat comes before the model's commands, because some of them drop its record of a restart file.
    """
    lammps = start_lammps()
    _, first, types = np.unique(forces.atoms.numbers, return_index=True, return_inverse=True)
    style = forces.style
    lammps.commands_list(["units metal", f"atom_style {style.atom_style}", "atom_modify map array sort 0 0"])
    lammps.commands_list(cell.commands(len(first), style.box))
    own = forces.atoms.get_masses()
    lammps.commands_list(masses(lammps, own[first]))
    start_chain(lammps, state["chain"])
    isotopes = not np.array_equal(own, own[first][types])
    if isotopes:
        lammps.command(f"fix {MASSES} all property/atom rmass")
    create_atoms(lammps, types + 1, state["positions"])
    if isotopes:
        lammps.numpy.extract_atom("rmass")[: len(own)] = own * scale(lammps)
    lammps.commands_list(thermostat(lammps, forces, parameters))
    forces.install(lammps)
    lammps.commands_list([f"thermo_style custom {forces.thermo}", "thermo_modify norm no lost error"])
    place(lammps, state)
    return lammps


def masses(lammps: "lammps", kinds: Floats) -> list[str]:
    """Commands that set the mass of each type in u, scaled.

    Atoms of one element with different masses get theirs one by one: for pair styles a type is an element.
    """
    return [f"mass {index + 1} {float(mass * scale(lammps))!r}" for index, mass in enumerate(kinds)]


def scale(lammps: "lammps") -> float:
    """Factor on masses in u by which LAMMPS's kinetic energy becomes ASE's."""
    return float(1.0 / (PS**2 * lammps.extract_global("mvv2e")))


def create_atoms(lammps: "lammps", types: Any, positions: Floats) -> None:
    """Create atoms in this order; InputFailure where some lie outside the cell where it is not periodic."""
    lammps.create_atoms(len(types), None, types.tolist(), positions.ravel().tolist(), shrinkexceed=True)
    if lost := len(types) - int(lammps.get_natoms()):
        raise InputFailure(f"{lost} atoms of the start lie outside its cell where it is not periodic")


def thermostat(lammps: "lammps", forces: Native | Asked, parameters: dict[str, Any]) -> list[str]:
    """Commands for the chain on the mobile atoms, with three degrees of freedom each."""
    temperature = parameters["temperature"] * kB / lammps.extract_global("boltz")
    damping, length = parameters["thermostat"]["damping"], parameters["thermostat"]["length"]
    return [
        f"timestep {parameters['timestep']!r}",
        f"group mobile id {' '.join(map(str, forces.mobile + 1))}",
        f"fix {BATH} mobile nvt temp {temperature!r} {temperature!r} {damping!r} tchain {length}",
        f"compute_modify {BATH}_temp extra/dof 0 dynamic/dof no",
    ]


def place(lammps: "lammps", state: State) -> None:
    """Copy the state's bits into LAMMPS's arrays.

    Raises RuntimeError where LAMMPS has another order of atoms, or did not take over the thermostat's state.
    """
    count = len(state["positions"])
    if not np.array_equal(lammps.numpy.extract_atom("id")[:count], np.arange(1, count + 1)):
        raise RuntimeError("LAMMPS does not hold the atoms in the order in which they were created")
    for name, key in (("x", "positions"), ("v", "velocities"), ("q", "charges")):
        if key in state:
            lammps.numpy.extract_atom(name)[:count] = state[key]
    lammps.numpy.extract_atom("image")[:count] = lammps.encode_image_flags(0, 0, 0)
    if not np.array_equal(read_chain(lammps, state["chain"].shape[1]), state["chain"]):
        raise RuntimeError("LAMMPS did not take over the thermostat's state")
    lammps.command(f"reset_timestep {int(state['step'])}")
