"""Correlation functions of waters in a region: C_dip and P_surv (arXiv:2602.22931, S-IV).

Frames come in pieces of any size; origins are handled in groups of a fixed size, so that neither memory nor
a single bit of the result depends on how the frames were cut.
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.analysis.pieces import PIECES, Errors, errors, of_ratio, piece_of
from mlipbench_hpc.data.frames import Floats, Ints

GROUP, ROOM = 128, 1024
WORD = 64
DIPOLE, BOTH, STAYED, BEGUN = "dipole", "both", "stayed", "begun"
BOTH_SHARE, STAYED_SHARE, ORIGINS = "both_share", "stayed_share", "origins"
SUMS = (DIPOLE, BOTH, STAYED, BEGUN, BOTH_SHARE, STAYED_SHARE, ORIGINS)
Packed = NDArray[np.uint64]


@dataclass
class Dynamics:
    """Sums over origins for every lag, by block of origins.

    frames: total number, which should fill whole blocks: a remainder counts in the value and in no error;
    lags: the longest lag in frames; every: frames between origins; blocks: number of equal blocks; dipole:
    True to correlate directions, which takes most of the time.

    `sums[name]` is (P + 1, lags + 1) for P pieces of the blocks, and the remainder. With I the indicator of
    the region and p the unit bisector, over origins t and molecules i: "dipole" Σ I(t) I(t+τ) p(t)·p(t+τ),
    "both" Σ I(t) I(t+τ), "stayed" Σ of molecules inside at every frame from t to t+τ, "begun" Σ I(t);
    "both_share" and "stayed_share" are Σ_t of the per-origin ratios to Σ_i I_i(t), over the "origins" with at
    least one molecule inside.
    """

    frames: int
    lags: int
    every: int = 1
    blocks: int = 10
    dipole: bool = True
    sums: dict[str, Floats] = field(init=False)
    length: int = field(init=False)
    pieces: int = field(init=False)

    def __post_init__(self) -> None:
        if min(self.frames, self.every, self.blocks) < 1 or self.lags < 0:
            raise ValueError(
                f"expected frames, every and blocks of at least 1 and lags of at least 0, got {self.frames}, "
                f"{self.every}, {self.blocks} and {self.lags}"
            )
        self.lags = min(self.lags, self.frames - 1)
        self.length = self.frames // self.blocks
        self.pieces = min(PIECES, max(1, self.length))
        self._rows = np.zeros((self.blocks * self.pieces + 1, len(SUMS), self.lags + 1))
        self.sums = dict(zip(SUMS, self._rows.swapaxes(0, 1), strict=True))
        self._first = self._begin = self._stored = 0
        self._inside, self._directions = np.zeros((0, 0), dtype=np.bool_), np.zeros((0, 0, 3))

    def add(self, inside: NDArray[np.bool_], directions: Floats) -> None:
        """Add the next frames: inside (F, W); directions (F, W, 3), unit vectors in any axes.

        A direction counts where its molecule is inside.
        """
        if not len(self._inside):
            room = ROOM + self.lags, inside.shape[1]
            self._inside = np.zeros(room, dtype=np.bool_)
            self._directions = np.zeros((*room, 3) if self.dipole else (0, 0, 3))
        taken = 0
        while taken < len(inside):
            begin = self._begin + self._stored
            rows = slice(begin, begin + min(len(inside) - taken, len(self._inside) - begin))
            given = slice(taken, taken + rows.stop - rows.start)
            self._inside[rows] = inside[given]
            if self.dipole:
                self._directions[rows] = directions[given]
            taken, self._stored = given.stop, rows.stop - self._begin
            while self._stored >= GROUP + self.lags:
                self._group(GROUP)
            if rows.stop == len(self._inside):
                self._to_front()
        if self._first + self._stored == self.frames:
            while self._stored:
                self._group(min(GROUP, self._stored))

    def _to_front(self) -> None:
        """Move the stored frames to the front of the buffers, to make room behind them."""
        stored = slice(self._begin, self._begin + self._stored)
        self._inside[: self._stored] = self._inside[stored]
        if self.dipole:
            self._directions[: self._stored] = self._directions[stored]
        self._begin = 0

    def _group(self, size: int) -> None:
        """Count the next `size` frames as origins, and remove them from the buffer."""
        origins = np.arange(-self._first % self.every, size, self.every)
        if len(origins):
            self._count(origins, min(size + self.lags, self._stored))
        self._first, self._begin, self._stored = self._first + size, self._begin + size, self._stored - size

    def _count(self, origins: Ints, reach: int) -> None:
        """Add sums of these origins; molecules that are inside in no stored frame are skipped for speed."""
        place = piece_of(self._first + origins, max(1, self.length), self.pieces)
        place = np.minimum(place, self.blocks * self.pieces)
        oldest = slice(self._begin, self._begin + reach)
        present = np.flatnonzero(self._inside[oldest].any(axis=0))
        inside, aligned = self._inside[oldest, present], np.zeros((0, 0))
        if self.dipole:
            directions = self._directions[oldest, present]
            directions[~inside] = 0.0
            weighted = directions.reshape(reach, -1)
            aligned = weighted[origins] @ weighted.T
        _add_origins(origins, place, _packed(inside), aligned, self._rows)

    def dipole_correlation(self) -> tuple[Floats, Errors]:
        """C_dip(τ) (eq. S12) and its standard errors, (lags + 1,) each; NaN at lags without a molecule."""
        return self._ratio(DIPOLE, BOTH)

    def survival(self, continuous: bool = True, mean_of_ratios: bool = True) -> tuple[Floats, Errors]:
        """Survival probability P_surv(τ) and its standard errors, (lags + 1,) each.

        Inside at every frame between (as the paper's code has it) or at both ends only (eq. S13); the mean
        over origins of each origin's share, or the ratio of the sums.
        """
        if mean_of_ratios:
            return self._ratio(STAYED_SHARE if continuous else BOTH_SHARE, ORIGINS)
        return self._ratio(STAYED if continuous else BOTH, BEGUN)

    def _ratio(self, above: str, below: str) -> tuple[Floats, Errors]:
        """Ratio of the sums over all origins, and its errors, the remainder left out.

        From a jackknife over blocks and from the autocorrelation of the pieces; NaN without whole blocks.
        """

        def of(sums: Floats) -> Floats:
            top, bottom = sums
            return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))

        stacked = np.stack([self.sums[above], self.sums[below]], axis=1)
        value, nothing = of(stacked.sum(axis=0)), np.full(self.lags + 1, np.nan)
        if self.blocks < 2 or not self.length:
            return value, Errors(nothing, nothing, nothing)
        blocks = stacked[:-1].reshape(self.blocks, self.pieces, 2, -1).sum(axis=1)
        return value, errors(jackknife(blocks, of)[1], of_ratio(stacked[:-1, 0], stacked[:-1, 1]))


def _packed(inside: NDArray[np.bool_]) -> Packed:
    """Pack (F, W) bool into (⌈W/64⌉, F) words, one bit for each molecule."""
    width = -(-max(1, inside.shape[1]) // WORD) * WORD
    whole = np.zeros((len(inside), width), dtype=bool)
    whole[:, : inside.shape[1]] = inside
    return np.ascontiguousarray(np.packbits(whole, axis=1).view(np.uint64).T)


@njit(cache=True, nogil=True, inline="always")
def _bits(word: np.uint64) -> np.int64:
    """Number of bits set in a word (Hacker's Delight, fig. 5-2)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def _add_origins(origins: Ints, piece: Ints, inside: Packed, aligned: Floats, rows: Floats) -> None:
    """Add the sums of some origins to rows (P + 1, SUMS, lags + 1), one origin after another."""
    lags = rows.shape[2]
    both, stayed = np.zeros(lags, dtype=np.int32), np.zeros(lags, dtype=np.int32)
    for place in range(len(origins)):
        start, row = origins[place], rows[piece[place]]
        reach = min(lags, inside.shape[1] - start)
        both[:], stayed[:] = 0, 0
        for word in range(len(inside)):
            begun = alive = inside[word, start]
            for lag in range(reach):
                later = inside[word, start + lag]
                alive &= later
                both[lag] += _bits(begun & later)
                stayed[lag] += _bits(alive)
        count = both[0]
        if count == 0:
            continue
        for lag in range(reach):
            row[1, lag] += both[lag]
            row[2, lag] += stayed[lag]
            row[3, lag] += count
            row[4, lag] += both[lag] / count
            row[5, lag] += stayed[lag] / count
            row[6, lag] += 1.0
        if aligned.size > 0:
            for lag in range(reach):
                row[0, lag] += aligned[place, start + lag]


class Visits:
    """Uninterrupted stays of each of K particles in a region, from frames in their order.

    number (K,): number of stays; a stay cut by either end of the run counts with the length seen.
    """

    def __init__(self, particles: int) -> None:
        self.frames, self.number = 0, np.zeros(particles, dtype=np.int64)
        self._inside, self._last = np.zeros(particles, dtype=np.int64), np.zeros(particles, dtype=np.bool_)

    def add(self, inside: NDArray[np.bool_]) -> None:
        """Add the next frames (F, K), F ≥ 1."""
        before = np.vstack([self._last, inside[:-1]])
        self.number += (inside & ~before).sum(axis=0)
        self._inside += inside.sum(axis=0)
        self.frames, self._last = self.frames + len(inside), inside[-1].copy()

    @property
    def share(self) -> Floats:
        """Share of frames in which each particle is inside (K,)."""
        return np.asarray(self._inside / self.frames)

    @property
    def length(self) -> Floats:
        """Mean length of a stay in frames (K,), NaN without stays."""
        nothing = np.full(len(self.number), np.nan)
        return np.asarray(np.divide(self._inside, self.number, out=nothing, where=self.number > 0))
