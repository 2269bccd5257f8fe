"""Cube of water, and placement of molecules without overlap for all builders."""

import numpy as np
from ase import units

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.context import Context

BOND_A = 1.012
ANGLE_DEGREES = 113.24
H_H_A = 1.69
WATER_U = 18.01528
CLOSEST_A = 1.2
TURNS = 100
LATTICES = {
    "simple": np.zeros((1, 3)),
    "body-centred": np.array([[0, 0, 0], [0.5, 0.5, 0.5]]),
    "face-centred": np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
}


def build(context: Context) -> tuple[Frames, dict[str, float]]:
    """Cube of water by the task's parameters."""
    how = context.parameters
    return water_box(how["molecules"], how["density"], how["seed"]), {}


def water_box(molecules: int, density: float, seed: int) -> Frames:
    """One periodic cube of water at `density` g/cm³: atoms O, H, H of each molecule in turn, unlabelled.

    Molecules with the SPC/Fw geometry (doi:10.1063/1.2136877) stand on the widest cubic lattice, each turned
    away from those placed before. Raises InputFailure when atoms still come too close.
    """
    from ase import Atoms

    edge = water_volume(molecules, density) ** (1 / 3)
    generator = np.random.Generator(np.random.PCG64(seed))
    placed = np.zeros((0, 3))
    for site in _sites(molecules, generator) * edge:
        placed = np.concatenate([placed, turned(site, placed, np.full(3, edge), generator)])
    return Frames.from_atoms([Atoms(f"(OH2){molecules}", positions=placed, cell=[edge] * 3, pbc=True)])


def water_volume(molecules: int, density: float) -> float:
    """Volume in Å³ of so many molecules at `density` g/cm³."""
    return molecules * WATER_U / (density * units.mol * 1e-24)


def turned(site: Floats, placed: Floats, edges: Floats, generator: np.random.Generator) -> Floats:
    """Positions (3, 3) Å of a molecule with its O at `site`, turned away from `placed` (N, 3): best of 100.

    edges (3,) Å of the periodic box. Raises InputFailure when atoms come nearer than 1.2 Å.
    """
    trials = site + _shape() @ _rotations(generator)
    nearest = [_nearest(trial, placed, edges) for trial in trials]
    if max(nearest) < CLOSEST_A:
        raise InputFailure(f"water: atoms only {max(nearest):.2f} Å apart; lower the density")
    return np.asarray(trials[int(np.argmax(nearest))])


def _sites(count: int, generator: np.random.Generator) -> Floats:
    """Fractional sites (count, 3), at random from the cubic lattice with the largest nearest distance."""
    spacing = {"simple": 1.0, "body-centred": 3**0.5 / 2, "face-centred": 0.5**0.5}
    cells = {name: int(np.ceil((count / len(basis)) ** (1 / 3) - 1e-9)) for name, basis in LATTICES.items()}
    best = max(LATTICES, key=lambda name: spacing[name] / cells[name])
    corners = np.stack(np.meshgrid(*[np.arange(cells[best])] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sites = ((corners + LATTICES[best]) / cells[best]).reshape(-1, 3)
    return np.asarray(sites[np.sort(generator.permutation(len(sites))[:count])])


def _shape() -> Floats:
    """Geometry (3, 3) Å of a molecule: O at the origin, and two H."""
    angle = np.radians(ANGLE_DEGREES)
    return BOND_A * np.array([[0, 0, 0], [1, 0, 0], [np.cos(angle), np.sin(angle), 0]])


def _rotations(generator: np.random.Generator) -> Floats:
    """Uniform random rotations (TURNS, 3, 3): unit quaternions from four normal numbers."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_quat(generator.normal(size=(TURNS, 4))).as_matrix())


def _nearest(molecule: Floats, placed: Floats, edges: Floats) -> float:
    """Shortest distance (Å, minimum image) of a molecule to placed atoms and to its own images."""
    steps = molecule[:, None] - placed
    steps -= edges * np.round(steps / edges)
    return float(np.linalg.norm(steps, axis=-1).min(initial=edges.min() - H_H_A))
