"""Trajectories of other programs, cut anywhere: whole frames count, and what is missing is said."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from interface import LX, LY, LZ, slab
from scipy.io import netcdf_file

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.trajectory import header, numrecs, record_type
from mlipbench_hpc.worker.analyse_files import analyse
from mlipbench_hpc.worker.foreign.trajectory import open_foreign

# MDAnalysis' readers of broken files complain once more when they go.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
FRAMES, CELL = 6, np.diag([LX, LY, LZ])
FRAME = slab([2.05, 3.05, 6.05], [0.5, -0.5, 0.1], [(4.0, 4.0, 5.05)])
POSITIONS = FRAME.positions + 0.1 * np.random.default_rng(1).normal(size=(FRAMES, *FRAME.positions.shape))
ENDINGS = ("xtc", "trr", "dcd", "lammpstrj", "extxyz", "xyz", "nc")


def own() -> bytes:
    """Our own format."""
    records = np.zeros(FRAMES, record_type(len(FRAME.numbers)))
    records["time"], records["coordinates"] = 0.01 * np.arange(FRAMES), POSITIONS
    records["cell_lengths"], records["cell_angles"] = (LX, LY, LZ), 90.0
    start = header(FRAME.numbers)
    return start[:4] + numrecs(FRAMES) + start[8:] + records.tobytes()


def dump() -> str:
    rows = []
    for step, frame in enumerate(POSITIONS):
        rows.append(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(frame)}\nITEM: BOX BOUNDS pp pp pp")
        rows += [f"0 {length}" for length in (LX, LY, LZ)] + ["ITEM: ATOMS id element x y z"]
        symbols = Atoms(FRAME.numbers).get_chemical_symbols()
        rows += [f"{i + 1} {symbols[i]} {x:.4f} {y:.4f} {z:.4f}" for i, (x, y, z) in enumerate(frame)]
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import MDAnalysis

    folder = tmp_path_factory.mktemp("files")
    atoms = [Atoms(FRAME.numbers, positions=one, cell=CELL, pbc=True) for one in POSITIONS]
    write(folder / "t.extxyz", atoms, format="extxyz")
    (folder / "t.lammpstrj").write_text(dump())
    (folder / "t.nc").write_bytes(own())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe.empty(len(FRAME.numbers), trajectory=True)
        universe.add_TopologyAttr("names", atoms[0].get_chemical_symbols())
        universe.load_new(POSITIONS.astype("f4"), dt=0.01)
        for ending in ("xtc", "trr", "dcd", "xyz", "pdb"):
            with MDAnalysis.Writer(str(folder / f"t.{ending}"), len(FRAME.numbers)) as writer:
                for step in universe.trajectory[: 1 if ending == "pdb" else None]:
                    step.dimensions = [LX, LY, LZ, 90, 90, 90]
                    writer.write(universe.atoms)
    return folder


def request(path: Path, topology: Path, **changes: Any) -> dict[str, Any]:
    return {
        "trajectory": [str(path)], "topology": str(topology), "cell": [LX, LY, LZ], "surface": ["Au"],
        "layer_atoms": [], "face": "", "assignment": "frames", "ions": [], "format": "",
        "elements": {}, "bin": 0.1, "blocks": 2, "skip": 0, "out": str(path.parent / "out"), "shown": {},
        "frame_every": 0.01, "dipole_correlation": 0.02, "survival": 0.02, "origins": "all",
        "coordination": 3.2, "threads": 1,
    } | changes  # fmt: skip


def content_of(folder: Path, ending: str) -> bytes:
    """Without the blank line that MDAnalysis writes at the end of XYZ."""
    content = (folder / f"t.{ending}").read_bytes()
    return content.rstrip() + b"\n" if ending == "xyz" else content


def whole_frames(content: bytes, ending: str) -> list[int]:
    """Where each frame ends, in bytes: by size where all are alike, else by the line that begins a frame."""
    if ending in ("nc", "dcd", "trr"):
        sizes = {"nc": record_type(len(FRAME.numbers)).itemsize, "dcd": 56 + 3 * (8 + 4 * len(FRAME.numbers))}
        size = sizes.get(ending, len(content) // FRAMES)
        return [len(content) - size * (FRAMES - 1 - k) for k in range(FRAMES)]
    if ending == "xtc":
        marks = (1995).to_bytes(4, "big") + len(FRAME.numbers).to_bytes(4, "big")
    else:
        marks = content[: content.index(b"\n") + 1]
    text = b"\n" if ending != "xtc" else b""
    starts = [k for k in range(len(content)) if content.startswith(marks, k) and content[:k].endswith(text)]
    starts = starts if starts[0] == 0 else [0, *starts]
    assert len(starts) == FRAMES
    return [*starts[1:], len(content)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_cut_at_any_byte_gives_its_whole_frames(files: Path, tmp_path: Path, ending: str) -> None:
    content = content_of(files, ending)
    (tmp_path / "out").mkdir()
    ends, path = whole_frames(content, ending), tmp_path / f"t.{ending}"
    cuts = {end + k for end in ends[1:-1] for k in (0, 1, 4, 40)} | {end - 1 for end in ends[2:]}
    cuts |= set(np.random.default_rng(0).integers(ends[1], len(content), size=20).tolist())
    for cut in sorted(cuts):
        path.write_bytes(content[:cut])
        # A last line without its end of line is whole where its digits are.
        unended = ending not in ("xtc", "trr", "dcd", "nc")
        frames = sum(end - unended <= cut for end in ends)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = open_foreign(request(path, files / "t.pdb"))
            text = analyse(request(path, files / "t.pdb"), source)
        result = json.loads((tmp_path / "out" / "analysis.json").read_text())
        assert (result["frames"], result["dropped"]) == (frames // 2 * 2, frames % 2), (cut, ends)
        truncated = [line for line in text if f"is truncated: {frames} whole frames are read" in line]
        # Only headers of DCD and NetCDF say how many frames there should be.
        expected = (cut not in ends and cut + unended not in ends) or ending in ("dcd", "nc")
        assert bool(truncated) == expected, (cut, ends, text)
        for hidden in tmp_path.glob(".*"):
            hidden.unlink()


def test_a_frame_after_the_last_whole_block_changes_no_number(files: Path, tmp_path: Path) -> None:
    """All atoms of the last of seven frames are elsewhere; there are two blocks."""
    atoms, result = [Atoms(FRAME.numbers, one, cell=CELL, pbc=True) for one in POSITIONS], []
    for name, more in (
        ("plain", []),
        ("longer", [Atoms(FRAME.numbers, POSITIONS[0][::-1], cell=CELL, pbc=True)]),
    ):
        (out := tmp_path / name).mkdir()
        write(path := tmp_path / "t.extxyz", atoms + more, format="extxyz")
        asked = request(path, files / "t.pdb", out=str(out))
        analyse(asked, open_foreign(asked))
        values = json.loads((out / "analysis.json").read_text())
        notes = values.pop("notes")
        text = [values.pop("dropped"), [note for note in notes if "whole block" in note]]
        result.append((values, {one.name: one.read_bytes() for one in out.glob("*.csv")}))
    assert text == [1, ["1 frame after the last whole block: not analysed"]]
    assert result[0] == result[1]


@pytest.mark.parametrize("ending", ENDINGS)
def test_without_one_whole_frame_it_is_refused(files: Path, tmp_path: Path, ending: str) -> None:
    content = content_of(files, ending)
    first = whole_frames(content, ending)[0]
    for cut in (0, 3, first // 2, first - 1):
        path = tmp_path / f"{cut}.{ending}"
        path.write_bytes(content[:cut])
        with pytest.raises(InputFailure, match=str(path)):
            analyse(request(path, files / "t.pdb"), open_foreign(request(path, files / "t.pdb")))


@pytest.mark.parametrize("changes", [False, True])
def test_the_cell_of_a_pdb_stands_until_another_is_given(files: Path, tmp_path: Path, changes: bool) -> None:
    lines = (files / "t.pdb").read_text().splitlines(keepends=True)
    (cell,) = [line for line in lines if line.startswith("CRYST1")]
    atoms = "".join(line for line in lines if line.startswith(("ATOM", "HETATM")))
    models = [f"MODEL {k + 1:8d}\n{atoms}ENDMDL\n" for k in range(4)]
    if changes:
        models[2] = models[2].replace("\n", f"\n{cell.replace(f'{LX:9.3f}', f'{LX + 1:9.3f}', 1)}", 1)
    path = tmp_path / "t.pdb"
    path.write_text(cell + "".join(models) + "END\n")
    source = open_foreign(request(path, path) | {"topology": "", "cell": []})
    np.testing.assert_allclose(source.cell, CELL, atol=1e-3)
    if changes:
        with pytest.raises(InputFailure, match="the cell changes at frame 2"):
            list(source.pieces(10))
    else:
        (piece,) = source.pieces(10)
        assert (source.expected, len(piece.positions)) == (4, 4)


def headed(units: str) -> str:
    """The dump with a header of units once, and of the time in every frame, as LAMMPS writes them."""
    first, *rest = dump().split("ITEM: TIMESTEP\n")
    timed = [f"ITEM: TIME\n{0.5 * k}\nITEM: TIMESTEP\n{frame}" for k, frame in enumerate(rest)]
    return f"ITEM: UNITS\n{units}\n{first}" + "".join(timed)


@pytest.mark.parametrize(("units", "step"), [("metal", 0.5), ("real", 0.0005)])
def test_a_dump_may_say_its_units_and_times(files: Path, tmp_path: Path, units: str, step: float) -> None:
    content, path = headed(units), tmp_path / "t.lammpstrj"
    ends = [
        len(content[: k - 1]) for k in range(1, len(content)) if content.startswith("\nITEM: TIME\n", k - 1)
    ]
    ends = [*(end + 1 for end in ends[1:]), len(content)]
    for cut in {*ends, *(end + k for end in ends[:-1] for k in (5, 11, 15, 30)), len(content) - 2}:
        path.write_text(content[:cut])
        source = open_foreign(request(path, files / "t.pdb", frame_every=None))
        whole = sum(end <= cut for end in ends)
        assert (source.expected, bool(source.truncated)) == (whole, cut not in ends)
        piece = next(source.pieces(whole))
        np.testing.assert_allclose(piece.positions, POSITIONS[:whole], atol=1e-4)
        assert source.times is not None
        np.testing.assert_allclose(source.times, step * np.arange(whole))


def test_a_dump_in_other_units_is_refused(files: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.lammpstrj"
    path.write_text(headed("lj"))
    with pytest.raises(InputFailure, match="received `ITEM: UNITS lj`, expected metal or real"):
        open_foreign(request(path, files / "t.pdb"))


@pytest.mark.parametrize("names", ["xs ys zs", "xu yu zu"])
def test_a_dump_of_fractions_from_a_shifted_corner(files: Path, tmp_path: Path, names: str) -> None:
    """Half a cell below zero, and atoms in another order than their ids'."""
    path, corner = tmp_path / "t.lammpstrj", -0.5 * np.diag(CELL)
    bounds = "".join(f"{low} {-low}\n" for low in corner)
    rows = POSITIONS[0] / np.diag(CELL) if names == "xs ys zs" else POSITIONS[0] + corner
    lines = [
        f"{i + 1} {z} {' '.join(map(str, row))}\n"
        for i, (z, row) in enumerate(zip(FRAME.numbers, rows, strict=True))
    ]
    lines.reverse()
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(rows)}\nITEM: BOX BOUNDS pp pp ff\n{bounds}"
    path.write_text(f"{head}ITEM: ATOMS id type {names}\n{''.join(lines)}")
    (piece,) = open_foreign(request(path, files / "t.pdb")).pieces(2)
    np.testing.assert_allclose(piece.positions[0], POSITIONS[0], atol=1e-4)


def test_a_dump_without_ids_is_refused(files: Path, tmp_path: Path) -> None:
    """LAMMPS writes rows in any order, so nobody knows which atom is which."""
    path = tmp_path / "t.lammpstrj"
    text = dump().replace("id element", "element")
    path.write_text("\n".join(line.split(" ", 1)[1] if line[:1].isdigit() and line.count(" ") == 4 else line
                              for line in text.splitlines()) + "\n")  # fmt: skip
    with pytest.raises(InputFailure, match="without id: LAMMPS writes rows in any order"):
        open_foreign(request(path, files / "t.pdb"))


@pytest.mark.parametrize("ending", [".xtc", ".nc"])
def test_pieces_of_one_frame_change_no_byte(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """Of large systems a piece holds one frame, which does not say how far apart frames are."""
    asked = request(files / f"t{ending}", files / "t.pdb", frame_every=None)
    for name in ("many", "one"):
        (tmp_path / name).mkdir()
        analyse(asked | {"out": str(tmp_path / name)}, open_foreign(asked))
        monkeypatch.setattr("mlipbench_hpc.worker.analyse_files.ATOMS_AT_ONCE", 1)
    written = sorted(path.name for path in (tmp_path / "many").iterdir())
    assert {"dipole_correlation.csv", "survival.csv"} <= set(written)
    for name in written:
        assert (tmp_path / "many" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name


@pytest.mark.parametrize("ending", ["xyz", "extxyz"])
def test_frames_with_other_species_are_refused(files: Path, tmp_path: Path, ending: str) -> None:
    """XYZ names the atoms of every frame: another order would be read as another molecule."""
    lines = (files / f"t.{ending}").read_text().splitlines()
    size = len(FRAME.numbers) + 2
    lines[2 * size + 2], lines[3 * size - 1] = lines[3 * size - 1], lines[2 * size + 2]
    path = tmp_path / f"t.{ending}"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputFailure, match="frame 2 has other species, or in another order"):
        analyse(request(path, files / "t.pdb"), open_foreign(request(path, files / "t.pdb")))


def test_h5md_gives_what_the_others_give_and_is_refused_when_cut(files: Path, tmp_path: Path) -> None:
    """HDF5 does not open half a file at all."""
    pytest.importorskip("h5py", reason="make setup ENVS=tests")
    import MDAnalysis

    path = tmp_path / "t.h5md"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe(str(files / "t.pdb"), str(files / "t.trr"))
        with MDAnalysis.Writer(str(path), len(FRAME.numbers)) as writer:
            for _ in universe.trajectory:
                writer.write(universe.atoms)
        asked = request(path, files / "t.pdb", cell=[], frame_every=None)
        result = [np.concatenate([piece.positions for piece in open_foreign(one).pieces(2)])
                 for one in (asked, request(files / "t.trr", files / "t.pdb"))]  # fmt: skip
        times = open_foreign(asked).times
        (tmp_path / "cut.h5md").write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(InputFailure, match=r"cannot read it as H5MD.*truncated"):
            open_foreign(asked | {"trajectory": [str(tmp_path / "cut.h5md")]})
    np.testing.assert_allclose(result[0], result[1], atol=1e-5)
    np.testing.assert_allclose(result[0], POSITIONS, atol=1e-5)
    np.testing.assert_allclose(times, universe.trajectory.dt * np.arange(FRAMES), atol=1e-6)


def test_amber_netcdf_of_another_program(files: Path, tmp_path: Path) -> None:
    """Velocities and a scale beside the coordinates, and a header that names no number of frames."""
    path = tmp_path / "t.nc"
    with netcdf_file(path, "w", version=2) as file:
        file.Conventions, file.ConventionVersion = "AMBER", "1.0"
        for name, length in (("frame", None), ("spatial", 3), ("atom", len(FRAME.numbers))):
            file.createDimension(name, length)
        for name in ("velocities", "coordinates"):
            file.createVariable(name, "f", ("frame", "atom", "spatial"))
        file.createVariable("flag", "b", ("frame",))
        file.createVariable("time", "f", ("frame",)).units = "picosecond"
        file.variables["coordinates"].units, file.variables["coordinates"].scale_factor = "angstrom", 10.0
        for k in range(FRAMES):
            file.variables["coordinates"][k], file.variables["velocities"][k] = POSITIONS[k] / 10, 7.0
            file.variables["time"][k], file.variables["flag"][k] = 0.5 * k, 1
    content = path.read_bytes()
    for count in (content[4:8], b"\xff\xff\xff\xff", bytes(4)):
        path.write_bytes(content[:4] + count + content[8:])
        source = open_foreign(request(path, files / "t.pdb", frame_every=None))
        (piece,) = source.pieces(10)
        np.testing.assert_allclose(piece.positions, POSITIONS, atol=1e-5)
        assert source.times is not None
        assert source.times.tolist() == [0.5 * k for k in range(FRAMES)]
        assert not source.truncated
    path.write_bytes(content.replace(b"angstrom", b"bohr____"))
    with pytest.raises(InputFailure, match="coordinates is in `bohr____`, expected angstrom"):
        open_foreign(request(path, files / "t.pdb"))
