"""Compiled loops over frames: profiles of an interface, its first layer, and neighbours of ions.

Frames are added one after another, so no bit of the result depends on how they were cut into pieces.
"""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlipbench_hpc.analysis.planes import note, plane_of, planes_of
from mlipbench_hpc.analysis.profiles import (
    ABSENT,
    DENSITY,
    MOL_PER_L,
    ORIENTATION,
    WATER_G_PER_CM3,
    Profiler,
    Samples,
    concentration,
)
from mlipbench_hpc.analysis.slab import FIRST_LAYER
from mlipbench_hpc.analysis.waters import KINDS, Waters
from mlipbench_hpc.data.frames import Floats, Ints

# Rows of sums: waters, waters weighted with cos θ, other kinds of oxygen, each species of ions, each kind of
# molecules; the last row: atoms of the surface layers, in frames in which they are outside them.
FIXED = 2 + len(KINDS)
Layer = tuple[NDArray[np.bool_], Floats]


def first_layer(
    profiler: Profiler,
    positions: NDArray[np.floating],
    room: Layer | None = None,
    segments: Iterable[tuple[slice, Waters]] | None = None,
) -> Layer:
    """Waters in the first layer 0 < z ≤ 4.5 Å of each face, and their bisectors.

    positions (F, N, 3) Å. Returns (F, faces·O) bool and unit bisectors (F, faces·O, 3), zero for oxygens not
    inside. room: arrays of an earlier call, no longer in use, that are filled again. segments: the waters of
    each stretch of frames, those of the first frame where left out.
    """
    shape = len(positions), len(profiler.faces) * len(profiler.waters.oxygens)
    if room is None or room[0].shape != shape:
        room = np.empty(shape, dtype=np.bool_), np.empty((*shape, 3))
    inside, directions = room
    for part, waters in segments or [(slice(None), profiler.waters)]:
        known = native(positions[part]), profiler.cell, *_surfaces(profiler), waters.molecules
        _layer(*known, inside[part], directions[part])
    return inside, directions


def surroundings(
    profiler: Profiler, positions: NDArray[np.floating], atoms: Ints, reach: float
) -> tuple[NDArray[np.bool_], Floats]:
    """Membership of each of K atoms in the first layer, and number of oxygens within reach (Å) of it.

    positions (F, N, 3) Å, atoms (K,); both results (F, K).
    """
    shape = len(positions), len(atoms)
    inside, neighbours = np.zeros(shape, dtype=np.bool_), np.zeros(shape)
    given = native(positions), profiler.cell, *_surfaces(profiler), profiler.waters.oxygens, atoms, reach
    _surround(*given, inside, neighbours)
    return inside, neighbours


def _surfaces(profiler: Profiler) -> tuple[Ints, Ints, Floats]:
    """Atoms of each face's layer end to end, where each begins, and the normals (faces,)."""
    return *_joined([face.layer for face in profiler.faces]), np.array(
        [face.normal for face in profiler.faces]
    )


def native(positions: NDArray[np.floating]) -> NDArray[np.floating]:
    """Positions in the machine's byte order, which compiled code needs; not copied where already so."""
    return np.ascontiguousarray(positions, dtype=positions.dtype.newbyteorder("="))


def arrays(profiler: Profiler, waters: Waters) -> tuple[Any, ...]:
    """Arguments of the compiled loop: geometry, and waters and ions of a stretch of frames."""
    return (
        profiler.cell,
        *_surfaces(profiler),
        waters.intact[:, 0].copy(),
        *_joined([*waters.kinds.values(), *profiler.counted.values()]),
        profiler.width,
        profiler.first_bin,
    )


def _joined(groups: list[Ints]) -> tuple[Ints, Ints]:
    """Concatenated groups of indices, and the start of each."""
    starts = np.cumsum([0, *(len(group) for group in groups)])
    return np.concatenate([*groups, np.zeros(0, dtype=np.int64)]).astype(np.int64), starts.astype(np.int64)


def named(profiler: Profiler, sums: Floats) -> Samples:
    """Profiles by name in their units, from sums (blocks, K, series, B)."""
    per_volume = 1.0 / (
        profiler.cell[0, 0] * profiler.cell[1, 1] * profiler.width * max(1, len(profiler.faces))
    )
    profiles = {DENSITY: WATER_G_PER_CM3 * per_volume * sums[:, :, 0]}
    for place, kind in enumerate(KINDS):
        if sums[:, :, 2 + place].any():
            profiles[kind] = WATER_G_PER_CM3 * per_volume * sums[:, :, 2 + place]
    for place, symbol in enumerate(profiler.counted):
        profiles[concentration(symbol)] = MOL_PER_L * per_volume * sums[:, :, FIXED + place]
    if sums[:, :, -1].any():
        profiles[concentration(ABSENT)] = MOL_PER_L * per_volume * sums[:, :, -1]
    if profiler.faces:
        profiles[ORIENTATION] = WATER_G_PER_CM3 * per_volume * sums[:, :, 1]
    return profiles


@njit(cache=True, nogil=True)
def _inverse(cell: Floats) -> Floats:
    """1/diagonal of a lower triangular cell; bound on |x|, |y|, |z| below which no image is nearer."""
    components = np.zeros(4)
    for axis in range(3):
        components[axis] = 1.0 / cell[axis, axis]
    c = components[2]
    b = (1.0 + c * abs(cell[2, 1])) * components[1]
    a = (1.0 + b * abs(cell[1, 0]) + c * abs(cell[2, 0])) * components[0]
    components[3] = 0.499 / max(a, b, c)
    return components


@njit(cache=True, nogil=True, inline="always")
def _image(x: float, y: float, z: float, cell: Floats, inverse: Floats) -> tuple[float, float, float]:
    """Minimum image of a vector, as in `geometry.minimum_image`, for a lower triangular cell.

    inverse: as `_inverse` has it.
    """
    c = z * inverse[2]
    b = (y - c * cell[2, 1]) * inverse[1]
    a = np.rint((x - b * cell[1, 0] - c * cell[2, 0]) * inverse[0])
    b, c = np.rint(b), np.rint(c)
    x -= a * cell[0, 0] + b * cell[1, 0] + c * cell[2, 0]
    y -= b * cell[1, 1] + c * cell[2, 1]
    return x, y, z - c * cell[2, 2]


@njit(cache=True, nogil=True, inline="always")
def _bond(
    frame: NDArray[np.floating], start: int, end: int, cell: Floats, inverse: Floats
) -> tuple[float, float, float]:
    """Vector between two atoms; one below inverse[3] along each axis is its own minimum image."""
    x = np.float64(frame[end, 0]) - frame[start, 0]
    y = np.float64(frame[end, 1]) - frame[start, 1]
    z = np.float64(frame[end, 2]) - frame[start, 2]
    if max(abs(x), abs(y), abs(z)) < inverse[3]:
        return x, y, z
    return _image(x, y, z, cell, inverse)


@njit(cache=True, nogil=True, inline="always")
def _molecule(
    frame: NDArray[np.floating], atoms: Ints, cell: Floats, inverse: Floats
) -> tuple[tuple[float, float, float], float]:
    """Unit bisector of O, H, H, and the square of the longer bond."""
    x, y, z = _bond(frame, atoms[0], atoms[1], cell, inverse)
    u, v, w = _bond(frame, atoms[0], atoms[2], cell, inverse)
    longer = max(x * x + y * y + z * z, u * u + v * v + w * w)
    x, y, z = x + u, y + v, z + w
    norm = np.sqrt(x * x + y * y + z * z)
    return (x / norm, y / norm, z / norm), longer


@njit(cache=True, nogil=True)
def _cosines(
    frame: NDArray[np.floating], intact: Ints, cell: Floats, inverse: Floats, out: Floats
) -> tuple[float, float]:
    """Compute cos θ of each intact molecule to +z into `out`; returns sum and longest O-H squared."""
    total = longest = 0.0
    for place in range(len(intact)):
        (_, _, out[place]), bond = _molecule(frame, intact[place], cell, inverse)
        if bond > longest:
            longest = bond
        total += out[place]
    return total, longest


@njit(cache=True, nogil=True, inline="always")
def _height(z: float, axis: tuple[float, float, float, float]) -> float:
    """Height above a plane; axis: normal, plane, cell length, fraction of the period below the plane."""
    above = axis[0] * (z - axis[1])
    if 0.0 <= above < 0.5 * axis[2]:
        return above
    return above - axis[2] * math.floor(above / axis[2] + axis[3])


@njit(cache=True, nogil=True, inline="always")
def _bin(z: float, axis: tuple[float, float, float, float], bins: tuple[float, int], last: int) -> int:
    """Bin index of a height; -1 beyond the first and the last whole bin."""
    place = int(np.floor(_height(z, axis) / bins[0])) - bins[1]
    return place if 0 <= place <= last else -1


@njit(cache=True, nogil=True, inline="always")
def _put(weights: Floats, row: Floats, factor: float) -> None:
    """Add weights (K,) times a factor to a row (K,); the usual K of 1 without a loop."""
    if len(weights) == 1:
        row[0] += factor * weights[0]
        return
    for k in range(len(weights)):
        row[k] += factor * weights[k]


@njit(cache=True, nogil=True)
def _count(
    frame: NDArray[np.floating],
    atoms: Ints,
    axis: tuple[float, float, float, float],
    bins: tuple[float, int],
    weights: Floats,
    rows: Floats,
) -> None:
    """Add weights (K,) to rows (B, K) at the bin of each atom."""
    for atom in atoms:
        where = _bin(frame[atom, 2], axis, bins, len(rows) - 1)
        if where >= 0:
            _put(weights, rows[where], 1.0)


@njit(cache=True, nogil=True)
def _weigh(
    frame: NDArray[np.floating],
    atoms: Ints,
    cosines: Floats,
    axis: tuple[float, float, float, float],
    bins: tuple[float, int],
    weights: Floats,
    rows: Floats,
) -> None:
    """Add counts to rows[0], and cosines against the normal to rows[1]."""
    for place in range(len(atoms)):
        where = _bin(frame[atoms[place], 2], axis, bins, rows.shape[1] - 1)
        if where >= 0:
            _put(weights, rows[0, where], 1.0)
            _put(weights, rows[1, where], axis[0] * cosines[place])


@njit(cache=True, nogil=True)
def add_frames(
    positions: NDArray[np.floating],
    block_of: Ints,
    weights: Floats,
    cosines: Floats,
    cell: Floats,
    layers: Ints,
    layer_start: Ints,
    normals: Floats,
    molecules: Ints,
    others: Ints,
    other_start: Ints,
    width: float,
    first_bin: int,
    sums: Floats,
    begin: int,
    absences: Floats,
) -> None:
    """Add the frames' counts to sums (faces, blocks, 7 + ions, B, K); cosines (f, ≥W) to +z of molecules.

    begin: number of the first frame; absences (L, 3): as `planes.note`, of the atoms of all layers.
    """
    bins, inverse = (width, first_bin), _inverse(cell)
    planes, outside = np.zeros(len(normals)), np.zeros(len(layers))
    for t in range(len(positions)):
        frame, block, counted = positions[t], block_of[t], weights[t]
        if block >= sums.shape[1]:
            continue
        absent = planes_of(frame, layers, layer_start, cell, inverse, planes, outside)
        if absent:
            note(outside, begin + t, absences)
        for face in range(max(1, len(normals))):
            axis = (1.0, 0.0, cell[2, 2], 0.0)
            if len(normals) == 0:
                _count(frame, molecules, axis, bins, counted, sums[0, block, 0])
            else:
                axis = (normals[face], planes[face], cell[2, 2], 0.25)
                _weigh(frame, molecules, cosines[t], axis, bins, counted, sums[face, block])
            for group in range(len(other_start) - 1):
                atoms = others[other_start[group] : other_start[group + 1]]
                _count(frame, atoms, axis, bins, counted, sums[face, block, 2 + group])
            if absent:
                _count(frame, layers[outside != 0.0], axis, bins, counted, sums[face, block, -1])


@njit(cache=True, nogil=True)
def _layer(
    positions: NDArray[np.floating],
    cell: Floats,
    layers: Ints,
    layer_start: Ints,
    normals: Floats,
    molecules: Ints,
    inside: NDArray[np.bool_],
    directions: Floats,
) -> None:
    """Fill inside (F, faces·O) and directions (F, faces·O, 3); molecules (O, 3)."""
    inverse, waters = _inverse(cell), len(molecules)
    for t in range(len(positions)):
        frame = positions[t]
        for face in range(len(normals)):
            plane, _ = plane_of(frame, layers[layer_start[face] : layer_start[face + 1]], cell, inverse)
            axis = (normals[face], plane, cell[2, 2], 0.25)
            for place in range(waters):
                here = face * waters + place
                above = _height(frame[molecules[place, 0], 2], axis)
                inside[t, here] = molecules[place, 1] >= 0 and 0 < above <= FIRST_LAYER
                directions[t, here] = (0.0, 0.0, 0.0)
                if inside[t, here]:
                    directions[t, here] = _molecule(frame, molecules[place], cell, inverse)[0]


@njit(cache=True, nogil=True)
def _surround(
    positions: NDArray[np.floating],
    cell: Floats,
    layers: Ints,
    layer_start: Ints,
    normals: Floats,
    oxygens: Ints,
    atoms: Ints,
    reach: float,
    inside: NDArray[np.bool_],
    neighbours: Floats,
) -> None:
    """Fill inside, zero before, and neighbours, (F, K) each."""
    inverse = _inverse(cell)
    for t in range(len(positions)):
        frame = positions[t]
        for face in range(len(normals)):
            plane, _ = plane_of(frame, layers[layer_start[face] : layer_start[face + 1]], cell, inverse)
            axis = (normals[face], plane, cell[2, 2], 0.25)
            for place in range(len(atoms)):
                inside[t, place] |= 0 < _height(frame[atoms[place], 2], axis) <= FIRST_LAYER
        for place in range(len(atoms)):
            near = 0
            for oxygen in oxygens:
                z = np.float64(frame[oxygen, 2]) - frame[atoms[place], 2]
                if abs(z - np.rint(z * inverse[2]) * cell[2, 2]) > reach:
                    continue
                x, y, z = _bond(frame, atoms[place], oxygen, cell, inverse)
                near += x * x + y * y + z * z <= reach * reach
            neighbours[t, place] = near
