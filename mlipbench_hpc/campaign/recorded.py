"""The user's trajectories: where their files lie, their digests, what cannot be right about an entry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlipbench_hpc.campaign.files import path_digest
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Campaign, RecordedRun
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.key import digest

SECTION = "trajectories"
# Of the worker's readers of trajectories: raised when they may refuse other files.
READER = 1
# What opens files where their readers are installed: what is wrong with each, from its parameters and paths.
Opener = Callable[[Sequence[Mapping[str, Any]]], Sequence[str]]


@dataclass(frozen=True)
class RecordedFile:
    """One file: where it lies, its sha256, and the ending of its name, by which topologies are read."""

    path: Path
    sha256: str
    ending: str


@dataclass(frozen=True)
class RecordedFiles:
    """The files of one entry, in its order, and the topology that they share."""

    runs: tuple[RecordedFile, ...]
    topology: RecordedFile | None = None

    @property
    def every(self) -> list[RecordedFile]:
        """All of them."""
        return [*self.runs, *([self.topology] if self.topology else [])]


def look(
    place: Place, entry: RecordedRun, folder: Path, cache: Path | None
) -> tuple[RecordedFiles | None, list[Mistake]]:
    """The files of an entry, relative to `folder`; None and mistakes where one is not as it should be."""
    named: dict[Place, str] = {(*place, "files", index): name for index, name in enumerate(entry.files)}
    if entry.topology:
        named[(*place, "topology")] = entry.topology
    paths = {where: folder / Path(name).expanduser() for where, name in named.items()}
    lost = [
        Mistake(where, "no such file", str(path), "the file of a trajectory")
        for where, path in paths.items()
        if not path.is_file()
    ]
    if lost:
        return None, lost
    found = {
        where: RecordedFile(path, path_digest(path, cache), ending(path)) for where, path in paths.items()
    }
    runs = tuple(found[(*place, "files", index)] for index in range(len(entry.files)))
    wrong = [*_changed(place, entry, runs), *_twice(place, runs)]
    return (None, wrong) if wrong else (RecordedFiles(runs, found.get((*place, "topology"))), [])


def _changed(place: Place, entry: RecordedRun, runs: tuple[RecordedFile, ...]) -> Iterator[Mistake]:
    for index, (run, pinned) in enumerate(zip(runs, entry.sha256, strict=False)):
        if run.sha256 != pinned:
            expected = f"{pinned} (correct `sha256` if the data were meant to change, else restore them)"
            yield Mistake(
                (*place, "sha256", index), f"{run.path} is not the pinned data", run.sha256, expected
            )


def _twice(place: Place, runs: tuple[RecordedFile, ...]) -> Iterator[Mistake]:
    """Copies of one file under two names, which are no independent runs."""
    known: dict[str, int] = {}
    for index, run in enumerate(runs):
        if run.sha256 in known:
            message = f"the same content as file {known[run.sha256]}"
            yield Mistake((*place, "files", index), message, str(run.path), "independent runs")
        known.setdefault(run.sha256, index)


def record_parameters(campaign: Campaign, name: str, files: RecordedFiles) -> list[dict[str, Any]]:
    """Parameters of the `record` task of each file."""
    entry = campaign.trajectories[name]
    shared: dict[str, Any] = {
        "format": entry.format, "frame_every": entry.frame_every, "cell": entry.cell or [],
        "elements": entry.elements, "metal": campaign.analysis.profiles.metal,
        "topology_ending": files.topology.ending if files.topology else "",
    }  # fmt: skip
    return [shared | {"ending": run.ending} for run in files.runs]


def check_content(
    campaign: Campaign, recorded: Mapping[str, RecordedFiles], opener: Opener, cache: Path | None
) -> Iterator[Mistake]:
    """Files that cannot be read as their entries say; those that can are remembered in the folder `cache`."""
    waiting: dict[Place, tuple[RecordedFile, dict[str, Any], Path | None]] = {}
    for name, files in recorded.items():
        topology = files.topology
        for index, parameters in enumerate(record_parameters(campaign, name, files)):
            run = files.runs[index]
            state = [READER, run.sha256, topology.sha256 if topology else "", parameters]
            memory = cache / f"{digest(['trajectory', state])}.json" if cache else None
            paths = {"trajectory": str(run.path), "topology": str(topology.path) if topology else ""}
            if memory is None or read_json(memory) is None:
                waiting[SECTION, name, "files", index] = run, parameters | paths, memory
    wrong = opener([given for _, given, _ in waiting.values()]) if waiting else []
    for (place, (run, _, memory)), message in zip(waiting.items(), wrong, strict=True):
        if message:
            yield Mistake(place, message, str(run.path), "a trajectory that can be read as the entry says")
        elif memory:
            memory.parent.mkdir(parents=True, exist_ok=True)
            write_json(memory, {"sha256": run.sha256})


def ending(path: Path) -> str:
    """Last ending of a name, with that before it where the file is packed: `.xyz.gz`; `POSCAR` of VASP's."""
    if path.name.upper().startswith(("POSCAR", "CONTCAR")):
        return ".poscar"
    packed = path.suffix.lower() in (".gz", ".bz2", ".xz")
    return (Path(path.stem).suffix + path.suffix if packed else path.suffix).lower()


def check_recorded(campaign: Campaign) -> Iterator[Mistake]:
    """Names that runs have too."""
    for name in campaign.trajectories:
        if name in campaign.md:
            yield Mistake((SECTION, name), "an entry of `md` has this name", repr(name), "another name")
