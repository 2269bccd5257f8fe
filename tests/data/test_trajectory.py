"""The trajectory format: what scipy and MDAnalysis read from it, and what a crash leaves readable."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from ase.geometry import cellpar_to_cell
from scipy.io import netcdf_file

from mlipbench_hpc.data.trajectory import cell_vectors, header, numrecs, open_trajectory, record_type

NUMBERS = np.array([8, 1, 1, 79, 11])
CELL = [10.0, 11.0, 12.0, 80.0, 95.0, 110.0]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Four frames: coordinate k of the file is k, times 0 to 0.03 ps."""
    records = np.zeros(4, record_type(5))
    records["time"] = [0.0, 0.01, 0.02, 0.03]
    records["coordinates"] = np.arange(60).reshape(4, 5, 3)
    records["cell_lengths"], records["cell_angles"] = CELL[:3], CELL[3:]
    head = header(NUMBERS)
    path = tmp_path / "trajectory.nc"
    path.write_bytes(head[:4] + numrecs(4) + head[8:] + records.tobytes())
    return path


def check(path: Path, frames: int) -> None:
    trajectory = open_trajectory(path)
    assert len(trajectory) == frames
    assert trajectory.positions.shape == (frames, 5, 3)
    assert trajectory.cells.shape == (frames, 3, 3)
    np.testing.assert_array_equal(trajectory.numbers, NUMBERS)
    np.testing.assert_array_equal(trajectory.positions.ravel(), np.arange(15 * frames))
    np.testing.assert_allclose(trajectory.times, 0.01 * np.arange(frames), rtol=1e-15)


def test_reads_back_and_maps(written: Path) -> None:
    check(written, 4)
    assert isinstance(open_trajectory(written).positions, np.memmap)


def test_cells_that_all_frames_share_are_one_in_memory(tmp_path: Path) -> None:
    """2500 frames, read a thousand at a time; none, all of the last part, or one has another cell."""
    head, records = header(NUMBERS), np.zeros(2500, record_type(5))
    for changed, strides in ((slice(0), 0), (slice(2000, None), 72), (slice(7, 8), 72)):
        records["cell_lengths"], records["cell_angles"] = CELL[:3], CELL[3:]
        records["cell_lengths"][changed] = 9.0
        (tmp_path / "t.nc").write_bytes(head[:4] + numrecs(2500) + head[8:] + records.tobytes())
        cells = open_trajectory(tmp_path / "t.nc").cells
        lengths, angles = (records[f"cell_{what}"].astype(float) for what in ("lengths", "angles"))
        np.testing.assert_array_equal(cells, cell_vectors(lengths, angles))
        assert cells.strides[0] == strides


@pytest.mark.parametrize("lost", [1, 115, 116, 117, 4 * 116])
def test_half_a_frame_is_left_out(written: Path, lost: int) -> None:
    """A frame takes 8 + 60 + 24 + 24 = 116 bytes; the header still promises four."""
    written.write_bytes(written.read_bytes()[:-lost])
    check(written, 4 - -(-lost // 116))


def test_scipy_reads_every_variable(written: Path) -> None:
    with netcdf_file(written, "r", mmap=False) as file:
        assert (file.Conventions, file.ConventionVersion, file.version_byte) == (b"AMBER", b"1.0", 2)
        np.testing.assert_array_equal(file.variables["coordinates"][3], np.arange(45, 60).reshape(5, 3))
        np.testing.assert_array_equal(file.variables["cell_angles"][2], CELL[3:])
        assert file.variables["time"].units == b"picosecond"
        assert b"".join(file.variables["cell_angular"][1]) == b"beta "


def test_mdanalysis_reads_positions_times_and_cell(written: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MDAnalysis and Biopython announce their own removals on import
        import MDAnalysis

        universe = MDAnalysis.Universe.empty(5, trajectory=False)
        universe.load_new(str(written), format="NCDF")
        frames = [(ts.time, ts.positions.copy(), ts.dimensions) for ts in universe.trajectory]
        universe.trajectory.close()
    assert [time for time, _, _ in frames] == pytest.approx([0.0, 0.01, 0.02, 0.03])
    np.testing.assert_array_equal(frames[2][1], np.arange(30, 45).reshape(5, 3))
    np.testing.assert_allclose(frames[1][2], CELL)


def test_cell_vectors_are_those_of_ase() -> None:
    """Angles of 60, 90 and 120 degrees have exact cosines; ASE's own conversion is the second opinion."""
    cells = np.array([CELL, [3.0, 4.0, 5.0, 90.0, 90.0, 90.0], [2.0, 2.0, 7.0, 90.0, 90.0, 120.0]])
    result = cell_vectors(cells[:, :3], cells[:, 3:])
    np.testing.assert_allclose(result, [cellpar_to_cell(cell) for cell in cells], atol=1e-13)
    np.testing.assert_array_equal(result[1], np.diag([3.0, 4.0, 5.0]))
    np.testing.assert_allclose(result[2, 1], [-1.0, np.sqrt(3.0), 0.0], atol=1e-14)


@pytest.mark.parametrize("content", [b"", b"CDF\x02", b"nonsense" * 50, b"\x80\x04pickle"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.nc"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"foreign\.nc: not a trajectory of mlipbench"):
        open_trajectory(path)
