"""How long waters of a region keep their direction (C_dip) and stay (P_surv): arXiv:2602.22931, S-IV.

Frames come in pieces of any size; origins are handled in groups of a fixed size, so that neither memory nor
a single bit of the result depends on how the frames were cut.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.data.frames import Floats, Ints

GROUP = 128
WORD = 64
DIPOLE, BOTH, STAYED, BEGUN = "dipole", "both", "stayed", "begun"
BOTH_SHARE, STAYED_SHARE, ORIGINS = "both_share", "stayed_share", "origins"
SUMS = (DIPOLE, BOTH, STAYED, BEGUN, BOTH_SHARE, STAYED_SHARE, ORIGINS)
Packed = NDArray[np.uint64]


@dataclass
class Dynamics:
    """Sums over origins for every lag, by block of origins.

    frames: how many there will be; lags: the longest lag in frames; every: frames between origins; blocks:
    equal contiguous blocks of frames, whose remainder counts in the value and in no error. `sums[name]` is
    (blocks + 1, lags + 1). With I the indicator of the region and p the unit bisector, over origins t and
    molecules i: "dipole" Σ I(t) I(t+τ) p(t)·p(t+τ), "both" Σ I(t) I(t+τ), "stayed" Σ of those inside at every
    frame from t to t+τ, "begun" Σ I(t); "both_share" and "stayed_share" are Σ_t of the per-origin ratios to
    Σ_i I_i(t), over "origins" with somebody inside.
    """

    frames: int
    lags: int
    every: int = 1
    blocks: int = 10
    sums: dict[str, Floats] = field(init=False)

    def __post_init__(self) -> None:
        if min(self.frames, self.every, self.blocks) < 1 or self.lags < 0:
            raise ValueError(
                f"expected frames, every and blocks of at least 1 and lags of at least 0, got {self.frames}, "
                f"{self.every}, {self.blocks} and {self.lags}"
            )
        self.lags = min(self.lags, self.frames - 1)
        self.sums = {name: np.zeros((self.blocks + 1, self.lags + 1)) for name in SUMS}
        self._first = self._seen = 0
        self._inside: list[Packed] = []
        self._weighted: list[Floats] = []

    def add(self, inside: NDArray[np.bool_], directions: Floats) -> None:
        """The next frames: inside (F, W); directions (F, W, 3), unit vectors of any frame of reference."""
        weighted = np.where(inside[..., None], directions, 0.0).reshape(len(inside), 3 * inside.shape[1])
        self._inside.append(_packed(inside))
        self._weighted.append(weighted)
        self._seen += len(inside)
        while self._seen - self._first >= GROUP + self.lags:
            self._group(GROUP)
        if self._seen == self.frames:
            while self._first < self.frames:
                self._group(min(GROUP, self.frames - self._first))

    def _group(self, size: int) -> None:
        """Take the next `size` frames as origins, and let them go."""
        inside, weighted = np.concatenate(self._inside), np.concatenate(self._weighted)
        origins = np.arange(-self._first % self.every, size, self.every)
        reach = min(size + self.lags, len(inside))
        if len(origins):
            self._count(origins, inside[:reach], weighted[:reach])
        self._inside, self._weighted = [inside[size:]], [weighted[size:]]
        self._first += size

    def _count(self, origins: Ints, inside: Packed, weighted: Floats) -> None:
        length = max(1, self.frames // self.blocks)
        block = np.minimum((self._first + origins) // length, self.blocks)
        begun = _counted(inside[origins])
        alive = inside[origins].copy()
        aligned = weighted[origins] @ weighted.T
        for lag in range(self.lags + 1):
            there = origins + lag < len(inside)
            if not there.any():
                break
            start, later, of = origins[there], origins[there] + lag, block[there]
            alive = alive[: len(start)] & inside[later]
            both, stayed, n = _counted(inside[start] & inside[later]), _counted(alive), begun[there]
            share = np.divide(1.0, n, out=np.zeros(len(n)), where=n > 0)
            found = {
                DIPOLE: aligned[there, later],
                BOTH: both,
                STAYED: stayed,
                BEGUN: n,
                BOTH_SHARE: both * share,
                STAYED_SHARE: stayed * share,
                ORIGINS: n > 0,
            }
            for name, values in found.items():
                np.add.at(self.sums[name][:, lag], of, values)

    def dipole_correlation(self) -> tuple[Floats, Floats]:
        """C_dip(τ) (eq. S12) and its standard error, (lags + 1,) each; NaN where nobody was inside twice."""
        return self._ratio(DIPOLE, BOTH)

    def survival(self, continuous: bool = True, mean_of_ratios: bool = True) -> tuple[Floats, Floats]:
        """P_surv(τ) and its standard error, (lags + 1,) each.

        Inside at every frame between (as the paper's code has it) or at both ends only (eq. S13); the mean
        over origins of each origin's share, or the ratio of the sums.
        """
        if mean_of_ratios:
            return self._ratio(STAYED_SHARE if continuous else BOTH_SHARE, ORIGINS)
        return self._ratio(STAYED if continuous else BOTH, BEGUN)

    def _ratio(self, above: str, below: str) -> tuple[Floats, Floats]:
        """All origins' ratio; the jackknife over the blocks' sums, the remainder left out."""

        def of(sums: Floats) -> Floats:
            top, bottom = sums
            return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))

        stacked = np.stack([self.sums[above], self.sums[below]], axis=1)
        error = np.full(self.lags + 1, np.nan)
        if self.blocks > 1 and self.frames >= self.blocks:
            error = jackknife(stacked[:-1], of)[1]
        return of(stacked.sum(axis=0)), error


def _packed(inside: NDArray[np.bool_]) -> Packed:
    """One bit a molecule: (F, W) bool to (F, ⌈W/64⌉) words."""
    width = -(-max(1, inside.shape[1]) // WORD) * WORD
    whole = np.zeros((len(inside), width), dtype=bool)
    whole[:, : inside.shape[1]] = inside
    return np.packbits(whole, axis=1).view(np.uint64)


def _counted(words: Packed) -> Floats:
    """Bits set in each row."""
    return np.asarray(np.bitwise_count(words).sum(axis=1), dtype=float)


@dataclass(frozen=True)
class Visits:
    """Uninterrupted stays in a region, of each of K particles: share of frames inside (K,), how many stays
    (K,), and their mean length in frames (K,), NaN without any; a stay that the ends cut counts as it is.
    """

    share: Floats
    number: Ints
    length: Floats


def visits(inside: NDArray[np.bool_]) -> Visits:
    """From inside (F, K), F ≥ 1."""
    begun = np.diff(inside.astype(np.int8), axis=0, prepend=np.int8(0)) == 1
    number, frames = begun.sum(axis=0), inside.sum(axis=0)
    length = np.divide(frames, number, out=np.full(len(number), np.nan), where=number > 0)
    return Visits(inside.mean(axis=0), number.astype(np.int64), length)
