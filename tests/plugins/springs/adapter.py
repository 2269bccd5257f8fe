"""Atoms tied to their sites and to each other by springs; the model file holds the sites (N, 3) in Å."""

import os
import signal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import NDArray

from mlipbench_hpc.architectures.interface import JaxForces
from mlipbench_hpc.data.frames import Frames


class Springs(Calculator):
    """E = Σ_i (k/2 u_i² + q/4 u_i⁴) + Σ_{i<j} c/2 (u_i - u_j)², u the displacements from the sites.

    tie k, coupling c in eV/Å², quartic q in eV/Å⁴; swirl in eV/Å² adds a force that no energy belongs to.
    trouble {"at": call, "kind": "nan", "term" or "kill"} happens at that evaluation, counted from 1.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def __init__(
        self,
        sites: NDArray[np.float64],
        tie: float = 3.0,
        coupling: float = 0.3,
        quartic: float = 20.0,
        swirl: float = 0.0,
        trouble: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.sites, self.tie, self.coupling, self.quartic = sites, tie, coupling, quartic
        self.swirl, self.trouble, self.calls = swirl, trouble or {}, 0

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        energy, forces = self.answer(self.atoms.positions)
        if self.calls == self.trouble.get("at"):
            forces = self._fail(forces)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}

    def answer(self, positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Energy and forces (N, 3); this is not counted."""
        u = positions - self.sites
        square, n = (u**2).sum(axis=1), len(u)
        pairs = n * square.sum() - (u.sum(axis=0) ** 2).sum()
        energy = (self.tie / 2 * square + self.quartic / 4 * square**2).sum() + self.coupling / 2 * pairs
        forces = -(self.tie + self.quartic * square)[:, None] * u - self.coupling * (n * u - u.sum(axis=0))
        return float(energy), forces + self.swirl * np.cross([0.0, 0.0, 1.0], u)

    def _fail(self, forces: NDArray[np.float64]) -> NDArray[np.float64]:
        kind = self.trouble["kind"]
        if kind == "kill":
            os._exit(9)
        if kind == "term":
            os.kill(os.getpid(), signal.SIGTERM)
        return np.full_like(forces, np.nan) if kind == "nan" else forces


class Evaluator:
    """A loaded model."""

    def __init__(self, calculator: Springs, lie: float) -> None:
        self._calculator, self._lie = calculator, lie

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Energies (F,) and forces (A, 3); the energies are wrong by `lie` eV an atom."""
        one = [self._calculator.answer(frames.positions[frames.atoms_of(i)]) for i in range(len(frames))]
        energies = np.array([energy for energy, _ in one]) + self._lie * frames.sizes
        return energies, np.concatenate([forces for _, forces in one])

    def calculator(self) -> Springs:
        return self._calculator


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> Evaluator:
    """hyperparameters: keywords of Springs, and `lie`; trouble may also come from outside the task's key."""
    own = dict(hyperparameters)
    lie = own.pop("lie", 0.0)
    if text := os.environ.get("SPRINGS_TROUBLE"):
        at, kind = text.split()
        own["trouble"] = {"at": int(at), "kind": kind}
    return Evaluator(Springs(np.load(folder / "sites.npy", allow_pickle=False), **own), lie)


def jax_md(
    folder: Path, hyperparameters: dict[str, Any], numbers: list[int], evaluator: Evaluator
) -> JaxForces:
    """The same in JAX."""
    from .jax_forces import springs_forces

    return springs_forces(evaluator.calculator())
