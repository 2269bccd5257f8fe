"""First layer of water on a surface, 0 < z ≤ 4.5 Å: peak of its density, and orientation."""

import numpy as np

from mlipbench_hpc.analysis.slab import FIRST_LAYER, interfacial
from mlipbench_hpc.data.frames import Floats, Ints

COSINE, PEAK_Z, PEAK_DENSITY = "cosine", "peak_z_A", "peak_g_per_cm3"
NAMES = (COSINE, PEAK_Z, PEAK_DENSITY)
LAYER_HUNDREDTHS = round(100 * FIRST_LAYER)


def fills(width: float) -> bool:
    """True where whole bins of `width` Å fill the layer: no bin of it then reaches beyond 4.5 Å."""
    bins = FIRST_LAYER / width
    return round(bins) > 0 and abs(bins - round(bins)) < 1e-6 * bins


def filling(width: float) -> str:
    """Words of a message: nearest whole hundredths of Å that fill the layer, instead of `width` (Å)."""
    whole = [n / 100 for n in range(1, LAYER_HUNDREDTHS + 1) if LAYER_HUNDREDTHS % n == 0]
    below = max((w for w in whole if w <= width), default=whole[0])
    above = min((w for w in whole if w >= width), default=whole[-1])
    near = " or ".join(f"{w:g}" for w in sorted({below, above}))
    return f"whole bins in the first layer, 0 < z ≤ {FIRST_LAYER:g} Å, such as {near} Å"


def first_layer(z: Floats, profiles: Floats) -> Floats:
    """Mean cos θ, height of the density's peak (Å) and density there (g/cm³), in the order of `NAMES`.

    z (B,) Å, equal bins that fill the layer; profiles (2, B) g/cm³: density of water, and that weighted
    with cos θ. cos θ is the mean over molecules, Σ ρ·cos θ / Σ ρ. The
    peak is the vertex of the parabola through the highest bin of the layer and its two neighbours; NaN where
    the density is zero or still rises at the end of the layer.
    """
    density, orientation = profiles
    inside = interfacial(z)
    waters = density[inside].sum()
    cosine = orientation[inside].sum() / waters if waters > 0 else np.nan
    return np.array([cosine, *_peak(z, density, np.flatnonzero(inside))])


def _peak(z: Floats, density: Floats, layer: Ints) -> tuple[float, float]:
    top = int(layer[density[layer].argmax()]) if len(layer) else 0
    if not 0 < top < len(z) - 1 or density[top] <= 0 or density[top + 1] > density[top]:
        return float("nan"), float("nan")
    below, height, above = (float(value) for value in density[top - 1 : top + 2])
    curvature = below - 2 * height + above
    shift = (below - above) / (2 * curvature) if curvature < 0 else 0.0
    shift = float(np.clip(shift, -0.5, 0.5))
    return float(z[top] + shift * (z[1] - z[0])), height - (below - above) * shift / 4
