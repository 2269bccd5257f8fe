"""Variance of a kinetic temperature over time beside that of the canonical ensemble, tested."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.correlation import statistical_inefficiency
from mlipbench_hpc.data.frames import Floats

# A run shorter than its correlation shows neither it nor the fluctuation: of AR(1) windows with 3 to 6
# independent frames 0.5 % of single tests at p ≤ 0.004 are false with these limits, and 2.4 % with ten.
FEWEST_INDEPENDENT, FEWEST_IN_A_RUN = 30.0, 10.0


@dataclass(frozen=True)
class Fluctuation:
    """Variance over that of the canonical ensemble; NaN where a run is shorter than its correlation.

    independent: number of independent frames; dof: degrees of freedom, under NVT ratio·dof follows χ².
    enough: whether there are frames enough for a test.
    """

    ratio: float
    independent: float
    dof: float
    enough: bool

    @property
    def error(self) -> float:
        """Standard error of `ratio`, √(2/dof) of it; NaN without degrees of freedom."""
        return self.ratio * float(np.sqrt(2 / self.dof)) if self.dof > 0 else float("nan")

    @property
    def p(self) -> float:
        """Two-sided p of χ² against a ratio of 1; NaN with too few independent frames."""
        from scipy.special import chdtr, chdtrc

        if not self.enough:
            return float("nan")
        below, above = (tail(self.dof, self.ratio * self.dof) for tail in (chdtr, chdtrc))
        return float(min(1.0, 2 * min(below, above)))


def fluctuation(temperatures: Floats, atoms: int, target: float, inefficiency: float = 1.0) -> Fluctuation:
    """Of a series (T,) in K of `atoms` mobile atoms: its variance over 2 T²/(3 N), T the target in K.

    The kinetic energy of 3 N degrees of freedom has the relative variance 2/(3 N) in the canonical ensemble
    and the excess kurtosis 4/N, which takes 1 + 2/N of the degrees of freedom. σ² = ⟨(x - x̄)²⟩/(1 - g/T):
    the mean of T frames with statistical inefficiency g follows their own fluctuations (Bayley and
    Hammersley, Suppl. J. R. Stat. Soc. 8, 184 (1946)). g is that of the series or of its squares, the larger,
    and at least `inefficiency`, of longer runs. The error follows from the canonical variance, for that of
    the sample is small where its variance happens to be.
    """
    centred = temperatures - temperatures.mean()
    own = max(inefficiency, *(statistical_inefficiency(series) for series in (centred, centred**2)))
    independent = len(temperatures) / own
    if independent <= 1:
        return Fluctuation(float("nan"), independent, 0.0, False)
    variance = float(np.mean(centred**2)) / (1 - 1 / independent)
    dof = (independent - 1) / (1 + 2 / atoms)
    enough = independent >= FEWEST_INDEPENDENT
    return Fluctuation(variance / (2 * target**2 / (3 * atoms)), independent, dof, enough)


def together(replicas: Sequence[Fluctuation]) -> Fluctuation | None:
    """Of several runs, weighted by their degrees of freedom; None without any, or where one has none."""
    dofs = np.array([own.dof for own in replicas])
    if not len(dofs) or not (dofs > 0).all():
        return None
    independent = sum(own.independent for own in replicas)
    enough = independent >= FEWEST_INDEPENDENT and all(own.independent >= FEWEST_IN_A_RUN for own in replicas)
    ratio = float(np.average([own.ratio for own in replicas], weights=dofs))
    return Fluctuation(ratio, independent, float(dofs.sum()), enough)
