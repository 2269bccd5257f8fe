"""The user's trajectories: where their files lie, their digests, what cannot be right about an entry."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlipbench_hpc.campaign.files import path_digest
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Campaign, RecordedRun

SECTION = "trajectories"


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
