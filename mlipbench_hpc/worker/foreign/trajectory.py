"""One run that another program wrote, in one or more files, checked here for all formats."""

import bz2
import gzip
import lzma
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.foreign import lattice, topologies
from mlipbench_hpc.worker.foreign.cells import cell_of, changed, contradicts, normal
from mlipbench_hpc.worker.foreign.elements import Named, Naming, numbers_of
from mlipbench_hpc.worker.foreign.formats import PACKED, Format, format_of, unpacked_name
from mlipbench_hpc.worker.foreign.height import Cut
from mlipbench_hpc.worker.foreign.plausible import check_lengths, checked, coincident
from mlipbench_hpc.worker.foreign.record import Content, CutShort, Labels, Piece
from mlipbench_hpc.worker.foreign.timeline import timeline

OPENERS: dict[str, Callable[[Path, str], Any]] = dict(
    zip(PACKED, (gzip.open, bz2.open, lzma.open), strict=True)
)


@dataclass
class Foreign:
    """numbers (N,); cell (3, 3) Å, lower triangular; kept (F,): frames that count; times (K,) ps of these.

    typed: the cell is the request's; cut: where the height alone changes; facts and warnings: in words;
    ends: why reading stopped early.
    """

    contents: list[Content]
    numbers: Ints
    cell: Floats
    typed: bool
    kept: NDArray[np.bool_]
    times: Floats | None
    cut: Cut | None = None
    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Of its first file, for messages."""
        return self.contents[0].path

    @property
    def name(self) -> str:
        """Of all files."""
        return ", ".join(content.path.name for content in self.contents)

    @property
    def expected(self) -> int:
        """Frames that count, by the headers or the lines of the files."""
        return int(self.kept.sum())

    @property
    def truncated(self) -> list[str]:
        """What is missing of each file and why."""
        return [
            f"{content.path.name} ({content.rest})" for content in self.contents if content.rest
        ] + self.ends

    def pieces(self, size: int) -> Iterator[Piece]:
        """Every frame that counts, at most `size` at a time, in the one cell.

        Raises InputFailure where the cell or the number of atoms changes, or positions cannot be right.
        """
        self.ends.clear()
        start = 0
        for content in self.contents:
            before = start
            try:
                for stored in content.pieces(size):
                    kept = self.kept[start : start + len(stored.positions)]
                    checked(content.path, stored, len(self.numbers), start - before)
                    piece = self._in_one_cell(content.path, stored, start - before)
                    if kept.any():
                        yield piece if kept.all() else Piece(piece.positions[kept], None)
                    start += len(kept)
            except CutShort as error:
                self.ends.append(f"{content.path.name} ({error})")
            if start < before + content.frames:
                return

    def coincidence(self) -> str:
        """Which atoms of which frame lie at one point, wherever they stand in it; "" where none do."""
        for content in self.contents:
            for frame, piece in enumerate(content.pieces(1)):
                _, first, amounts = np.unique(
                    piece.positions[0], axis=0, return_index=True, return_counts=True
                )
                if (amounts > 1).any():
                    atom = int(first[amounts > 1].min())
                    return coincident(
                        content.path, frame, piece.positions[0], atom, int((amounts - 1).sum() + 1)
                    )
        return ""

    def _in_one_cell(self, path: Path, piece: Piece, frame: int) -> Piece:
        if piece.cells is None:
            if not self.typed:
                raise InputFailure(
                    f"{path}: a frame from {frame} on has no cell, unlike the first; pass --cell"
                )
            return piece
        positions, cells = normal(path, piece.positions, piece.cells, frame)
        if self.cut is not None:
            frames = [self.cut.laid(*pair) for pair in zip(positions, cells, strict=True)]
            positions, cells = (np.array(part) for part in zip(*frames, strict=True))
        tolerance = lattice.TYPED if self.typed else lattice.NOISE
        far = np.abs(cells - self.cell).max(axis=(1, 2)) > tolerance
        if far.any():
            index = int(far.argmax())
            message = contradicts if self.typed else changed
            raise InputFailure(message(path, frame + index, self.cell, cells[index]))
        return Piece(positions, cells)


def open_foreign(request: dict[str, Any]) -> Foreign:
    """The files of a request, with its topology, cell, elements, ps between frames. Raises InputFailure."""
    folder = Path(tempfile.mkdtemp(prefix="mlipbench-"))
    try:
        foreign = _open(request, folder)
    except BaseException:
        shutil.rmtree(folder)
        raise
    weakref.finalize(foreign, shutil.rmtree, folder, ignore_errors=True)
    return foreign


def _open(request: dict[str, Any], folder: Path) -> Foreign:
    paths = [Path(path) for path in request["trajectory"]]
    formats = [format_of(path, request["format"]) for path in paths]
    topology = Path(request["topology"]) if request["topology"] else None
    other = topologies.labels_of(unpacked(topology, folder, request["shown"])) if topology else None
    contents = [
        opened(unpacked(path, folder, request["shown"]), kind)
        for path, kind in zip(paths, formats, strict=True)
    ]
    named = elements(contents, topology, other, request)
    run = timeline(contents, request["frame_every"])
    cell, cut, facts = cell_of(contents, named.numbers, request)
    check_lengths(contents[0].path, named.numbers, next(contents[0].pieces(1)).positions[0], cell)
    facts = [*named.facts, *(fact for content in contents for fact in content.facts), *facts]
    return Foreign(
        contents, named.numbers, cell, bool(request["cell"]), run.kept, run.times, cut,
        list(dict.fromkeys(facts)), [*named.warnings, *run.warnings],
    )  # fmt: skip


def unpacked(path: Path, folder: Path, shown: dict[str, str]) -> Path:
    """The file itself, or what is packed in it, in a new folder of `folder`. Raises InputFailure.

    shown: what messages call a path instead; the new one is called as the packed one is.
    """
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        return path
    target = Path(tempfile.mkdtemp(dir=folder)) / unpacked_name(path).name
    try:
        with opener(path, "rb") as packed, target.open("wb") as stream:
            shutil.copyfileobj(packed, stream)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputFailure(f"{path}: it cannot be unpacked: {error}") from error
    shown[str(target)] = shown.get(str(path), str(path))
    return target


def opened(path: Path, kind: Format) -> Content:
    """Raises InputFailure where it holds no whole frame, and says why."""
    content = kind.read(path)
    if content.frames == 0:
        empty = "it is empty" if path.stat().st_size == 0 else content.rest or "there is no frame in it"
        raise InputFailure(f"{path}: it holds no whole frame: {empty}")
    return content


def elements(
    contents: list[Content], topology: Path | None, other: Labels | None, request: dict[str, Any]
) -> Named:
    """Of the first file; those of others must be the same. Raises InputFailure."""
    first = contents[0]
    if other is None and not (first.labels.names or first.labels.types):
        raise InputFailure(
            f"{first.path}: {first.format} names no atoms; pass --topology with {topologies.EXPECTED}"
        )
    for content in contents[1:]:
        if content.labels != first.labels:
            raise InputFailure(
                f"{content.path}: its atoms are not those of {first.path}: pass the files of one run"
            )
    surfaces = frozenset([request["surface"]])
    naming = Naming(request["elements"], surfaces | {*request["ions"], "O", "H"}, surfaces)
    return numbers_of(first.path, first.labels, topology, other, naming)
