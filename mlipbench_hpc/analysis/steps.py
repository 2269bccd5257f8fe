"""Steps of a surface, in words: rows just below z = 0, and a layer at z = 0 that is a part of one."""

import numpy as np

from mlipbench_hpc.analysis.atomic_layers import Layers
from mlipbench_hpc.analysis.sample import Sample, middle
from mlipbench_hpc.analysis.slab import Face
from mlipbench_hpc.data.frames import Ints

# Å. The next row of a stepped or open face is nearer than NEXT: 0.81 Å for Pt(211), 1.23 Å for Au(311), while
# close-packed layers are 2 Å apart. Rows down to BELOW, less than such a layer, may be part of the terrace.
NEXT, BELOW = 1.3, 1.9


def steps(sample: Sample, layers: Layers, faces: tuple[Face, ...]) -> list[str]:
    """Facts in words on faces whose layer at z = 0 is not the whole surface."""
    return [words for face in faces for words in (_rows(sample, layers, face) or _part(sample, layers, face))]


def _rows(sample: Sample, layers: Layers, face: Face) -> list[str]:
    """Rows below a stepped or open face with depths in Å, in words; [] for others."""
    rows, layer = list[tuple[float, Ints]](), face.layer
    while len(rows) < len(layers.full) - 1:
        layer = layers.beside(layer, -int(face.normal))
        depth = _depth(sample, face, layer)
        if depth >= (BELOW if rows else NEXT):
            break
        rows.append((depth, layer))
    if not rows:
        return []
    words = "; ".join(f"{sample.symbols(row)} {depth:.2f} Å" for depth, row in rows)
    return [f"{face.side} face is stepped or open: z = 0 is its uppermost row, and below it are {words}"]


def _part(sample: Sample, layers: Layers, face: Face) -> list[str]:
    """Layer at z = 0 with fewer atoms than the layer below, of the same elements, in words."""
    below = layers.beside(face.layer, -int(face.normal))
    same = set(sample.numbers[face.layer].tolist()) == set(sample.numbers[below].tolist())
    if not same or len(face.layer) >= len(below):
        return []
    return [
        f"{face.side} face is stepped or has vacancies: the layer at z = 0 has {len(face.layer)} atoms, of "
        f"{len(below)} in the layer {_depth(sample, face, below):.2f} Å below it"
    ]


def _depth(sample: Sample, face: Face, layer: Ints) -> float:
    """Depth of a layer below a face in Å."""
    own, other = (middle(sample.medians(atoms), sample.length) for atoms in (face.layer, layer))
    return float(np.mod(face.normal * (own - other), sample.length))
