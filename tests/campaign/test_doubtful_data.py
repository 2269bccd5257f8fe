"""What `validate` says of energies, masses, sets and repeated structures that may mislead."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from training_data import CAMPAIGN, FILE, JOINED, SPLIT, campaign, refused, wells

from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError
from mlipbench_hpc.campaign.splits import unlisted
from mlipbench_hpc.cli import main


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        (-45000.0, "leave 44987.5 eV/atom in Ne8, more than bonds hold (20 eV/atom)"),
        (-340.1, "(the number of Ne fits in kcal/mol)"),
    ],
)
def test_absurd_reference_energies_are_refused(tmp_path: Path, stated: float, words: str) -> None:
    """The data hold -12.5 eV/atom; -340.1 kcal/mol are -14.7 eV."""
    path = campaign(tmp_path, wells(), split=SPLIT % f", reference_energies: {{Ne: {stated} eV}}")
    sentence = refused(path)
    assert words in sentence
    assert f"received Ne: {stated:.8g} eV" in sentence
    assert "or `fit`" in sentence


def test_the_element_of_an_absurd_reference_energy_is_named(tmp_path: Path) -> None:
    """Energies of n Ne at -12 eV and m Ar at -500 eV, which is stated as -18.4 (Hartree)."""
    images = []
    for index in range(40):
        neon, argon = 2 + index % 3, 1 + index % 5
        places = 3.0 * np.arange(neon + argon)[:, None] * [1.0, 0, 0]
        image = Atoms(f"Ne{neon}Ar{argon}", places + np.array([0, 0, 1e-2 * index]))
        image.positions[0, 1] += 1e-2 * index
        image.info["energy"] = -12.0 * neon - 500.0 * argon
        image.arrays["forces"] = np.full((len(image), 3), 0.01 * (index + 1))
        images.append(image)
    path = campaign(tmp_path, images, split=SPLIT % ", reference_energies: {Ne: -12 eV, Ar: -18.4 eV}")
    sentence = refused(path)
    assert "received Ar: -18.4 eV; expected" in sentence
    assert "(the number of Ar fits in Hartree)" in sentence
    right = campaign(tmp_path, images, split=SPLIT % ", reference_energies: {Ne: -12 eV, Ar: -500 eV}")
    assert validate(right).datasets["mine"].frames == 40


def test_isolated_atoms_of_another_scale_are_refused(tmp_path: Path) -> None:
    images = wells(isolated="Ne")
    images[-1].info["energy"] = -3500.0
    assert "received Ne: -3500 eV" in refused(campaign(tmp_path, images))
    fit = campaign(tmp_path, images, split=SPLIT % ", reference_energies: fit")
    assert validate(fit).datasets["mine"].frames == 41


@pytest.mark.parametrize("cached", [True, False])
def test_a_structure_in_two_joined_files_is_said_by_validate(tmp_path: Path, cached: bool) -> None:
    (tmp_path / "c.yaml").write_text(JOINED)
    cache = tmp_path / "facts" if cached else None
    for seed, name in enumerate("abc"):
        write(tmp_path / f"{name}.xyz", wells(20 - 5 * seed, seed, isolated="Ne"), format="extxyz")
    assert validate(tmp_path / "c.yaml", cache).datasets["all"].frames == 48
    write(tmp_path / "c.xyz", wells(3, 5) + wells(20, 0)[4:5], format="extxyz")
    for _ in range(2):
        with pytest.raises(
            CampaignError, match=r"datasets.all.join: frame 4 of learn and frame 3 of last are the same"
        ):
            validate(tmp_path / "c.yaml", cache)


def test_frames_of_unlisted_words_are_counted(tmp_path: Path) -> None:
    words = ["train"] * 25 + ["val"] * 5 + ["test"] * 5 + ["odd"] * 3 + [""] * 2
    sets = "{dataset: mine, sets: {train: train, validation: val, test: test}, train: 9, members: 2}"
    path = campaign(tmp_path, wells(config_type=words), ", labels: {set: config_type}", sets)
    validated = validate(path)
    sentence = unlisted(validated.campaign.splits["main"], validated.datasets)
    assert sentence.startswith("5 of 40 frames stand in no set")
    assert "no word (2)" in sentence
    assert "odd (3)" in sentence
    every = sets.replace("test: test", "test: [test, odd]")
    assert "2 of 40 frames stand in no set, for their word is not listed: no word (2);" in unlisted(
        validate(campaign(tmp_path, wells(config_type=words), ", labels: {set: config_type}", every))
        .campaign.splits["main"],
        validated.datasets,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["mass", "Masses", "atomic_mass", "ATOMIC_MASSES"])
def test_masses_by_any_name_are_used(tmp_path: Path, name: str) -> None:
    images = wells()
    for image in images:
        image.arrays[name] = np.linspace(20.0, 27.0, 8)
    facts = validate(campaign(tmp_path, images)).datasets["mine"]
    assert facts.lightest_mass(0) == 20.0
    assert "masses of its own for 320 atoms, 20 to 27 u: used in MD" in facts.understood


def test_two_columns_of_masses_that_differ_are_refused(tmp_path: Path) -> None:
    images = wells()
    for image in images:
        image.arrays["mass"], image.arrays["Masses"] = np.full(8, 20.0), np.full(8, 22.0)
    assert "give different masses: leave one out" in refused(campaign(tmp_path, images))


def test_velocities_of_a_start_are_said_to_be_unused(tmp_path: Path) -> None:
    (image, *_) = wells(1)
    image.arrays["momenta"] = np.ones((8, 3))
    write(tmp_path / "s.xyz", image, format="extxyz")
    text = "name: c\nsystems:\n  mine: {structure: {path: s.xyz, format: extxyz}}\n"
    (tmp_path / "c.yaml").write_text(text + CAMPAIGN.removeprefix("name: c\n").replace("{file}", FILE % "")
                                     .replace("{split}", SPLIT % ""))  # fmt: skip
    write(tmp_path / "d.xyz", wells(), format="extxyz")
    assert validate(tmp_path / "c.yaml").systems["mine"].remarks == (
        "`momenta` are not used: MD draws velocities at its temperature",
    )


def test_validate_needs_no_site_and_leaves_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train"] * 25 + ["val"] * 5 + ["test"] * 5 + ["odd"] * 5
    sets = "{dataset: mine, sets: {train: train, validation: val, test: test}, train: 9, members: 2}"
    path = campaign(tmp_path, wells(config_type=words), ", labels: {set: config_type}", sets)
    (elsewhere := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["validate", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path} is valid: campaign `c`"
    assert lines[-1].startswith("  look at split main: 5 of 40 frames stand in no set")
    assert list(elsewhere.iterdir()) == []
    assert main(["plan", str(path)]) == 2
    assert "no site file campaigns/sites/local.yaml" in capsys.readouterr().err
