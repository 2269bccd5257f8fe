"""Lennard-Jones with shifted forces, in numpy and as a pair style of LAMMPS; no model file is read."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list
from numpy.typing import NDArray

from mlipbench_hpc.architectures.interface import JaxForces, LammpsStyle
from mlipbench_hpc.data.frames import Frames

SIGMA, EPSILON, CUTOFF = 3.4, 0.0104, 5.2


def pair(r: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lennard-Jones energy and its slope at distances r."""
    six = (SIGMA / r) ** 6
    return 4 * EPSILON * (six**2 - six), -24 * EPSILON * (2 * six**2 - six) / r


class Argon(Calculator):
    """E = Σ_{i<j} φ(r) - φ(c) - (r - c) φ'(c) for r below the cutoff c: energy and force end at zero."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        i, r, steps = neighbor_list("idD", self.atoms, CUTOFF)
        (energy, slope), (last, last_slope) = pair(r), pair(np.array(CUTOFF))
        total = 0.5 * float((energy - last - (r - CUTOFF) * last_slope).sum())
        forces = np.zeros((len(self.atoms), 3))
        np.add.at(forces, i, ((slope - last_slope) / r)[:, None] * steps)
        self.results = {"energy": total, "free_energy": total, "forces": forces}


class Evaluator:
    """A loaded model."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies (F,) and forces (A, 3)."""
        images = [frames.atoms(index) for index in range(len(frames))]
        for image in images:
            image.calc = Argon()
        energies = np.array([image.get_potential_energy() for image in images])
        return energies, np.concatenate([image.get_forces() for image in images])

    def calculator(self) -> Argon:
        return Argon()


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> Evaluator:
    """Nothing is read."""
    return Evaluator()


def lammps(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: Evaluator | None = None
) -> LammpsStyle:
    """hyperparameters: words of LammpsStyle, and `strength`, which is 1 where LAMMPS computes the same."""
    own = dict(hyperparameters)
    epsilon = EPSILON * own.pop("strength", 1.0)
    commands = (f"pair_style lj/smooth/linear {CUTOFF}", f"pair_coeff * * {epsilon} {SIGMA}")
    return LammpsStyle(commands, **own)


def jax_md(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: Evaluator | None = None
) -> JaxForces:
    """The same in JAX."""
    from .jax_forces import argon_forces

    return argon_forces()
