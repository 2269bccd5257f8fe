"""What datasets hold: read and checked before anything runs, remembered while their files do not change."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mlipbench_hpc.campaign.spec import FileDataset, GeneratedDataset, System
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.key import digest, plain_files, tree_digest

FACTS_VERSION = 1
Field = Literal["path", "sha256"]


@dataclass(frozen=True)
class DatasetFacts:
    """What one dataset holds.

    sha256 of the file or folder (empty when generated); sizes: atoms of each frame; compositions: frames of
    each; species: sorted atomic numbers.
    """

    sha256: str
    sizes: tuple[int, ...]
    compositions: Mapping[str, int]
    species: tuple[int, ...]

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


@dataclass(frozen=True)
class FileProblem:
    """Something wrong with a dataset's file, and which field of its entry says so."""

    field: Field
    message: str
    received: str = ""
    expected: str = ""


def water_facts(system: System, frames: int = 1) -> DatasetFacts:
    """What `frames` frames of a water box will hold, known without making them."""
    molecules = system.water_box.molecules
    composition = f"H{2 * molecules}O{molecules}"
    return DatasetFacts("", (3 * molecules,) * frames, {composition: frames}, (1, 8))


def generated_facts(dataset: GeneratedDataset, system: System) -> DatasetFacts:
    """What a generated dataset will hold."""
    return water_facts(system, dataset.frames)


def read_parameters(dataset: FileDataset) -> dict[str, Any]:
    """How the file is read: parameters of its `build` task, `kind` apart."""
    return {
        "format": dataset.format,
        "units": dataset.units.model_dump(),
        "labels": dataset.labels.model_dump(),
        "frames": dataset.frames,
        "largest_force": dataset.largest_force,
    }


def file_facts(source: Path, dataset: FileDataset, cache: Path | None) -> DatasetFacts | list[FileProblem]:
    """Read, check and hash a dataset, or remember having done so; problems are never remembered."""
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


def _state(source: Path, dataset: FileDataset) -> str:
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
        known["sha256"], tuple(known["sizes"]), known["compositions"], tuple(known["species"])
    )


def _looked_at(source: Path, dataset: FileDataset, memory: Path | None) -> DatasetFacts | list[FileProblem]:
    from mlipbench_hpc.data.check import check_frames
    from mlipbench_hpc.data.read import read
    from mlipbench_hpc.data.summary import summary

    how = read_parameters(dataset)
    frames = read(source, how["format"], how["units"], how["labels"], how["frames"])
    if wrong := check_frames(frames, dataset.largest_force):
        return [
            FileProblem("path", f"{source}: {_where(p.frame)}{p.message}", p.received, p.expected)
            for p in wrong
        ]
    compositions = summary(frames)["compositions"]
    sizes = tuple(int(size) for size in frames.sizes)
    facts = DatasetFacts(tree_digest(source), sizes, compositions, tuple(frames.species()))
    if memory:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, asdict(facts))
    return facts


def _where(frame: int | None) -> str:
    return "" if frame is None else f"frame {frame}: "
