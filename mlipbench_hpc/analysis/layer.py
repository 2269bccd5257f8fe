"""The first layer of water on a surface, 0 < z ≤ 4.5 Å: where it is densest, and how it points."""

import numpy as np

from mlipbench_hpc.analysis.slab import interfacial
from mlipbench_hpc.data.frames import Floats, Ints

COSINE, PEAK_HEIGHT, PEAK_DENSITY = "cosine", "peak_z_A", "peak_g_per_cm3"
NAMES = (COSINE, PEAK_HEIGHT, PEAK_DENSITY)


def first_layer(z: Floats, profiles: Floats) -> Floats:
    """Mean cos θ, height of the density's peak (Å) and density there (g/cm³), in the order of `NAMES`.

    z (B,) Å, equal bins; profiles (3, B) g/cm³: density of all oxygens, density of intact molecules, and the
    latter weighted with cos θ. cos θ is the mean over molecules, Σ ρ·cos θ / Σ ρ. The peak is the vertex of
    the parabola through the highest bin of the layer and its two neighbours; NaN where the density is zero or
    still rises at the end of the layer.
    """
    density, counted, orientation = profiles
    inside = interfacial(z)
    intact = counted[inside].sum()
    cosine = orientation[inside].sum() / intact if intact > 0 else np.nan
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
