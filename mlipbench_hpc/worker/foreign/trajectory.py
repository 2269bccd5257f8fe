"""One run of another program, in one or more files, with the checks common to all formats."""

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
from mlipbench_hpc.worker.foreign.cells import (
    boundary_warnings,
    cell_of,
    change_message,
    contradiction_message,
    normal,
)
from mlipbench_hpc.worker.foreign.continuity import Continuity
from mlipbench_hpc.worker.foreign.elements import Naming, Species, numbers_of
from mlipbench_hpc.worker.foreign.formats import PACKED, Format, format_of, name_inside
from mlipbench_hpc.worker.foreign.height import Cut, Open
from mlipbench_hpc.worker.foreign.plausible import check_lengths, check_positions, coincidence_message
from mlipbench_hpc.worker.foreign.record import Content, CutShort, Labels, Piece
from mlipbench_hpc.worker.foreign.timeline import timeline

OPENERS: dict[str, Callable[[Path, str], Any]] = dict(
    zip(PACKED, (gzip.open, bz2.open, lzma.open), strict=True)
)


@dataclass
class Foreign:
    """Atomic numbers (N,); cell (3, 3) Å, lower triangular; selection (F,): frames that count; times (K,) ps.

    atoms (S,): True for atoms among the stored sites, others are virtual; cell_from_request: the cell is the
    request's; cut: where the height alone changes or z is open; facts and warnings: in words; ends: reasons
    why reading stopped early.
    """

    contents: list[Content]
    numbers: Ints
    atoms: NDArray[np.bool_]
    cell: Floats
    cell_from_request: bool
    selection: NDArray[np.bool_]
    times: Floats | None
    cut: Cut | Open | None = None
    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """Path of the first file, for messages."""
        return self.contents[0].path

    @property
    def name(self) -> str:
        """Names of all files."""
        return ", ".join(content.path.name for content in self.contents)

    @property
    def expected(self) -> int:
        """Number of frames that count, by the headers or the lines of the files."""
        return int(self.selection.sum())

    @property
    def truncated(self) -> list[str]:
        """Missing part of each file, with the reason."""
        return [
            f"{content.path.name} ({content.rest})" for content in self.contents if content.rest
        ] + self.ends

    def pieces(self, size: int) -> Iterator[Piece]:
        """Every frame that counts, at most `size` at a time, in the common cell.

        Raises InputFailure where the cell, the number, the order or the unit of atoms' positions changes, or
        positions cannot be right.
        """
        self.ends.clear()
        start = 0
        continuity: Continuity | None = None
        for content in self.contents:
            before = start
            try:
                for stored in content.pieces(size):
                    selection = self.selection[start : start + len(stored.positions)]
                    check_positions(content.path, stored, len(self.atoms), start - before)
                    piece = self._of_atoms(self._in_one_cell(content.path, stored, start - before))
                    if continuity is None:
                        continuity = Continuity(self.numbers, piece.positions[0], self.cell)
                    continuity.check(content.path, piece.positions, start - before)
                    if selection.any():
                        yield piece if selection.all() else Piece(piece.positions[selection], None)
                    start += len(selection)
            except CutShort as error:
                self.ends.append(f"{content.path.name} ({error})")
            if start < before + content.frames:
                return

    def _of_atoms(self, piece: Piece) -> Piece:
        return piece if self.atoms.all() else Piece(piece.positions[:, self.atoms], piece.cells)

    def coincidence(self) -> str:
        """First atoms at one point, in any order of the frame, as a message; "" where there are none."""
        for content in self.contents:
            for frame, piece in enumerate(content.pieces(1)):
                _, first, amounts = np.unique(
                    piece.positions[0], axis=0, return_index=True, return_counts=True
                )
                if (amounts > 1).any():
                    atom = int(first[amounts > 1].min())
                    return coincidence_message(
                        content.path, frame, piece.positions[0], atom, int((amounts - 1).sum() + 1)
                    )
        return ""

    def _in_one_cell(self, path: Path, piece: Piece, frame: int) -> Piece:
        if piece.cells is None:
            if not self.cell_from_request:
                raise InputFailure(
                    f"{path}: a frame from {frame} on has no cell, unlike the first; pass --cell"
                )
            return piece
        positions, cells = normal(path, piece.positions, piece.cells, frame)
        if self.cut is not None:
            frames = [self.cut.place(*pair) for pair in zip(positions, cells, strict=True)]
            positions, cells = (np.array(part) for part in zip(*frames, strict=True))
        tolerance = lattice.TYPED if self.cell_from_request else lattice.NOISE
        far = np.abs(cells - self.cell).max(axis=(1, 2)) > tolerance
        if far.any():
            index = int(far.argmax())
            message = contradiction_message if self.cell_from_request else change_message
            raise InputFailure(message(path, frame + index, self.cell, cells[index]))
        return Piece(positions, cells)


def open_foreign(request: dict[str, Any]) -> Foreign:
    """Run from the files of a request, with topology, cell, elements, ps between frames; or InputFailure."""
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
    other = topologies.labels_of(unpack(topology, folder, request["shown"])) if topology else None
    contents = [
        open_content(unpack(path, folder, request["shown"]), kind)
        for path, kind in zip(paths, formats, strict=True)
    ]
    species = elements(contents, topology, other, request)
    requested = lattice.request_cell(request["cell"]) if request["cell"] else None
    run = timeline(contents, request["frame_every"], requested)
    cell, cut, facts = cell_of(contents, species.numbers, request)
    for content in contents:
        named = bool(content.labels.names or content.labels.types)
        check_lengths(
            content.path, species.numbers, next(content.pieces(1)).positions[0], cell,
            None if named else topology,
        )  # fmt: skip
    facts = [*species.facts, *(fact for content in contents for fact in content.facts), *facts]
    warnings = [line for content in contents for line in content.warnings]
    atoms = species.numbers > 0
    return Foreign(
        contents, species.numbers[atoms], atoms, cell, bool(request["cell"]), run.selection, run.times, cut,
        list(dict.fromkeys(facts)),
        [*species.warnings, *warnings, *run.warnings, *boundary_warnings(contents)],
    )  # fmt: skip


def unpack(path: Path, folder: Path, shown: dict[str, str]) -> Path:
    """File itself, or its unpacked content in a new folder of `folder`. Raises InputFailure.

    shown: path in messages by path; the new file is shown as the packed one.
    """
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        return path
    target = Path(tempfile.mkdtemp(dir=folder)) / name_inside(path).name
    try:
        with opener(path, "rb") as packed, target.open("wb") as stream:
            shutil.copyfileobj(packed, stream)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise InputFailure(f"{path}: it cannot be unpacked: {error}") from error
    shown[str(target)] = shown.get(str(path), str(path))
    return target


def open_content(path: Path, kind: Format) -> Content:
    """Content of a file; InputFailure with the reason where it holds no whole frame."""
    content = kind.read(path)
    if content.frames == 0:
        empty = "it is empty" if path.stat().st_size == 0 else content.rest or "there is no frame in it"
        raise InputFailure(f"{path}: it holds no whole frame: {empty}")
    return content


def elements(
    contents: list[Content], topology: Path | None, other: Labels | None, request: dict[str, Any]
) -> Species:
    """Elements of the first file; others must have the same atoms. Raises InputFailure."""
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
    surfaces = frozenset(request["surface"])
    naming = Naming(request["elements"], surfaces | {*request["ions"], "O", "H"}, surfaces)
    return numbers_of(first.path, first.labels, topology, other, naming)
