"""Frames composed of two: one within a radius of a water, the other beyond."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.molecules import ions_of
from mlipbench_hpc.analysis.slab import Slab, interfacial
from mlipbench_hpc.analysis.surface import Surface, surface
from mlipbench_hpc.analysis.visibility import shortest
from mlipbench_hpc.analysis.waters import Waters
from mlipbench_hpc.data.frames import Floats, Frames, Ints

# Å between the places of a metal atom in two frames, beyond which it is not the same one.
SAME_SITE_A = 1.5
FEWEST_HOSTS = 3  # of fewer, an error over hosts is half the difference of two, which is no estimate
Contacts = Mapping[tuple[int, int], float]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """A frame of a metal, waters and single ions.

    numbers (N,), positions (N, 3) Å, cell (3, 3) Å; metal (K,): atoms of the slab; ions (I,); waters (W, 3):
    O, H, H; outside: its faces.
    """

    numbers: Ints
    positions: Floats
    cell: Floats
    metal: Ints
    ions: Ints
    waters: Ints
    outside: Surface

    @classmethod
    def of(cls, frames: Frames, index: int, metal: Sequence[int]) -> "Scene":
        """One frame. ValueError where it holds anything else, or its metal has no surface."""
        own, cell = frames.atoms_of(index), frames.cells[index]
        numbers, positions = frames.numbers[own], frames.positions[own]
        outside = surface(numbers, positions[None], cell, Slab.of(tuple(metal)))
        waters = Waters.assign(numbers, positions, cell, outside)
        slab, intact = np.flatnonzero(np.isin(numbers, metal)), waters.intact
        rest = np.setdiff1d(np.arange(len(numbers)), np.concatenate([slab, intact.ravel()]))
        single = ions_of(numbers, positions, cell, outside).values()
        alone = {int(atom) for atoms in single for atom in atoms} == set(rest.tolist())
        if len(waters.loose) or waters.left_out or not outside.faces or not alone:
            raise ValueError("it is not all metal with a surface, water and single ions")
        return cls(numbers, positions, cell, slab, rest, intact, outside)

    @cached_property
    def unit(self) -> Ints:
        """First atom (N,) of what moves as a whole with each atom: the oxygen of its water, or itself."""
        units = np.arange(len(self.numbers))
        units[self.waters[:, 1:]] = self.waters[:, :1]
        return units

    @property
    def charge(self) -> tuple[tuple[int, int], ...]:
        """Number of ions of each atomic number, which sets the charge of the metal."""
        return tuple(sorted(Counter(self.numbers[self.ions].tolist()).items()))

    @property
    def first_layer(self) -> Ints:
        """Rows of `waters` in the first layer of any face."""
        oxygens = self.waters[:, 0]
        heights = [face.heights(self.positions[None], self.cell, oxygens)[0] for face in self.outside.faces]
        return np.flatnonzero(np.any([interfacial(z) for z in heights], axis=0))

    def within(self, centre: Floats, radius: float) -> Mask:
        """Atoms (N,) of all units of which an atom is within `radius` Å of `centre` (3,), or an image."""
        near = shortest(self.positions - centre, self.cell) <= radius
        units = np.zeros(len(near), dtype=bool)
        units[self.unit[near]] = True
        return np.asarray(units[self.unit])


def contacts(scenes: Sequence[Scene]) -> Contacts:
    """By pair of atomic numbers, Å: the shortest distance between atoms of two units in any frame.

    So nothing is nearer in a composed frame than it ever is in the data. Pairs that no frame has are not
    limited; metal atoms are not paired.
    """
    every: dict[tuple[int, int], float] = {}
    for scene in scenes:
        for pair, distance in _shortest_pairs(scene).items():
            every[pair] = min(distance, every.get(pair, np.inf))
    return every


def _shortest_pairs(scene: Scene) -> dict[tuple[int, int], float]:
    numbers, unit = scene.numbers, scene.unit
    apart = np.linalg.norm(minimum_image(scene.positions[:, None] - scene.positions, scene.cell), axis=-1)
    apart[unit[:, None] == unit] = np.inf
    apart[np.ix_(scene.metal, scene.metal)] = np.inf
    rows = {number: np.flatnonzero(numbers == number) for number in np.unique(numbers).tolist()}
    pairs = itertools.combinations_with_replacement(rows, 2)
    nearest = {pair: float(apart[np.ix_(rows[pair[0]], rows[pair[1]])].min()) for pair in pairs}
    return {pair: distance for pair, distance in nearest.items() if np.isfinite(distance)}


@dataclass(frozen=True)
class Composed:
    """A composed frame: metal, ions, then waters, of which the central one comes first.

    left_out: waters of the donor that are left out because they would overlap with the host's.
    """

    numbers: Ints
    positions: Floats
    water: Ints
    waters: int
    charge: tuple[tuple[int, int], ...]
    left_out: int


def compose(host: Scene, donor: Scene, water: int, radius: float, limits: Contacts) -> Composed | None:
    """What is within `radius` Å of the oxygen of a water of `host`, and beyond it what `donor` has there.

    water: row of the host's. Waters count as wholes: those of the host with an atom within the radius stay,
    and those of the donor with an atom within it are not taken. A metal atom is the host's where it is within
    the radius, else the donor's at the same index. A donor's water nearer to anything of the host's than
    `contacts` is left out. None where the two are not of the same slab and cell, or an ion or metal atom
    would overlap.
    """
    if not _same_slab(host, donor):
        return None
    centre = host.positions[host.waters[water, 0]]
    kept, taken = host.within(centre, radius), ~donor.within(centre, radius)
    mine = kept[host.metal]
    metal = np.where(mine[:, None], host.positions[host.metal], donor.positions[donor.metal])
    inner, outer = kept.copy(), taken.copy()
    inner[host.metal], outer[donor.metal] = mine, ~mine
    bad = _overlapping(host, np.flatnonzero(inner), donor, np.flatnonzero(outer), limits)
    if np.isin(bad, donor.waters).all():
        left = np.isin(donor.waters[:, 0], donor.unit[bad])
        own = np.setdiff1d(np.flatnonzero(kept[host.waters[:, 0]]), [water])
        waters = [host.waters[np.append(water, own)], donor.waters[taken[donor.waters[:, 0]] & ~left]]
        return _joined(host, donor, metal, (kept, taken), waters, int(left.sum()))
    return None


def _same_slab(host: Scene, donor: Scene) -> bool:
    if not np.allclose(host.cell, donor.cell, atol=1e-3) or not np.array_equal(
        host.numbers[host.metal], donor.numbers[donor.metal]
    ):
        return False
    apart = minimum_image(host.positions[host.metal] - donor.positions[donor.metal], host.cell)
    return bool(np.linalg.norm(apart, axis=1).max() <= SAME_SITE_A)


def _overlapping(host: Scene, inner: Ints, donor: Scene, outer: Ints, limits: Contacts) -> Ints:
    """Atoms of the donor that are nearer to an atom of the host than their limit; metal to metal never is."""
    apart = minimum_image(host.positions[inner][:, None] - donor.positions[outer], host.cell)
    distances = np.linalg.norm(apart, axis=-1)
    limit = np.zeros_like(distances)
    for (one, other), least in limits.items():
        for a, b in {(one, other), (other, one)}:
            limit[np.ix_(host.numbers[inner] == a, donor.numbers[outer] == b)] = least
    limit[np.ix_(np.isin(inner, host.metal), np.isin(outer, donor.metal))] = 0.0
    return np.asarray(outer[(distances < limit).any(axis=0)])


def _joined(
    host: Scene, donor: Scene, metal: Floats, sides: tuple[Mask, Mask], waters: list[Ints], left_out: int
) -> Composed:
    """One frame of metal positions (K, 3), ions of both sides, and waters of both (rows of O, H, H)."""
    ions = [scene.ions[side[scene.ions]] for scene, side in zip((host, donor), sides, strict=True)]
    numbers = [host.numbers[host.metal], host.numbers[ions[0]], donor.numbers[ions[1]]]
    positions = [metal, host.positions[ions[0]], donor.positions[ions[1]]]
    order = np.argsort(np.concatenate(numbers[1:]), kind="stable")
    for scene, own in zip((host, donor), waters, strict=True):
        numbers.append(scene.numbers[own.ravel()])
        positions.append(scene.positions[own.ravel()])
    first, count = len(metal) + len(order), sum(len(own) for own in waters)
    every, places = np.concatenate(numbers), np.concatenate(positions)
    between = slice(len(metal), first)
    every[between], places[between] = every[between][order], places[between][order]
    charge = tuple(sorted(Counter(every[between].tolist()).items()))
    return Composed(every, places, first + np.arange(3), count, charge, left_out)


@dataclass(frozen=True)
class Floor:
    """Root mean square spread of a component of the force, eV/Å, with its standard error; waters counted."""

    value: float
    error: float
    waters: int


def floor(forces: Sequence[Sequence[Floats]]) -> Floor:
    """Of forces (D, 3) eV/Å on each water of each host, in D composed frames.

    √⟨σ²⟩, σ² the variance (ddof = 1) over donors of a component of the net force, averaged over components,
    waters and hosts. Error: jackknife over hosts, since waters of one frame are alike; NaN for fewer than
    three hosts.
    """
    from mlipbench_hpc.analysis.blocks import jackknife

    variances = [[float(own.var(axis=0, ddof=1).mean()) for own in host if len(own) > 1] for host in forces]
    sums = np.array([(sum(host), len(host)) for host in variances if host], dtype=float).reshape(-1, 2)
    waters = int(sums[:, 1].sum())
    if not waters:
        return Floor(float("nan"), float("nan"), 0)
    if len(sums) < FEWEST_HOSTS:
        return Floor(float(np.sqrt(sums[:, 0].sum() / waters)), float("nan"), waters)
    value, error = jackknife(sums, lambda part: np.sqrt(part[0] / part[1]))
    return Floor(float(value), float(error), waters)
