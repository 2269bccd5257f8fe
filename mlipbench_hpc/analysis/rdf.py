"""Radial distribution functions with block errors, for any triclinic cell."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlipbench_hpc.analysis.blocks import BlockAverage
from mlipbench_hpc.analysis.geometry import perpendicular_widths
from mlipbench_hpc.analysis.pieces import PIECES, Errors, averaged, piece_of
from mlipbench_hpc.analysis.profiles import pieces
from mlipbench_hpc.data.arrays import let_go
from mlipbench_hpc.data.frames import Floats, Ints

ATOMS_AT_ONCE = 100_000
CELLS_AT_ONCE = 10_000


@dataclass(frozen=True)
class RadialDistribution:
    """g(r) in half-open bins [k·dr, (k+1)·dr): r (B,) bin centres in Å; average.mean (B,) is g, unitless.

    errors: from blocks and from autocorrelation, NaN where there are fewer frames than blocks.
    coordination (B,): mean number of second-species neighbours of a first-species atom nearer than the upper
    edge of each bin.
    """

    r: Floats
    average: BlockAverage
    errors: Errors
    coordination: Floats


def largest_radius(cells: Floats) -> float:
    """Half the smallest perpendicular width in Å of cells (F, 3, 3): the minimum image holds up to there."""
    parts = pieces(len(cells), CELLS_AT_ONCE)
    return min(float(perpendicular_widths(cells[part]).min()) for part in parts) / 2


def radial_distribution(
    positions: NDArray[np.floating],
    cells: Floats,
    first: Ints,
    second: Ints,
    r_max: float,
    bin_width: float,
    blocks: int = 10,
) -> RadialDistribution:
    """g(r) = <V n(r)> / (N_pairs 4/3 π (r_out³ - r_in³)), the volume taken frame by frame.

    positions (F, N, 3) Å, wrapped or not; cells (F, 3, 3) Å; first, second: indices of the atoms of each
    species, either equal (each atom then sees all others) or without common atoms. r_max and bin_width in
    Å; the last whole bin below r_max is the last. Frames after the last whole block are dropped from mean
    and error alike; with fewer frames than blocks there is no error. Raises ValueError, naming the
    largest r_max allowed, when the minimum image does not reach r_max, and for groups that are empty or
    overlap in part.
    """
    same = _validated(positions, cells, first, second, r_max, bin_width)
    bins = int(r_max / bin_width + 1e-9)
    length, dropped = divmod(len(positions), blocks)
    used, each = length * blocks if length else len(positions), min(PIECES, length)
    place = piece_of(np.arange(used), length, each) if length else np.zeros(used, dtype=np.int64)
    sums, neighbours = np.zeros((int(place[-1]) + 1, bins)), np.zeros(bins)
    edges = np.asarray(bin_width * np.arange(bins + 1), dtype=float)
    step = frames_at_once(first, second)
    for start in range(0, used, step):
        part = slice(start, min(start + step, used))
        counts = _counts(positions[part], cells[part], first, second, bin_width, bins, same)
        scale = _scale(cells[part], len(first) * (len(second) - same), edges)
        np.add.at(sums, place[part], counts * scale)
        let_go(positions)
        neighbours += counts.sum(axis=0)
    average, own = _averaged(sums, length, each, dropped, used)
    return RadialDistribution(
        r=np.asarray(edges[:-1] + bin_width / 2, dtype=float),
        average=average,
        errors=own,
        coordination=np.cumsum(neighbours) / (used * len(first)),
    )


def frames_at_once(first: Ints, second: Ints) -> int:
    """Number of frames that are processed together, limited by memory."""
    return max(1, ATOMS_AT_ONCE // (len(first) + len(second)))


def samples(
    positions: NDArray[np.floating], cells: Floats, first: Ints, second: Ints, r_max: float, bin_width: float
) -> Floats:
    """Each frame's own g(r), (F, B), whose time average is g, in the bins of `radial_distribution`.

    Arguments and errors as there.
    """
    same = _validated(positions, cells, first, second, r_max, bin_width)
    bins = int(r_max / bin_width + 1e-9)
    edges = np.asarray(bin_width * np.arange(bins + 1), dtype=float)
    counts = _counts(positions, cells, first, second, bin_width, bins, same)
    scale = _scale(cells, len(first) * (len(second) - same), edges)
    return np.asarray(counts * scale, dtype=float)


def _scale(cells: Floats, pairs: int, edges: Floats) -> Floats:
    """Factors (F, B) that turn a frame's ordered pairs in each bin into its g(r)."""
    volumes = np.abs(np.linalg.det(cells))
    return np.asarray(volumes[:, None] / (pairs * 4 / 3 * np.pi * np.diff(edges**3)))


def _averaged(sums: Floats, length: int, each: int, dropped: int, frames: int) -> tuple[BlockAverage, Errors]:
    """Average and errors from sums over pieces (P, B), `each` of every block of `length` frames."""
    if length:
        return averaged(sums, length, each, dropped)
    reason = f"{frames} frames are too few for blocks: no standard error"
    unknown = np.full(sums.shape[1], np.nan)
    average = BlockAverage(sums.sum(axis=0) / frames, unknown, 0, 0, 0, reason)
    return average, Errors(unknown, unknown, unknown)


def _counts(
    positions: NDArray[np.floating],
    cells: Floats,
    first: Ints,
    second: Ints,
    bin_width: float,
    bins: int,
    same: bool,
) -> Floats:
    """Ordered pairs in each bin of each frame, (F, B)."""
    inverse, counts = np.linalg.inv(cells), np.zeros((len(cells), bins))
    one, other = (np.asarray(positions[:, group], dtype=float) @ inverse for group in (first, second))
    _count_pairs(one, other, np.ascontiguousarray(cells), same, bin_width, counts)
    return counts


@njit(cache=True, nogil=True)
def _count_pairs(one: Floats, other: Floats, cells: Floats, same: bool, width: float, counts: Floats) -> None:
    """Add to counts (F, B) the pairs of fractional coordinates (F, K, 3) and (F, L, 3), in both orders."""
    bins = counts.shape[1]
    reach, weight = (bins * width) ** 2, 2.0 if same else 1.0
    for t in range(len(cells)):
        cell = cells[t]
        for i in range(one.shape[1]):
            for j in range(i + 1 if same else 0, other.shape[1]):
                a = one[t, i, 0] - other[t, j, 0]
                b = one[t, i, 1] - other[t, j, 1]
                c = one[t, i, 2] - other[t, j, 2]
                a, b, c = a - np.rint(a), b - np.rint(b), c - np.rint(c)
                square = 0.0
                for axis in range(3):
                    along = a * cell[0, axis] + b * cell[1, axis] + c * cell[2, axis]
                    square += along * along
                if square < reach:
                    place = int(np.sqrt(square) / width)
                    if place < bins:
                        counts[t, place] += weight


def _validated(
    positions: NDArray[np.floating], cells: Floats, first: Ints, second: Ints, r_max: float, bin_width: float
) -> bool:
    """True where both groups are the same; ValueError for arguments outside `radial_distribution`'s."""
    if (
        positions.ndim != 3
        or positions.shape[2] != 3
        or cells.shape != (len(positions), 3, 3)
        or not len(cells)
    ):
        raise ValueError(
            f"expected positions (F, N, 3) and cells (F, 3, 3), got {positions.shape} and {cells.shape}"
        )
    if not 0 < bin_width <= r_max:
        raise ValueError(f"expected 0 < bin width <= r_max, got {bin_width} and {r_max} Å")
    if r_max > (allowed := largest_radius(cells)):
        raise ValueError(
            f"r_max = {r_max} Å is beyond the minimum image: at most {allowed:.4f} Å in this cell"
        )
    same = np.array_equal(first, second)
    if min(len(first), len(second)) < 1 + same or (not same and np.intersect1d(first, second).size):
        raise ValueError(
            f"expected two atoms of one group or two groups apart, got {len(first)} and {len(second)} atoms"
        )
    return same
