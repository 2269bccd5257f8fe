"""What datasets hold: read and checked before anything runs, remembered while their files do not change."""

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlipbench_hpc.campaign.spec import FileDataset, GeneratedDataset, Slab, Structure, Structures, System
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.key import digest, plain_files, tree_digest

if TYPE_CHECKING:
    from mlipbench_hpc.data.check import DataProblem
    from mlipbench_hpc.data.frames import Frames

FACTS_VERSION = 3
ANGSTROM3_OF_WATER = 29.91461  # that 18.015 g/mol fill at 1 g/cm³
# Atoms/Å³ of liquid water, for want of any other.
TYPICAL_DENSITY = 0.1
Field = Literal["path", "sha256"]
Brought = FileDataset | Structure | Structures


@dataclass(frozen=True)
class DatasetFacts:
    """What one dataset holds.

    sha256 of the file or folder (empty when generated); sizes: atoms of each frame; compositions: frames of
    each; species: sorted atomic numbers; dipoles: frames whose dipole is known; density: atoms/Å³ around an
    atom, for estimates of cost alone.
    """

    sha256: str
    sizes: tuple[int, ...]
    compositions: Mapping[str, int]
    species: tuple[int, ...]
    dipoles: int = 0
    density: float = field(default=TYPICAL_DENSITY, compare=False)

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

    def neighbours(self, cutoff: float) -> float:
        """About how many atoms lie within `cutoff` (Å) of another, on average."""
        from mlipbench_hpc.data.density import sphere

        return self.density * sphere(cutoff)

    def describe(self) -> str:
        """One line: frames, compositions, how many dipoles, sha256."""
        held = ", ".join(f"{count} x {formula}" for formula, count in self.compositions.items())
        dipoles = f", dipole known of {self.dipoles}" if self.dipoles else ""
        return f"{self.frames} frames ({held}){dipoles}, sha256 {self.sha256 or 'generated'}"


@dataclass(frozen=True)
class FileProblem:
    """Something wrong with a dataset's file, and which field of its entry says so."""

    field: Field
    message: str
    received: str = ""
    expected: str = ""


def built_facts(system: System) -> DatasetFacts | None:
    """What the one frame of a system will hold, known without making it; None for a user's structure."""
    if system.water_box:
        molecules, density = system.water_box.molecules, system.water_box.density
        return _facts_of({"H": 2 * molecules, "O": molecules}, 3.0 * density / ANGSTROM3_OF_WATER)
    if system.slab:
        n, m, layers = system.slab.size
        waters = {"H": 2 * system.slab.waters, "O": system.slab.waters}
        counts = {"Au": n * m * layers, "Na": system.slab.ions} | waters
        return _facts_of(counts, _slab_density(system.slab, sum(counts.values())))
    return None


def _slab_density(slab: Slab, atoms: int) -> float:
    """Atoms/Å³ around an atom of gold under a film of water."""
    from mlipbench_hpc.data.density import film_density

    n, m, layers = slab.size
    gold = n * m * layers * slab.lattice_constant**3 / 4
    water = slab.waters * ANGSTROM3_OF_WATER / slab.density
    area = n * m * slab.lattice_constant**2 * 3**0.5 / 4
    return film_density(atoms, gold + water, (gold + water) / area)


def _facts_of(counts: Mapping[str, int], density: float) -> DatasetFacts:
    """One frame of so many atoms of each symbol, with so many atoms/Å³ around one."""
    present = sorted(symbol for symbol, count in counts.items() if count)
    formula = "".join(f"{symbol}{counts[symbol]}" for symbol in present)
    species = sorted(atomic_number(symbol) for symbol in present)
    return DatasetFacts("", (sum(counts.values()),), {formula: 1}, tuple(species), density=density)


def generated_facts(
    dataset: GeneratedDataset, systems: Mapping[str, DatasetFacts], answers: Sequence[str]
) -> DatasetFacts:
    """What a generated dataset will hold; all of its systems must be known. answers: see `labelled_facts`."""
    sizes, compositions, density = list[int](), Counter[str](), 0.0
    for system, _start, frames in dataset.runs:
        (formula,) = systems[system].compositions
        density += systems[system].density * frames / dataset.frames
        compositions[formula] += frames
        sizes += systems[system].sizes * frames
    species = {number for system in dataset.origins for number in systems[system].species}
    sampled = DatasetFacts("", tuple(sizes), dict(compositions), tuple(sorted(species)), density=density)
    return labelled_facts(sampled, answers)


def labelled_facts(facts: DatasetFacts, answers: Sequence[str]) -> DatasetFacts:
    """What frames hold once a reference potential has labelled them.

    answers: what its card says that it labels besides energies and forces.
    """
    return replace(facts, sha256="", dipoles=facts.frames if "dipole" in answers else 0)


def drawn(facts: DatasetFacts, only: Mapping[str, int]) -> DatasetFacts:
    """What the frames hold that have exactly so many atoms of each element; sizes in no order of the frames'.

    only: number of atoms by symbol.
    """
    if not only:
        return facts
    kept = {
        formula: frames
        for formula, frames in facts.compositions.items()
        if all(atoms_in(formula).get(symbol, 0) == count for symbol, count in only.items())
    }
    sizes = [sum(atoms_in(formula).values()) for formula, frames in kept.items() for _ in range(frames)]
    species = {atomic_number(symbol) for formula in kept for symbol in atoms_in(formula)}
    return DatasetFacts(facts.sha256, tuple(sizes), kept, tuple(sorted(species)), density=facts.density)


def atomic_number(symbol: str) -> int:
    """Of an element."""
    from ase.data import atomic_numbers

    return int(atomic_numbers[symbol])


def atoms_in(formula: str) -> dict[str, int]:
    """Number of atoms by symbol of a composition such as H128O64."""
    return {symbol: int(count or 1) for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}


def read_parameters(dataset: Brought) -> dict[str, Any]:
    """How the file is read: parameters of its `build` task, `kind` apart."""
    if isinstance(dataset, Structure):
        return {"format": dataset.format}
    if isinstance(dataset, Structures):
        return {"format": dataset.format, "frames": dataset.frames}
    return {
        "format": dataset.format,
        "units": dataset.units.model_dump(),
        "labels": dataset.labels.model_dump(),
        "frames": dataset.frames,
        "largest_force": dataset.largest_force,
    }


def file_facts(source: Path, dataset: Brought, cache: Path | None) -> DatasetFacts | list[FileProblem]:
    """Read, check and hash a user's file, or remember having done so; problems are never remembered."""
    if not source.is_file() and not source.is_dir():
        return [
            FileProblem("path", "no such file or folder", str(source), f"data in the format {dataset.format}")
        ]
    try:
        memory = cache / f"{_state(source, dataset)}.json" if cache else None
        facts = _remembered(memory) or _looked_at(source, dataset, memory)
    except (OSError, ValueError) as error:
        return [FileProblem("path", str(error))]
    if isinstance(facts, DatasetFacts) and dataset.sha256 not in (None, facts.sha256):
        expected = f"{dataset.sha256} (correct `sha256` if the data were meant to change, else restore them)"
        return [FileProblem("sha256", f"{source} is not the pinned data", facts.sha256, expected)]
    return facts


def _state(source: Path, dataset: Brought) -> str:
    """Digest of what the file system says of the file(s), without reading them, and of how they are read."""
    files = plain_files(source) if source.is_dir() else [source]
    marks = [(str(path), *_marks(path.stat())) for path in files]
    return digest([FACTS_VERSION, str(source.resolve()), marks, read_parameters(dataset)])


def _marks(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _remembered(memory: Path | None) -> DatasetFacts | None:
    known = read_json(memory) if memory else None
    if not isinstance(known, dict):
        return None
    return DatasetFacts(
        known["sha256"],
        tuple(known["sizes"]),
        known["compositions"],
        tuple(known["species"]),
        known["dipoles"],
        known["density"],
    )


def _looked_at(source: Path, dataset: Brought, memory: Path | None) -> DatasetFacts | list[FileProblem]:
    from mlipbench_hpc.data.density import local_density
    from mlipbench_hpc.data.summary import summary

    frames, dipoles, wrong = _checked(source, dataset)
    if wrong:
        return [
            FileProblem("path", f"{source}: {_where(p.frame)}{p.message}", p.received, p.expected)
            for p in wrong
        ]
    compositions = summary(frames)["compositions"]
    sizes = tuple(int(size) for size in frames.sizes)
    species, density = tuple(frames.species()), local_density(frames)
    facts = DatasetFacts(tree_digest(source), sizes, compositions, species, dipoles, density)
    if memory:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, asdict(facts))
    return facts


def _checked(source: Path, dataset: Brought) -> "tuple[Frames, int, list[DataProblem]]":
    """Frames, how many of them have a dipole, and what is wrong with them."""
    import numpy as np

    from mlipbench_hpc.data.check import DataProblem, check_frames, check_structure, check_structures
    from mlipbench_hpc.data.read import read, read_structure, read_structures

    if isinstance(dataset, Structure):
        frames = read_structure(source)
        return frames, 0, check_structure(frames)
    if isinstance(dataset, Structures):
        frames = read_structures(source, dataset.format, dataset.frames)
        return frames, 0, check_structures(frames)
    how = read_parameters(dataset)
    frames, dipoles = read(source, how["format"], how["units"], how["labels"], how["frames"])
    known, wrong = int(np.isfinite(dipoles).sum()), check_frames(frames, dataset.largest_force)
    if not known and "dipole" in dataset.labels.model_fields_set and dataset.format != "deepmd-npy":
        expected = "the name of a vector in its frames, or no `dipole` under `labels`"
        wrong.append(DataProblem(None, "no frame has such a dipole", dataset.labels.dipole, expected))
    return frames, known, wrong


def _where(frame: int | None) -> str:
    return "" if frame is None else f"frame {frame}: "
