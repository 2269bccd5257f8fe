"""scan: energy and force of one model or reference potential while a water or an ion is moved as a whole.

An interrupted attempt starts again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.scans import Particle, particles, roughness, shifts
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.contract.folder import writing
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames, concatenate
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.driving import driving_potential
from mlipbench_hpc.worker.engines.interface import DrivingPotential

NORMAL, SURFACE = "normal", "surface"
SCANS = "scans.npz"


@dataclass(frozen=True)
class Scanned:
    """One scan: frame that it starts from, what moves, and the unit vector (3,) along which it moves."""

    frame: int
    particle: Particle
    direction: str
    along: Floats

    def about(self) -> dict[str, Any]:
        """Values for result.json."""
        return {
            "frame": self.frame,
            "particle": self.particle.name,
            "atom": int(self.particle.atoms[0]),
            "direction": self.direction,
        }


def run(context: Context) -> dict[str, Any]:
    """Write scans.npz: shift (P,) Å, energy (S, P) eV from that of the start, force (S, P) eV/Å.

    force: component along the scan of the net force on what moves. `scans` of the values says what each is,
    with its roughness. The same waters and ions are moved whatever potential is asked.
    """
    given = context.parameters
    start = Frames.load(context.upstream("start") / "frames.npz")
    if missing := [index for index in given["frames"] if index >= len(start)]:
        raise InputFailure(f"no frame {missing[0]}: the start has {len(start)} (from 0)")
    try:
        scans = [scan for index in given["frames"] for scan in scans_of(start, index, given)]
    except ValueError as error:
        raise InputFailure(f"frames {given['frames']}: {error}") from error
    if not scans:
        raise InputFailure(f"no {' or '.join(given['particles'])} in these frames: nothing is moved")
    potential = driving_potential(context, start.atoms(given["frames"][0]))
    along, parts = shifts(given["distance"], given["points"]), list[tuple[Floats, Floats]]()
    for done, scan in enumerate(scans):
        context.check()
        context.progress(done, len(scans), "scans")
        parts.append(evaluated(context, potential, start, scan, along))
    energies, forces = (np.array(column) for column in zip(*parts, strict=True))
    with writing(context.folder / SCANS) as stream:
        np.savez(stream, allow_pickle=False, shift=along, energy=energies, force=forces)
    rough = roughness(forces, float(along[1] - along[0]))
    return {
        "scans": [
            scan.about() | {"roughness_eV_per_A": number(float(own))}
            for scan, own in zip(scans, rough, strict=True)
        ],
        "not_finite": int((~np.isfinite(forces)).sum()),
    }


def scans_of(start: Frames, index: int, given: dict[str, Any]) -> Iterator[Scanned]:
    """Scans from one frame: of each kind so many, drawn by the seed, each along every direction."""
    own, cell = start.atoms_of(index), start.cells[index]
    random = np.random.default_rng([given["seed"], index])
    metal = atomic_numbers_of(given["metal"])
    found = particles(start.numbers[own], start.positions[own], cell, metal, given["particles"])
    vectors = {NORMAL: np.array([0.0, 0.0, 1.0]), SURFACE: cell[0] / np.linalg.norm(cell[0])}
    for kind in given["particles"]:
        order = random.permutation(len(found[kind]))[: given["each"]]
        for place in sorted(order.tolist()):
            for direction in given["directions"]:
                yield Scanned(index, found[kind][place], direction, vectors[direction])


def evaluated(
    context: Context, potential: DrivingPotential, start: Frames, scan: Scanned, along: Floats
) -> tuple[Floats, Floats]:
    """Energies (P,) eV from that at the start, and forces (P,) eV/Å along the scan."""
    moved = displaced(start.select([scan.frame]), scan, along)
    size = context.batch_size if "batch_size" in context.parameters else len(along)
    energies, forces = potential.evaluate(moved, size)
    atoms = int(moved.sizes[0])
    net = forces.reshape(len(along), atoms, 3)[:, scan.particle.atoms].sum(axis=1)
    middle = float(np.interp(0.0, along, energies))
    return energies - middle, net @ scan.along


def displaced(frame: Frames, scan: Scanned, along: Floats) -> Frames:
    """A frame for each shift (P,) Å, without labels."""
    moved = concatenate([frame] * len(along))
    positions = moved.positions.reshape(len(along), -1, 3).copy()
    positions[:, scan.particle.atoms] += along[:, None, None] * scan.along
    unknown = np.full_like(moved.forces, np.nan)
    return Frames(
        moved.offsets, moved.numbers, positions.reshape(-1, 3), moved.cells, moved.pbc,
        np.full(len(along), np.nan), unknown, moved.masses,
    )  # fmt: skip
