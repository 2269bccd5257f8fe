"""Labelled frames of atoms in harmonic wells, and campaigns that read them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlipbench_hpc.campaign.load import validate
from mlipbench_hpc.campaign.problem import CampaignError

FILE = "{path: d.xyz, format: extxyz, units: {energy: eV, force: eV/Å}%s}"
CAMPAIGN = """\
name: c
datasets:
  mine:
    file: {file}
splits:
  main: {split}
"""
SPLIT = "{dataset: mine, validation: 4, test: 4, train: 8, members: 2, seed: 1%s}"
STIFFNESS = 3.0


def wells(count: int = 40, seed: int = 0, isolated: str = "", **info: Any) -> list[Atoms]:
    """Eight atoms in harmonic wells: labels exact up to -100 eV, a word of each list in `info` for each
    frame; then lone atoms of -10 eV.
    """
    random = np.random.default_rng(seed)
    sites = np.stack(np.meshgrid(*[[0.0, 4.0]] * 3), -1).reshape(-1, 3)
    images = []
    for index in range(count):
        shift = random.normal(0, 0.08, (8, 3))
        image = Atoms("Ne8", sites + shift, cell=[8.0] * 3, pbc=True)
        image.info = {"energy": -100.0 + 0.5 * STIFFNESS * (shift**2).sum()}
        image.info |= {name: words[index] for name, words in info.items()}
        image.arrays["forces"] = -STIFFNESS * shift
        images.append(image)
    for symbol in [isolated] if isolated else []:
        lone = Atoms(symbol, info={"energy": -10.0, "config_type": "IsolatedAtom"})
        lone.arrays["forces"] = np.zeros((1, 3))
        images.append(lone)
    return images


def campaign(tmp_path: Path, images: list[Atoms], file: str = "", split: str = "") -> Path:
    write(tmp_path / "d.xyz", images, format="extxyz")
    text = CAMPAIGN.replace("{file}", FILE % file).replace("{split}", split or SPLIT % "")
    (tmp_path / "c.yaml").write_text(text)
    return tmp_path / "c.yaml"


def refused(path: Path) -> str:
    with pytest.raises(CampaignError) as error:
        validate(path)
    (problem,) = error.value.problems
    return str(problem).removeprefix(f"{path}:")


JOINED = """\
name: c
datasets:
  learn: {file: {path: a.xyz, format: extxyz, units: {energy: eV, force: eV/Å}}}
  judge: {file: {path: b.xyz, format: extxyz, units: {energy: eV, force: eV/Å}}}
  last: {file: {path: c.xyz, format: extxyz, units: {energy: eV, force: eV/Å}}}
  all: {join: [learn, judge, last]}
splits:
  main: {dataset: all, sets: {train: learn, validation: judge, test: last}, train: 8, members: 2}
"""
