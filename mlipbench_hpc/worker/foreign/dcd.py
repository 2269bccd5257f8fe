"""DCD, decoded by MDAnalysis; cells and times are determined here: they depend on the program."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import cell_vectors
from mlipbench_hpc.worker.foreign import lattice, record
from mlipbench_hpc.worker.foreign.record import PS, Clock, Content, Frame, Labels

# A time step from this on is taken as fs, a smaller one as ps.
FS_FROM = 0.02
OTHER_UNITS = ("LAMMPS", "CP2K")
IN_AKMA = ("NAMD", "CHARMM", "OPENMM")
# Time step that programs without one write, VMD among them.
UNKNOWN = 1.0
# Degrees. Where a number in place of an angle is smaller, and not all are cosines, they form a matrix in Å.
SMALLEST_ANGLE = 10.0
# CHARMM's version in the header, beyond which the cell is a shape matrix, as chemfiles reads it: other
# programs write 24. Programs that write cosines.
LAST_WITH_ANGLES, WITH_COSINES = 25, ("NAMD", "OPENMM", "DCD PLUGIN")
# Bytes from the beginning of the number of frames, after `CORD`, and of CHARMM's version.
FRAMES_AT, VERSION_AT = 8, 84


def content(path: Path) -> Content:
    """Content of a DCD. Raises InputFailure where it is none, or holds velocities."""
    reader = open_reader(path)
    header = reader._file.header
    frames, expected = len(reader), _header_integer(path, FRAMES_AT)
    rest = f"its header says {expected} frames" if expected > frames else ""
    known = any(name in str(header["remarks"]).upper() for name in WITH_COSINES)
    return Content(
        path, "DCD", frames, Labels(), _clock(header, frames), rest,
        lambda size: record.gather(_frames(path), size, path),
        warnings=() if known or not frames else tuple(_ambiguity(path)),
    )  # fmt: skip


def open_reader(path: Path) -> Any:
    """Reader of MDAnalysis. Raises InputFailure with MDAnalysis' message."""
    from MDAnalysis.coordinates.DCD import DCDReader

    with path.open("rb") as stream:
        if b"VELD" in stream.read(16):
            raise InputFailure(f"{path}: it holds velocities (VELD), expected positions")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of MDAnalysis, about changes in its next version
            return DCDReader(str(path))
    except Exception as error:
        raise InputFailure(f"{path}: MDAnalysis cannot read it as DCD: {error}") from error


def _clock(header: dict[str, Any], frames: int) -> Clock:
    """Times by the header, in AKMA units; of LAMMPS in fs or ps, of CP2K in fs. Doubtful ones say so."""
    from MDAnalysis.units import convert

    akma, remarks = float(convert(1.0, "AKMA", "ps")), str(header["remarks"]).upper()
    delta, every = float(header["delta"]), int(header["nsavc"]) or 1
    counted: Floats = np.asarray(np.arange(frames) + int(header["istart"]) / every)
    if delta <= 0:
        return Clock()
    if program := next((name for name in OTHER_UNITS if name in remarks), ""):
        unit = PS["fs"] if program == "CP2K" or delta >= FS_FROM else PS["ps"]
        warning = (
            f"{program} wrote it, and its time step of {delta:.6g} is taken as "
            f"{'fs' if unit < 1 else 'ps'}: frames "
            f"are {delta * every * unit:.6g} ps apart; by the unit of other programs' DCD they would be "
            f"{akma / unit:.6g} times as far apart; if that is right, pass --frame-every PS"
        )
        return Clock(None, np.asarray(counted * delta * every * unit), PS["ps"], warning)
    if delta == UNKNOWN:
        return Clock(
            doubt="the DCD's time step is 1, the value of programs without a time step: no times are used; "
            "pass --frame-every PS"
        )
    step = float(convert(header["delta"], "AKMA", "ps")) * every
    doubt = (
        f"by the DCD's header frames are {step:.6g} ps apart, which many programs write incorrectly; "
        "check, and pass --frame-every PS"
    )
    trusted = any(name in remarks for name in IN_AKMA)
    return Clock(None, np.asarray(counted * step), PS["ps"], doubt="" if trusted else doubt)


def _frames(path: Path) -> Iterator[Frame]:
    matrix, stored, cell = _is_matrix(path), np.zeros(0), None
    for numbers, positions in _stored(path):
        if not np.array_equal(numbers, stored):
            stored, cell = numbers, _cell(numbers, matrix)
        yield Frame(positions, cell)


def _stored(path: Path) -> Iterator[tuple[Floats, record.Positions]]:
    """Six numbers of the cell and positions (N, 3) Å of each frame."""
    from MDAnalysis.lib.formats.libdcd import DCDFile

    with DCDFile(str(path)) as file:
        for frame in file:
            yield np.array(frame.unitcell, dtype=float), frame.xyz.copy()


def _is_matrix(path: Path) -> bool:
    """True for a file that CHARMM itself wrote, by the version in its header."""
    return _header_integer(path, VERSION_AT) > LAST_WITH_ANGLES


def _cell(stored: Floats, matrix: bool) -> Floats | None:
    """Cell (3, 3) Å from the six numbers of a frame; None for lengths of zero.

    They are A, γ, B, β, α, C with angles in degrees or as cosines, or the lower triangle of CHARMM's
    symmetric shape matrix. Its rows are the lattice vectors in the axes of the positions. MDAnalysis keeps
    their lengths and angles alone, which turns the cell, but not the positions. matrix: by the header.
    """
    lengths, angles = stored[[0, 2, 5]], stored[[4, 3, 1]]
    if not lengths.all():
        return None
    shape = _shape(stored)
    definite = bool((np.linalg.eigvalsh(shape) > 0.0).all())
    cosines = bool((np.abs(angles) <= 1.0).all())
    unlike = bool((angles < SMALLEST_ANGLE).any() or (angles > 180.0).any())
    if (unlike and not cosines) or (matrix and definite):
        return shape
    cell = _of_angles(lengths, 90.0 - np.degrees(np.arcsin(angles)) if cosines else angles)
    return shape if cosines and definite and not np.isfinite(cell).all() else cell


def _shape(stored: Floats) -> Floats:
    """Symmetric matrix (3, 3) Å of its lower triangle."""
    return np.asarray(stored[[[0, 1, 3], [1, 2, 4], [3, 4, 5]]])


def _of_angles(lengths: Floats, angles: Floats) -> Floats:
    # In single precision, as MDAnalysis reads it.
    box = np.concatenate([lengths, angles]).astype(np.float32).astype(float)
    with np.errstate(invalid="ignore"):
        return np.asarray(cell_vectors(box[None, :3], box[None, 3:])[0])


def _ambiguity(path: Path) -> Iterator[str]:
    """Warning where cosines may as well be a shape matrix in Å, which nothing in the header decides."""
    stored, _ = next(_stored(path))
    cell, shape = _cell(stored, _is_matrix(path)), _shape(stored)
    cosines = (np.abs(stored[[4, 3, 1]]) <= 1.0).all() and not _is_matrix(path)
    if cell is None or not cosines or not (np.linalg.eigvalsh(shape) > 0.0).all():
        return
    apart = lattice.lattice_of(cell).cell - lattice.lattice_of(shape).cell
    if np.abs(apart).max() > lattice.NOISE:
        yield (
            f"the cell of {path.name} is taken as lengths and cosines, {lattice.edges(cell)}; if CHARMM "
            f"wrote its shape matrix, it is {lattice.edges(shape)}, and heights and bonds across its "
            "boundary are wrong: check, and write the DCD anew with angles in degrees"
        )


def _header_integer(path: Path, place: int) -> int:
    """Integer of the header; its byte order is that of the first record's length, 84, which is `T`."""
    with path.open("rb") as stream:
        start = stream.read(place + 4)
    order: Literal["little", "big"] = "little" if start[:1] == b"T" else "big"
    return int.from_bytes(start[place : place + 4], order)
