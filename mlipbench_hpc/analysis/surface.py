"""Faces of a slab that touch the water, from the populations of its layers over several frames."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import HYDROGEN, OXYGEN, minimum_image, owners
from mlipbench_hpc.analysis.slab import LAYER_GAP, SURFACE_GAP, Face, interfacial, no_gap
from mlipbench_hpc.data.frames import Floats, Ints

# Rows of a stepped surface are nearer to each other than layers: 0.8 Å for (211).
ROW_GAP = 0.4
THICKEST_ROW, THICKEST_LAYER = 1.5, 2.0
# An atom of another element at most this far outside the middle of an outer layer belongs to the layer.
WITHIN = 0.75
# Largest distance between bound atoms, in units of the neighbour distance within the slab.
BOND = 1.25
FARTHEST_WATER = 9.0
UPPER, LOWER, BOTH = "upper", "lower", "both"
SIDES = {UPPER: 1.0, LOWER: -1.0}
NO_ATOMS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Slab:
    """Slab as stated by the user or the campaign.

    elements: atomic numbers; layer: indices of the atoms at z = 0, () where they are to be determined;
    face: "upper" (outward normal +z), "lower", "both", or "" for those that water touches.
    """

    elements: tuple[int, ...]
    layer: tuple[int, ...] = ()
    face: str = ""

    @classmethod
    def of(cls, slab: "int | Sequence[int] | Slab") -> "Slab":
        """Slab of one or more elements by atomic number; a Slab is returned unchanged."""
        if isinstance(slab, Slab):
            return slab
        return cls((slab,)) if isinstance(slab, int) else cls(tuple(slab))


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


@dataclass(frozen=True)
class Sample:
    """Several frames: numbers (N,), heights (F, N) Å along z without the slab's drift, cell (3, 3) Å.

    first (N, 3) Å: positions in the first frame. Heights of the slab's atoms do not jump between images.
    """

    numbers: Ints
    heights: Floats
    first: Floats
    cell: Floats

    @classmethod
    def of(cls, numbers: Ints, positions: NDArray[np.floating], cell: Floats, slab: Ints) -> "Sample":
        """Sample from positions (F, N, 3) Å, wrapped or not; slab: atoms of which most move with the slab."""
        z, length = np.asarray(positions[..., 2], dtype=float), float(cell[2, 2])
        steps = z - z[0]
        steps -= length * np.rint(steps / length)
        drift = np.median(steps[:, slab], axis=1)
        return cls(numbers, z[0] + steps - drift[:, None], np.asarray(positions[0], dtype=float), cell)

    @property
    def length(self) -> float:
        """Length of the cell along z in Å."""
        return float(self.cell[2, 2])

    def medians(self, atoms: Ints) -> Floats:
        """Median heights (K,) Å of atoms over the frames, in [0, length)."""
        return np.mod(np.median(self.heights[:, atoms], axis=0), self.length)

    def symbols(self, atoms: Ints) -> str:
        """Atoms in words, such as `8 Ni and 8 Pt atoms (32 to 47)`."""
        kinds, counts = np.unique(self.numbers[atoms], return_counts=True)
        words = " and ".join(f"{n} {chemical_symbols[z]}" for z, n in zip(kinds, counts, strict=True))
        return f"{words} atom{'s' * (len(atoms) > 1)} ({ranges(atoms)})"


def ranges(indices: Ints) -> str:
    """Sorted indices in words, such as `3, 32 to 47`; the first six stretches of them."""
    parts = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    words = [f"{part[0]} to {part[-1]}" if len(part) > 1 else str(part[0]) for part in parts]
    return ", ".join(words[:6]) + ", …" * (len(words) > 6)


def surface(numbers: Ints, positions: NDArray[np.floating], cell: Floats, slab: Slab) -> Surface:
    """Faces of the slab next to the widest stretch along z that holds the water.

    numbers (N,), positions (F, N, 3) Å of one or more frames, cell (3, 3) Å, lower triangular. Layers are
    told apart by the median heights of their atoms; the layers that are at least half as populated as the
    fullest are the slab's, and between two of them that are 5 Å or more apart is a gap. z = 0 is the layer at
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
    waters = _waters(sample)
    if slab.layer:
        return _of_atoms(sample, positions, metal, waters, slab)
    layers = Layers.of(sample, metal)
    guests = _within(sample, layers, np.flatnonzero(~np.isin(numbers, [*slab.elements, HYDROGEN, OXYGEN])))
    if len(guests):
        layers = Layers.of(sample, np.union1d(metal, guests))
    gap = _wettest(sample, layers, waters)
    return _described(sample, positions, layers, guests, gap, waters, slab)


def _waters(sample: Sample) -> Ints:
    """Oxygens that own two hydrogens in the first frame; all oxygens where none does."""
    owner = owners(sample.numbers, sample.first, sample.cell)
    hydrogens = np.bincount(owner[owner >= 0], minlength=len(sample.numbers))
    oxygens = np.flatnonzero(sample.numbers == OXYGEN)
    return oxygens[hydrogens[oxygens] == 2] if (hydrogens[oxygens] == 2).any() else oxygens


@dataclass(frozen=True)
class Gap:
    """Gap between two layers, in Å along z: from `low`, the end of the layer below, `height` up."""

    below: Ints
    above: Ints
    low: float
    height: float

    def holds(self, z: Floats, length: float) -> NDArray[np.bool_]:
        """True for heights inside the gap."""
        return np.asarray(np.mod(z - self.low, length) < self.height)


@dataclass(frozen=True)
class Layers:
    """Layers of the slab from below, around the period of the cell, and the gaps between them.

    full: layers at least half as populated as the fullest; sparse: atoms of no such layer.
    """

    full: tuple[Ints, ...]
    sparse: Ints
    gaps: tuple[Gap, ...]

    @classmethod
    def of(cls, sample: Sample, atoms: Ints) -> "Layers":
        """Layers of these atoms. Raises ValueError where no gap of 5 Å is left."""
        z = sample.medians(atoms)
        groups = [group for part in _split(z, sample.length, LAYER_GAP) for group in _rows(z, part, sample)]
        fullest = max(len(group) for group in groups)
        full = [group for group in groups if 2 * len(group) >= fullest]
        sparse = np.concatenate([NO_ATOMS, *(group for group in groups if 2 * len(group) < fullest)])
        gaps, widest = [], 0.0
        for below, above in zip(full, [*full[1:], full[0]], strict=True):
            low, high = _edge(z[below], sample.length, 1.0), _edge(z[above], sample.length, -1.0)
            height = float(np.mod(high - low, sample.length)) or sample.length
            widest = max(widest, height)
            if height >= SURFACE_GAP:
                gaps.append(Gap(np.sort(atoms[below]), np.sort(atoms[above]), low, height))
        if not gaps:
            raise ValueError(no_gap(sample.first, sample.cell, atoms, widest))
        return cls(tuple(np.sort(atoms[group]) for group in full), np.sort(atoms[sparse]), tuple(gaps))

    def beside(self, layer: Ints, step: int) -> Ints:
        """Next full layer above (step 1) or below (step -1) a layer."""
        place = next(place for place, other in enumerate(self.full) if np.array_equal(other, layer))
        return self.full[(place + step) % len(self.full)]


def _unrolled(z: Floats, length: float) -> Floats:
    """Heights (K,) Å of one layer, each in the image nearest to the first."""
    return np.asarray(z[0] + (z - z[0]) - length * np.rint((z - z[0]) / length))


def _middle(z: Floats, length: float) -> float:
    """Median of a layer's heights in Å."""
    return float(np.median(_unrolled(z, length)))


def _edge(z: Floats, length: float, side: float) -> float:
    """Highest (side 1) or lowest (side -1) of a layer's heights in Å."""
    unrolled = _unrolled(z, length)
    return float(unrolled.max() if side > 0 else unrolled.min())


def _split(z: Floats, length: float, apart: float) -> list[Ints]:
    """Indices of heights z (K,) Å in groups further than `apart` from each other, around the period.

    The first group begins above the widest gap.
    """
    order = np.argsort(z, kind="stable")
    gaps = np.diff(z[order], append=z[order[0]] + length)
    widest = int(gaps.argmax())
    order, steps = np.roll(order, -widest - 1), np.roll(gaps, -widest - 1)[:-1]
    return list(np.split(order, np.flatnonzero(steps > apart) + 1))


def _rows(z: Floats, group: Ints, sample: Sample) -> list[Ints]:
    """Split a group of heights that is too thick for one layer into rows; else the group itself."""
    unrolled = np.mod(z[group] - z[group[0]], sample.length)
    if np.ptp(unrolled) <= THICKEST_ROW:
        return [group]
    return list(np.split(group, np.flatnonzero(np.diff(unrolled) > ROW_GAP) + 1))


def _within(sample: Sample, layers: Layers, others: Ints) -> Ints:
    """Other atoms that lie within the slab, or at most 0.75 Å outside the middle of an outer layer.

    Only elements of which most atoms do so count, because a single ion may come as near to a rough surface.
    """
    z = sample.medians(others)
    outside = np.zeros(len(others), dtype=bool)
    for gap in layers.gaps:
        low, high = (_middle(sample.medians(layer), sample.length) for layer in (gap.below, gap.above))
        above = np.mod(z - low, sample.length)
        outside |= (above > WITHIN) & (above < np.mod(high - low, sample.length) - WITHIN)
    inside, kinds = others[~outside], sample.numbers[others]
    most = [kind for kind in np.unique(kinds) if 2 * outside[kinds == kind].sum() < (kinds == kind).sum()]
    return inside[np.isin(sample.numbers[inside], most)]


def _wettest(sample: Sample, layers: Layers, waters: Ints) -> Gap:
    """Gap with most waters, the widest of equal ones."""

    def content(gap: Gap) -> tuple[int, float]:
        return int(gap.holds(sample.heights[:, waters], sample.length).sum()), gap.height

    return max(layers.gaps, key=content)


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
    faces = _wet(sample, positions, tuple(sides.values()), waters, slab)
    for face in faces:
        _check(sample, layers, face)
    adatoms, dissolved = _loose(sample, layers)
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
        height = np.mod(_unrolled(sample.first[face.layer, 2], sample.length).mean(), sample.length)
        lines.append(f"{name} face: {sample.symbols(face.layer)} at z = {height:.2f} Å")
    return lines


def _heights(sample: Sample, faces: tuple[Face, ...], atoms: Ints) -> str:
    """Median heights of atoms above the nearer face, in words."""
    above = [np.median(face.heights(sample.first[None], sample.cell, atoms)[0]) for face in faces]
    near = min(above, key=abs)
    return f"{near:.2f} Å above it in the first frame" + " (median)" * (len(atoms) > 1)


def _wet(
    sample: Sample, positions: NDArray[np.floating], faces: tuple[Face, ...], waters: Ints, slab: Slab
) -> tuple[Face, ...]:
    """Requested faces, or those that water touches; ValueError where no water is near any."""
    if not len(waters):
        return tuple(face for face in faces if slab.face in (BOTH, "") or face.normal == SIDES[slab.face])[:1]
    heights = [face.heights(positions, sample.cell, waters) for face in faces]
    wet = [int(interfacial(z).sum()) for z in heights]
    if max(wet) == 0:
        wet = [int(((z > 0) & (z <= FARTHEST_WATER)).sum()) for z in heights]
    if max(wet) == 0:
        nearest = min(float(z[z > 0].min(initial=np.inf)) for z in heights)
        raise ValueError(
            f"no water is near a face of the slab: the nearest oxygen is {nearest:.1f} Å above z = 0, "
            f"expected {FARTHEST_WATER:g} Å or less; are the slab's elements right?"
        )
    if slab.face == BOTH:
        return faces
    if slab.face:
        return tuple(face for face in faces if face.normal == SIDES[slab.face])
    if len(faces) == 2 and 2 * min(wet) >= max(wet):
        return faces
    return (faces[int(np.argmax(wet))],)


def _check(sample: Sample, layers: Layers, face: Face) -> None:
    """Raise ValueError for an implausible layer of a slab."""
    choose = "pass the atoms of z = 0 as --layer-atoms"
    thick = float(np.ptp(_unrolled(sample.medians(face.layer), sample.length)))
    if len(face.layer) == 1:
        raise ValueError(f"z = 0 would be a layer of {sample.symbols(face.layer)}: {choose}")
    if thick > THICKEST_LAYER:
        raise ValueError(
            f"layers cannot be told apart along z: {sample.symbols(face.layer)} fill {thick:.2f} Å without a "
            f"gap of {ROW_GAP:g} Å: {choose}"
        )
    inner = layers.beside(face.layer, -int(face.normal))
    depth = _edge(sample.medians(face.layer), sample.length, -face.normal) - _edge(
        sample.medians(inner), sample.length, face.normal
    )
    if np.mod(face.normal * depth, sample.length) >= SURFACE_GAP or len(layers.full) == 1:
        raise ValueError(f"the slab would be one layer, {sample.symbols(face.layer)}: {choose}")


def _loose(sample: Sample, layers: Layers) -> tuple[Ints, Ints]:
    """Atoms of sparse layers: those bound to the slab, directly or through others, and the dissolved ones."""
    full, left = np.concatenate(layers.full), layers.sparse
    if not len(left):
        return NO_ATOMS, NO_ATOMS
    reach = BOND * _neighbour_distance(sample, layers.full)
    bound, edge = NO_ATOMS, full
    while len(left) and len(edge):
        vectors = sample.first[left][:, None] - sample.first[edge][None]
        near = np.linalg.norm(minimum_image(vectors, sample.cell), axis=-1).min(axis=1) <= reach
        bound, edge, left = np.concatenate([bound, left[near]]), left[near], left[~near]
    return np.sort(bound), left


def _neighbour_distance(sample: Sample, layers: tuple[Ints, ...]) -> float:
    """Median over one layer of the distance to the nearest atom of the slab, Å."""
    layer, full = layers[len(layers) // 2], np.concatenate(layers)
    vectors = sample.first[layer][:, None] - sample.first[full][None]
    distances = np.linalg.norm(minimum_image(vectors, sample.cell), axis=-1)
    return float(np.median(np.where(distances > 0, distances, np.inf).min(axis=1)))


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
