"""Radial distribution functions with block errors, for any triclinic cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.blocks import BlockAverage, from_block_means
from mlipbench_hpc.analysis.geometry import perpendicular_widths
from mlipbench_hpc.data.frames import Floats, Ints

PAIRS_AT_ONCE = 100_000


@dataclass(frozen=True)
class RadialDistribution:
    """g(r) in half-open bins [k·dr, (k+1)·dr): r (B,) bin centres in Å; average.mean (B,) is g, unitless.

    coordination (B,): mean number of second-species neighbours of a first-species atom nearer than the
    upper edge of each bin.
    """

    r: Floats
    average: BlockAverage
    coordination: Floats


def largest_radius(cells: Floats) -> float:
    """Half the smallest perpendicular width in Å of cells (F, 3, 3): the minimum image holds up to there."""
    return float(perpendicular_widths(cells).min()) / 2


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
    used = length * blocks if length else len(positions)
    block_of = np.arange(used) // max(length, 1)
    sums, neighbours = np.zeros((int(block_of[-1]) + 1, bins)), np.zeros(bins)
    edges = np.asarray(bin_width * np.arange(bins + 1), dtype=float)
    scale = _scale(cells[:used], len(first) * (len(second) - same), edges)
    step = frames_at_once(first, second)
    for start in range(0, used, step):
        part = slice(start, min(start + step, used))
        counts = _counts(positions[part], cells[part], first, second, bin_width, bins, same)
        np.add.at(sums, block_of[part], counts * scale[part])
        neighbours += counts.sum(axis=0)
    return RadialDistribution(
        r=np.asarray(edges[:-1] + bin_width / 2, dtype=float),
        average=_averaged(sums, length, dropped, used),
        coordination=np.cumsum(neighbours) / (used * len(first)),
    )


def frames_at_once(first: Ints, second: Ints) -> int:
    """How many frames' pairs are held in memory together."""
    return max(1, PAIRS_AT_ONCE // (len(first) * len(second)))


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
    """(F, B) by which a frame's ordered pairs in each bin become its g(r)."""
    volumes = np.abs(np.linalg.det(cells))
    return np.asarray(volumes[:, None] / (pairs * 4 / 3 * np.pi * np.diff(edges**3)))


def _averaged(sums: Floats, length: int, dropped: int, frames: int) -> BlockAverage:
    if length:
        return from_block_means(sums / length, length, dropped)
    reason = f"{frames} frames are too few for blocks: no standard error"
    return BlockAverage(sums.sum(axis=0) / frames, np.full(sums.shape[1], np.nan), 0, 0, 0, reason)


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
    one, other = np.asarray(positions[:, first], dtype=float), np.asarray(positions[:, second], dtype=float)
    inverse = np.linalg.inv(cells)
    if same:
        left, right = np.triu_indices(len(first), k=1)
        vectors = (one @ inverse)[:, left] - (other @ inverse)[:, right]
    else:
        vectors = ((one @ inverse)[:, :, None] - (other @ inverse)[:, None]).reshape(len(cells), -1, 3)
    vectors -= np.rint(vectors)
    distances = np.sqrt(np.square(vectors @ cells).sum(axis=-1))
    bin_of = np.minimum(distances / bin_width, bins).astype(np.int64)
    flat = bin_of + (bins + 1) * np.arange(len(cells))[:, None]
    counts = np.bincount(flat.ravel(), minlength=len(cells) * (bins + 1)).reshape(len(cells), bins + 1)
    return np.asarray(counts[:, :bins] * (2.0 if same else 1.0))


def _validated(
    positions: NDArray[np.floating], cells: Floats, first: Ints, second: Ints, r_max: float, bin_width: float
) -> bool:
    """Whether both groups are one; raises ValueError for what `radial_distribution` cannot take."""
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
