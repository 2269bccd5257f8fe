"""First peak of the density by a fit over bins, so that it depends neither on one bin nor on their width."""

import numpy as np

from mlipbench_hpc.analysis import layer
from mlipbench_hpc.data.frames import Floats

REACH_A = 0.6  # largest distance from the peak of a bin in the fit; weights fall to zero there
ROUNDS = 20


def fit(z: Floats, density: Floats, centre: float) -> tuple[float, float]:
    """Height (Å) and density of a Gaussian fitted to density (B,) around `centre`; NaN without a peak.

    Least squares of ln ρ over bins z (B,), weights ρ² (1 - ((z - centre)/0.6 Å)²): errors of ρ then count
    alike (Guo, IEEE Signal Process. Mag. 28, 134 (2011)). At least the three nearest bins take part. A bin of
    width w averages over it, which adds w²/12 to the Gaussian's variance and lowers it: that is taken back.
    """
    width = float(z[1] - z[0])
    reach = max(REACH_A, 2.0 * width)
    taper = 1 - ((z - centre) / reach) ** 2
    part = (taper > 0) & (density > 0)
    if part.sum() < 3:
        return float("nan"), float("nan")
    x, weights = z[part] - centre, np.sqrt(taper[part]) * density[part]
    c, b, a = np.polynomial.polynomial.polyfit(x, np.log(density[part]), 2, w=weights)
    if not a < 0 or abs(b / (2 * a)) > reach:
        return float("nan"), float("nan")
    narrower = 1 + a * width**2 / 6  # variance without the bins' share, over the fitted one, -1/(2 a)
    if narrower <= 0:
        return float("nan"), float("nan")
    return centre - b / (2 * a), float(np.exp(c - b * b / (4 * a)) / np.sqrt(narrower))


def centre(z: Floats, profiles: Floats) -> float:
    """Height (Å) of the peak of an average's density, where the fit around it is centred; NaN without one.

    z (B,), profiles (2, B) as `analysis.layer` takes them.
    """
    place = float(layer.first_layer(z, profiles)[1])
    for _ in range(ROUNDS):
        place = fit(z, profiles[0], place)[0] if np.isfinite(place) else place
    return place


def first_layer(z: Floats, profiles: Floats, around: float) -> Floats:
    """Numbers of `layer.first_layer`, the peak fitted around a height (Å) that all parts of an average share.

    Its error over blocks is then that of the fit, without jumps of the highest bin.
    """
    cosine = layer.first_layer(z, profiles)[0]
    peak = fit(z, profiles[0], around) if np.isfinite(around) else (np.nan, np.nan)
    return np.array([cosine, *peak])
