"""Files of one run that count anew: joined where the positions go on, refused where they do not."""

from pathlib import Path
from typing import Any

import foreign_files as files
import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from foreign_files import ATOMS, CELL, ELEMENTS, FRAME, lattice, request

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign.trajectory import Foreign, open_foreign

FRAMES = 20


def walk(seed: int = 0) -> np.ndarray:
    """(F, N, 3) Å of a run with memory: steps of 0.03 Å."""
    steps = 0.03 * np.random.default_rng(seed).normal(size=(FRAMES, ATOMS, 3))
    return np.round(FRAME.positions + np.cumsum(steps, axis=0), 4)


def dump(path: Path, steps: list[int], positions: np.ndarray) -> Path:
    path.write_text(files.dump(steps, positions))
    return path


def xdatcar(path: Path, steps: list[int], positions: np.ndarray) -> Path:
    path.write_text(files.xdatcar(steps, positions))
    return path


def timed(path: Path, steps: list[int], positions: np.ndarray) -> Path:
    path.write_text(files.xyz([lattice(more=f" time={50 * step}") for step in steps], positions))
    return path


WRITERS = {"a.lammpstrj": dump, "XDATCAR_a": xdatcar, "a.extxyz": timed}


def opened(paths: list[Path], **changes: Any) -> tuple[Foreign, np.ndarray]:
    elements = ELEMENTS if paths[0].suffix == ".lammpstrj" else {}
    source = open_foreign(request(paths, elements=elements, frame_every=0.05, **changes))
    return source, np.concatenate([piece.positions for piece in source.pieces(3)])


def written(folder: Path, name: str, parts: list[tuple[list[int], np.ndarray]]) -> list[Path]:
    stem, _, ending = name.partition(".")
    return [
        WRITERS[name](folder / f"{stem}{number}{'.' * bool(ending)}{ending}", *part)
        for number, part in enumerate(parts)
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_files_that_count_anew_are_one_run(tmp_path: Path, name: str) -> None:
    """Three files, the last two from 1 on."""
    run, first = walk(), int(name != "a.extxyz")
    counted = [list(range(first, first + n)) for n in (8, 7, 5)]
    parts = list(zip(counted, np.split(run, [8, 15]), strict=True))
    source, positions = opened(written(tmp_path, name, parts))
    np.testing.assert_allclose(positions, run, atol=1e-4)
    assert source.times is not None
    np.testing.assert_allclose(source.times, 0.05 * np.arange(FRAMES), atol=1e-9)
    lines = [line for line in source.warnings if "counted anew" in line]
    assert len(lines) == 2
    assert "frame 0 of" in lines[0]
    assert "it is counted on as one run" in lines[0]


def test_a_first_frame_that_repeats_the_last_counts_once(tmp_path: Path) -> None:
    """LAMMPS writes step 0 after reset_timestep, the frame with which the run before ended."""
    run = walk()
    parts = [(list(range(10)), run[:10]), (list(range(11)), run[9:])]
    source, positions = opened(written(tmp_path, "a.lammpstrj", parts))
    np.testing.assert_allclose(positions, run, atol=1e-4)
    assert source.times is not None
    assert len(source.times) == FRAMES


def test_a_continuation_whose_first_step_is_later_than_the_run_s_is_no_overlap(tmp_path: Path) -> None:
    """Written every 100 steps, step 0 only in the first file."""
    run = walk()
    parts = [([100 * k for k in range(10)], run[:10]), ([100 * k for k in range(1, 11)], run[10:])]
    _, positions = opened(written(tmp_path, "a.lammpstrj", parts))
    np.testing.assert_allclose(positions, run, atol=1e-4)


def test_runs_in_one_file_are_joined_as_well(tmp_path: Path) -> None:
    run = walk()
    path = xdatcar(tmp_path / "XDATCAR", [*range(1, 11), *range(1, 11)], run)
    np.testing.assert_allclose(opened([path])[1], run, atol=1e-4)


@pytest.mark.parametrize("name", WRITERS)
def test_another_run_or_order_is_refused_with_the_distance(tmp_path: Path, name: str) -> None:
    run, other = walk(), np.round(walk(1) + np.random.default_rng(2).normal(0, 0.4, (1, ATOMS, 3)), 4)
    counted = list(range(1, 11))
    two = written(tmp_path, name, [(counted, run[:10]), (counted, other[10:])])
    with pytest.raises(InputFailure, match=r"its atoms do not go on .* moved 0\.\d+ Å, between .* two runs"):
        opened(two)
    turned = written(tmp_path, name, [(counted, run[10:]), (counted, run[:10])])
    with pytest.raises(InputFailure, match="these are two runs, or files in another order"):
        opened(turned)


def test_a_restart_from_an_earlier_frame_stays_an_overlap(tmp_path: Path) -> None:
    run = walk()
    order = [*range(13), *range(8, FRAMES)]
    source, positions = opened(
        written(tmp_path, "a.lammpstrj", [(order[:13], run[:13]), (order[13:], run[8:])])
    )
    np.testing.assert_allclose(positions, run, atol=1e-4)
    assert any("overlap after a restart" in line for line in source.warnings)
    assert not any("counted anew" in line for line in source.warnings)


def test_files_without_a_clock_are_joined_with_a_doubt_where_they_do_not_go_on(tmp_path: Path) -> None:
    run, paths = walk(), [tmp_path / "a.extxyz", tmp_path / "b.extxyz"]
    for path, part in zip(paths, (run[:10], run[10:]), strict=True):
        path.write_text(files.xyz([lattice()] * 10, part))
    assert [line for line in opened(paths)[0].warnings if "does not go on" in line] == []
    (line,) = [line for line in opened(paths[::-1])[0].warnings if "does not go on" in line]
    assert line.startswith("frame 0 of a.extxyz does not go on from the frame before: atoms moved 0.")


def test_half_an_ase_trajectory_is_said_in_words(tmp_path: Path) -> None:
    images = [Atoms(FRAME.numbers, part, cell=CELL, pbc=True) for part in walk()]
    write(path := tmp_path / "t.traj", images)
    path.write_bytes(path.read_bytes()[:-3000])
    source = open_foreign(request(path, frame_every=0.05))
    read = sum(len(piece.positions) for piece in source.pieces(3))
    assert read < FRAMES
    assert f"frame {read} cannot be read, as at half a frame at its end" in source.truncated[0]
