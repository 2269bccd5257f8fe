"""A small campaign of a third party's architecture: argon, numpy only."""

from pathlib import Path

import numpy as np
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.io import write

TOY = """\
name: toy
datasets:
  argon:
    file: {path: argon.extxyz, format: extxyz, units: {energy: eV, force: eV/Å}}
splits:
  main: {dataset: argon, validation: 4, test: 4, train: 8, members: 2}
models:
  pairs: {architecture: toy}
committees:
  pairs: {model: pairs, split: main}
md:
  crystal:
    committee: pairs
    start: {dataset: argon}
    temperature: 40 K
    timestep: 2 fs
    length: 0.4 ps
    frame_every: 4 fs
    checkpoint_every: 80 fs
    replicas: 2
analysis:
  reweight: null
  rdf: {pairs: [[Ar, Ar]], r_max: 5 Å}
"""


def argon_frames(folder: Path, frames: int = 24, seed: int = 0) -> Path:
    """Rattled argon crystals of 32 atoms with Lennard-Jones labels."""
    generator = np.random.default_rng(seed)
    images = []
    for _ in range(frames):
        atoms = bulk("Ar", "fcc", a=5.3, cubic=True) * (2, 2, 2)
        atoms.positions += generator.normal(scale=0.12, size=atoms.positions.shape)
        atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=5.2, smooth=True)
        atoms.get_forces()
        images.append(atoms)
    path = folder / "argon.extxyz"
    write(path, images, format="extxyz")
    return path


def write_toy(folder: Path) -> Path:
    """The campaign's YAML with its data beside it."""
    argon_frames(folder)
    path = folder / "toy.yaml"
    path.write_text(TOY)
    return path
