"""Frames in another unit, or whose rows are in another order, than those before."""

from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign.continuity import Continuity
from mlipbench_hpc.worker.foreign.trajectory import open_foreign

EDGE, GRID = 12.0, 4
CELL = np.diag([EDGE, EDGE, EDGE])


def waters(frames: int = 5, noise: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Atomic numbers (192,) and positions (frames, 192, 3) Å of 64 molecules on a lattice of 3 Å."""
    random = np.random.default_rng(seed)
    sites = np.stack(np.meshgrid(*[np.arange(GRID) * EDGE / GRID] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    molecule = np.array([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]])
    positions = (sites + molecule).reshape(-1, 3)
    shape = (frames, *positions.shape)
    return np.tile([8, 1, 1], GRID**3), positions + noise * random.normal(size=shape)


def check(numbers: np.ndarray, positions: np.ndarray) -> None:
    """As a reader does: the frames in two pieces."""
    continuity = Continuity(numbers, positions[0], CELL)
    continuity.check(Path("t"), positions[:3], 0)
    continuity.check(Path("t"), positions[3:], 3)


def molecules(order: np.ndarray) -> np.ndarray:
    """Order of the atoms (3 K,) for an order of the molecules (K,)."""
    return (3 * order[:, None] + np.arange(3)).ravel()


def test_a_run_passes_wrapped_or_not() -> None:
    numbers, positions = waters()
    check(numbers, positions)
    check(numbers, positions % EDGE)


@pytest.mark.parametrize(("frame", "factor", "unit"), [(2, 1 / 0.529177, "bohr"), (4, 0.1, "nm")])
def test_a_frame_in_another_unit(frame: int, factor: float, unit: str) -> None:
    numbers, positions = waters()
    positions[frame] *= factor
    with pytest.raises(InputFailure, match=rf"O-H bonds of frame {frame} are .* lengths are in {unit}"):
        check(numbers, positions)


@pytest.mark.parametrize("frame", [1, 3])
def test_molecules_in_another_order(frame: int) -> None:
    numbers, positions = waters()
    order = np.random.default_rng(1).permutation(GRID**3)
    positions[frame] = positions[frame][molecules(order)]
    with pytest.raises(InputFailure, match=rf"in frame {frame} .* write ids, or sort"):
        check(numbers, positions)


def test_frames_without_memory_and_a_common_shift_are_no_other_order() -> None:
    """Oxygens drawn anew: 64 in (12 Å)³ are as dense as water; and all shifted by a lattice vector."""
    numbers, positions = waters()
    random = np.random.default_rng(2)
    anew = np.repeat(random.uniform(0, EDGE, (200, GRID**3, 3)), 3, axis=1)
    anew += random.normal(0, 0.5, anew.shape)
    continuity = Continuity(numbers, positions[0], CELL)
    continuity.check(Path("t"), anew, 0)
    positions[3] += EDGE / GRID
    check(numbers, positions)


def xyz(path: Path, numbers: np.ndarray, positions: np.ndarray) -> Path:
    names = np.where(numbers == 8, "O", "H")
    text = [
        f"{len(frame)}\n\n"
        + "".join(f"{name} {x:.6f} {y:.6f} {z:.6f}\n" for name, (x, y, z) in zip(names, frame, strict=True))
        for frame in positions
    ]
    path.write_text("".join(text))
    return path


def test_the_second_file_is_in_nm(tmp_path: Path) -> None:
    """The first frame of every file is looked at when the run is opened."""
    numbers, positions = waters()
    first = xyz(tmp_path / "a.xyz", numbers, positions)
    second = xyz(tmp_path / "b.xyz", numbers, positions / 10)
    request = {
        "trajectory": [str(first), str(second)], "format": "", "topology": "", "cell": [EDGE] * 3,
        "shown": {}, "surface": [], "ions": [], "elements": {}, "frame_every": 0.05,
    }  # fmt: skip
    with pytest.raises(InputFailure, match=r"b\.xyz: hydrogens lie .* distance in nm"):
        open_foreign(request)
