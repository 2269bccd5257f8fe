"""Data that decide the labels under any name, cut files, double keys, dipoles that nobody named."""

from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.data.labels import check_source
from mlipbench_hpc.data.leaveout import leave_out
from mlipbench_hpc.data.read import DataError, Source, read
from mlipbench_hpc.data.relations import Relations

UNITS = {"energy": "eV", "force": "eV/Å", "dipole": "e·Å"}
LABELS = {"energy": "energy", "forces": "forces", "dipole": "dipole"}
EDGE = 'Lattice="9 0 0 0 9 0 0 0 9" pbc="T T T" '


def source(
    path: Path,
    comments: list[str],
    end: str = "\n",
    last: str = "0.25",
    ignore: tuple[str, ...] = (),
    dipole: str = "dipole",
) -> Source:
    """Frames of two neon atoms, a comment each; the last number of the file and what follows it."""
    text = "".join(
        f"2\n{EDGE}{comment} Properties=species:S:1:pos:R:3:forces:R:3\n"
        "Ne 0.0 0.0 0.00 0.00 0.00 0.25\nNe 0.0 0.0 3.00 0.00 0.00 0.25\n"
        for comment in comments
    )
    path.write_text(text.removesuffix("0.25\n") + last + end)
    return read(path, "extxyz", UNITS, LABELS | {"dipole": dipole}, None, ignore)


NAMES = [
    "Charge", "tot_charge", "q", "charge_state", "nelect", "spin", "multiplicity", "E_field",
    "applied_potential",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_differ_are_refused_and_equal_settings_are_remarked(tmp_path: Path, name: str) -> None:
    path, key = tmp_path / "a.xyz", name.lower()
    mixed = [f"energy=-1 {name}=2", f"energy=-2 {name}=3"]
    (sentence,) = source(path, mixed).wrong
    assert f"`{key}` differs between frames (2.0, 3.0)" in sentence
    assert source(path, mixed, ignore=(key,)).wrong == ()
    equal = source(path, [f"energy=-1 {name}=2", f"energy=-2 {name}=2"])
    assert equal.wrong == ()
    assert f"`{key}` is 2.0 in these frames" in equal.remarks[0]


WORDS = [
    ("electrode_potential", "-0.5", "0.5"), ("potential_V", "0", "1"), ("fermi_shift", "0.1", "0.2"),
    ("voltage", "1", "2"), ("bias", "0", "1"), ("U", "3", "4"), ("mu", "0", "1"), ("surfaceCharge", "0", "1"),
    ("Qtot", "0", "1"), ("charges_total", "0", "1"), ("excess-charge", "0", "1"), ("n_electrons", "10", "11"),
    ("field", '"0 0 0"', '"0 0 0.1"'), ("electronic_temperature", "300", "600"), ("sigma", "0.1", "0.2"),
    ("smearing", "fermi", "mp"), ("functional", "PBE", "RPBE"), ("xc", "PBE", "RPBE"),
    ("level_of_theory", "a", "b"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "first", "second"), WORDS)
def test_a_setting_is_known_by_the_words_of_its_name(
    tmp_path: Path, name: str, first: str, second: str
) -> None:
    mixed = [f"energy=-1 {name}={first}"] * 6 + [f"energy=-2 {name}={second}"] * 6
    content = source(tmp_path / "a.xyz", mixed)
    (sentence,) = content.wrong
    assert sentence.startswith(f"`{name}` differs between frames (")
    assert content.varying == f"{name} (2 values)"
    assert source(tmp_path / "a.xyz", mixed, ignore=(name,)).wrong == ()
    some = source(tmp_path / "a.xyz", [mixed[-1]] * 4 + ["energy=-2"] * 8)
    assert len(some.wrong) == 1  # frames without it have another value or none
    assert source(tmp_path / "a.xyz", [mixed[-1]] * 12).wrong == ()


@pytest.mark.parametrize(
    "name",
    [
        "time", "step", "md_step", "temperature", "Temperature_K", "pressure", "config_type", "frame_id",
        "potential_energy", "electronic_energy", "fermi_energy", "electrostatic_energy", "dipole_z",
        "virial_trace", "charge_energy",
    ],
)  # fmt: skip
def test_results_and_names_of_frames_are_no_settings(tmp_path: Path, name: str) -> None:
    content = source(tmp_path / "a.xyz", [f"energy=-1 {name}={index % 2}" for index in range(12)])
    assert (content.wrong, content.varying) == ((), "")


@pytest.mark.parametrize("name", ["mu", "U", "sigma", "efermi", "magmom", "gap"])
def test_what_may_be_a_result_of_each_frame_is_named_and_passes(tmp_path: Path, name: str) -> None:
    content = source(tmp_path / "a.xyz", [f"energy=-1 {name}=0.{index}" for index in range(1, 9)])
    assert (content.wrong, content.varying) == ((), f"{name} (8 values)")


def test_electrons_belong_to_the_composition_and_isolated_atoms_have_settings_of_their_own(
    tmp_path: Path,
) -> None:
    atom = "1\n{} energy=-1 functional=LDA Properties=species:S:1:pos:R:3:forces:R:3\n{} 0 0 0 0 0 0\n"
    pair = "2\n{} energy=-1 n_electrons={} functional=PBE Properties=species:S:1:pos:R:3:forces:R:3\n{}"
    rows = {"Ne": "Ne 0 0 0 0 0 0\nNe 0 0 3 0 0 0\n", "Ar": "Ar 0 0 0 0 0 0\nAr 0 0 3 0 0 0\n"}
    lone = 'Lattice="19 0 0 0 19 0 0 0 19" pbc="T T T"'
    path = tmp_path / "a.xyz"
    path.write_text(
        atom.format(lone, "Ne") + pair.format(EDGE, 16, rows["Ne"]) + pair.format(EDGE, 32, rows["Ar"])
    )
    assert read(path, "extxyz", UNITS, LABELS, None).wrong == ()
    path.write_text(pair.format(EDGE, 16, rows["Ne"]) + pair.format(EDGE, 17, rows["Ne"]))
    (sentence,) = read(path, "extxyz", UNITS, LABELS, None).wrong
    assert "`n_electrons` differs" in sentence


def test_neutral_settings_say_nothing(tmp_path: Path) -> None:
    comments = ['energy=-1 Charge=0 multiplicity=1 E_field="0 0 0"', "energy=-2"]
    content = source(tmp_path / "a.xyz", comments)
    assert (content.wrong, content.remarks) == ((), ())


def test_a_field_in_some_frames_is_refused(tmp_path: Path) -> None:
    (sentence,) = source(tmp_path / "a.xyz", ['energy=-1 E_field="0 0 0.1"', "energy=-2"]).wrong
    assert "`e_field` differs between frames" in sentence


def test_a_dipole_that_nobody_named(tmp_path: Path) -> None:
    """A row is a vector; anything else is left out with a remark, unless its name is stated."""
    path = tmp_path / "a.xyz"
    row = source(path, ['energy=-1 dipole="_JSON [[0.1, 0.2, 0.3]]"'])
    assert row.dipoles.tolist() == [0.3]
    six = source(path, ['energy=-1 dipole="1 2 3 4"'])
    assert np.isnan(six.dipoles).all()
    assert "dipoles are left out" in six.remarks[0]
    with pytest.raises(DataError, match=r"`mu` has shape \(4,\), expected \(3,\)"):
        source(path, ['energy=-1 mu="1 2 3 4"'], dipole="mu")


@pytest.mark.parametrize(("last", "cut"), [("0.25", False), ("0.2", True), ("0", True)])
def test_a_last_number_without_its_end_of_line(tmp_path: Path, last: str, cut: bool) -> None:
    if cut:
        with pytest.raises(DataError, match="line 4 has no end of line and may have lost digits"):
            source(tmp_path / "a.xyz", ["energy=-1"], end="", last=last)
    else:
        assert source(tmp_path / "a.xyz", ["energy=-1"], end="", last=last).frames.forces[1, 2] == 0.25


def test_a_key_with_two_values(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2 gives `energy` twice"):
        source(tmp_path / "a.xyz", ["energy=-1 energy=-2"])


def test_a_frame_that_is_left_out_twice_counts_once(tmp_path: Path) -> None:
    content = source(tmp_path / "a.xyz", ["energy=-1", "energy=-2", "energy=-3"])
    rest, dropped = leave_out(content, {"frames": [1, 1]})
    assert dropped == {"frames": 1}
    assert rest.frames.energies.tolist() == [-1.0, -3.0]


@pytest.mark.parametrize(("edge", "amount"), [(5.0, 1), (12.0, 0)])
def test_an_isolated_atom_in_a_small_cell(tmp_path: Path, edge: float, amount: int) -> None:
    (path := tmp_path / "a.xyz").write_text(
        f'1\nLattice="{edge} 0 0 0 {edge} 0 0 0 {edge}" config_type=IsolatedAtom energy=-1\nNe 0 0 0\n'
    )
    wrong = read(path, "extxyz", UNITS, LABELS, None).wrong
    assert len(wrong) == amount
    assert all("its images are 5 Å away, expected more than 6 Å" in sentence for sentence in wrong)


@pytest.mark.parametrize("words", ["converged=F", "scf_converged=false", "is_converged=0", 'Converged="no"'])
def test_frames_that_are_not_converged_are_refused(tmp_path: Path, words: str) -> None:
    name = words.split("=")[0]
    content = source(tmp_path / "a.xyz", [f"energy=-1 {name}=T", f"energy=-2 {words}"])
    names = {"energy": "energy", "forces": "forces"}
    problem = check_source(content, Relations.of(content.frames), names, 1e9)[0]
    assert str(problem).startswith("1 frames say that they are not converged (frames 1): ")
    rest = leave_out(content, {"frames": [1]})[0]
    left = check_source(rest, Relations.of(rest.frames), names, 1e9)
    assert not any("not converged" in str(problem) for problem in left)
    assert source(tmp_path / "a.xyz", [f"energy=-1 {name}=T", f"energy=-2 {name}=1"]).unconverged == ()
