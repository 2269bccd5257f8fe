"""Steps and times of other programs' files: overlap, order, gaps, units, several files."""

from pathlib import Path
from typing import Any

import foreign_files as files
import numpy as np
import pytest
from foreign_files import CELL, ELEMENTS, FRAMES, NUMBERS, POSITIONS, lattice, request

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.analyse_files import analyse
from mlipbench_hpc.worker.foreign.trajectory import Foreign, open_foreign

# Frames 8 to 12 stand twice, as after a restart from frame 8.
OVERLAP = [*range(13), *range(8, FRAMES)]
EDGES = np.diag(CELL).tolist()


def twice() -> np.ndarray:
    """The first copy of frames 8 to 12 is displaced, so that it shows which copy is taken."""
    positions = POSITIONS[OVERLAP].copy()
    positions[8:13] += 0.5
    return positions


def written(folder: Path, kind: str, steps: list[int], positions: np.ndarray) -> tuple[Path, dict[str, Any]]:
    """A file whose frames are 0.05 ps apart, a step each, and what else the request needs."""
    ps = [0.05 * step for step in steps]
    texts = {
        "lammpstrj": lambda: files.dump(steps, positions),
        "gro": lambda: files.gro(ps, positions),
        "XDATCAR": lambda: files.xdatcar(steps, positions),
        "cp2k.xyz": lambda: files.xyz(
            [
                f" i = {step:8d}, time = {1000 * time:12.3f}, E = -1.0"
                for step, time in zip(steps, ps, strict=True)
            ],
            positions,
        ),
        "ipi.xyz": lambda: files.xyz(
            [
                f"# CELL(abcABC): 9 9 40 90 90 90 Step: {step} Bead: 0 positions{{angstrom}} cell{{angstrom}}"
                for step in steps
            ],
            positions,
        ),
        "time.extxyz": lambda: files.xyz(
            [lattice(more=f" time={1000 * time:.3f}") for time in ps], positions
        ),
        "step.extxyz": lambda: files.xyz([lattice(more=f" step={step}") for step in steps], positions),
    }
    (path := folder / (kind if "." in kind or kind == "XDATCAR" else f"t.{kind}")).write_text(texts[kind]())
    more: dict[str, Any] = {"elements": ELEMENTS} if kind == "lammpstrj" else {}
    return path, more | ({"cell": EDGES} if kind == "cp2k.xyz" else {})


def xtc(path: Path, steps: list[int], times: list[float], positions: np.ndarray) -> None:
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    with XTCFile(str(path), "w") as file:
        for step, time, frame in zip(steps, times, positions, strict=True):
            file.write((frame / 10).astype("f4"), (CELL / 10).astype("f4"), step, time, 1000)


@pytest.fixture
def topology(tmp_path: Path) -> str:
    (path := tmp_path / "top.extxyz").write_text(files.xyz([lattice()], POSITIONS[:1]))
    return str(path)


def read(source: Foreign) -> np.ndarray:
    return np.concatenate([piece.positions for piece in source.pieces(3)])


KINDS = ["lammpstrj", "gro", "XDATCAR", "cp2k.xyz", "ipi.xyz", "time.extxyz", "step.extxyz"]


@pytest.mark.parametrize("kind", KINDS)
def test_overlap_after_a_restart_is_left_out_and_told(tmp_path: Path, kind: str) -> None:
    path, more = written(tmp_path, kind, OVERLAP, twice())
    source = open_foreign(request(path, **more, frame_every=0.05))
    np.testing.assert_allclose(read(source), POSITIONS, atol=6e-3)
    np.testing.assert_allclose(source.times, 0.05 * np.arange(FRAMES))
    warning = next(line for line in source.warnings if "overlap after a restart" in line)
    assert "frame 13 of" in warning
    assert "of 25 frames the 5 that later ones replace are left out" in warning


@pytest.mark.parametrize("by", ["steps", "times"])
def test_overlap_in_xtc_by_whatever_it_says(tmp_path: Path, topology: str, by: str) -> None:
    """Times may all be zero, or steps."""
    clock = [0.05 * k for k in OVERLAP] if by == "times" else [0.0] * 25
    xtc(path := tmp_path / "t.xtc", OVERLAP if by == "steps" else [0] * 25, clock, twice())
    source = open_foreign(request(path, topology=topology))
    np.testing.assert_allclose(read(source), POSITIONS, atol=6e-3)
    if by == "times":
        np.testing.assert_allclose(source.times, 0.05 * np.arange(FRAMES), atol=1e-6)
    else:
        assert source.times is None


def test_a_frame_written_twice_counts_once(tmp_path: Path) -> None:
    steps = [0, *range(FRAMES), FRAMES - 1]
    path, more = written(tmp_path, "lammpstrj", steps, POSITIONS[steps])
    np.testing.assert_allclose(read(open_foreign(request(path, **more))), POSITIONS, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_reversed_runs_are_refused(tmp_path: Path, kind: str) -> None:
    path, more = written(tmp_path, kind, list(range(FRAMES))[::-1], POSITIONS)
    with pytest.raises(InputFailure, match=r"runs backwards from frame 1 on .*write its frames in the order"):
        open_foreign(request(path, **more))


def test_two_runs_in_one_file_are_refused(tmp_path: Path) -> None:
    path, more = written(tmp_path, "lammpstrj", [*range(10), *range(10)], POSITIONS)
    with pytest.raises(
        InputFailure, match=r"frame 10 of t.lammpstrj is at step 0, no later than the first frame"
    ):
        open_foreign(request(path, **more))


@pytest.mark.parametrize("frame_every", [0.05, None])
@pytest.mark.parametrize("kind", ["lammpstrj", "cp2k.xyz"])
def test_a_gap_is_told_and_gives_no_lags(tmp_path: Path, kind: str, frame_every: float | None) -> None:
    steps = [*range(10), *range(15, 25)]
    path, more = written(tmp_path, kind, steps, POSITIONS)
    (tmp_path / "out").mkdir()
    asked = request(path, **more, frame_every=frame_every)
    lines = analyse(asked, open_foreign(asked))
    assert any("jump: from" in line and "after frame 9" in line for line in lines)
    assert any("no dynamics of the first layer" in line for line in lines)
    assert not list((tmp_path / "out").glob("survival*"))


@pytest.mark.parametrize(
    ("apart", "ps"), [(50.0, 0.05), (0.05, 0.05), (10.0, 0.01), (0.5, None), (5.0, None)]
)
def test_times_without_a_unit(tmp_path: Path, apart: float, ps: float | None) -> None:
    """fs where ps would be too long, ps where fs would be too short, neither between."""
    comments = [lattice(more=f" time={apart * k:.4f}") for k in range(FRAMES)]
    (path := tmp_path / "t.extxyz").write_text(files.xyz(comments))
    source = open_foreign(request(path))
    assert "name no unit" in source.warnings[0]
    if ps is None:
        assert source.times is None
    else:
        np.testing.assert_allclose(source.times, ps * np.arange(FRAMES))
    assert open_foreign(request(path, frame_every=apart / 1000)).warnings == []


@pytest.mark.parametrize(("key", "ps"), [("time_fs", 0.05), ("time_ps", 50.0), ("Time", 0.05)])
def test_units_in_keys(tmp_path: Path, key: str, ps: float) -> None:
    comments = [lattice(more=f" {key}={50 * k}") for k in range(FRAMES)]
    (path := tmp_path / "t.extxyz").write_text(files.xyz(comments))
    np.testing.assert_allclose(open_foreign(request(path)).times, ps * np.arange(FRAMES))


def test_frame_every_against_the_file_is_told(tmp_path: Path) -> None:
    path, more = written(tmp_path, "cp2k.xyz", list(range(FRAMES)), POSITIONS)
    source = open_foreign(request(path, **more, frame_every=0.5))
    assert source.warnings == [
        "by the file's times frames are 0.05 ps apart, by --frame-every 0.5 ps, which is taken: lags are 10 "
        "times "
        "the file's"
    ]
    np.testing.assert_allclose(source.times, 0.5 * np.arange(FRAMES))
    assert open_foreign(request(path, **more, frame_every=0.05)).warnings == []


@pytest.mark.parametrize("kind", KINDS)
def test_several_files_are_one_run(tmp_path: Path, kind: str) -> None:
    """The second begins at frame 8, the first went on to frame 12."""
    parts = []
    for name, part in (("a", OVERLAP[:13]), ("b", OVERLAP[13:])):
        (tmp_path / name).mkdir()
        displaced = twice()[:13] if name == "a" else twice()[13:]
        path, more = written(tmp_path / name, kind, part, displaced)
        parts.append(path)
    source = open_foreign(request(parts, **more, frame_every=0.05))
    np.testing.assert_allclose(read(source), POSITIONS, atol=6e-3)
    assert "frame 0 of" in next(line for line in source.warnings if "overlap" in line)
    with pytest.raises(InputFailure, match="files in another order"):
        open_foreign(request(parts[::-1], **more))


def test_files_of_other_atoms_are_refused(tmp_path: Path) -> None:
    (one := tmp_path / "a.extxyz").write_text(files.xyz([lattice()] * 2, POSITIONS[:2]))
    (other := tmp_path / "b.extxyz").write_text(
        files.xyz([lattice()] * 2, POSITIONS[:2, ::-1], files.NAMES[::-1])
    )
    with pytest.raises(InputFailure, match=r"b.extxyz: its atoms are not those of .*a.extxyz"):
        open_foreign(request([one, other]))


def test_the_dipole_of_an_overlapping_run_is_that_of_its_frames(tmp_path: Path) -> None:
    """P_z of the whole command, by numpy."""
    path, more = written(tmp_path, "lammpstrj", OVERLAP, twice())
    (tmp_path / "out").mkdir()
    asked = request(path, **more, frame_every=0.05)
    analyse(asked, open_foreign(asked))
    table = np.loadtxt(tmp_path / "out" / "total_orientation.csv", delimiter=",", skiprows=1)
    oxygens = np.flatnonzero(NUMBERS == 8)
    bisectors = POSITIONS[:, oxygens + 1] + POSITIONS[:, oxygens + 2] - 2 * POSITIONS[:, oxygens]
    cosines = bisectors[..., 2] / np.linalg.norm(bisectors, axis=-1)
    np.testing.assert_allclose(table[:, 2], cosines.sum(axis=1), atol=1e-3)
    assert len(table) == FRAMES
