"""Start of an md task: frame, fixed and restrained atoms, masses, and wall."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms

from mlipbench_hpc.analysis.slab import SURFACE_GAP, atomic_numbers_of, layers_of
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.masses import with_heavy_hydrogen
from mlipbench_hpc.worker.engines.restraint import restraint_of
from mlipbench_hpc.worker.engines.system import System, oriented


@dataclass(frozen=True)
class Start:
    """System to simulate, and its reflecting wall if it has one."""

    system: System
    wall: Wall | None

    @classmethod
    def of(cls, context: Context) -> "Start":
        """Start of a task; InputFailure when the frame is missing or contradicts the task."""
        given, frames = context.parameters, Frames.load(context.upstream("start") / "frames.npz")
        index = given["start_frame"]
        if not 0 <= index < len(frames):
            raise InputFailure(f"no start_frame {index}: the start has {len(frames)} (from 0)")
        atoms, fixed = frames.atoms(index), list(given["fixed_atoms"])
        if given["fixed_layers"]:
            fixed += lowest(oriented(atoms), **given["fixed_layers"])
        if mass := given.get("hydrogen_mass"):
            atoms = with_heavy_hydrogen(atoms, mass)
        system = restrained(System.prepare(atoms, fixed), given)
        return cls(system, standing(height_of(context), atoms, system.start))


def restrained(system: System, parameters: dict[str, Any]) -> System:
    """The same with the task's restraint; raises InputFailure for one of an atom that is fixed."""
    if not (asked := parameters.get("restraints")):
        return system
    restraint = restraint_of(asked, system.start)
    if fixed := np.setdiff1d(restraint.atoms, system.mobile).tolist():
        raise InputFailure(f"restraints: atoms {fixed[:5]} are fixed, expected mobile ones")
    return replace(system, restraint=restraint)


def lowest(atoms: Atoms, count: int, metal: str | list[str]) -> list[int]:
    """Indices of the atoms in the `count` lowest layers of the metal; raises InputFailure for fewer."""
    cell, positions = np.array(atoms.cell), atoms.positions
    if not atoms.pbc[2]:
        cell[2] = [0.0, 0.0, np.ptp(positions[:, 2]) + 2 * SURFACE_GAP]
        positions = positions - [0.0, 0.0, positions[:, 2].min()]
    try:
        layers = layers_of(atoms.numbers, positions, cell, atomic_numbers_of(metal))
    except ValueError as error:
        raise InputFailure(f"fixed_layers: {error}") from error
    if len(layers) < count:
        words = metal if isinstance(metal, str) else " ".join(metal)
        raise InputFailure(f"fixed_layers: {count} asked for, the start has {len(layers)} of {words}")
    return [int(index) for layer in layers[:count] for index in layer]


def height_of(context: Context) -> float | None:
    """Height z of the wall in Å, None without one.

    `wall: start` takes that of the start frame (labels.npz), else that of the system it was built as.
    """
    asked = context.parameters["wall"]
    if asked != "start":
        return None if asked == "none" else float(asked)
    if answers := Answers.load(context.upstream("start")):
        height = float(answers.walls[context.parameters["start_frame"]])
        return height if np.isfinite(height) else None
    known: float | None = context.upstream_values("start").get("wall_A")
    return known


def standing(height: float | None, given: Atoms, turned: Atoms) -> Wall | None:
    """Wall at z = `height` over the atoms `given`, which are simulated in the orientation of `turned`.

    Raises InputFailure where the two do not have the same z.
    """
    if height is None:
        return None
    if not np.allclose(given.positions[:, 2], turned.positions[:, 2], rtol=0, atol=1e-6):
        raise InputFailure(
            f"wall: z = {height:g} Å has no meaning in this cell, which is turned to standard orientation; a "
            "and b must span the xy plane: turn the start, or give the md run `wall: none`"
        )
    period = float(turned.cell[2, 2]) if turned.pbc[2] else np.inf
    return Wall.above(height, turned.positions[:, 2], period)
