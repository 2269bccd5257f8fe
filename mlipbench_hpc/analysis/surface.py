"""Surface of a slab: its faces next to the water, adatoms and dissolved atoms, in numbers and in words."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.adatoms import loose_atoms
from mlipbench_hpc.analysis.atomic_layers import Gap, Layers, within
from mlipbench_hpc.analysis.faces import check_closed, check_layer, waters_of, wet_faces, wettest_gap
from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN
from mlipbench_hpc.analysis.sample import NO_ATOMS, Sample
from mlipbench_hpc.analysis.slab import BOTH, SIDES, Face, Slab, interfacial
from mlipbench_hpc.analysis.steps import steps
from mlipbench_hpc.analysis.unnamed import check_uncovered, suggestion, unnamed_layers
from mlipbench_hpc.data.frames import Floats, Ints


@dataclass(frozen=True)
class Surface:
    """Faces in use, the upper one first, and atoms of the slab.

    slab, adatoms, dissolved: indices of atoms; dissolved atoms are of the slab's elements and count as ions.
    facts and doubts: in words. one_slab: True for two faces of the same slab, which should be alike.
    """

    faces: tuple[Face, ...] = ()
    slab: Ints = field(default_factory=lambda: NO_ATOMS)
    adatoms: Ints = field(default_factory=lambda: NO_ATOMS)
    dissolved: Ints = field(default_factory=lambda: NO_ATOMS)
    facts: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    one_slab: bool = False


def surface(numbers: Ints, positions: NDArray[np.floating], cell: Floats, slab: Slab) -> Surface:
    """Faces of the slab next to the gap along z that holds most water.

    numbers (N,), positions (F, N, 3) Å of one or more frames, cell (3, 3) Å, lower triangular. Layers are
    told apart by the median heights of their atoms; the layers that are at least half as populated as the
    fullest of their electrode are the slab's, and between two of them that are 5 Å or more apart is a gap.
    z = 0 is the layer at the edge of the gap with most water. Atoms of sparser layers are adatoms or steps
    where they are bound to the slab, and dissolved where they are not. Other elements within the slab belong
    to it. Both faces of the gap count where the drier has at least half as many waters within 4.5 Å as the
    wetter, else the wetter alone.

    Without atoms of the slab's elements there are no faces; without water the upper face counts. Raises
    ValueError where there is no gap, where layers cannot be told apart or do not reach across the cell, for a
    slab of one layer, a layer of one atom, a layer that another metal covers, and where no water is near.
    """
    metal = np.flatnonzero(np.isin(numbers, slab.elements))
    if not len(metal):
        return Surface()
    sample = Sample.of(numbers, positions, cell, metal)
    waters = waters_of(sample)
    if slab.layer:
        return _of_atoms(sample, metal, waters, slab)
    layers = Layers.of(sample, metal)
    guests = within(sample, layers, np.flatnonzero(~np.isin(numbers, [*slab.elements, HYDROGEN, OXYGEN])))
    if len(guests):
        layers = Layers.of(sample, np.union1d(metal, guests))
    gap = wettest_gap(sample, layers, waters)
    return _described(sample, layers, guests, gap, waters, slab)


def _described(
    sample: Sample,
    layers: Layers,
    guests: Ints,
    gap: Gap,
    waters: Ints,
    slab: Slab,
) -> Surface:
    """Surface at the faces of one gap, with facts and doubts in words."""
    sides = (Face(gap.below, 1.0), Face(gap.above, -1.0))
    faces = wet_faces(sample, sides, waters, slab)
    unnamed = unnamed_layers(sample, layers, slab)
    for face in faces:
        check_uncovered(sample, unnamed, face, slab)
        check_layer(sample, layers, face, suggestion(sample, unnamed, slab))
    check_closed(sample, layers)
    adatoms, dissolved = loose_atoms(sample, layers)
    facts = _places(sample, faces)
    if not slab.face:
        used = {face.normal for face in faces}
        facts += _left_out(sample, [face for face in sides if face.normal not in used], waters)
    if len(guests):
        facts.append(f"within the slab, and counted as its atoms: {sample.symbols(guests)}")
    for words, atoms in (("adatoms or steps, not z = 0", adatoms), ("dissolved, counted as ions", dissolved)):
        if len(atoms):
            facts.append(f"{words}: {sample.symbols(atoms)}, {_heights(sample, faces, atoms)}")
    facts += steps(sample, layers, faces)
    doubts = [*_unlike(sample, layers, faces), *_unnamed(sample, layers, unnamed, slab)]
    doubts += [*_between(sample, layers), *_elsewhere(sample, layers, gap, waters)]
    every = np.sort(np.concatenate([*layers.full, adatoms]))
    one = len(faces) == 2 and len(layers.gaps) == 1
    return Surface(faces, every, adatoms, dissolved, tuple(facts), tuple(doubts), one_slab=one)


def _left_out(sample: Sample, drier: list[Face], waters: Ints) -> list[str]:
    """Faces that are left out though there is water in their first layer, in words."""
    lines = []
    for face in drier:
        near = interfacial(face.heights(sample.positions, sample.cell, waters)).sum(axis=1).mean()
        if near > 0:
            lines.append(
                f"{face.side} face left out, {near:.1f} waters in its first layer: --face both counts it"
            )
    return lines


def _unlike(sample: Sample, layers: Layers, faces: tuple[Face, ...]) -> list[str]:
    """Two faces of one slab of which a quarter of the atoms differs in number or element, in words."""
    if len(faces) < 2 or len(layers.gaps) > 1:
        return []
    counts = [np.bincount(sample.numbers[face.layer], minlength=120) for face in faces]
    if 4 * np.abs(counts[0] - counts[1]).sum() <= max(len(face.layer) for face in faces):
        return []
    return [
        f"the faces of the slab are not alike: {'; '.join(_places(sample, faces))}: take each by itself, or "
        "pass --face, or the atoms of z = 0 as --layer-atoms"
    ]


def _unnamed(sample: Sample, layers: Layers, unnamed: tuple[Ints, ...], slab: Slab) -> list[str]:
    """Layers of other metals away from the faces, in words."""
    if not unnamed:
        return []
    others = np.setdiff1d(np.concatenate(unnamed), np.concatenate([*layers.full, layers.sparse]))
    return [f"{sample.symbols(others)} are in layers, but count as ions: {suggestion(sample, unnamed, slab)}"]


def _between(sample: Sample, layers: Layers) -> list[str]:
    """Atoms between the layers of the slab, where they are more than a twentieth of it, in words."""
    z, count = sample.medians(layers.sparse), sum(len(layer) for layer in (*layers.full, layers.sparse))
    outside = np.any([gap.holds(z, sample.length) for gap in layers.gaps], axis=0)
    between = layers.sparse[~outside]
    if 20 * len(between) <= count:
        return []
    return [
        f"{sample.symbols(between)} are between the layers of the slab, which is molten or no crystal: pass "
        "the atoms of z = 0 as --layer-atoms"
    ]


def _elsewhere(sample: Sample, layers: Layers, gap: Gap, waters: Ints) -> list[str]:
    """Waters in other gaps than that of the faces, in words."""
    counts = [
        int(other.holds(sample.heights[0, waters], sample.length).sum()) for other in (*layers.gaps, gap)
    ]
    left = sum(counts[:-1]) - counts[-1]
    if not left:
        return []
    return [
        f"{left} of {len(waters)} waters are on the other side of the slab: heights are from the faces "
        "of the gap with most water"
    ]


def _places(sample: Sample, faces: tuple[Face, ...]) -> list[str]:
    """Atoms at z = 0 of each face, and their height in the first frame, in words."""
    lines = []
    for face in faces:
        height = np.mod(face.planes(sample.first[None], sample.cell)[0], sample.length)
        lines.append(f"{face.side} face: {sample.symbols(face.layer)} at z = {height:.2f} Å")
    return lines


def _heights(sample: Sample, faces: tuple[Face, ...], atoms: Ints) -> str:
    """Median height of atoms above the nearer face, in words."""
    above = [np.median(face.heights(sample.positions, sample.cell, atoms)) for face in faces]
    return f"{min(above, key=abs):.2f} Å above it (median)"


def _of_atoms(sample: Sample, metal: Ints, waters: Ints, slab: Slab) -> Surface:
    """Surface from the requested atoms of the layer: its wetter side, or the requested one.

    Raises ValueError where there are no such atoms, or both sides are asked for.
    """
    layer = np.unique(np.array(slab.layer, dtype=np.int64))
    if layer[0] < 0 or layer[-1] >= len(sample.numbers):
        raise ValueError(f"--layer-atoms: received {layer[-1]}, expected 0 to {len(sample.numbers) - 1}")
    if slab.face == BOTH:
        raise ValueError("--layer-atoms names the atoms of one face: pass --face upper or lower, or leave it")
    sides = (Face(layer, 1.0), Face(layer, -1.0))
    near = [interfacial(face.heights(sample.positions, sample.cell, waters)).sum() for face in sides]
    normal = SIDES[slab.face] if slab.face else (1.0 if near[0] >= near[1] else -1.0)
    faces = (Face(layer, normal),)
    every = np.union1d(metal, layer)
    return Surface(faces, every, facts=(*_places(sample, faces), "its atoms are those of --layer-atoms"))
