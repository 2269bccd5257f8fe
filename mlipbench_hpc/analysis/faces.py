"""Faces of a slab that water touches, and what is implausible about them."""

import numpy as np

from mlipbench_hpc.analysis.atomic_layers import ROW_GAP, THICKEST_LAYER, Gap, Layers
from mlipbench_hpc.analysis.geometry import OXYGEN, owners, widest_gaps
from mlipbench_hpc.analysis.sample import Sample, edge, in_one_image
from mlipbench_hpc.analysis.slab import BOTH, SIDES, SURFACE_GAP, Face, Slab, interfacial
from mlipbench_hpc.data.frames import Ints

FARTHEST_WATER = 9.0
# Layers of a slab leave no stretch of the cell open, along x or y, that is wider than this, Å.
WIDEST_HOLE = 8.0


def waters_of(sample: Sample) -> Ints:
    """Oxygens that own two hydrogens in the first frame; all oxygens where none does."""
    owner = owners(sample.numbers, sample.first, sample.cell)
    hydrogens = np.bincount(owner[owner >= 0], minlength=len(sample.numbers))
    oxygens = np.flatnonzero(sample.numbers == OXYGEN)
    return oxygens[hydrogens[oxygens] == 2] if (hydrogens[oxygens] == 2).any() else oxygens


def wettest_gap(sample: Sample, layers: Layers, waters: Ints) -> Gap:
    """Gap with most waters, the widest of equal ones."""

    def content(gap: Gap) -> tuple[int, float]:
        return int(gap.holds(sample.heights[:, waters], sample.length).sum()), gap.height

    return max(layers.gaps, key=content)


def wet_faces(sample: Sample, faces: tuple[Face, ...], waters: Ints, slab: Slab) -> tuple[Face, ...]:
    """Requested faces, or those that water touches; ValueError where no water is near any."""
    if not len(waters):
        return tuple(face for face in faces if slab.face in (BOTH, "") or face.normal == SIDES[slab.face])[:1]
    heights = [face.heights(sample.positions, sample.cell, waters) for face in faces]
    wet = [int(interfacial(z).sum()) for z in heights]
    if max(wet) == 0:
        wet = [int(((z > 0) & (z <= FARTHEST_WATER)).sum()) for z in heights]
    if max(wet) == 0:
        nearest = min(float(z[z > 0].min(initial=np.inf)) for z in heights)
        place = "no oxygen lies above z = 0"
        if np.isfinite(nearest):
            place = (
                f"the nearest oxygen is {nearest:.1f} Å above z = 0, expected {FARTHEST_WATER:g} Å or less"
            )
        raise ValueError(f"no water is near a face of the slab: {place}; are the slab's elements right?")
    if slab.face == BOTH:
        return faces
    if slab.face:
        return tuple(face for face in faces if face.normal == SIDES[slab.face])
    if len(faces) == 2 and 2 * min(wet) >= max(wet):
        return faces
    return (faces[int(np.argmax(wet))],)


def check_layer(sample: Sample, layers: Layers, face: Face, suggestion: str = "") -> None:
    """Raise ValueError for an implausible layer of a slab; suggestion: next step besides --layer-atoms."""
    choose = f"{suggestion} Or " * bool(suggestion) + "pass the atoms of z = 0 as --layer-atoms"
    thick = float(np.ptp(in_one_image(sample.medians(face.layer), sample.length)))
    if len(face.layer) == 1:
        raise ValueError(f"z = 0 would be a layer of {sample.symbols(face.layer)}: {choose}")
    if thick > THICKEST_LAYER:
        raise ValueError(
            f"layers cannot be told apart along z: {sample.symbols(face.layer)} fill {thick:.2f} Å without a "
            f"gap of {ROW_GAP:g} Å: {choose}"
        )
    inner = layers.beside(face.layer, -int(face.normal))
    depth = edge(sample.medians(face.layer), sample.length, -face.normal) - edge(
        sample.medians(inner), sample.length, face.normal
    )
    if np.mod(face.normal * depth, sample.length) >= SURFACE_GAP or len(layers.full) == 1:
        raise ValueError(f"the slab would be one layer, {sample.symbols(face.layer)}: {choose}")


def check_closed(sample: Sample, layers: Layers) -> None:
    """Raise ValueError where the layers leave a part of the cell open: a particle or a wire."""
    slab = sample.first[np.concatenate(layers.full)]
    open_width = float(widest_gaps(slab, sample.cell)[:2].max())
    if open_width > WIDEST_HOLE:
        raise ValueError(
            f"the layers leave {open_width:.1f} Å of the cell open along x or y, expected {WIDEST_HOLE:g} Å "
            "or less: a particle or a wire has no plane of z = 0; are the slab's elements right?"
        )
