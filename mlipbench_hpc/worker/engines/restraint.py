"""Harmonic restraint of heights above the surface layer: one law in every engine.

An atom's height h is its distance along the outward normal from the mean height of the surface layer, the
atoms at z = 0 of the analysis in the start frame, which stay the same throughout. The energy is k (h - t)²/2,
and the layer takes the reaction, each of its atoms an equal part; fixed atoms feel nothing. It is a function
of the positions alone: the conserved energy includes it, and at a constant potential the variance of h is
k_B T/k. It is no part of the potential: potential energies, the check of the engine against the model, and
members' energies of stored frames are without it, so that it cancels in every difference of energies.
"""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from mlipbench_hpc.analysis.slab import Face, Slab, atomic_numbers_of
from mlipbench_hpc.analysis.surface import surface
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints

if TYPE_CHECKING:
    from lammps import lammps

FIX = "mlipbench_restraint"
# More than this at the start would throw an atom through the film, whatever was meant.
LARGEST_EV = 20.0


def excess(numbers: Mapping[str, Any], z: Any) -> Any:
    """Heights (K,) Å above their targets of atoms at z (N,) Å, wrapped or not; numbers: `Restraint.numbers`.

    Made of operators alone, so that it is a function of JAX too.
    """
    layer, period = z[numbers["layer"]], numbers["period"]
    plane = layer[0] + nearest(layer - layer[0], period).mean()
    return nearest(numbers["normal"] * (z[numbers["atoms"]] - plane) - numbers["targets"], period)


def nearest(distance: Any, period: Any) -> Any:
    """Distances in Å to the nearest image; period: Å, None where nothing repeats."""
    return distance if period is None else distance - period * ((distance / period + 0.5) // 1.0)


def pull(numbers: Mapping[str, Any], z: Any) -> Any:
    """Forces (N,) eV/Å along z of the restraint on atoms at z (N,) Å, by operators alone."""
    return -(numbers["springs"] * excess(numbers, z)) @ numbers["slopes"]


@dataclass(frozen=True)
class Restraint:
    """Restraint of K atoms of N, indices `atoms`, to `targets` (K,) Å by `springs` (K,) eV/Å².

    face: layer (L,) of which the mean height is zero, and its normal; period: Å along z, None where the cell
    does not repeat along it; count: N.
    """

    atoms: Ints
    targets: Floats
    springs: Floats
    face: Face
    period: float | None
    count: int

    @cached_property
    def numbers(self) -> dict[str, Any]:
        """Numbers of `excess` and `pull`; slopes (K, N): change of each height with z of each atom."""
        slopes = np.zeros((len(self.atoms), self.count))
        slopes[:, self.face.layer] -= self.face.normal / len(self.face.layer)
        slopes[np.arange(len(self.atoms)), self.atoms] += self.face.normal
        return {
            "atoms": self.atoms,
            "targets": self.targets,
            "springs": self.springs,
            "layer": np.asarray(self.face.layer),
            "normal": self.face.normal,
            "period": self.period,
            "slopes": slopes,
        }

    def heights(self, positions: Floats) -> Floats:
        """Heights (K,) Å at positions (N, 3) Å, of the image nearest to the target."""
        above: Floats = excess(self.numbers, positions[:, 2]) + self.targets
        return above

    def energy(self, positions: Floats) -> float:
        """Energy in eV at positions (N, 3) Å."""
        return float(0.5 * self.springs @ excess(self.numbers, positions[:, 2]) ** 2)

    def forces(self, positions: Floats) -> Floats:
        """Forces (N, 3) eV/Å at positions (N, 3) Å."""
        forces = np.zeros((self.count, 3))
        forces[:, 2] = pull(self.numbers, positions[:, 2])
        return forces


def restraint_of(asked: Mapping[str, Any], atoms: Atoms) -> Restraint:
    """Restraint of a task on its start, in standard orientation.

    asked: metal, its symbol or symbols; heights: entries of atoms (a symbol or indices), target in Å and
    spring in eV/Å². Raises InputFailure for atoms that do not exist, belong to the slab or occur twice, for
    a start without one surface, and where the start is too far from a target.
    """
    face = _face(asked["metal"], atoms)
    rows, targets, springs = [], [], []
    for entry in asked["heights"]:
        own = _atoms(entry["atoms"], atoms)
        rows += own
        targets += [entry["target"]] * len(own)
        springs += [entry["spring"]] * len(own)
    _check(rows, atoms, asked["metal"])
    period = float(atoms.cell[2, 2]) if atoms.pbc[2] else None
    numbers = np.array(rows), np.array(targets, float), np.array(springs, float)
    restraint = Restraint(*numbers, face, period, len(atoms))
    _check_start(restraint, atoms)
    return restraint


def _face(metal: str | list[str], atoms: Atoms) -> Face:
    cell, positions = np.array(atoms.cell), atoms.positions
    if not atoms.pbc[2]:
        raise InputFailure("restraints: the start's cell must repeat along z, with vacuum where nothing is")
    try:
        faces = surface(atoms.numbers, positions[None], cell, Slab.of(atomic_numbers_of(metal))).faces
    except ValueError as error:
        raise InputFailure(f"restraints: {error}") from error
    if len(faces) != 1:
        received = "no surface" if not faces else "a surface on both sides of the film"
        raise InputFailure(f"restraints: the start has {received}, heights need exactly one")
    return faces[0]


def _atoms(chosen: str | list[int], atoms: Atoms) -> list[int]:
    if isinstance(chosen, str):
        own = np.flatnonzero(atoms.numbers == atomic_numbers[chosen]).tolist()
        if not own:
            raise InputFailure(f"restraints: the start has no {chosen}")
        return list(own)
    if beyond := [index for index in chosen if not 0 <= index < len(atoms)]:
        raise InputFailure(f"restraints: no atoms {beyond[:5]}, the start has {len(atoms)} (from 0)")
    return list(chosen)


def _check(rows: list[int], atoms: Atoms, metal: str | list[str]) -> None:
    if twice := sorted({row for row in rows if rows.count(row) > 1}):
        raise InputFailure(f"restraints: atoms {twice[:5]} are named twice; give each one height")
    own = set(atomic_numbers_of(metal))
    if slab := [row for row in rows if atoms.numbers[row] in own]:
        raise InputFailure(f"restraints: atoms {slab[:5]} are the slab's, above which heights are counted")


def _check_start(restraint: Restraint, atoms: Atoms) -> None:
    heights = restraint.heights(atoms.positions)
    energies = 0.5 * restraint.springs * (heights - restraint.targets) ** 2
    worst = int(energies.argmax())
    if energies[worst] > LARGEST_EV:
        raise InputFailure(
            f"restraints: atom {restraint.atoms[worst]} starts at {heights[worst]:.2f} Å, its target is "
            f"{restraint.targets[worst]:g} Å: {energies[worst]:.1f} eV, at most {LARGEST_EV:g} eV; choose "
            "a start nearer to it, or a softer spring"
        )


class LammpsRestraint:
    """Restraint in a running LAMMPS that holds all N atoms or the mobile ones."""

    def __init__(self, restraint: Restraint, start: Floats, rows: Ints) -> None:
        """start (N, 3) Å: where atoms stay that LAMMPS does not hold; rows: of those that it holds."""
        self.numbers, self.rows = restraint.numbers, rows
        self._z = np.array(start[:, 2])

    def install(self, lammps: "lammps") -> None:
        """Install the restraint, before the wall (potentials/shared/wall.py says why by a raw callback)."""
        lammps.command(f"fix {FIX} all external pf/callback 1 1")
        called = lammps.FIX_EXTERNAL_CALLBACK_FUNC(self._add)
        lammps.callback[FIX] = {"function": called, "caller": lammps}
        lammps.lib.lammps_set_fix_external_callback(lammps.lmp, FIX.encode(), called, lammps)

    def _add(self, _lammps: "lammps", _step: int, count: int, tags: Any, places: Any, forces: Any) -> None:
        rows = self.rows[np.ctypeslib.as_array(tags, (count,)) - 1]
        self._z[rows] = _array(places, count)[:, 2]
        own = _array(forces, count)
        own[:, :2] = 0.0
        own[:, 2] = pull(self.numbers, self._z)[rows]


def _array(pointers: Any, count: int) -> Floats:
    """Rows (count, 3) of a LAMMPS array, which lie one after the other."""
    first = ctypes.cast(pointers[0], ctypes.POINTER(ctypes.c_double))
    return np.ctypeslib.as_array(first, (count, 3))
