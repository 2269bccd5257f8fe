"""Surface of a slab: its faces next to the water, adatoms and dissolved atoms, in numbers and in words."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.adatoms import loose_atoms
from mlipbench_hpc.analysis.atomic_layers import Gap, Layers, within
from mlipbench_hpc.analysis.faces import check_layer, waters_of, wet_faces, wettest_gap
from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN
from mlipbench_hpc.analysis.sample import NO_ATOMS, Sample
from mlipbench_hpc.analysis.slab import BOTH, LOWER, SIDES, UPPER, Face, Slab, interfacial
from mlipbench_hpc.data.frames import Floats, Ints


@dataclass(frozen=True)
class Surface:
    """Faces in use, the upper one first, and atoms of the slab.

    slab, adatoms, dissolved: indices of atoms; dissolved atoms are of the slab's elements and count as ions.
    facts and doubts: in words.
    """

    faces: tuple[Face, ...] = ()
    slab: Ints = field(default_factory=lambda: NO_ATOMS)
    adatoms: Ints = field(default_factory=lambda: NO_ATOMS)
    dissolved: Ints = field(default_factory=lambda: NO_ATOMS)
    facts: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def surface(numbers: Ints, positions: NDArray[np.floating], cell: Floats, slab: Slab) -> Surface:
    """Faces of the slab next to the widest stretch along z that holds the water.

    numbers (N,), positions (F, N, 3) Å of one or more frames, cell (3, 3) Å, lower triangular. Layers are
    told apart by the median heights of their atoms; the layers that are at least half as populated as the
    fullest of their electrode are the slab's; 5 Å or more between two of them is a gap. z = 0 is the layer at
    the edge of the gap with most water. Atoms of sparser layers are adatoms or steps where they are
    bound to the slab, and dissolved where they are not. Other elements within the slab belong to it. Both
    faces of the gap count where the drier has at least half as many waters within 4.5 Å as the wetter, else
    the wetter alone.

    Without atoms of the slab's elements there are no faces. Raises ValueError where there is no gap, where
    layers cannot be told apart, for a slab of one layer, a layer of one atom, and where no water is near.
    """
    metal = np.flatnonzero(np.isin(numbers, slab.elements))
    if not len(metal):
        return Surface()
    sample = Sample.of(numbers, positions, cell, metal)
    waters = waters_of(sample)
    if slab.layer:
        return _of_atoms(sample, positions, metal, waters, slab)
    layers = Layers.of(sample, metal)
    guests = within(sample, layers, np.flatnonzero(~np.isin(numbers, [*slab.elements, HYDROGEN, OXYGEN])))
    if len(guests):
        layers = Layers.of(sample, np.union1d(metal, guests))
    gap = wettest_gap(sample, layers, waters)
    return _described(sample, positions, layers, guests, gap, waters, slab)


def _described(
    sample: Sample,
    positions: NDArray[np.floating],
    layers: Layers,
    guests: Ints,
    gap: Gap,
    waters: Ints,
    slab: Slab,
) -> Surface:
    """Surface at the faces of one gap, with facts and doubts in words."""
    sides = {1.0: Face(gap.below, 1.0), -1.0: Face(gap.above, -1.0)}
    faces = wet_faces(sample, positions, tuple(sides.values()), waters, slab)
    for face in faces:
        check_layer(sample, layers, face)
    adatoms, dissolved = loose_atoms(sample, layers)
    facts, doubts = [], []
    for normal in {} if slab.face else sides.keys() - {face.normal for face in faces}:
        near = interfacial(sides[normal].heights(positions, sample.cell, waters)).sum(axis=1).mean()
        if near > 0:
            name = UPPER if normal > 0 else LOWER
            facts.append(f"{name} face left out, {near:.1f} waters in its first layer: --face both counts it")
    if len(guests):
        facts.append(f"within the slab, and counted as its atoms: {sample.symbols(guests)}")
    for words, atoms in (("adatoms or steps, not z = 0", adatoms), ("dissolved, counted as ions", dissolved)):
        if len(atoms):
            facts.append(f"{words}: {sample.symbols(atoms)}, {_heights(sample, faces, atoms)}")
    inside = sum(int(other.holds(sample.heights[0, waters], sample.length).sum()) for other in layers.gaps)
    left = inside - int(gap.holds(sample.heights[0, waters], sample.length).sum())
    if left:
        doubts.append(
            f"{left} of {len(waters)} waters are on the other side of the slab: heights are from the faces "
            "of the gap with most water"
        )
    every = np.sort(np.concatenate([*layers.full, adatoms]))
    return Surface(faces, every, adatoms, dissolved, (*_places(sample, faces), *facts), tuple(doubts))


def _places(sample: Sample, faces: tuple[Face, ...]) -> list[str]:
    """Atoms at z = 0 of each face, and their height in the first frame, in words."""
    lines = []
    for face in faces:
        name = UPPER if face.normal > 0 else LOWER
        height = np.mod(face.planes(sample.first[None], sample.cell)[0], sample.length)
        lines.append(f"{name} face: {sample.symbols(face.layer)} at z = {height:.2f} Å")
    return lines


def _heights(sample: Sample, faces: tuple[Face, ...], atoms: Ints) -> str:
    """Median height of atoms above the nearer face, in words."""
    above = [np.median(face.heights(sample.positions, sample.cell, atoms)) for face in faces]
    return f"{min(above, key=abs):.2f} Å above it (median)"


def _of_atoms(
    sample: Sample, positions: NDArray[np.floating], metal: Ints, waters: Ints, slab: Slab
) -> Surface:
    """Surface from the requested atoms of the layer: its wetter side, or the requested one.

    Raises ValueError where there are no such atoms, or both sides are asked for.
    """
    layer = np.unique(np.array(slab.layer, dtype=np.int64))
    if layer[0] < 0 or layer[-1] >= len(sample.numbers):
        raise ValueError(f"--layer-atoms: received {layer[-1]}, expected 0 to {len(sample.numbers) - 1}")
    if slab.face == BOTH:
        raise ValueError("--layer-atoms names the atoms of one face: pass --face upper or lower, or leave it")
    sides = (Face(layer, 1.0), Face(layer, -1.0))
    near = [interfacial(face.heights(positions, sample.cell, waters)).sum() for face in sides]
    normal = SIDES[slab.face] if slab.face else (1.0 if near[0] >= near[1] else -1.0)
    faces = (Face(layer, normal),)
    every = np.union1d(metal, layer)
    return Surface(faces, every, facts=(*_places(sample, faces), "its atoms are those of --layer-atoms"))
