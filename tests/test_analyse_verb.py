"""`mlipbench analyse` as it is typed, on small files that MDAnalysis and ASE have written."""

import csv
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from interface import LX, LY, LZ, slab
from plain import per_frame

from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.cli import main

# Each test starts the command, in two processes and some seconds.
pytestmark = pytest.mark.whole
FRAMES = 20
FRAME = slab(np.linspace(2.05, 12.05, 21).tolist(), np.linspace(-0.9, 0.9, 21).tolist(), [(4.0, 4.0, 5.05)])
TYPES = {79: "1", 8: "2", 1: "3", 11: "4"}
TAKEN = "which is taken: lags are 0.01 times the file's"
ENDINGS = ("extxyz", "xyz", "xtc", "trr", "dcd", "lammpstrj")
CUBE = np.diag([LX, LY, LZ])
BEYOND = (
    "errors at lags beyond 0.04 ps, the length of a block, are too small: use longer runs or fewer blocks"
)
SHORT = [
    f"{name}: {words}"
    for name in ("dipole_correlation", "survival")
    for words in ("lags end at 0.09 ps, half of what is analysed", BEYOND)
]


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    if not (Path(__file__).parents[1] / ".venvs" / "analysis" / "bin" / "python").exists():
        pytest.skip("make setup ENVS=analysis")


def moved(frame: Any = FRAME, frames: int = FRAMES) -> np.ndarray:
    """(T, N, 3) Å: molecules and ions shake by tenths of Å, so that oxygens stay in the middle of bins."""
    noise = np.round(np.random.default_rng(0).normal(size=(frames, len(frame.numbers), 3)) * 0.1, 1)
    noise[:, frame.numbers == 79] = 0
    for hydrogen in (1, 2):
        noise[:, np.flatnonzero(frame.numbers == 8) + hydrogen] = noise[:, frame.numbers == 8]
    return frame.positions + noise


def save(folder: Path, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray = CUBE) -> None:
    """The same frames in every format; the PDB is a topology."""
    import MDAnalysis
    from MDAnalysis.lib.mdamath import triclinic_box

    atoms = [Atoms(numbers=numbers, positions=one, cell=cell, pbc=True) for one in positions]
    write(folder / "t.extxyz", atoms, format="extxyz")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        universe = MDAnalysis.Universe.empty(len(numbers), trajectory=True)
        for name in ("names", "elements"):
            universe.add_TopologyAttr(name, atoms[0].get_chemical_symbols())
        universe.load_new(positions.astype("f4"), dt=0.01)
        box = triclinic_box(*cell)
        for ending in ("xtc", "trr", "dcd", "xyz", "pdb"):
            with MDAnalysis.Writer(str(folder / f"t.{ending}"), len(numbers)) as writer:
                for step in universe.trajectory[: 1 if ending == "pdb" else None]:
                    step.dimensions = box
                    writer.write(universe.atoms)
    (folder / "t.lammpstrj").write_text("".join(dump(k, numbers, p, cell) for k, p in enumerate(positions)))


def dump(step: int, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> str:
    """One frame of a LAMMPS dump, its atoms in any order, the bounds of a triclinic box."""
    xy, xz, yz = cell[1, 0], cell[2, 0], cell[2, 1]
    low, high = min(0.0, xy, xz, xy + xz), max(0.0, xy, xz, xy + xz)
    bounds = [
        (low, cell[0, 0] + high, xy),
        (min(0.0, yz), cell[1, 1] + max(0.0, yz), xz),
        (0, cell[2, 2], yz),
    ]
    lines = [f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{len(numbers)}"]
    lines += ["ITEM: BOX BOUNDS xy xz yz pp pp pp", *(f"{a:.6f} {b:.6f} {c:.6f}" for a, b, c in bounds)]
    lines += ["ITEM: ATOMS id type x y z"]
    for i in np.random.default_rng(step).permutation(len(numbers)):
        lines.append(f"{i + 1} {TYPES[numbers[i]]} " + " ".join(f"{x:.5f}" for x in positions[i]))
    return "\n".join(lines) + "\n"


def needed(folder: Path, ending: str) -> list[str]:
    """What a format does not say of itself."""
    timed = ["--frame-every", "0.01"]  # MDAnalysis writes 1 ps into every DCD
    if ending in ("xtc", "trr", "dcd"):
        return ["--topology", str(folder / "t.pdb"), *(timed if ending == "dcd" else [])]
    if ending == "lammpstrj":
        return ["--elements", "1=Au", "2=O", "3=H", "4=Na", *timed]
    return [*timed, "--cell", str(LX), str(LY), str(LZ)] if ending == "xyz" else timed


def analyse(folder: Path, ending: str, *more: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    out = folder / f"out-{ending}"
    words = [str(folder / f"t.{ending}"), "--surface", "Au", "--blocks", "5", "--out", str(out)]
    assert main(["analyse", *words, *more]) == 0
    return json.loads((out / "analysis.json").read_text()), table_of(out / "profiles.csv")


def table_of(path: Path) -> dict[str, np.ndarray]:
    header, *rows = csv.reader(path.read_text().splitlines())
    return dict(zip(header, np.array(rows, dtype=float).T, strict=True))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    save(folder, FRAME.numbers, moved())
    return folder


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_format_gives_the_same_numbers(files: Path, ending: str, capfd: Any) -> None:
    before = set(files.iterdir())
    result, table = analyse(files, ending, *needed(files, ending))
    assert set(files.iterdir()) - before == {files / f"out-{ending}"}  # nothing left beside the trajectory
    profiles = Profiler.of(FRAME.numbers, moved()[0], CUBE, 79, 0.1)
    expected = per_frame(profiles, moved())
    np.testing.assert_allclose(table["z_A"], profiles.z, atol=1e-6)
    density = expected["density"].mean(axis=0)
    np.testing.assert_allclose(table["density_g_per_cm3"], density, rtol=1e-6)
    np.testing.assert_allclose(
        table["concentration-Na_mol_per_L"], expected["concentration-Na"].mean(axis=0), rtol=1e-6
    )
    np.testing.assert_allclose(
        table["orientation_g_per_cm3"], expected["orientation"].mean(axis=0), atol=0.02 * density.max()
    )
    assert result["total_orientation"]["mean"] == pytest.approx(expected["total_orientation"].mean(), abs=0.1)
    assert sum(result["total_orientation"]["histogram"]["counts"]) == FRAMES
    assert (result["frames"], result["profiles"]["ions"]) == (FRAMES, {"Na": 1})
    # MDAnalysis writes 1 ps into every DCD.
    other = [f"by the file's times frames are 1 ps apart, by --frame-every 0.01 ps, {TAKEN}"] * (
        ending == "dcd"
    )
    assert [note for note in result["notes"] if "not judged" not in note] == [*other, *SHORT]
    text = capfd.readouterr().out
    assert "surface: upper face: 9 Au atoms (18 to 26) at z = 5.80 Å" in text
    assert "21 intact water molecules, 0 other oxygens" in text
    drawn = (
        "density.svg",
        "orientation.pdf",
        "concentration-Na.svg",
        "total_orientation.svg",
        "survival.svg",
    )
    for name in (*drawn, "total_orientation.csv", "dipole_correlation.csv", "dipole_correlation.pdf"):
        assert (files / f"out-{ending}" / name).stat().st_size > 100


def by_hand(positions: np.ndarray, lags: int) -> dict[str, list[float]]:
    """C_dip and P_surv of every origin, as they are written down, of heights and bisectors in numpy."""
    oxygens = np.flatnonzero(FRAME.numbers == 8)
    height = positions[:, oxygens, 2] - 5.8
    bisectors = positions[:, oxygens + 1] + positions[:, oxygens + 2] - 2 * positions[:, oxygens]
    pointing = bisectors / np.linalg.norm(bisectors, axis=-1, keepdims=True)
    inside, frames = (height > 0) & (height <= 4.5), len(positions)
    result: dict[str, list[float]] = {"dipole_correlation": [], "survival": []}
    for lag in range(lags + 1):
        ends = [(t, t + lag) for t in range(frames - lag)]
        pairs = np.array(
            [[(inside[t] & inside[u]), (pointing[t] * pointing[u]).sum(axis=-1)] for t, u in ends]
        )
        result["dipole_correlation"].append((pairs[:, 0] * pairs[:, 1]).sum() / pairs[:, 0].sum())
        stayed = [inside[t : u + 1].all(axis=0).sum() / inside[t].sum() for t, u in ends]
        result["survival"].append(float(np.mean(stayed)))
    return result


@pytest.mark.parametrize("ending", ["extxyz", "trr", "dcd"])
def test_the_first_layer_moves_as_it_does_by_hand(files: Path, ending: str) -> None:
    result, _ = analyse(files, ending, *needed(files, ending))
    expected, out = by_hand(moved(), 9), files / f"out-{ending}"
    for name, values in expected.items():
        table = table_of(out / f"{name}.csv")
        assert table["lag_ps"] == pytest.approx(0.01 * np.arange(10))
        assert table[name] == pytest.approx(np.array(values), rel=1e-4)
    described = [one["name"] for one in result["descriptors"]]
    assert described == [
        "density", "orientation", "concentration-Na", "cosine_profile", "dipole_correlation", "survival",
        "total_orientation",
    ]  # fmt: skip
    assert result["dynamics"]["frame_ps"] == pytest.approx(0.01)
    vectors = moved()[:, FRAME.numbers == 8] - moved()[:, FRAME.numbers == 11]
    vectors -= np.diag(CUBE) * np.rint(vectors / np.diag(CUBE))
    near = (np.linalg.norm(vectors, axis=-1) <= 3.2).sum(axis=1)
    sodium = result["dynamics"]["ions"]["Na"]
    assert sodium["coordination"]["mean"] == pytest.approx(near.mean())
    assert sodium["stays"] == [{"share": 0.0, "number": 0, "mean_ps": None}]


def test_coordination_beyond_half_the_cell_is_said_to_be_too_small(files: Path) -> None:
    """The cell is 9 Å wide; an oxygen further than 4.5 Å away has images that are as near."""
    for reach, text in (("4.5", False), ("4.6", True)):
        result, _ = analyse(files, "extxyz", *needed(files, "extxyz"), "--coordination", reach)
        expected = f"coordination: {reach} Å is beyond half the cell's width, 4.5 Å, so of each oxygen"
        assert any(note.startswith(expected) for note in result["notes"]) == text


def test_with_two_threads_every_byte_is_the_same(files: Path) -> None:
    out = files / "out-extxyz"
    written = [
        out / f"{name}.csv" for name in ("profiles", "total_orientation", "survival", "dipole_correlation")
    ]
    result: list[list[bytes]] = []
    for threads in ("1", "2"):
        analyse(files, "extxyz", *needed(files, "extxyz"), "--threads", threads)
        result.append([path.read_bytes() for path in (*written, out / "analysis.json")])
    assert result[0] == result[1]


def test_lags_need_times(files: Path, capfd: Any) -> None:
    result, _ = analyse(files, "extxyz")
    reason = "the file says no times; pass --frame-every PS"
    assert result["dynamics"] == {"skipped": reason}
    assert f"no dynamics of the first layer: {reason}" in capfd.readouterr().out


def test_outside_a_checkout_and_with_nobody_reading(files: Path, tmp_path: Path) -> None:
    """This machine is the site, and all is written although nobody reads what is said."""
    reader, writer = os.pipe()
    os.close(reader)
    words = ["analyse", str(files / "t.extxyz"), "--surface", "Au", "--out", "here"]
    argv = [sys.executable, "-m", "mlipbench_hpc.cli", *words]
    ended = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False)
    os.close(writer)
    assert ended.stderr == ""
    assert (tmp_path / "here" / "total_orientation.svg").exists()


def test_frames_of_uneven_spacing_have_no_lags(tmp_path: Path) -> None:
    import MDAnalysis

    save(tmp_path, FRAME.numbers, moved())
    whole = MDAnalysis.Universe(str(tmp_path / "t.pdb"), str(tmp_path / "t.trr"))
    with MDAnalysis.Writer(str(tmp_path / "gap.trr"), len(FRAME.numbers)) as writer:
        for _ in whole.trajectory[[0, 1, 2, 3, 6, 7, 8, 9]]:
            writer.write(whole.atoms)
    (tmp_path / "gap.trr").rename(tmp_path / "t.trr")
    result, _ = analyse(tmp_path, "trr", *needed(tmp_path, "trr"))
    assert "not equally far apart in time" in result["dynamics"]["skipped"]
    assert (result["frames"], result["dropped"]) == (5, 3)


@pytest.mark.parametrize("ending", ENDINGS)
def test_half_a_frame_at_the_end_is_left_out_and_said(files: Path, tmp_path: Path, ending: str) -> None:
    content = (files / f"t.{ending}").read_bytes()
    (tmp_path / f"t.{ending}").write_bytes(content[: len(content) - int(1.5 * len(content) / FRAMES)])
    result, table = analyse(tmp_path, ending, *needed(files, ending))
    assert (result["frames"], result["dropped"]) == (15, 3)
    assert f"t.{ending} (" in result["notes"][0 if ending != "dcd" else 1]
    assert result["notes"][0 if ending != "dcd" else 1].endswith("is truncated: 18 whole frames are read")
    expected = per_frame(Profiler.of(FRAME.numbers, moved()[0], CUBE, 79, 0.1), moved()[:15])["density"]
    np.testing.assert_allclose(table["density_g_per_cm3"], expected.mean(axis=0), rtol=1e-6)


def test_a_last_number_that_lost_its_digits_is_not_read(files: Path, tmp_path: Path) -> None:
    (tmp_path / "t.lammpstrj").write_bytes((files / "t.lammpstrj").read_bytes()[:-3])
    result, _ = analyse(tmp_path, "lammpstrj", *needed(files, "lammpstrj"))
    assert result["frames"] + result["dropped"] == FRAMES - 1


@pytest.mark.parametrize("ending", ["xtc", "lammpstrj", "extxyz"])
def test_triclinic_cells_are_turned_as_needed(tmp_path: Path, ending: str) -> None:
    """A leaning cell gives what our own profiler gives; extended XYZ may have any orientation."""
    cell = CUBE + np.array([[0, 0, 0], [1.0, 0, 0], [0.5, 0.3, 0]])
    save(tmp_path, FRAME.numbers, moved(), cell)
    if ending == "extxyz":
        turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
        turn *= np.sign(np.linalg.det(turn))
        atoms = [Atoms(FRAME.numbers, positions=p @ turn, cell=cell @ turn, pbc=True) for p in moved()]
        write(tmp_path / "t.extxyz", atoms, format="extxyz")
    result, table = analyse(tmp_path, ending, *needed(tmp_path, ending))
    np.testing.assert_allclose(result["cell_A"], cell, atol=1e-4)
    expected = per_frame(Profiler.of(FRAME.numbers, moved()[0], cell, 79, 0.1), moved())
    np.testing.assert_allclose(table["density_g_per_cm3"], expected["density"].mean(axis=0), rtol=1e-5)
    assert result["total_orientation"]["mean"] == pytest.approx(expected["total_orientation"].mean(), abs=0.1)


def test_a_hydroxide_and_no_ion(tmp_path: Path, capfd: Any) -> None:
    rest = np.ones(len(FRAME.numbers), dtype=bool)
    rest[[28, len(rest) - 1]] = False  # a hydrogen of the first molecule, and the ion
    save(tmp_path, FRAME.numbers[rest], moved()[:, rest])
    result, table = analyse(tmp_path, "xtc", *needed(tmp_path, "xtc"), "--ions", "Na")
    assert (result["profiles"]["oxygens"], result["profiles"]["intact_molecules"]) == (21, 20)
    assert not [name for name in table if name.startswith("concentration")]
    text = capfd.readouterr().out
    assert "ions: none" in text
    assert "requested, but absent from the file: Na" in text
    assert "1 of 21 oxygens are no water in the first frame (1 OH⁻)" in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["t.xtc", "--surface", "Au"], "t.xtc: XTC names no atoms; pass --topology"),
        (["t.lammpstrj", "--surface", "Au"], "no element for types 1, 2, 3, 4; pass --elements 1=…"),
        (["t.xyz", "--surface", "Au"], "t.xyz: no cell in it; pass --cell A B C"),
        (["t.foo", "--surface", "Au"], "received ending `.foo`, expected one of .xtc"),
        (["t.extxyz", "--surface", "Au", "--blocks", "50"], "20 whole frames, which do not fill 50 blocks; "
         "pass --blocks 2 to 20"),
        (["t.extxyz", "--surface", "Au", "--skip", "19"], "20 whole frames, 19 skipped; 2 or more must be"),
        (["t.pdb", "--surface", "Au"], "1 whole frame, expected 2 or more for standard errors"),
        (["t.extxyz", "--surface", "Au", "--ions", "Na", "O"], "--ions: received `O`, which belongs to"),
        (["t.extxyz", "--surface", "H"], "--surface: received `H`, which belongs to water"),
        (["t.extxyz", "--surface", "Au", "--ions", "Au"], "--ions: received `Au`, the element of the slab"),
        (["", "--surface", "Au"], "received a folder, expected the file of a trajectory"),
        (["t.xtc", "--surface", "Au", "--topology", "t.xtc"], "t.xtc: XTC names no atoms; as --topology exp"),
        (["t.xtc", "--surface", "Au", "--topology", "t.foo"], "t.foo: MDAnalysis cannot read it as a topo"),
        (["t.xtc", "--surface", "Au", "--topology", "."], ".: received a folder, expected the file of a"),
        (["none.xtc", "--surface", "gold", "--cell", "1"], "none.xtc: no such file"),
        (["none.xtc", "--surface", "gold", "--cell", "1"], "--surface: received `gold`, expected an element"),
        (["none.xtc", "--surface", "gold", "--cell", "1"], "--cell: received `1`, expected A B C or"),
        (["t.extxyz", "--surface", "Au", "--cell", "nan", "9", "40"], "--cell: received `nan 9 40`"),
        (["t.extxyz", "--surface", "Au", "--cell", "9", "9", "40", "90", "90", "200"], "between 0 and 180"),
        (["t.extxyz", "--surface", "Au", "--cell", "9", "9", "40", "60", "60", "150"], "close a cell"),
        (["t.extxyz", "--surface", "Au", "--blocks", "1"], "--blocks: received 1, expected 2 or more"),
        (["t.extxyz", "--surface", "Au", "--bin", "nan"], "--bin: received nan, expected a positive number"),
        (["t.extxyz", "--surface", "Au", "--bin", "0.2"], "--bin: received 0.2, expected whole bins"),
        (["t.extxyz", "--surface", "Au", "--bin", "0.2"], "4.5 Å, such as 0.18 or 0.25 Å"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused(
    files: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    (files / "t.foo").touch()
    monkeypatch.chdir(files)
    given = ["analyse", str(files / words[0]), *words[1:], "--out", str(files / "refused")]
    assert main(given) == 2
    text = capfd.readouterr().err
    assert expected in text
    assert "Traceback" not in text
    if len(words) == 3 and words[0] and "--" not in expected:
        assert str(files / words[0]) in text  # the user's path, not a link of ours


def test_without_the_metal_all_is_written_and_the_exit_is_one(
    files: Path, tmp_path: Path, capfd: Any
) -> None:
    """Of two packed files, one run; messages name what was typed."""
    import gzip

    frames = (files / "t.extxyz").read_text().splitlines(keepends=True)
    size, paths = len(FRAME.numbers) + 2, []
    for name, part in (("a", frames[: 12 * size]), ("b", frames[12 * size :])):
        paths.append(tmp_path / f"{name}.extxyz.gz")
        paths[-1].write_bytes(gzip.compress("".join(part).encode()))
    words = [*map(str, paths), "--blocks", "5", "--out", str(tmp_path / "out")]
    assert main(["analyse", *words, "--surface", "Pt"]) == 1
    printed = capfd.readouterr()
    assert "warning: there is no Pt in it, so no surface: check --surface" in printed.err
    assert "20 frames of" in printed.out
    assert "neither steps nor times: frames are joined in the order of the files" in printed.out
    assert (tmp_path / "out" / "density.svg").exists()
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    assert main(["analyse", *words, "--surface", "Au"]) == 2
    assert f"{paths[1]}: it cannot be unpacked" in capfd.readouterr().err


def test_a_cell_that_changes_is_refused(tmp_path: Path, capfd: Any) -> None:
    cells = (CUBE, 1.01 * CUBE)
    atoms = [Atoms(FRAME.numbers, positions=moved()[k], cell=cells[k], pbc=True) for k in (0, 1)]
    write(tmp_path / "t.extxyz", atoms, format="extxyz")
    assert main(["analyse", str(tmp_path / "t.extxyz"), "--surface", "Au", "--blocks", "2",
                 "--out", str(tmp_path / "out")]) == 2  # fmt: skip
    assert "the cell changes at frame 1" in capfd.readouterr().err


def test_positions_that_are_not_finite_are_refused(tmp_path: Path, capfd: Any) -> None:
    positions = moved()
    positions[1, 30, 2] = np.nan
    atoms = [Atoms(FRAME.numbers, positions=one, cell=CUBE, pbc=True) for one in positions]
    write(tmp_path / "t.extxyz", atoms, format="extxyz")
    assert main(["analyse", str(tmp_path / "t.extxyz"), "--surface", "Au", "--out", str(tmp_path / "o")]) == 2
    assert "frame 1 holds positions that are not finite" in capfd.readouterr().err


def test_a_campaign_opens_its_trajectories_before_it_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own environment reads them; where there is none, `validate` says what it did not look at."""
    save(tmp_path, FRAME.numbers, moved())
    text = (Path(__file__).parents[1] / "campaigns" / "quickstart.yaml").read_text()
    entry = "trajectories:\n  dft: {files: [t.xtc], format: %s, frame_every: 2 fs, temperature: 300 K, %s}\n"
    campaign = tmp_path / "own.yaml"
    campaign.write_text(text + entry % ("xtc", "topology: t.pdb"))
    assert main(["validate", str(campaign)]) == 0
    assert "trajectories dft: 1 file in the format xtc" in capsys.readouterr().out
    campaign.write_text(text + entry % ("xtc", "equilibration: 10 fs"))
    assert main(["validate", str(campaign)]) == 2
    assert "trajectories.dft.files[0]: XTC names no atoms; state `topology`" in capsys.readouterr().err
    campaign.write_text(text + entry % ("trr", "topology: t.pdb"))
    site = tmp_path / "bare.yaml"
    site.write_text(
        f"name: bare\nscheduler: local\nruntime: venv\nenvironments: {{analysis: {tmp_path / 'none'}}}\n"
    )
    assert main(["validate", str(campaign), "--site", str(site)]) == 0
    assert "look at trajectories dft: not opened" in capsys.readouterr().out
