"""Stand-in for DFT frames of an interface that a user brings: a slab, water and ions on springs."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import fcc111
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

WATER = np.array([[0.0, 0.0, 0.0], [0.76, 0.0, 0.58], [-0.76, 0.0, 0.58]])
SPACING = 3.0


def interface(metal: str, ion: str, ions: int, size: tuple[int, int, int] = (3, 4, 3)) -> Atoms:
    """Slab with a layer of four waters and one of ions and waters above it, vacuum along z, at rest."""
    slab = fcc111(metal, size, orthogonal=True)
    slab.cell[2, 2] = 30.0
    slab.pbc = True
    top = float(slab.positions[:, 2].max())
    sites = [(x, y) for x in (1.5, 5.0) for y in (1.5, 5.5)]
    frame = Atoms(slab.symbols, slab.positions, cell=slab.cell, pbc=True)
    for x, y in sites:
        frame += Atoms("OH2", WATER + np.array([x, y, top + SPACING]))
    for number, (x, y) in enumerate(sites):
        place = np.array([x, y, top + 2.2 * SPACING])
        frame += Atoms(ion, [place]) if number < ions else Atoms("OH2", WATER + place)
    return frame


def labelled(rest: Atoms, generator: np.random.Generator) -> Atoms:
    """The frame shifted at random, with the energy and forces of springs of 80 eV/Å² to where it rests."""
    shifts = generator.normal(scale=0.02, size=(len(rest), 3))
    shifts -= shifts.mean(axis=0)
    frame = rest.copy()
    frame.positions += shifts
    frame.calc = SinglePointCalculator(frame, energy=40 * float((shifts**2).sum()), forces=-80 * shifts)
    return frame


def write_frames(path: Path, metal: str, ion: str, counts: dict[int, int], each: int) -> None:
    """Extended XYZ with so many frames of each number of ions, in trajectories (`run`) of `each` frames."""
    generator = np.random.default_rng(0)
    frames = []
    for ions, amount in counts.items():
        rest = interface(metal, ion, ions)
        for number in range(amount):
            frames.append(labelled(rest, generator))
            frames[-1].info["run"] = f"ions{ions}-{number // each}"
    write(path, frames, format="extxyz")


def write_npy(folder: Path, metal: str, ion: str, counts: dict[int, int]) -> None:
    """deepmd-npy folder with so many frames of each number of ions, a system each."""
    generator = np.random.default_rng(len(folder.name))
    for ions, amount in counts.items():
        rest, system = interface(metal, ion, ions, (2, 4, 2)), folder / f"ions-{ions}"
        species = sorted(set(rest.symbols))
        shifts = generator.normal(scale=0.02, size=(amount, len(rest), 3))
        shifts -= shifts.mean(axis=1, keepdims=True)
        (system / "set.000").mkdir(parents=True)
        np.savetxt(system / "type.raw", [species.index(symbol) for symbol in rest.symbols], fmt="%d")
        (system / "type_map.raw").write_text("\n".join(species))
        arrays = {
            "coord": rest.positions + shifts, "force": -80 * shifts, "energy": 40 * (shifts**2).sum((1, 2)),
            "box": np.broadcast_to(rest.cell.array, (amount, 3, 3)),
        }  # fmt: skip
        for name, values in arrays.items():
            np.save(system / "set.000" / f"{name}.npy", values.reshape(amount, -1))


def write_trajectory(path: Path, metal: str, frames: int, seed: int) -> None:
    """Extended XYZ of a run without ions: atoms that shake about where they rest."""
    generator, rest = np.random.default_rng(seed), interface(metal, "Na", 0, (2, 4, 2))
    write(path, [labelled(rest, generator) for _ in range(frames)], format="extxyz")
