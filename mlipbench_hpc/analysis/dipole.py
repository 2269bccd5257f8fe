"""The slab's dipole against P_z, the dimensionless total dipole of the water (arXiv:2602.22931, Fig. S10).

D = Σ q z along the outward normal. Crossing the film outwards the electrostatic potential rises by D/(ε0 A),
so the work function falls by e·D/(ε0 A): it falls with P_z (H-up water) and with the height of cations.
"""

from dataclasses import dataclass

import numpy as np

from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.data.frames import Floats

# e/ε0 in V·Å (CODATA 2018): a layer of μ e·Å on A Å² raises the potential by this times μ/A beyond it.
VOLT_A = 180.95128


@dataclass(frozen=True)
class Trend:
    """Least-squares line of a dipole against P_z, and its correlation, each (value, standard error).

    slope: e·Å for one unit of P_z; intercept: e·Å at P_z = 0; correlation: Pearson's r. NaN where either
    quantity is the same in all frames.
    """

    slope: tuple[float, float]
    intercept: tuple[float, float]
    correlation: tuple[float, float]


@dataclass(frozen=True)
class Plane:
    """Least-squares fit D = c + orientation·P_z + ions·Σqz, each coefficient (value, standard error).

    orientation: e·Å for one unit of P_z; ions: e·Å for one e·Å of the ions. alone: share of the variance of D
    (R²) that P_z explains without the ions; together: with them. collinearity: correlation of P_z with Σqz;
    near ±1 the coefficients are not determined separately.
    """

    orientation: tuple[float, float]
    ions: tuple[float, float]
    alone: float
    together: float
    collinearity: float


def work_function_change(dipole: float, area: float) -> float:
    """Change of the work function in eV by a dipole (e·Å, along the outward normal) on `area` Å²."""
    return -VOLT_A * dipole / area


def trend(across: Floats, dipoles: Floats, blocks: int) -> Trend | None:
    """Line through dipoles (F,) e·Å over across (F,), P_z, of frames in their order.

    The line is of all frames; its standard errors are those of a jackknife over equal contiguous blocks, the
    last frames that fill none left out. None for fewer than four frames: with one of three left out, any two
    lie on a line, and r has no error.
    """
    if len(across) < 4:
        return None
    zero = across.mean(), dipoles.mean()
    x, y = across - zero[0], dipoles - zero[1]
    moments = np.stack([x, y, x * x, x * y, y * y], axis=1)
    count = min(blocks, len(moments))
    length = len(moments) // count
    parts = moments[: count * length].reshape(count, length, 5).mean(axis=1)
    slope, intercept, correlation = zip(
        _line(moments.mean(axis=0), *zero), jackknife(parts, lambda mean: _line(mean, *zero))[1], strict=True
    )
    return Trend(slope, intercept, correlation)


def _line(moments: Floats, x0: float, y0: float) -> Floats:
    """Slope, intercept and correlation, (3,), of moments (5,) of x - x0 and y - y0."""
    x, y, xx, xy, yy = moments
    variance, covariance, other = xx - x * x, xy - x * y, yy - y * y
    if not (variance > 0 and other > 0):
        return np.full(3, np.nan)
    slope = covariance / variance
    return np.array([slope, y0 + y - slope * (x0 + x), covariance / np.sqrt(variance * other)])


def plane(across: Floats, ions: Floats, dipoles: Floats, blocks: int) -> Plane | None:
    """Fit of dipoles (F,) e·Å over across (F,), P_z, and ions (F,) e·Å, of frames in their order.

    Errors as those of `trend`. None for fewer than five frames, where a quantity is not known in all of them,
    and where P_z or Σqz does not vary.
    """
    rows = np.stack([across, ions, dipoles], axis=1)
    if len(rows) < 5 or not np.isfinite(rows).all():
        return None
    rows = rows - rows.mean(axis=0)
    moments = np.concatenate([rows, (rows[:, :, None] * rows[:, None]).reshape(-1, 9)], axis=1)
    fit = _plane(moments.mean(axis=0))
    if not np.isfinite(fit).all():
        return None
    count = min(blocks, len(moments))
    length = len(moments) // count
    parts = moments[: count * length].reshape(count, length, -1).mean(axis=1)
    error = jackknife(parts, _plane)[1]
    pairs = [(float(fit[place]), float(error[place])) for place in (0, 1)]
    return Plane(pairs[0], pairs[1], *(float(value) for value in fit[2:]))


def _plane(moments: Floats) -> Floats:
    """Both coefficients, R² of P_z alone, R² together, correlation of P_z and Σqz, (5,); else NaN."""
    covariance = moments[3:].reshape(3, 3) - np.outer(moments[:3], moments[:3])
    variances = np.diag(covariance)
    inputs, shared = covariance[:2, :2], covariance[:2, 2]
    if not (variances > 0).all() or np.linalg.det(inputs) <= 1e-9 * variances[0] * variances[1]:
        return np.full(5, np.nan)
    coefficients = np.linalg.solve(inputs, shared)
    together = coefficients @ shared / variances[2]
    alone = shared[0] ** 2 / (variances[0] * variances[2])
    return np.array([*coefficients, alone, together, inputs[0, 1] / np.sqrt(variances[0] * variances[1])])
