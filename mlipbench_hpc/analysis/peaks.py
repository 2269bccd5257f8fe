"""First peak of the density by a fit over bins, so that it depends neither on one bin nor on their width."""

import numpy as np

from mlipbench_hpc.analysis import layer
from mlipbench_hpc.analysis.slab import FIRST_LAYER
from mlipbench_hpc.data.frames import Floats

REACH_A = 0.6  # largest distance from the peak of a bin in the fit; weights fall to zero there
ROUNDS = 20
SIGNIFICANT_SE = 2.0
SMALLEST_PEAK = 0.1  # of the highest density of the layer: a lower maximum is an excursion, not a layer


def fit(z: Floats, density: Floats, centre: float) -> tuple[float, float]:
    """Height (Å) and density of a Gaussian fitted to density (B,) around `centre`; NaN without a peak.

    Least squares of ln ρ over bins z (B,), weights ρ² (1 - ((z - centre)/0.6 Å)²): errors of ρ then count
    alike (Guo, IEEE Signal Process. Mag. 28, 134 (2011)). At least the three nearest bins take part. A bin of
    width w averages over it, which adds w²/12 to the Gaussian's variance and lowers it: that is taken back,
    so that the density may exceed that of every bin.
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


def first_maximum(z: Floats, blocks: Floats) -> tuple[int | None, list[int]]:
    """First maximum of a density from the metal, as a bin, and other maxima that may as well be the peak.

    z (B,) Å; blocks (N, B): the density in each block. Going outwards from z = 0, the highest bin so far is
    the maximum once the density falls below it by more than two standard errors (of the difference, over
    blocks); None where it is not in the first layer, 0 < z ≤ 4.5 Å. The others lie before that fall, more
    than 0.6 Å away, and are lower by no more than two standard errors. Maxima below a tenth of the layer's
    highest density do not count.
    """
    mean, above = blocks.mean(axis=0), np.flatnonzero(z > 0)
    least = SMALLEST_PEAK * mean[(z > 0) & (z <= FIRST_LAYER)].max(initial=0.0)
    top, last = int(above[0]), None
    for place in above:
        if mean[place] > mean[top]:
            top = int(place)
        elif mean[top] >= least and _lower(blocks, int(place), top):
            last = place
            break
    if last is None or z[top] > FIRST_LAYER:
        return None, []
    between = range(max(1, int(above[0])), int(last))
    others = [place for place in between if mean[place] >= max(mean[place - 1], mean[place + 1], least)]
    apart = [place for place in others if abs(z[place] - z[top]) > REACH_A]
    return top, [place for place in apart if not _lower(blocks, place, top)]


def _lower(blocks: Floats, place: int, top: int) -> bool:
    """True where the density (N, B) at `place` is resolved below that at `top`."""
    difference = blocks[:, top] - blocks[:, place]
    error = difference.std(ddof=1) / np.sqrt(len(blocks))
    return bool(difference.mean() > SIGNIFICANT_SE * error)


def centre(z: Floats, blocks: Floats) -> float:
    """Height (Å) of the first peak, where the fit around it is centred; NaN without one or if ambiguous.

    z (B,), blocks (N, 2, B): profiles of each block as `analysis.layer` takes them.
    """
    top, others = first_maximum(z, blocks[:, 0])
    place = float("nan") if top is None or others else float(z[top])
    density = blocks[:, 0].mean(axis=0)
    for _ in range(ROUNDS):
        place = fit(z, density, place)[0] if np.isfinite(place) else place
    return place


def ambiguity(z: Floats, blocks: Floats) -> str:
    """Maxima of which each may be the first peak, in words; empty where one is. Arguments as `centre`."""
    top, others = first_maximum(z, blocks[:, 0])
    if top is None or not others:
        return ""
    heights = " and ".join(f"{z[place]:.2f}" for place in sorted([top, *others]))
    return (
        f"first peak of water ambiguous: maxima of its density at {heights} Å agree within "
        f"{SIGNIFICANT_SE:g} standard errors, so its position and density are not determined, and means over "
        "runs are without this one; use longer runs"
    )


def first_layer(z: Floats, profiles: Floats, around: float) -> Floats:
    """Numbers of `layer.first_layer`, the peak fitted around a height (Å) that all parts of an average share.

    Its error over blocks is then that of the fit, without jumps of the highest bin.
    """
    cosine = layer.first_layer(z, profiles)[0]
    peak = fit(z, profiles[0], around) if np.isfinite(around) else (np.nan, np.nan)
    return np.array([cosine, *peak])
