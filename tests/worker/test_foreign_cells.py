"""Cells of other programs' files: any basis of a lattice, noise, constant area, contradictions."""

import json
from pathlib import Path
from typing import Any

import foreign_files as files
import numpy as np
import pytest
from foreign_files import CELL, FRAMES, NUMBERS, POSITIONS, lattice, request
from interface import LX, LY, LZ, TOP

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.analyse_files import analyse
from mlipbench_hpc.worker.foreign.lattice import lattice_of
from mlipbench_hpc.worker.foreign.trajectory import open_foreign

WATER = 29.91461129513685
A, B, C = CELL


def analysed(folder: Path, text: str, **changes: Any) -> tuple[dict[str, Any], np.ndarray]:
    (folder / "out").mkdir(exist_ok=True)
    (path := folder / "t.extxyz").write_text(text)
    asked = request(path, **changes)
    analyse(asked, open_foreign(asked))
    values = json.loads((folder / "out" / "analysis.json").read_text())
    return values, np.loadtxt(folder / "out" / "profiles.csv", delimiter=",", skiprows=1)


@pytest.mark.parametrize(
    "basis",
    [
        [-A, -B, C], [A, B, -C], [-A, B, C], [-A, -B, -C], [B, A, C], [B, -A, C], [C, A, B], [B, C, A],
        [A, C, B], [A, B + A, C], [A, B - A, C], [A + B, B, C], [A, B, C + A], [A, B, C - 2 * B],
        [A + C, B, C], [A, B, C + A + B], [A, B + 2 * A, C + A],
    ],
)  # fmt: skip
def test_any_basis_of_a_lattice_gives_the_same_numbers(tmp_path: Path, basis: list[np.ndarray]) -> None:
    """Molecules lie across the boundaries of the cell."""
    positions = POSITIONS + np.array([4.6, 4.7, 0.0])
    positions[..., :2] %= LX
    expected, table = analysed(tmp_path, files.xyz([lattice()] * FRAMES, positions))
    values, other = analysed(tmp_path, files.xyz([lattice(np.array(basis))] * FRAMES, positions))
    assert values["total_orientation"]["mean"] == pytest.approx(
        expected["total_orientation"]["mean"], abs=1e-6
    )
    assert values["profiles"]["intact_molecules"] == 4
    np.testing.assert_allclose(other, table, atol=1e-6)
    np.testing.assert_allclose(values["cell_A"], CELL, atol=1e-6)


def test_a_hexagonal_cell_by_its_two_angles_and_turned() -> None:
    """60° and 120° are both reduced; the angle of a cell that flickers does not change."""
    side, height = 8.5, 40.0
    for degrees in (60.0, 120.0):
        angle = np.radians(degrees)
        cell = np.array([[side, 0, 0], [side * np.cos(angle), side * np.sin(angle), 0], [0, 0, height]])
        for noise in (0.0, 1e-4, -1e-4):
            form = lattice_of(cell + noise * np.eye(3))
            np.testing.assert_allclose(form.cell, cell + noise * np.eye(3), atol=1e-12)
            assert form.turn is None
        turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        turned = lattice_of(cell @ turn)
        np.testing.assert_allclose(turned.cell, cell, atol=1e-10)
        np.testing.assert_allclose(turned.to_axes(cell @ turn), cell, atol=1e-10)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ([A, B, A + B], "c lies in the plane of a and b"),
        ([A, B, 0 * C], "lattice vector c is zero"),
        ([A, 0 * B, 0 * C], "lattice vector b and c is zero"),
        ([A, B, np.nan * C], "numbers that are not finite"),
    ],
)
def test_what_is_no_cell_says_why(tmp_path: Path, cell: list[np.ndarray], why: str) -> None:
    (path := tmp_path / "t.extxyz").write_text(files.xyz([lattice(np.array(cell))] * FRAMES))
    with pytest.raises(InputFailure, match=rf"frame 0: .*{why}.*pass --cell"):
        open_foreign(request(path))


@pytest.mark.parametrize("noise", [2e-4, 1e-3])
def test_a_cell_that_flickers_is_tolerated(tmp_path: Path, noise: float) -> None:
    flicker = noise * np.random.default_rng(3).uniform(-1, 1, size=(FRAMES, 3))
    plain, table = analysed(tmp_path, files.xyz([lattice()] * FRAMES))
    values, other = analysed(tmp_path, files.xyz([lattice(CELL + np.diag(part)) for part in flicker]))
    assert values["total_orientation"]["mean"] == pytest.approx(plain["total_orientation"]["mean"], abs=1e-4)
    first, last = (int(np.abs(other[:, 0] - table[k, 0]).argmin()) for k in (0, -1))
    np.testing.assert_allclose(other[first : last + 1, :2], table[:, :2], rtol=1e-3, atol=1e-6)


def breathing() -> tuple[np.ndarray, np.ndarray]:
    """Heights of the cell (F,), positions: the slab lies across the boundary, water on both sides."""
    heights = LZ - 2.0 + np.random.default_rng(4).uniform(-1.5, 1.5, size=FRAMES)
    positions = POSITIONS.copy()
    positions[:, :, 2] -= 2.0
    positions[..., 2] %= heights[:, None]
    return heights, positions


def test_constant_area_has_profiles(tmp_path: Path) -> None:
    """Heights over the top layer, by numpy, with each frame's own cell."""
    heights, positions = breathing()
    comments = [lattice(np.diag([LX, LY, height])) for height in heights]
    values, table = analysed(tmp_path, files.xyz(comments, positions))
    oxygens, top = NUMBERS == 8, np.isclose(files.FRAME.positions[:, 2], TOP) & (NUMBERS == 79)
    above = POSITIONS[:, oxygens, 2] - POSITIONS[:, top, 2].mean(axis=1)[:, None]
    centres = table[:, 0]
    edges = np.append(centres - 0.05, centres[-1] + 0.05)
    counts = np.histogram(above.ravel(), edges)[0] / FRAMES
    np.testing.assert_allclose(table[:, 1], WATER * counts / (LX * LY * 0.1), atol=1e-5)
    bisectors = POSITIONS[:, 1:-1] + POSITIONS[:, 2:] - 2 * POSITIONS[:, :-2]
    cosines = (bisectors[..., 2] / np.linalg.norm(bisectors, axis=-1))[:, oxygens[:-2]]
    assert values["total_orientation"]["mean"] == pytest.approx(cosines.sum(axis=1).mean(), abs=1e-3)
    assert values["cell_A"][2][2] == pytest.approx(heights.max(), abs=1e-6)


def test_constant_area_needs_a_slab(tmp_path: Path) -> None:
    heights, positions = breathing()
    comments = [lattice(np.diag([LX, LY, height])) for height in heights]
    with pytest.raises(InputFailure, match=r"its height alone.*no slab"):
        analysed(tmp_path, files.xyz(comments, positions), surface=["Pt"])


@pytest.mark.parametrize("at", [1, 12])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_other_changes_of_the_cell_are_refused(tmp_path: Path, at: int, axis: int) -> None:
    """The height too where it begins to change late: the beginning says how frames are laid."""
    cells = [CELL + np.diag(0.05 * (k >= at) * np.eye(3)[axis]) for k in range(FRAMES)]
    (path := tmp_path / "t.extxyz").write_text(files.xyz([lattice(cell) for cell in cells]))
    source = open_foreign(request(path))
    if axis == 2 and at == 1:
        assert sum(len(piece.positions) for piece in source.pieces(3)) == FRAMES
    else:
        with pytest.raises(InputFailure, match=rf"the cell changes at frame {at}, from 9.0000 x"):
            list(source.pieces(3))


def test_a_cell_against_the_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "t.extxyz"
    path.write_text(files.xyz([lattice()] * FRAMES))
    with pytest.raises(
        InputFailure, match=r"--cell: received 9.0000 x 9.0000 x 41.0000 Å, but .* has 9.0000 x"
    ):
        open_foreign(request(path, cell=[LX, LY, LZ + 1]))
    assert open_foreign(request(path, cell=[LX, LY, LZ + 0.01])).cell_from_request
    cells = [CELL + 0.1 * (k > 10) * np.eye(3) for k in range(FRAMES)]
    path.write_text(files.xyz([lattice(cell) for cell in cells]))
    with pytest.raises(InputFailure, match="in frame 11: leave --cell out"):
        list(open_foreign(request(path, cell=[LX, LY, LZ])).pieces(3))


def test_another_basis_of_the_same_lattice_may_be_passed(tmp_path: Path) -> None:
    """Angles of 60° in the file, of 120° in the request; other angles contradict, and are named."""
    half = LX / 2
    cell = np.array([[LX, 0, 0], [half, half * 3**0.5, 0], [0, 0, LZ]])
    (path := tmp_path / "t.extxyz").write_text(files.xyz([lattice(cell)] * FRAMES))
    source = open_foreign(request(path, cell=[LX, LX, LZ, 90, 90, 120]))
    np.testing.assert_allclose(source.cell, cell, atol=1e-9)
    assert "--cell is another basis of the file's lattice, whose own is taken" in source.facts
    with pytest.raises(
        InputFailure, match=r"received 9.0000 x 9.0000 x 40.0000 Å, but .*Å at 90.00, 90.00, 60"
    ):
        open_foreign(request(path, cell=[LX, LX, LZ]))


def test_doubts_are_written(tmp_path: Path) -> None:
    """No surface, and half of the waters broken."""
    values, _ = analysed(tmp_path, files.xyz([lattice()] * FRAMES))
    assert values["doubts"] == []
    values, _ = analysed(tmp_path, files.xyz([lattice()] * FRAMES), surface=["Pt"])
    assert "there is no Pt in it" in values["doubts"][0]
    positions = POSITIONS.copy()
    positions[:, np.flatnonzero(NUMBERS == 8)[:3] + 1, 2] += 3.0
    values, _ = analysed(tmp_path, files.xyz([lattice()] * FRAMES, positions))
    assert "1 of 4 oxygens outside the slab are intact water in the first frame, fewer" in values["doubts"][0]
