"""Averages of one committee member from the trajectory of another (arXiv:2602.22931, Eqs. S9 and S10)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from ase.units import kB

from mlipbench_hpc.analysis.correlation import statistical_inefficiency
from mlipbench_hpc.data.frames import Floats

Verdict = Literal["trust", "caution", "run longer", "run it directly"]
SEVERITY: tuple[Verdict, ...] = ("trust", "caution", "run longer", "run it directly")
UNUSABLE: tuple[Verdict, ...] = ("run longer", "run it directly")
TRUSTED_STD, TOLERATED_STD = 1.0, 2.0
ENOUGH_FRAMES, FEWEST_FRAMES = 100.0, 30.0  # independent effective frames


def reduced(energies: Floats, driving: Floats, temperature: float) -> Floats:
    """h_i = (E_i - E*)/kT, dimensionless, (M, T), less its time average, which cancels in every average.

    energies (M, T) and driving (T,) eV, evaluated on the same frames; temperature K.
    """
    h = (energies - driving) / (kB * temperature)
    return np.asarray(h - h.mean(axis=1, keepdims=True))


def direct_weights(h: Floats) -> Floats:
    """Direct weights e^{-h}/Σ e^{-h}, (M, T), <n>_i = Σ_t w_i(t) n(t) (Eq. S9); min h is subtracted."""
    weights = np.exp(-(h - h.min(axis=1, keepdims=True)))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Quality:
    """Quality of reweighting from the driving member's frames to one member.

    std_h: standard deviation of h (ddof = 1), kT; effective: (Σw)²/Σw² of the direct weights, in frames;
    inefficiency: statistical inefficiency of h(t), in frames.
    """

    std_h: float
    effective: float
    inefficiency: float

    @property
    def independent(self) -> float:
        """Number of independent effective frames."""
        return self.effective / self.inefficiency

    @property
    def verdict(self) -> Verdict:
        """trust: std(h) ≤ 1 and at least 100 independent effective frames; caution: std(h) ≤ 2 and 30.

        No band otherwise: `run it directly` for std(h) > 2, else `run longer`.
        """
        if self.std_h > TOLERATED_STD:
            return "run it directly"
        if self.independent < FEWEST_FRAMES:
            return "run longer"
        trusted = self.std_h <= TRUSTED_STD and self.independent >= ENOUGH_FRAMES
        return "trust" if trusted else "caution"

    def described(self) -> dict[str, float | str]:
        """Values for JSON."""
        return {
            "std_h": self.std_h,
            "effective_frames": self.effective,
            "statistical_inefficiency": self.inefficiency,
            "independent_frames": self.independent,
            "verdict": self.verdict,
        }


def quality(h: Floats) -> Quality:
    """Quality of one member from h (T,), T ≥ 2."""
    weights = direct_weights(h[None])[0]
    return Quality(float(h.std(ddof=1)), float(1 / np.square(weights).sum()), statistical_inefficiency(h))
