"""Scans of one water or ion moved as a whole, and the roughness of the force along them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.analysis.molecules import ions_of
from mlipbench_hpc.analysis.slab import Slab, interfacial
from mlipbench_hpc.analysis.surface import Surface, surface
from mlipbench_hpc.analysis.waters import Waters
from mlipbench_hpc.data.frames import Floats, Ints

WATER, ION = "water", "ion"
# Half width in Å of the stretch of a scan in which a smooth force is a cubic.
HALF_A = 0.25
DEGREE = 3
FEWEST_FRAMES = 3  # of fewer, an error over frames is half the difference of two, which is no estimate


@dataclass(frozen=True)
class Particle:
    """Atoms that are moved together; name: `water`, or the symbol of an ion."""

    name: str
    atoms: Ints


def particles(
    numbers: Ints, positions: Floats, cell: Floats, metal: Sequence[int], kinds: Sequence[str]
) -> dict[str, list[Particle]]:
    """What can be moved in a frame, by kind: waters (in the first layer, where there is one) and ions.

    numbers (N,), positions (N, 3) Å, cell (3, 3) Å; metal: atomic numbers of the slab, where there is one.
    """
    outside = _surface(numbers, positions, cell, metal)
    found: dict[str, list[Particle]] = {}
    if WATER in kinds:
        waters = Waters.assign(numbers, positions, cell, outside).intact
        found[WATER] = [Particle(WATER, own) for own in _first_layer(waters, positions, cell, outside)]
    if ION in kinds:
        species = ions_of(numbers, positions, cell, outside)
        single = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *species.values()]))
        found[ION] = [Particle(chemical_symbols[numbers[atom]], np.array([atom])) for atom in single]
    return found


def _surface(numbers: Ints, positions: Floats, cell: Floats, metal: Sequence[int]) -> Surface:
    """The surface; none without such a metal. Raises ValueError where its layers are not found."""
    return surface(numbers, positions[None], cell, Slab.of(tuple(metal)))


def _first_layer(waters: Ints, positions: Floats, cell: Floats, outside: Surface) -> Ints:
    """Those of waters (W, 3) in the first layer; all where no water is in one."""
    heights = [face.heights(positions[None], cell, waters[:, 0])[0] for face in outside.faces]
    inside = np.any([interfacial(z) for z in heights], axis=0) if heights else np.zeros(len(waters), bool)
    return waters[inside] if inside.any() else waters


def shifts(distance: float, points: int) -> Floats:
    """Shifts (points,) Å along a scan, from -distance/2 to distance/2."""
    return np.asarray(np.linspace(-distance / 2, distance / 2, points))


def smooth(force: Floats, step: float) -> Floats:
    """Force (..., P - 2 h) without what a cubic cannot follow over 0.5 Å; h points at each end are left out.

    step: Å between points. At every point the value of the least-squares cubic of all points within 0.25 Å
    (Savitzky and Golay, Anal. Chem. 36, 1627 (1964), DOI 10.1021/ac60214a047).
    """
    half = half_of(step)
    offsets = np.arange(-half, half + 1) / half
    weights = np.linalg.pinv(np.vander(offsets, DEGREE + 1, increasing=True))[0]
    windows = np.lib.stride_tricks.sliding_window_view(force, 2 * half + 1, axis=-1)
    return np.asarray(windows @ weights)


def half_of(step: float) -> int:
    """Points `step` Å apart in half the stretch of a cubic."""
    return max(2, round(HALF_A / step))


def roughness(force: Floats, step: float) -> Floats:
    """Roughness (...) of forces (..., P) eV/Å along scans of points `step` Å apart, in eV/Å.

    ρ = √⟨(F(s) - F̃(s))²⟩_s, F the component along the scan of the net force on what is moved, and F̃ its
    `smooth` part: what varies within less than half an Ångström. A real force has a little of it too,
    which the reference potential's scan shows. NaN where a force is not finite.
    """
    half = half_of(step)
    rest = force[..., half : force.shape[-1] - half] - smooth(force, step)
    return np.asarray(np.sqrt(np.square(rest).mean(axis=-1)))


@dataclass(frozen=True)
class Rough:
    """Roughness over scans and members, with its standard error, in the unit of the scans."""

    value: float
    error: float
    scans: int
    members: int


def over_scans(roughnesses: Floats, frames: Ints) -> Rough:
    """√⟨ρ²⟩ of the roughness (M, S) of S scans by M members; frames (S,): from which frame each starts.

    Error: that of a jackknife over frames, since scans from one are alike, and the members' std/√M (of their
    own √⟨ρ²⟩), which are independent and add in squares; what both share counts twice, so it is rather too
    large. NaN for fewer than three frames, whatever members say.
    """
    square = np.square(roughnesses)
    value, error = float(np.sqrt(square.mean())), float("nan")
    own = [frames == frame for frame in np.unique(frames)]
    if len(own) >= FEWEST_FRAMES:
        by_frame = np.array([(square[:, mask].mean(axis=0).sum(), mask.sum()) for mask in own])
        error = float(jackknife(by_frame, lambda part: np.sqrt(part[0] / part[1]))[1])
        if len(square) > 1:
            members = np.sqrt(square.mean(axis=1)).std(ddof=1) / np.sqrt(len(square))
            error = float(np.hypot(error, members))
    return Rough(value, error, square.shape[1], len(square))
