"""build: a structure of ours, or the user's frames in our units and our one form."""

from typing import Any

import numpy as np
from ase import units

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.check import check_frames
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.read import DataError, read
from mlipbench_hpc.data.summary import summary
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


def run(context: Context) -> dict[str, Any]:
    """Write frames.npz; kinds `water_box` (one unlabelled frame) and `import` (the user's, checked again)."""
    kinds = {"water_box": _water_box, "import": _import}
    frames = kinds[context.parameters["kind"]](context)
    frames.save(context.folder / "frames.npz")
    return summary(frames)


def _import(context: Context) -> Frames:
    how = context.parameters
    source = context.input("data")
    try:
        frames = read(source, how["format"], how["units"], how["labels"], how["frames"])
    except DataError as error:
        raise InputFailure(str(error)) from error
    if wrong := check_frames(frames, how["largest_force"]):
        raise InputFailure(f"{source}: " + "; ".join(map(str, wrong)))
    return frames


def _water_box(context: Context) -> Frames:
    how = context.parameters
    return water_box(how["molecules"], how["density"], how["seed"])


def water_box(molecules: int, density: float, seed: int) -> Frames:
    """One periodic cube of water at `density` g/cm³: atoms O, H, H of each molecule in turn, unlabelled.

    Molecules with the SPC/Fw geometry (doi:10.1063/1.2136877) stand on the roomiest cubic lattice, each
    turned so that it keeps away from those before it. Raises InputFailure when atoms still come too close.
    """
    from ase import Atoms

    edge = (molecules * WATER_U / (density * units.mol * 1e-24)) ** (1 / 3)
    generator = np.random.Generator(np.random.PCG64(seed))
    placed = np.zeros((0, 3))
    for site in _sites(molecules, generator) * edge:
        trials = site + _shape() @ _rotations(generator)
        nearest = [_nearest(trial, placed, edge) for trial in trials]
        placed = np.concatenate([placed, trials[int(np.argmax(nearest))]])
        if max(nearest) < CLOSEST_A:
            raise InputFailure(
                f"water box: atoms {max(nearest):.2f} Å apart at {density} g/cm³; lower the density"
            )
    return Frames.from_atoms([Atoms(f"(OH2){molecules}", positions=placed, cell=[edge] * 3, pbc=True)])


def _sites(count: int, generator: np.random.Generator) -> Floats:
    """(count, 3) fractional sites, at random out of the cubic lattice with the largest nearest distance."""
    spacing = {"simple": 1.0, "body-centred": 3**0.5 / 2, "face-centred": 0.5**0.5}
    cells = {name: int(np.ceil((count / len(basis)) ** (1 / 3) - 1e-9)) for name, basis in LATTICES.items()}
    best = max(LATTICES, key=lambda name: spacing[name] / cells[name])
    corners = np.stack(np.meshgrid(*[np.arange(cells[best])] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    sites = ((corners + LATTICES[best]) / cells[best]).reshape(-1, 3)
    return np.asarray(sites[np.sort(generator.permutation(len(sites))[:count])])


def _shape() -> Floats:
    """(3, 3) Å: O at the origin and its two H."""
    angle = np.radians(ANGLE_DEGREES)
    return BOND_A * np.array([[0, 0, 0], [1, 0, 0], [np.cos(angle), np.sin(angle), 0]])


def _rotations(generator: np.random.Generator) -> Floats:
    """(TURNS, 3, 3) rotations, uniform: unit quaternions from four normal numbers."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_quat(generator.normal(size=(TURNS, 4))).as_matrix())


def _nearest(molecule: Floats, placed: Floats, edge: float) -> float:
    """Shortest distance (Å, minimum image in a cube) from a molecule to those placed and its own images."""
    steps = molecule[:, None] - placed
    steps -= edge * np.round(steps / edge)
    return float(np.linalg.norm(steps, axis=-1).min(initial=edge - H_H_A))
