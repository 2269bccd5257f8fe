"""Energy = sum of reference energies + sum over pairs of (fixed repulsion + learned Gaussians) * cutoff."""

import io
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.data import chemical_symbols

from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames, Ints

REPULSION_EV, REPULSION_RANGE = 2000.0, 0.25
RIDGE = 1e-6


class Pairs:
    """Basis functions of every pair of species; arrays over the pairs of one frame."""

    def __init__(self, species: list[int], cutoff: float, gaussians: int) -> None:
        self.species, self.cutoff = np.array(species), cutoff
        self.centres = np.linspace(0.8, cutoff, gaussians)
        self.width = self.centres[1] - self.centres[0]
        self.kinds = len(species) * (len(species) + 1) // 2
        self.size = self.kinds * gaussians

    def find(self, numbers: Ints, positions: Floats, cell: Floats) -> tuple[Ints, Ints, Floats, Floats, Ints]:
        """i, j (P,), unit vectors i to j (P, 3), distances (P,) Å, kinds (P,); minimum image."""
        i, j = np.triu_indices(len(numbers), 1)
        steps = positions[j] - positions[i]
        if cell.any():
            steps -= np.round(steps @ np.linalg.inv(cell)) @ cell
        r = np.sqrt((steps**2).sum(1))
        near = r < self.cutoff
        i, j, r = i[near], j[near], r[near]
        a, b = np.searchsorted(self.species, np.sort([numbers[i], numbers[j]], axis=0))
        return i, j, steps[near] / r[:, None], r, b * (b + 1) // 2 + a

    def radial(self, r: Floats) -> tuple[Floats, Floats]:
        """Basis values and derivatives (P, gaussians); the last column is the fixed repulsion."""
        x = np.pi * r / self.cutoff
        fade, slope = 0.5 * (np.cos(x) + 1), -0.5 * np.pi / self.cutoff * np.sin(x)
        bumps = np.exp(-(((r[:, None] - self.centres) / self.width) ** 2))
        steep = -2 * (r[:, None] - self.centres) / self.width**2 * bumps
        wall = REPULSION_EV * np.exp(-r / REPULSION_RANGE)
        bumps = np.column_stack([bumps, wall])
        steep = np.column_stack([steep, -wall / REPULSION_RANGE])
        return bumps * fade[:, None], steep * fade[:, None] + bumps * slope[:, None]

    def energy_and_forces(
        self, weights: Floats, numbers: Ints, positions: Floats, cell: Floats
    ) -> tuple[float, Floats]:
        """eV and (N, 3) eV/Å without the reference energies."""
        i, j, unit, r, kind = self.find(numbers, positions, cell)
        value, slope = self.radial(r)
        w = np.column_stack([weights.reshape(self.kinds, -1)[kind], np.ones(len(kind))])
        pull = (w * slope).sum(1)[:, None] * unit
        forces = np.zeros((len(numbers), 3))
        np.add.at(forces, i, pull)
        np.add.at(forces, j, -pull)
        return float((w * value).sum()), forces

    def design(self, numbers: Ints, positions: Floats, cell: Floats) -> tuple[Floats, Floats]:
        """(3N, size) matrix from weights to forces, and (3N,) the forces of the repulsion."""
        i, j, unit, r, kind = self.find(numbers, positions, cell)
        _, slope = self.radial(r)
        matrix = np.zeros((len(numbers), 3, self.kinds, len(self.centres)))
        wall = np.zeros((len(numbers), 3))
        for atom, sign in ((i, 1.0), (j, -1.0)):
            np.add.at(matrix, (atom, slice(None), kind), sign * unit[:, :, None] * slope[:, None, :-1])
            np.add.at(wall, atom, sign * unit * slope[:, -1:])
        return matrix.reshape(-1, self.size), wall.reshape(-1)


def require_known(numbers: Any, known: Any) -> None:
    """Raise InputFailure naming the elements that the model was not made for."""
    if strange := sorted(set(map(int, numbers)) - set(map(int, known))):
        names, mine = (", ".join(chemical_symbols[z] for z in some) for some in (strange, sorted(known)))
        raise InputFailure(f"toy model for {mine}: it does not know {names}")


class Evaluator:
    """A trained pair potential."""

    def __init__(
        self,
        weights: Floats,
        pairs: Pairs,
        energies: dict[int, float],
        step_s: float = 0.0,
        frame_mb: int = 0,
    ) -> None:
        self.weights, self.pairs, self.energies, self.step_s = weights, pairs, energies, step_s
        self.frame_mb = frame_mb

    def one(self, numbers: Ints, positions: Floats, cell: Floats) -> tuple[float, Floats]:
        require_known(numbers, self.energies)
        energy, forces = self.pairs.energy_and_forces(self.weights, numbers, positions, cell)
        return energy + sum(self.energies[int(z)] for z in numbers), forces

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Frame by frame; a batch takes the memory that it is told to."""
        taken = np.ones((min(batch_size, len(frames)), self.frame_mb, 1 << 20), np.uint8)
        assert taken.all()
        result = [
            self.one(frames.numbers[own], frames.positions[own], frames.cells[index])
            for index in range(len(frames))
            for own in [frames.atoms_of(index)]
        ]
        return np.array([energy for energy, _ in result]), np.concatenate([forces for _, forces in result])

    def calculator(self) -> Calculator:
        return PairCalculator(self)


class PairCalculator(Calculator):
    """ASE's view of an Evaluator."""

    implemented_properties = ("energy", "forces")

    def __init__(self, evaluator: Evaluator) -> None:
        super().__init__()
        self.evaluator = evaluator

    def calculate(
        self, atoms: Atoms | None = None, properties: Any = None, system_changes: Any = all_changes
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        time.sleep(self.evaluator.step_s)
        cell = np.asarray(self.atoms.cell) * self.atoms.pbc[:, None]
        energy, forces = self.evaluator.one(self.atoms.numbers, self.atoms.positions, cell)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def train(job: TrainingJob) -> dict[str, Any]:
    """Conjugate gradients on the forces' normal equations, one iteration an epoch."""
    if os.environ.get("TOY_BROKEN"):  # As on a node whose memory or libraries are.
        os.kill(os.getpid(), signal.SIGBUS)
    wanted = job.hyperparameters
    for frames in (job.train, job.validation):
        require_known(frames.species(), job.reference_energies)
        require_labels(frames)
    pairs = Pairs(job.train.species(), wanted["cutoff"], wanted["gaussians"])
    matrix, target = normal_equations(pairs, job.train)
    state = resume(job.resume) if job.resume else start(target, job.seed)
    while int(state["epoch"]) < wanted["epochs"]:
        time.sleep(wanted["epoch_s"])
        state = iterate(state, matrix)
        job.save(int(state["epoch"]), {"state.npz": as_bytes(state)})
        job.report(row(state, pairs, job))
    model = {
        "species": job.train.species(),
        "weights": state["w"].tolist(),
        "reference_energies": {str(z): e for z, e in job.reference_energies.items()},
    }
    write_bytes(job.folder / "model.json", json.dumps(model).encode())
    return {"epochs": wanted["epochs"], "parameters": pairs.size}


def require_labels(frames: Frames) -> None:
    """Raise InputFailure when an energy or a force is missing."""
    missing = int(np.isnan(frames.energies).sum()), int(np.isnan(frames.forces).any(axis=1).sum())
    if any(missing):
        raise InputFailure(f"frames lack {missing[0]} energies and the forces of {missing[1]} atoms")


def normal_equations(pairs: Pairs, frames: Frames) -> tuple[Floats, Floats]:
    """(size, size) and (size,)."""
    matrix, target = RIDGE * np.eye(pairs.size), np.zeros(pairs.size)
    for index in range(len(frames)):
        own = frames.atoms_of(index)
        rows, wall = pairs.design(frames.numbers[own], frames.positions[own], frames.cells[index])
        matrix += rows.T @ rows
        target += rows.T @ (frames.forces[own].reshape(-1) - wall)
    return matrix, target


def start(target: Floats, seed: int) -> dict[str, Any]:
    """Zero weights; the seed has nothing to do in a convex problem but is kept in the state."""
    return {
        "epoch": np.array(0),
        "w": np.zeros_like(target),
        "r": target.copy(),
        "p": target.copy(),
        "seed": seed,
    }


def iterate(state: dict[str, Any], matrix: Floats) -> dict[str, Any]:
    """One conjugate-gradient step (Hestenes and Stiefel 1952)."""
    r, p = state["r"], state["p"]
    applied = matrix @ p
    step = (r @ r) / max(p @ applied, 1e-300)
    rest = r - step * applied
    turn = rest + (rest @ rest) / max(r @ r, 1e-300) * p
    return {**state, "epoch": state["epoch"] + 1, "w": state["w"] + step * p, "r": rest, "p": turn}


def row(state: dict[str, Any], pairs: Pairs, job: TrainingJob) -> dict[str, float]:
    """The learning curve's row."""
    evaluator = Evaluator(state["w"], pairs, job.reference_energies)
    energies, forces = evaluator.evaluate(job.validation, 1)
    off = (energies - job.validation.energies) / job.validation.sizes
    return {
        "epoch": int(state["epoch"]),
        "loss": float(state["r"] @ state["r"]),
        "validation_energy_rmse_meV_per_atom": 1000 * float(np.sqrt(np.mean(off**2))),
        "validation_force_rmse_meV_per_A": 1000
        * float(np.sqrt(np.mean((forces - job.validation.forces) ** 2))),
        "learning_rate": 0.0,
    }


def as_bytes(state: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **state)
    return stream.getvalue()


def resume(folder: Path) -> dict[str, Any]:
    with np.load(folder / "state.npz", allow_pickle=False) as archive:
        return dict(archive)


def load(folder: Path, hyperparameters: dict[str, Any], device: str, dtype: str) -> Evaluator:
    """Rebuild what `train` wrote."""
    try:
        model = json.loads((folder / "model.json").read_text())
    except OSError as error:
        raise InputFailure(f"{folder} holds no toy model: {error}") from error
    pairs = Pairs(model["species"], hyperparameters["cutoff"], hyperparameters["gaussians"])
    energies = {int(z): e for z, e in model["reference_energies"].items()}
    return Evaluator(
        np.array(model["weights"]), pairs, energies, hyperparameters["step_s"], hyperparameters["frame_mb"]
    )
