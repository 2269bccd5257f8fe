"""Cells and fixed atoms of DCD files written here byte by byte, in each program's convention."""

import struct
from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.worker.foreign import dcd
from mlipbench_hpc.worker.foreign.cells import normal

CELL = np.array([[11.5, 0.0, 0.0], [-5.75, 9.96, 0.0], [0.6, 0.4, 34.0]])
NAMD = "REMARKS CREATED BY NAMD"
FRAMES = np.random.default_rng(5).uniform(0.0, 9.0, size=(4, 7, 3))


def record(content: bytes) -> bytes:
    size = struct.pack("<i", len(content))
    return size + content + size


def save(
    path: Path, numbers: list[float], frames: np.ndarray, fixed: int = 0, version: int = 24, title: str = NAMD
) -> Path:
    """A DCD with six numbers for each cell; of later frames the first `fixed` atoms are not stored."""
    words = [len(frames), 1, 1, len(frames), 0, 0, 0, 0, fixed]
    head = b"CORD" + struct.pack("<9if10i", *words, 0.02, 1, *[0] * 8, version)
    parts = [head, struct.pack("<i", 1) + title.encode().ljust(80)]
    parts.append(struct.pack("<i", frames.shape[1]))
    if fixed:
        parts.append(np.arange(fixed + 1, frames.shape[1] + 1, dtype="<i4").tobytes())
    for index, frame in enumerate(frames):
        stored = frame if index == 0 else frame[fixed:]
        parts += [
            struct.pack("<6d", *numbers),
            *(stored[:, axis].astype("<f4").tobytes() for axis in range(3)),
        ]
    path.write_bytes(b"".join(record(part) for part in parts))
    return path


def cosines() -> tuple[list[float], list[float]]:
    """Lengths of the lattice vectors and cosines of α, β, γ."""
    lengths = [float(np.linalg.norm(vector)) for vector in CELL]
    pairs = ((1, 2), (0, 2), (0, 1))
    return lengths, [float(CELL[i] @ CELL[j]) / (lengths[i] * lengths[j]) for i, j in pairs]


@pytest.mark.parametrize("convention", ["degrees", "cosines", "matrix"])
def test_positions_and_cell_belong_together_in_every_convention(tmp_path: Path, convention: str) -> None:
    """CHARMM's matrix is symmetric: M = (h hᵀ)^½ has the scalar products of h, and x = s h becomes s M."""
    (a, b, c), angles = cosines()
    frames = FRAMES
    if convention == "matrix":
        values, vectors = np.linalg.eigh(CELL @ CELL.T)
        matrix = vectors @ np.diag(np.sqrt(values)) @ vectors.T
        frames = FRAMES @ np.linalg.inv(CELL) @ matrix
        numbers = matrix[np.tril_indices(3)].tolist()
    else:
        alpha, beta, gamma = angles if convention == "cosines" else np.degrees(np.arccos(angles)).tolist()
        numbers = [a, gamma, b, beta, alpha, c]
    path = save(tmp_path / "t.dcd", numbers, frames)
    piece = next(dcd.content(path).pieces(9))
    assert piece.cells is not None
    positions, cells = normal(path, piece.positions, piece.cells, 0)
    assert cells == pytest.approx(np.broadcast_to(CELL, (4, 3, 3)), abs=1e-4)
    assert positions == pytest.approx(FRAMES, abs=1e-4)


def test_atoms_that_are_fixed_keep_the_places_of_the_first_frame(tmp_path: Path) -> None:
    frames = FRAMES.copy()
    frames[:, :3] = FRAMES[0, :3]
    path = save(tmp_path / "t.dcd", [11.5, 90.0, 10.0, 90.0, 90.0, 34.0], frames, fixed=3)
    pieces = list(dcd.content(path).pieces(3))
    assert np.concatenate([piece.positions for piece in pieces]) == pytest.approx(frames, abs=1e-5)


def test_a_cell_of_zeros_is_none(tmp_path: Path) -> None:
    path = save(tmp_path / "t.dcd", [0.0] * 6, FRAMES)
    assert next(dcd.content(path).pieces(9)).cells is None


NARROW = np.array([[12.0, 0.3, -0.1], [0.3, 11.0, 0.2], [-0.1, 0.2, 34.0]])


def test_a_shape_matrix_with_small_tilts_by_the_version_of_charmm(tmp_path: Path) -> None:
    """CHARMM's version, 46, decides what elements below 1 Å are; other programs write 24."""
    numbers = NARROW[np.tril_indices(3)].tolist()
    path = save(tmp_path / "t.dcd", numbers, FRAMES, version=46, title="* BY CHARMM")
    content = dcd.content(path)
    piece = next(content.pieces(9))
    assert piece.cells is not None
    assert piece.cells[0] == pytest.approx(NARROW)
    assert content.warnings == ()


def test_cosines_that_may_be_a_shape_matrix_are_said(tmp_path: Path) -> None:
    """As cosines a is 12 Å and γ = arccos 0.3 = 72.54°; as a matrix a is 144.1^½ = 12.0042 Å."""
    numbers = NARROW[np.tril_indices(3)].tolist()
    (warning,) = dcd.content(save(tmp_path / "t.dcd", numbers, FRAMES, title="* BY SOMEBODY")).warnings
    assert "cosines, 12.0000 x 11.0000 x 34.0000 Å at 78.46, 95.74, 72.54°; if CHARMM" in warning
    assert "12.0042 x " in warning
    for stored, title in (
        (numbers, NAMD),
        ([12.0, 0.0, 11.0, 0.0, 0.0, 34.0], "*"),
        ([12.0, 60.0, 11.0, 90.0, 90.0, 34.0], "*"),
    ):
        assert dcd.content(save(tmp_path / "t.dcd", stored, FRAMES, title=title)).warnings == ()


def test_numbers_that_are_no_cosines_of_a_cell_are_a_matrix(tmp_path: Path) -> None:
    """Angles of 37° and 60° and a third of 107° close no cell."""
    matrix = np.array([[12.0, 0.5, -0.3], [0.5, 11.0, 0.8], [-0.3, 0.8, 34.0]])
    path = save(tmp_path / "t.dcd", matrix[np.tril_indices(3)].tolist(), FRAMES, title="*")
    piece = next(dcd.content(path).pieces(9))
    assert piece.cells is not None
    assert piece.cells[0] == pytest.approx(matrix)
    assert dcd.content(path).warnings == ()
