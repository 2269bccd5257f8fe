"""Facts of datasets: read and checked before anything runs, remembered while their files do not change."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.campaign.spec import GeneratedDataset, Slab, System
from mlipbench_hpc.data.formulas import atoms_in

if TYPE_CHECKING:
    from mlipbench_hpc.data.frames import Frames

# The order in which builders write atoms.
WATER = ("O", "H", "H")
ANGSTROM3_OF_WATER = 29.91461  # that 18.015 g/mol fill at 1 g/cm³
# Atoms/Å³ of liquid water, for want of any other.
TYPICAL_DENSITY = 0.1
MOST_NAMED = 8


@dataclass(frozen=True)
class DatasetFacts:
    """Facts of one dataset.

    sha256 of the file or folder (empty when generated); sizes: atoms of each frame; compositions: frames of
    each; species: sorted atomic numbers; dipoles: frames whose dipole is known; density: atoms/Å³ around an
    atom, for estimates of cost alone. By frame, empty where there is nothing to say: kinds, which composition
    it has (empty: in the order of `compositions`); groups, its trajectory; sets, the word for its set;
    arranged, which of `masses` it has. masses: u of atoms in their order, as mass and number of consecutive
    atoms in turn, where the order is known. isolated: indices of frames of one isolated atom; energies: mean
    energy in eV of the frames of each composition, where it is known; understood and remarks: sentences about
    a user's file.
    """

    sha256: str
    sizes: tuple[int, ...]
    compositions: Mapping[str, int]
    species: tuple[int, ...]
    dipoles: int = 0
    density: float = field(default=TYPICAL_DENSITY, compare=False)
    kinds: tuple[int, ...] = field(default=(), compare=False)
    groups: tuple[str, ...] = field(default=(), compare=False)
    sets: tuple[str, ...] = field(default=(), compare=False)
    arranged: tuple[int, ...] = field(default=(), compare=False)
    masses: tuple[Sequence[float], ...] = field(default=(), compare=False)
    isolated: tuple[int, ...] = field(default=(), compare=False)
    energies: Mapping[str, float] = field(default_factory=dict, compare=False)
    understood: tuple[str, ...] = field(default=(), compare=False)
    remarks: tuple[str, ...] = field(default=(), compare=False)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.sizes)

    @property
    def atoms(self) -> int:
        """Number of atoms of all frames together."""
        return sum(self.sizes)

    @property
    def largest(self) -> int:
        """Atoms of the largest frame."""
        return max(self.sizes)

    @cached_property
    def formulas(self) -> tuple[str, ...]:
        """The composition of each frame."""
        names = tuple(self.compositions)
        if self.kinds:
            return tuple(names[kind] for kind in self.kinds)
        return tuple(name for name, count in self.compositions.items() for _ in range(count))

    @property
    def runs(self) -> list[int] | None:
        """Frames of each trajectory where these follow one another in the data; None where they do not."""
        stretches = [(name, len(list(frames))) for name, frames in groupby(self.groups)]
        distinct = len({name for name, _ in stretches}) == len(stretches)
        return [length for _, length in stretches] if stretches and distinct else None

    def select(self, indices: list[int]) -> "DatasetFacts":
        """Facts of these frames alone."""
        formulas = self.formulas
        compositions = dict(Counter(formulas[index] for index in indices))
        places = {name: place for place, name in enumerate(compositions)}
        symbols = {symbol for formula in compositions for symbol in atoms_in(formula)}
        record: dict[str, Any] = {
            name: tuple(getattr(self, name)[index] for index in indices) if getattr(self, name) else ()
            for name in ("sizes", "groups", "sets", "arranged")
        }
        return DatasetFacts(
            sha256=self.sha256,
            compositions=compositions,
            species=tuple(sorted(atomic_number(symbol) for symbol in symbols)),
            density=self.density,
            kinds=tuple(places[formulas[index]] for index in indices),
            masses=self.masses,
            energies={name: energy for name, energy in self.energies.items() if name in compositions},
            **record,
        )

    def lightest_mass(self, frame: int, fixed: Collection[int] = ()) -> float:
        """u, of the lightest atom of a frame that is not fixed; infinite where all are.

        fixed: indices of atoms; they count as mobile where the order of atoms is not known.
        """
        from ase.data import atomic_masses

        if not self.arranged:
            return min(float(atomic_masses[atomic_number(s)]) for s in atoms_in(self.formulas[frame]))
        lightest, start, pairs = math.inf, 0, iter(self.masses[self.arranged[frame]])
        for mass, count in zip(pairs, pairs, strict=True):
            if mass < lightest and any(atom not in fixed for atom in range(start, start + int(count))):
                lightest = mass
            start += int(count)
        return lightest

    def neighbours(self, cutoff: float) -> float:
        """About how many atoms lie within `cutoff` (Å) of another, on average."""
        from mlipbench_hpc.data.density import sphere

        return self.density * sphere(cutoff)

    def describe(self) -> str:
        """One line: frames, compositions (at most eight), how many dipoles, sha256."""
        several = list(self.compositions.items())
        text = ", ".join(f"{count} x {formula}" for formula, count in several[:MOST_NAMED])
        text += f" and {len(several) - MOST_NAMED} more compositions" if len(several) > MOST_NAMED else ""
        dipoles = f", dipole known of {self.dipoles}" if self.dipoles else ""
        return f"{self.frames} frames ({text}){dipoles}, sha256 {self.sha256 or 'generated'}"


def stretches(facts: DatasetFacts) -> list[str]:
    """`frames 0 to 79 Au48H72O36`, … for data whose compositions stand in a few stretches; [] for others."""
    lines, begin = list[str](), 0
    for formula, frames in groupby(facts.formulas):
        amount = len(list(frames))
        end = begin + amount - 1
        lines.append(f"frames {begin} to {end} {formula}" if amount > 1 else f"frame {begin} {formula}")
        begin += amount
    return lines if 1 < len(lines) <= MOST_NAMED else []


def built_facts(system: System) -> DatasetFacts | None:
    """Facts of a system's only frame, known before it is built; None for a user's structure."""
    if system.water_box:
        box = system.water_box
        return _facts_of(WATER * box.molecules, 3.0 * box.density / ANGSTROM3_OF_WATER)
    if system.slab:
        slab = system.slab
        symbols = ("Au",) * math.prod(slab.size) + WATER * slab.waters + ("Na",) * slab.ions
        return _facts_of(symbols, _slab_density(slab, len(symbols)))
    return None


def _slab_density(slab: Slab, atoms: int) -> float:
    """Atoms/Å³ around an atom of gold under a film of water."""
    from mlipbench_hpc.data.density import film_density

    n, m, layers = slab.size
    gold = n * m * layers * slab.lattice_constant**3 / 4
    water = slab.waters * ANGSTROM3_OF_WATER / slab.density
    area = n * m * slab.lattice_constant**2 * 3**0.5 / 4
    return film_density(atoms, gold + water, (gold + water) / area)


def _facts_of(symbols: Sequence[str], density: float) -> DatasetFacts:
    """One frame of these atoms in this order, with so many atoms/Å³ around one."""
    from ase.data import atomic_masses

    counts = Counter(symbols)
    formula = "".join(f"{symbol}{counts[symbol]}" for symbol in sorted(counts))
    species = sorted(atomic_number(symbol) for symbol in counts)
    masses = consecutive(float(atomic_masses[atomic_number(symbol)]) for symbol in symbols)
    return DatasetFacts(
        "", (len(symbols),), {formula: 1}, tuple(species), density=density, arranged=(0,), masses=(masses,)
    )


def consecutive(masses: Iterable[float]) -> tuple[float, ...]:
    """Masses of atoms in their order as `DatasetFacts.masses`: mass, number of consecutive atoms, …"""
    return tuple(value for mass, atoms in groupby(masses) for value in (mass, len(list(atoms))))


def generated_facts(
    dataset: GeneratedDataset, systems: Mapping[str, DatasetFacts], answers: Sequence[str]
) -> DatasetFacts:
    """Facts of a generated dataset; all of its systems must be known. answers: see `labelled_facts`."""
    sizes, formulas, groups, density = list[int](), list[str](), list[str](), 0.0
    for number, (system, _start, frames) in enumerate(dataset.runs):
        (formula,) = systems[system].compositions
        density += systems[system].density * frames / dataset.frames
        formulas += [formula] * frames
        sizes += systems[system].sizes * frames
        groups += [
            f"{number}.{index}" for index, count in enumerate(shares(frames, dataset)) for _ in range(count)
        ]
    starts = {str(place): systems[run[0]] for place, run in enumerate(dataset.runs)}
    masses = _arrangements(starts).get("masses", ())
    arranged = [place for place, run in enumerate(dataset.runs) for _ in range(run[2])] if masses else []
    species = {number for system in dataset.origins for number in systems[system].species}
    compositions = dict(Counter(formulas))
    places = {name: place for place, name in enumerate(compositions)}
    known = DatasetFacts(
        "", tuple(sizes), compositions, tuple(sorted(species)), density=density,
        kinds=tuple(places[formula] for formula in formulas), groups=tuple(groups),
        arranged=tuple(arranged), masses=masses,
    )  # fmt: skip
    return labelled_facts(known, answers)


def shares(frames: int, dataset: GeneratedDataset) -> list[int]:
    """Frames at each temperature of a run of `frames`: earlier temperatures take the remainder."""
    share, rest = divmod(frames, len(dataset.temperatures))
    return [share + (index < rest) for index in range(len(dataset.temperatures))]


def joined_facts(parts: Mapping[str, DatasetFacts]) -> DatasetFacts:
    """Facts of several datasets one after the other; each frame's set is the name of its dataset."""
    formulas = [formula for part in parts.values() for formula in part.formulas]
    compositions = dict(Counter(formulas))
    places = {name: place for place, name in enumerate(compositions)}
    frames = sum(part.frames for part in parts.values())
    return DatasetFacts(
        sha256="",
        sizes=tuple(size for part in parts.values() for size in part.sizes),
        compositions=compositions,
        species=tuple(sorted({number for part in parts.values() for number in part.species})),
        dipoles=sum(part.dipoles for part in parts.values()),
        density=sum(part.density * part.frames for part in parts.values()) / frames,
        **_arrangements(parts),
        kinds=tuple(places[formula] for formula in formulas),
        groups=tuple(_groups(parts)) if any(part.groups for part in parts.values()) else (),
        sets=tuple(name for name, part in parts.items() for _ in range(part.frames)),
        isolated=tuple(_isolated(parts)),
        energies=_energies(parts, compositions),
    )


def _energies(parts: Mapping[str, DatasetFacts], compositions: Mapping[str, int]) -> dict[str, float]:
    """Mean energy in eV of each composition over all parts that know it."""
    means = dict[str, float]()
    for name in compositions:
        known = [
            (part.compositions[name], part.energies[name]) for part in parts.values() if name in part.energies
        ]
        if known:
            means[name] = sum(count * energy for count, energy in known) / sum(count for count, _ in known)
    return means


def _arrangements(parts: Mapping[str, DatasetFacts]) -> dict[str, Any]:
    """`arranged` and `masses` of all joined frames; empty where one part does not know the order of atoms."""
    if not all(part.arranged for part in parts.values()):
        return {}
    masses, arranged = list[Sequence[float]](), list[int]()
    for part in parts.values():
        arranged += [len(masses) + index for index in part.arranged]
        masses += part.masses
    return {"arranged": tuple(arranged), "masses": tuple(masses)}


def _groups(parts: Mapping[str, DatasetFacts]) -> Iterator[str]:
    """The trajectory of each joined frame."""
    for name, part in parts.items():
        yield from (f"{name}/{group}" for group in part.groups or [""] * part.frames)


def _isolated(parts: Mapping[str, DatasetFacts]) -> Iterator[int]:
    """Indices of the isolated atoms among all joined frames."""
    start = 0
    for part in parts.values():
        yield from (start + index for index in part.isolated)
        start += part.frames


def labelled_facts(facts: DatasetFacts, answers: Sequence[str]) -> DatasetFacts:
    """Facts of frames once a reference potential has labelled them.

    answers: what its card says that it labels besides energies and forces.
    """
    dipoles = facts.frames if "dipole" in answers else 0
    return replace(facts, sha256="", dipoles=dipoles, energies={}, understood=(), remarks=())


def drawn(facts: DatasetFacts, only: Mapping[str, int]) -> DatasetFacts:
    """Facts of the frames that have exactly so many atoms of each element, isolated atoms left out.

    only: number of atoms by symbol.
    """
    counts = {formula: atoms_in(formula) for formula in facts.compositions}
    suitable = {
        formula
        for formula, atoms in counts.items()
        if all(atoms.get(symbol, 0) == count for symbol, count in only.items())
    }
    alone = set(facts.isolated)
    chosen = [
        index for index, formula in enumerate(facts.formulas) if formula in suitable and index not in alone
    ]
    return facts if len(chosen) == facts.frames else facts.select(chosen)


def atomic_number(symbol: str) -> int:
    """Atomic number of an element."""
    from ase.data import atomic_numbers

    return int(atomic_numbers[symbol])


def frames_facts(frames: "Frames") -> DatasetFacts:
    """Facts of frames, apart from the file that they come from."""
    import numpy as np

    from mlipbench_hpc.data.density import local_density
    from mlipbench_hpc.data.energies import isolated_atoms
    from mlipbench_hpc.data.summary import strata

    formulas = strata(frames)
    compositions = dict(Counter(formulas))
    places = {name: place for place, name in enumerate(compositions)}
    kinds = np.array([places[formula] for formula in formulas])
    orders = [consecutive(frames.masses_of(index).tolist()) for index in range(len(frames))]
    masses = {order: place for place, order in enumerate(dict.fromkeys(orders))}
    return DatasetFacts(
        sha256="",
        sizes=tuple(int(size) for size in frames.sizes),
        compositions=compositions,
        species=tuple(frames.species()),
        density=local_density(frames),
        kinds=tuple(kinds.tolist()),
        groups=() if frames.groups is None else tuple(frames.groups.tolist()),
        sets=() if frames.sets is None else tuple(frames.sets.tolist()),
        arranged=tuple(masses[order] for order in orders),
        masses=tuple(masses),
        isolated=tuple(isolated_atoms(frames).tolist()),
        energies={
            name: mean
            for name, place in places.items()
            if math.isfinite(mean := float(frames.energies[kinds == place].mean()))
        },
    )
