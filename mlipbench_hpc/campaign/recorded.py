"""The user's trajectories: where their files lie, their digests, what cannot be right about an entry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mlipbench_hpc.campaign.files import path_digest
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Campaign, RecordedRun
from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.key import digest

SECTION = "trajectories"
# Of the worker's readers of trajectories: raised when they may refuse other files.
READER = 2
# What opens files where their readers are installed. From parameters and paths of each it says `formula`,
# `frames`, `warnings` and the digest of the `first` frame, or what is `wrong`.
Opener = Callable[[Sequence[Mapping[str, Any]]], Sequence[Mapping[str, Any]]]
TOPOLOGY = "its topology"


@dataclass(frozen=True)
class RecordedFile:
    """One file: where it lies, its sha256, and the ending of its name, by which topologies are read.

    formula, frames: what it holds, where it was opened; warnings of its reader.
    """

    path: Path
    sha256: str
    ending: str
    formula: str = ""
    frames: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordedFiles:
    """The files of one entry, in its order, and the topology that they share."""

    runs: tuple[RecordedFile, ...]
    topology: RecordedFile | None = None

    @property
    def every(self) -> list[RecordedFile]:
        """All of them."""
        return [*self.runs, *([self.topology] if self.topology else [])]

    @property
    def formulas(self) -> set[str]:
        """Compositions of the runs; empty where they were not opened."""
        return {run.formula for run in self.runs if run.formula}


Recorded = Mapping[str, RecordedFiles]


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


def opened(
    campaign: Campaign, recorded: Mapping[str, RecordedFiles], opener: Opener, cache: Path | None
) -> tuple[dict[str, RecordedFiles], list[Mistake]]:
    """The files with what they hold, and mistakes where they cannot be read as their entries say.

    What was read is remembered in the folder `cache`.
    """
    places = {(name, index): run for name, files in recorded.items() for index, run in enumerate(files.runs)}
    requests = {place: _request(campaign, place, recorded[place[0]]) for place in places}
    known = {place: _remembered(cache, request) for place, request in requests.items()}
    waiting = [place for place, content in known.items() if content is None]
    answers = opener([requests[place] for place in waiting]) if waiting else []
    for place, content in zip(waiting, answers, strict=True):
        known[place] = dict(content)
        if cache and "wrong" not in content:
            cache.mkdir(parents=True, exist_ok=True)
            write_json(_memory(cache, requests[place]), dict(content))
    wrong = [
        *(
            _unreadable(place, places[place], content)
            for place, content in known.items()
            if "wrong" in content
        ),
        *(mistake for place, content in known.items() for mistake in _nothing_left(campaign, place, content)),
        *(mistake for name in recorded for mistake in _no_replicas(name, recorded[name], known)),
    ]
    read = {
        name: replace(files, runs=tuple(_with(run, known[name, i]) for i, run in enumerate(files.runs)))
        for name, files in recorded.items()
    }
    return read, wrong


def _request(campaign: Campaign, place: tuple[str, int], files: RecordedFiles) -> dict[str, Any]:
    """Parameters and paths of one file, for its reader."""
    name, index = place
    paths = {
        "trajectory": str(files.runs[index].path),
        "topology": str(files.topology.path) if files.topology else "",
    }
    digests = [own.sha256 for own in (files.runs[index], files.topology) if own]
    return record_parameters(campaign, name, files)[index] | paths | {"sha256": digests}


def _memory(cache: Path, request: Mapping[str, Any]) -> Path:
    parts = {key: own for key, own in request.items() if key not in ("trajectory", "topology")}
    return cache / f"{digest(['trajectory', READER, parts])}.json"


def _remembered(cache: Path | None, request: Mapping[str, Any]) -> Any:
    return read_json(_memory(cache, request)) if cache else None


def _with(run: RecordedFile, content: Mapping[str, Any]) -> RecordedFile:
    warnings = tuple(content.get("warnings", ()))
    return replace(run, formula=content.get("formula", ""), frames=content.get("frames"), warnings=warnings)


def _unreadable(place: tuple[str, int], run: RecordedFile, content: Mapping[str, Any]) -> Mistake:
    """A file that cannot be read, at the topology where that is the reason."""
    name, index = place
    message = str(content["wrong"])
    if message.startswith(TOPOLOGY):
        message = message.removeprefix(f"{TOPOLOGY}: ")
        return Mistake((SECTION, name, "topology"), message, expected="a file that names the atoms")
    expected = "a trajectory that can be read as the entry says"
    message = message.removeprefix("the trajectory: ")
    return Mistake((SECTION, name, "files", index), message, str(run.path), expected)


def _no_replicas(
    name: str, files: RecordedFiles, known: Mapping[Any, Mapping[str, Any]]
) -> Iterator[Mistake]:
    """Files of one entry with other atoms than the first, or that begin with the frame of an earlier one."""
    begins: dict[str, int] = {}
    for index, run in enumerate(files.runs):
        place: Place = (SECTION, name, "files", index)
        own, first = known[name, index], known[name, 0]
        if own.get("formula") and first.get("formula") and own["formula"] != first["formula"]:
            message = "files of one entry are runs of the same atoms"
            yield Mistake(place, message, f"{own['formula']} in {run.path.name}", first["formula"])
        if (begin := own.get("first")) and begin in begins:
            message = f"it begins with the frame of file {begins[begin]}"
            yield Mistake(place, message, str(run.path), "independent runs")
        begins.setdefault(str(begin), index)


def _nothing_left(
    campaign: Campaign, place: tuple[str, int], content: Mapping[str, Any]
) -> Iterator[Mistake]:
    """A file that is no longer than what is discarded of it."""
    entry = campaign.trajectories[place[0]]
    length = content.get("frames", 0) * entry.frame_every
    if entry.equilibration and "frames" in content and length <= entry.equilibration:
        received = f"{entry.equilibration:g} ps of file {place[1]}, which is {length:g} ps long"
        where: Place = (SECTION, place[0], "equilibration")
        yield Mistake(where, "all of a file is discarded", received, "less than each file's length")


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
