"""Every format of other programs gives the positions, cell and times that were written, or a sentence."""

import gzip
import re
import warnings
from pathlib import Path
from typing import Any

import foreign_files as files
import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from foreign_files import ATOMS, BOHR, CELL, ELEMENTS, FRAMES, NAMES, NUMBERS, POSITIONS, lattice, request

from mlipbench_hpc.cli.direct import TRAJECTORIES
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign import vasp
from mlipbench_hpc.worker.foreign.formats import FORMATS
from mlipbench_hpc.worker.foreign.trajectory import Foreign, open_foreign

# Half of the last digit that is written, for each ending.
IPI, STEP = "# CELL(abcABC):", "90.0 90.0 90.0 Step: {k} Bead: 0"
ROUNDING = {"gro": 6e-3, "pdb": 6e-4}


def all_of(asked: dict[str, Any]) -> tuple[Foreign, np.ndarray]:
    source = open_foreign(asked)
    return source, np.concatenate([piece.positions for piece in source.pieces(7)])


def right(asked: dict[str, Any], atol: float = 1e-4) -> Foreign:
    """All frames with their atoms in one order, the right elements and cell."""
    source, positions = all_of(asked)
    np.testing.assert_allclose(positions, POSITIONS, atol=atol)
    np.testing.assert_array_equal(source.numbers, NUMBERS)
    np.testing.assert_allclose(source.cell, CELL, atol=1e-3)
    assert (source.expected, source.truncated) == (FRAMES, [])
    return source


@pytest.fixture
def topology(tmp_path: Path) -> str:
    (path := tmp_path / "top.extxyz").write_text(files.xyz([lattice()], POSITIONS[:1]))
    return str(path)


def test_the_command_offers_the_formats_that_are_read() -> None:
    assert tuple(FORMATS) == TRAJECTORIES


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize(("unit", "ps"), [("picosecond", 1.0), ("femtosecond", 1e-3), ("nanosecond", 1e3)])
def test_netcdf_with_ids_and_units(tmp_path: Path, topology: str, ids: bool, unit: str, ps: float) -> None:
    files.netcdf(path := tmp_path / "t.nc", unit, ids)
    source = right(request(path, topology=topology))
    np.testing.assert_allclose(source.times, ps * 0.05 * np.arange(FRAMES))


def test_netcdf_names_its_atoms_by_types(tmp_path: Path) -> None:
    files.netcdf(path := tmp_path / "t.nc")
    right(request(path, elements=ELEMENTS))


def test_netcdf_4_is_named(tmp_path: Path, topology: str) -> None:
    (path := tmp_path / "t.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputFailure, match=r"NetCDF-4 or CDF-5, expected the classic.*nccopy"):
        open_foreign(request(path, topology=topology))


def test_gro_of_many_frames(tmp_path: Path) -> None:
    times = [0.05 * k for k in range(FRAMES)]
    (path := tmp_path / "t.gro").write_text(files.gro(times))
    source = right(request(path), ROUNDING["gro"])
    np.testing.assert_allclose(source.times, times)
    path.write_text(files.gro(times).rstrip("\n"))
    right(request(path), ROUNDING["gro"])
    path.write_text(files.gro(times)[:-500])
    source, _ = all_of(request(path))
    assert source.expected == FRAMES - 1
    assert "half a frame" in source.truncated[0]


def test_gro_with_velocities_and_more_digits(tmp_path: Path) -> None:
    """The distance of the points says how wide columns are (https://manual.gromacs.org: gro)."""
    lines = files.gro([0.0, 1.0], POSITIONS[:2]).splitlines()
    wide = []
    for line in lines:
        if line[5:10] != "SYS  ":
            wide.append(line)
            continue
        x = POSITIONS[int(len(wide) > ATOMS + 2)][int(line[15:20]) - 1] / 10
        wide.append(line[:20] + "".join(f"{value:11.6f}" for value in x) + f"{0.1:11.7f}" * 3)
    (path := tmp_path / "t.gro").write_text("\n".join(wide) + "\n")
    _, positions = all_of(request(path))
    np.testing.assert_allclose(positions, POSITIONS[:2], atol=1e-5)


@pytest.mark.parametrize("models", [True, False])
def test_pdb_by_model_and_by_end(tmp_path: Path, models: bool) -> None:
    (path := tmp_path / "t.pdb").write_text(files.pdb(models=models))
    right(request(path), ROUNDING["pdb"])


def test_trr_with_gaps(tmp_path: Path, topology: str) -> None:
    """Every third frame has positions, the others velocities; steps of 0.01 ps."""
    from MDAnalysis.lib.formats.libmdaxdr import TRRFile

    path, box = tmp_path / "t.trr", (CELL / 10).astype("f4")
    with TRRFile(str(path), "w") as file:
        for k in range(3 * FRAMES):
            values = (POSITIONS[k // 3] / 10).astype("f4")
            x, v = (values, None) if k % 3 == 0 else (None, values)
            file.write(x, v, None, box, k, 0.01 * k, 0.0, ATOMS)
    source = right(request(path, topology=topology))
    np.testing.assert_allclose(source.times, 0.03 * np.arange(FRAMES), atol=1e-6)
    assert "40 of its 60 frames hold no positions (velocities or forces alone)" in source.facts


@pytest.mark.parametrize("headers", [False, True])
def test_xdatcar(tmp_path: Path, headers: bool) -> None:
    (path := tmp_path / "XDATCAR").write_text(files.xdatcar(list(range(1, FRAMES + 1)), headers=headers))
    right(request(path))
    path.write_text(files.xdatcar([1, 2, 3, 2, 3, 4], POSITIONS[[0, 1, 2, 1, 2, 3]], headers))
    source, positions = all_of(request(path))
    np.testing.assert_allclose(positions, POSITIONS[:4], atol=1e-6)
    assert "goes back from step 3 to step 2" in source.warnings[0]


@pytest.mark.parametrize("headers", [False, True])
def test_xdatcar_with_a_blank_title(tmp_path: Path, headers: bool) -> None:
    text = files.xdatcar(list(range(1, FRAMES + 1)), headers=headers).replace("slab\n", "\n")
    (path := tmp_path / "XDATCAR").write_text(text)
    right(request(path))
    early = re.sub(r"Direct configuration=.*\n", "\n", files.xdatcar(list(range(FRAMES))))
    path.write_text(early + "\n" * headers)
    right(request(path))


def test_xdatcar_at_constant_pressure(tmp_path: Path) -> None:
    """Each frame has its own cell, twice the scale: the cells and Cartesian positions of every frame."""
    cells = [CELL * [[1.0], [1.0], [1.0 + 0.01 * index]] for index in range(FRAMES)]
    text = ""
    for index, cell in enumerate(cells):
        one = files.xdatcar([index + 1], POSITIONS[index : index + 1])
        edges = "\n".join(" ".join(f"{value / 2:.10f}" for value in row) for row in CELL)
        text += one.replace(edges, "\n".join(" ".join(f"{value / 2:.10f}" for value in row) for row in cell))
    (path := tmp_path / "XDATCAR").write_text(text)
    pieces = list(vasp.content(path).pieces(3))
    read = np.concatenate([piece.cells for piece in pieces if piece.cells is not None])
    np.testing.assert_allclose(read, cells, atol=1e-9)
    places = POSITIONS * (np.diagonal(np.array(cells), axis1=1, axis2=2) / np.diag(CELL))[:, None]
    np.testing.assert_allclose(np.concatenate([piece.positions for piece in pieces]), places, atol=1e-6)


def test_ase_trajectories(tmp_path: Path) -> None:
    frames = [Atoms(NUMBERS, one, cell=CELL, pbc=True) for one in POSITIONS]
    write(path := tmp_path / "t.traj", frames)
    right(request(path))
    path.write_bytes(b"PickleTrajectory" + bytes(50))
    with pytest.raises(InputFailure, match="old ones are pickles, never loaded"):
        open_foreign(request(path))


@pytest.mark.parametrize("fixed", ["edges", "matrix", "value"])
@pytest.mark.parametrize(("unit", "length"), [("Angstrom", 1.0), ("nm", 0.1), (None, 1.0)])
def test_h5md(tmp_path: Path, topology: str, fixed: str, unit: str | None, length: float) -> None:
    """A box that is stored once, as lengths or as a matrix, or for every frame; atoms in any order."""
    h5py = pytest.importorskip("h5py", reason="make setup ENVS=tests")
    path, box = tmp_path / "t.h5md", CELL * length
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        values = group.create_dataset(
            "position/value", data=[p[o] * length for p, o in zip(POSITIONS, files.orders(), strict=True)]
        )
        group["position/step"] = 10 * np.arange(FRAMES)
        group["position/time"] = 50.0 * np.arange(FRAMES)
        group["id/value"] = np.array(files.orders()) + 1
        if unit:
            values.attrs["unit"], group["position/time"].attrs["unit"] = unit, "fs"
        edges = {"edges": np.diag(box), "matrix": box, "value": np.broadcast_to(box, (FRAMES, 3, 3))}[fixed]
        group["box/edges/value" if fixed == "value" else "box/edges"] = edges
    source = right(request(path, topology=topology))
    np.testing.assert_allclose(source.times, 0.05 * np.arange(FRAMES))
    assert ("its positions have no unit and are taken as Å" in source.facts) == (unit is None)
    assert any("taken as fs" in line for line in source.warnings) == (unit is None)


def test_h5md_in_nm_without_a_unit_is_refused(tmp_path: Path, topology: str) -> None:
    h5py = pytest.importorskip("h5py", reason="make setup ENVS=tests")
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file["particles/all/position/value"] = POSITIONS / 10
        file["particles/all/box/edges"] = np.diag(CELL) / 10
    with pytest.raises(InputFailure, match="O-H distance in nm: lengths are in nm, expected Å"):
        open_foreign(request(path, topology=topology))


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
@pytest.mark.parametrize("between", ["", "\n", " \n\n"])
@pytest.mark.parametrize("ending", ["xyz", "extxyz"])
def test_blank_lines_between_frames_and_any_end(tmp_path: Path, ending: str, between: str, end: str) -> None:
    comment = lattice() if ending == "extxyz" else "a comment"
    frames = [files.xyz([comment], POSITIONS[k : k + 1]) for k in range(FRAMES)]
    (path := tmp_path / f"t.{ending}").write_text(between.join(frames).rstrip("\n") + end)
    right(request(path, cell=np.diag(CELL).tolist() if ending == "xyz" else []))


def test_a_number_of_atoms_that_is_none(tmp_path: Path) -> None:
    lines = files.xyz([lattice()] * 3, POSITIONS[:3]).splitlines()
    del lines[ATOMS + 10]  # a row of frame 1
    (path := tmp_path / "t.extxyz").write_text("\n".join(lines) + "\n")
    with pytest.raises(
        InputFailure, match="where frame 2 should begin with its number of atoms: the frame before"
    ):
        open_foreign(request(path))


@pytest.mark.parametrize("ending", ["xyz", "extxyz", "lammpstrj"])
def test_atoms_whose_number_changes(tmp_path: Path, ending: str) -> None:
    comment = lattice() if ending == "extxyz" else ""
    few = POSITIONS[12:, :-1]
    if ending == "lammpstrj":
        text = files.dump(list(range(12)), POSITIONS[:12])
        lines = files.dump(list(range(12, FRAMES)), POSITIONS[12:]).replace(
            f"ATOMS\n{ATOMS}\n", f"ATOMS\n{ATOMS - 1}\n"
        )
        text += "".join(f"{line}\n" for line in lines.splitlines() if not line.startswith(f"{ATOMS} 4"))
    else:
        text = files.xyz([comment] * 12, POSITIONS[:12]) + files.xyz([comment] * 8, few, NAMES[:-1])
    (path := tmp_path / f"t.{ending}").write_text(text)
    cell = np.diag(CELL).tolist() if ending == "xyz" else []
    source = open_foreign(request(path, cell=cell, elements=ELEMENTS))
    with pytest.raises(InputFailure, match=f"frame 12 has {ATOMS - 1} atoms, the first {ATOMS}"):
        list(source.pieces(5))


@pytest.mark.parametrize("packed", ["t.extxyz.gz", "t.lammpstrj.gz", "t.nc.gz", "t.gro.bz2"])
def test_packed_files(tmp_path: Path, topology: str, packed: str) -> None:
    import bz2

    name = packed.rsplit(".", 1)[0]
    if name.endswith("nc"):
        files.netcdf(tmp_path / name)
    else:
        texts = {
            "t.extxyz": files.xyz([lattice()] * FRAMES),
            "t.lammpstrj": files.dump(list(range(FRAMES))),
            "t.gro": files.gro([0.1 * k for k in range(FRAMES)]),
        }
        (tmp_path / name).write_text(texts[name])
    content = (tmp_path / name).read_bytes()
    pack = bz2.compress if packed.endswith("bz2") else gzip.compress
    (path := tmp_path / packed).write_bytes(pack(content))
    (tmp_path / name).unlink()
    elements = ELEMENTS if "lammps" in name else {}
    right(request(path, topology=topology if name.endswith("nc") else "", elements=elements), 6e-3)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted({"top.extxyz", packed})
    path.write_bytes(pack(content)[:-200])
    with pytest.raises(InputFailure, match=f"{packed}: it cannot be unpacked"):
        open_foreign(request(path, topology=topology, elements=elements))


def test_a_name_that_says_nothing_needs_a_format(tmp_path: Path) -> None:
    (path := tmp_path / "run.0001").write_text(files.dump(list(range(FRAMES))))
    with pytest.raises(
        InputFailure, match=r"received ending `.0001`, expected one of .*; pass --format with one of xtc"
    ):
        open_foreign(request(path, elements=ELEMENTS))
    right(request(path, elements=ELEMENTS, format="dump"))


@pytest.mark.parametrize(
    "name", ["POSCAR", "CONTCAR", "top.vasp", "top.cif", "top.traj", "top.gro", "top.pdb", "XDATCAR"]
)
def test_topologies(tmp_path: Path, name: str) -> None:
    """Of a trajectory that names no atoms."""
    files.netcdf(path := tmp_path / "t.nc", ids=False)
    atoms, top = Atoms(NUMBERS, POSITIONS[0], cell=CELL, pbc=True), tmp_path / name
    if name == "XDATCAR":
        top.write_text(files.xdatcar([1], POSITIONS[:1]))
    elif name == "top.pdb":  # of two frames that END ends, which MDAnalysis takes for one
        lines = files.pdb(POSITIONS[:1], models=False).splitlines()
        lines[1:-1] = sorted(lines[1:-1], key=lambda line: int(line[6:11]))
        top.write_text("\n".join([*lines, *lines[1:]]) + "\n")
    elif name == "top.gro":
        lines = files.gro([0.0], POSITIONS[:1]).splitlines()
        lines[2:-1] = sorted(lines[2:-1], key=lambda line: int(line[15:20]))
        top.write_text("\n".join(lines) + "\n")
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write(top, atoms, format={"traj": "traj", "cif": "cif"}.get(name[4:], "vasp"))
    right(request(path, topology=str(top)))


@pytest.mark.parametrize(
    ("comment", "factor", "times"),
    [
        (f"{IPI} {{bohr}} {STEP} positions{{{{atomic_unit}}}} cell{{{{atomic_unit}}}}", 1 / BOHR, None),
        (f"{IPI} {{ang}} {STEP} positions{{{{angstrom}}}} cell{{{{angstrom}}}}", 1.0, None),
        (f"{IPI} {{bohr}} {STEP} x_centroid{{{{angstrom}}}} cell{{{{atomic_unit}}}}", 1.0, None),
        ("# CELL(GENH): {matrix} Step: {k} Bead: 0 positions{{angstrom}} cell{{angstrom}}", 1.0, None),
        (f"{IPI} {{bohr}} {STEP}", 1 / BOHR, None),
        (" i = {k}, time = {fs:.3f}, E = -4192.68", 1.0, 1e-3),
        ("Atoms. Timestep: {k}", 1.0, None),
        ("frame {k} time = {fs:.3f} fs, coordinates in bohr", 1 / BOHR, 1e-3),
        ("t: nothing; time={fs:.3f} ps", 1.0, 1.0),
        ("coordinates: atomic_unit", 1 / BOHR, None),
    ],
)  # fmt: skip
def test_comments_of_xyz(tmp_path: Path, comment: str, factor: float, times: float | None) -> None:
    """i-PI, CP2K, LAMMPS and others: cell, unit of length, steps and times."""
    values = {
        "bohr": " ".join(f"{length / BOHR:.5f}" for length in np.diag(CELL)),
        "ang": " ".join(f"{length:.5f}" for length in np.diag(CELL)),
        "matrix": " ".join(f"{value:.5f}" for value in CELL.T.ravel()),
    }
    comments = [comment.format(k=10 * k, fs=50.0 * k, **values) for k in range(FRAMES)]
    (path := tmp_path / "t.xyz").write_text(files.xyz(comments, POSITIONS * factor))
    source = right(request(path, cell=[] if "CELL" in comment else np.diag(CELL).tolist()))
    if times is None:
        assert source.times is None
    else:
        np.testing.assert_allclose(source.times, 50.0 * times * np.arange(FRAMES))


def test_ipi_velocities_are_no_positions(tmp_path: Path) -> None:
    comment = "# CELL(abcABC): 9 9 40 90 90 90 Step: 0 Bead: 0 velocities{atomic_unit} cell{angstrom}"
    (path := tmp_path / "t.xyz").write_text(files.xyz([comment] * 2, POSITIONS[:2]))
    with pytest.raises(InputFailure, match="frame 0 holds velocities, expected positions"):
        open_foreign(request(path))


@pytest.mark.parametrize(
    "comment", ["E = -76.4 a.u.", "energy in atomic units -5.1", "forces in Hartree/Bohr", "dipole 1.2 au"]
)
def test_other_units_in_a_comment_are_not_those_of_lengths(tmp_path: Path, comment: str) -> None:
    (path := tmp_path / "t.xyz").write_text(files.xyz([comment] * FRAMES))
    right(request(path, cell=np.diag(CELL).tolist()))


def test_a_comment_that_says_bohr_of_what_is_in_angstrom(tmp_path: Path) -> None:
    (path := tmp_path / "t.xyz").write_text(files.xyz(["positions in bohr"] * FRAMES))
    with pytest.raises(InputFailure, match="said to be in bohr, and are in Å"):
        open_foreign(request(path, cell=np.diag(CELL).tolist()))


def test_bohr_that_nobody_names_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "t.xyz").write_text(files.xyz([""] * FRAMES, POSITIONS / BOHR))
    with pytest.raises(InputFailure, match="O-H distance in bohr: lengths are in bohr, expected Å"):
        open_foreign(request(path, cell=(np.diag(CELL) / BOHR).tolist()))


def test_a_key_without_a_value_takes_no_other_key(tmp_path: Path) -> None:
    comment = lattice().replace('pbc="T T T"', 'config_type= pbc="T T F"')
    (path := tmp_path / "t.extxyz").write_text(files.xyz([comment] * FRAMES))
    assert any("z is not periodic in it" in line for line in open_foreign(request(path)).facts)


def test_columns_of_extended_xyz(tmp_path: Path) -> None:
    """Forces before positions, ids, atoms in any order."""
    text = []
    for frame, order in zip(POSITIONS, files.orders(), strict=True):
        comment = lattice().replace("species:S:1:pos:R:3", "id:I:1:forces:R:3:species:S:1:pos:R:3")
        text += [f"{ATOMS}\n{comment}\n"]
        text += [
            f"{k + 1} 0.1 0.2 0.3 {NAMES[k]} " + " ".join(f"{x:.6f}" for x in frame[k]) + "\n" for k in order
        ]
    (path := tmp_path / "t.xyz").write_text("".join(text))
    right(request(path))
    path.write_text("".join(text).replace("pos:R:3", "force:R:3"))
    with pytest.raises(InputFailure, match="expected species and pos among them"):
        open_foreign(request(path))


def dcd(path: Path, remarks: str, delta: float, every: int) -> None:
    """By its layout: a header of 20 integers, remarks, and for each frame a cell and three coordinates."""
    import struct

    def record(content: bytes) -> bytes:
        return struct.pack("i", len(content)) + content + struct.pack("i", len(content))

    control = struct.pack("4s9if10i", b"CORD", FRAMES, 0, every, *[0] * 6, delta, 1, *[0] * 8, 24)
    content = (
        record(control) + record(struct.pack("i80s", 1, remarks.encode())) + record(struct.pack("i", ATOMS))
    )
    for frame in POSITIONS:
        content += record(struct.pack("6d", CELL[0, 0], 90, CELL[1, 1], 90, 90, CELL[2, 2]))
        content += b"".join(record(column.astype("<f4").tobytes()) for column in frame.T)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("remarks", "delta", "step", "warning"),
    [
        ("Created by LAMMPS", 0.5, 0.01, "is taken as fs: frames are 0.01 ps apart"),
        ("Created by LAMMPS", 0.0005, 0.01, "is taken as ps: frames are 0.01 ps apart"),
        ("REMARK CORD DCD file created by CP2K", 0.5, 0.01, "CP2K wrote it"),
        ("Created by NAMD", 0.5 / 48.88821, 0.01, None),
        (
            "Created by a plugin",
            0.5 / 48.88821,
            0.01,
            "by the DCD's header frames are 0.01 ps apart, which many",
        ),
    ],
)
def test_what_programs_mean_by_the_time_step_of_a_dcd(
    tmp_path: Path, topology: str, remarks: str, delta: float, step: float, warning: str | None
) -> None:
    dcd(path := tmp_path / "t.dcd", remarks, delta, 20)
    source = right(request(path, topology=topology))
    np.testing.assert_allclose(source.times, step * np.arange(FRAMES), rtol=1e-6)
    assert bool(source.warnings) == (warning is not None)
    assert warning is None or warning in source.warnings[0]
    if warning and "LAMMPS" in warning + remarks and delta == 0.5:
        assert "48.8882 times as far apart" in source.warnings[0]


def test_a_time_step_of_one_is_none(tmp_path: Path, topology: str) -> None:
    """VMD writes it: frames 0.049 ps apart, whatever they are."""
    dcd(path := tmp_path / "t.dcd", "Created by a plugin", 1.0, 1)
    source = open_foreign(request(path, topology=topology))
    assert source.times is None
    assert source.warnings == [
        "the DCD's time step is 1, the value of programs without a time step: no times are used; "
        "pass --frame-every PS"
    ]
    assert open_foreign(request(path, topology=topology, frame_every=0.05)).warnings == []


def test_velocities_in_a_dcd_are_refused(tmp_path: Path, topology: str) -> None:
    dcd(path := tmp_path / "t.dcd", "", 1.0, 1)
    path.write_bytes(path.read_bytes().replace(b"CORD", b"VELD"))
    with pytest.raises(InputFailure, match="it holds velocities"):
        open_foreign(request(path, topology=topology))
