"""Users' files: read, checked and hashed before anything runs, remembered while they do not change."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlipbench_hpc.campaign.facts import DatasetFacts, frames_facts
from mlipbench_hpc.campaign.spec import FileDataset, Structure, Structures
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.key import digest, plain_files, tree_digest

if TYPE_CHECKING:
    from mlipbench_hpc.data.check import DataProblem
    from mlipbench_hpc.data.frames import Frames
    from mlipbench_hpc.data.read import Source
    from mlipbench_hpc.data.relations import Relations

FACTS_VERSION = 12
# Of the reader of users' files: raised when it may understand a file in another way.
READER = 5
Field = Literal["path", "sha256"]
Brought = FileDataset | Structure | Structures


@dataclass(frozen=True)
class FileProblem:
    """Something wrong with a dataset's file, and which field of its entry says so."""

    field: Field
    message: str
    received: str = ""
    expected: str = ""


def read_parameters(dataset: Brought) -> dict[str, Any]:
    """Parameters of reading a file: those of its `build` task, `kind` apart."""
    if isinstance(dataset, Structure):
        return {"format": dataset.format, "reader": READER}
    if isinstance(dataset, Structures):
        return {"format": dataset.format, "frames": dataset.frames, "reader": READER}
    return {
        "format": dataset.format,
        "reader": READER,
        "units": dataset.units.model_dump(),
        "labels": dataset.labels.model_dump(),
        "frames": dataset.frames,
        "largest_force": dataset.largest_force,
        "leave_out": dataset.leave_out.model_dump() if dataset.leave_out else None,
        "ignore": sorted(dataset.ignore),
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


def path_digest(source: Path, cache: Path | None) -> str:
    """sha256 of a file or folder that is not read as data, remembered in the folder `cache` while it stays.

    Raises ValueError for links and the like.
    """
    memory = cache / f"{digest(['digest', _seen(source)])}.json" if cache else None
    known = read_json(memory) if memory else None
    if isinstance(known, dict) and "sha256" in known:
        return str(known["sha256"])
    sha256 = tree_digest(source)
    if memory:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, {"sha256": sha256})
    return sha256


def repeated(parts: Mapping[str, tuple[Path, Brought]], cache: Path | None) -> str:
    """Sentence on a structure that stands in several files that are joined; empty where none does.

    parts: file and entry by the name of the dataset. Files without a repetition are remembered.
    """
    from mlipbench_hpc.data.duplicates import across

    states = [[name, _state(*part)] for name, part in parts.items()]
    memory = cache / f"{digest(['join', states])}.json" if cache else None
    if memory and read_json(memory) is not None:
        return ""
    sentence = across({name: _frames(*part) for name, part in parts.items()})
    if memory and not sentence:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, {"joined": list(parts)})
    return sentence


def _frames(source: Path, dataset: Brought) -> "Frames":
    """Frames of a file that was found right."""
    from mlipbench_hpc.data.read import read_structure, read_structures

    if isinstance(dataset, Structure):
        return read_structure(source).frames
    if isinstance(dataset, Structures):
        return read_structures(source, dataset.format, dataset.frames).frames
    return _left(source, dataset)[0].frames


def _state(source: Path, dataset: Brought) -> str:
    """Digest of what the file system says of the file(s), without reading them, and of how they are read."""
    return digest([FACTS_VERSION, *_seen(source), read_parameters(dataset)])


def _seen(source: Path) -> list[Any]:
    """What the file system says of the file(s)."""
    files = plain_files(source) if source.is_dir() else [source]
    return [str(source.resolve()), [(str(path), *_marks(path.stat())) for path in files]]


def _marks(stat: os.stat_result) -> tuple[int, int, int, int]:
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _remembered(memory: Path | None) -> DatasetFacts | None:
    known = read_json(memory) if memory else None
    if not isinstance(known, dict):
        return None
    plain: dict[str, Any] = {one.name: known[one.name] for one in fields(DatasetFacts)}
    lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
    # In their order, by which `kinds` counts: JSON here sorts the keys of a mapping.
    return DatasetFacts(**(plain | lists | {"compositions": dict(plain["compositions"])}))


def _looked_at(source: Path, dataset: Brought, memory: Path | None) -> DatasetFacts | list[FileProblem]:
    from mlipbench_hpc.data.survey import survey

    content = _checked(source, dataset)
    if content.wrong:
        return [
            FileProblem("path", f"{source}: {_where(p.frame)}{p.message}", p.received, p.expected)
            for p in content.wrong
        ]
    facts = replace(
        frames_facts(content.source.frames),
        sha256=tree_digest(source),
        dipoles=content.dipoles,
        understood=(*survey(content.source, content.relations), *left_out(content.dropped)),
        remarks=content.remarks,
    )
    if memory:
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_json(memory, asdict(facts) | {"compositions": list(facts.compositions.items())})
    return facts


def left_out(dropped: Mapping[str, int]) -> list[str]:
    """Number of frames that each rule of `leave_out` drops, a line each."""
    return [f"left out by `{rule}`: {count} frames" for rule, count in dropped.items()]


@dataclass(frozen=True)
class _Content:
    """A user's file as it was read: frames with a dipole, what is wrong, what `leave_out` drops."""

    source: "Source"
    relations: "Relations"
    wrong: "list[DataProblem]"
    dipoles: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def _checked(source: Path, dataset: Brought) -> _Content:
    from mlipbench_hpc.data.check import check_structure, check_structures
    from mlipbench_hpc.data.read import Source, read_structure, read_structures
    from mlipbench_hpc.data.relations import Relations

    if isinstance(dataset, Structure):
        start = read_structure(source)
        bare, wrong = Source(start.frames, start.dipoles), check_structure(start.frames)
        return _Content(bare, Relations.of(start.frames), wrong, remarks=start.remarks)
    if isinstance(dataset, Structures):
        bare = read_structures(source, dataset.format, dataset.frames)
        return _Content(bare, Relations.of(bare.frames), check_structures(bare.frames), remarks=bare.remarks)
    return _labelled(source, dataset)


def _labelled(source: Path, dataset: FileDataset) -> _Content:
    import numpy as np

    from mlipbench_hpc.data.check import DataProblem
    from mlipbench_hpc.data.labels import check_source, remarks, unchecked
    from mlipbench_hpc.data.relations import Relations
    from mlipbench_hpc.data.survey import in_time

    content, dropped = _left(source, dataset)
    frames, relations = content.frames, Relations.of(content.frames)
    known = int(np.isfinite(content.dipoles).sum())
    wrong = check_source(content, relations, dataset.labels.model_dump(), dataset.largest_force)
    if not known and "dipole" in dataset.labels.model_fields_set and dataset.format != "deepmd-npy":
        expected = "the name of a vector in its frames, or no `dipole` under `labels`"
        wrong.append(DataProblem(None, "no frame has such a dipole", dataset.labels.dipole, expected))
    notes = (
        (*content.remarks, *remarks(relations), *unchecked(relations), *in_time(frames)) if not wrong else ()
    )
    return _Content(content, relations, wrong, known, dropped, notes)


def _left(source: Path, dataset: FileDataset) -> "tuple[Source, dict[str, int]]":
    """What `leave_out` leaves of a file, and the number of frames that each rule drops."""
    from mlipbench_hpc.data.leaveout import leave_out
    from mlipbench_hpc.data.read import read

    parameters = read_parameters(dataset)
    units, labels, ignore = parameters["units"], parameters["labels"], tuple(dataset.ignore)
    everything = read(source, dataset.format, units, labels, dataset.frames, ignore)
    return leave_out(everything, parameters["leave_out"])


def _where(frame: int | None) -> str:
    return "" if frame is None else f"frame {frame}: "
