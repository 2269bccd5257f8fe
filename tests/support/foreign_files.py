"""Files as other programs write them: gold under water and one ion that jitter; requests that read them."""

from pathlib import Path
from typing import Any

import numpy as np
from interface import LX, LY, LZ, slab

FRAMES = 20
BOHR = 0.529177210903
CELL = np.diag([LX, LY, LZ])
FRAME = slab([2.05, 3.05, 6.05, 9.05], [0.5, -0.5, 0.1, 0.8], [(4.0, 4.0, 5.05)])
NUMBERS = FRAME.numbers
ATOMS = len(NUMBERS)
SYMBOLS = {79: "Au", 8: "O", 1: "H", 11: "Na"}
TYPES = {79: 1, 8: 2, 1: 3, 11: 4}
ELEMENTS = {"1": "Au", "2": "O", "3": "H", "4": "Na"}
NAMES = [SYMBOLS[number] for number in NUMBERS]


def moved(frames: int = FRAMES) -> np.ndarray:
    """(T, N, 3) Å, rounded to what the coarsest format writes."""
    noise = 0.05 * np.random.default_rng(2).normal(size=(frames, ATOMS, 3))
    return np.round(FRAME.positions + noise, 2)


POSITIONS = moved()


def request(path: Path | list[Path], **changes: Any) -> dict[str, Any]:
    """As `mlipbench analyse` makes it."""
    paths = path if isinstance(path, list) else [path]
    return {
        "trajectory": [str(path) for path in paths], "format": "", "topology": "", "cell": [],
        "surface": ["Au"], "layer_atoms": [], "face": "", "assignment": "frames",
        "ions": [], "elements": {}, "bin": 0.1, "blocks": 2, "skip": 0,
        "out": str(paths[0].parent / "out"),
        "shown": {}, "frame_every": None, "dipole_correlation": 0.02, "survival": 0.02, "origins": "all",
        "coordination": 3.2, "threads": 1,
    } | changes  # fmt: skip


def orders(frames: int = FRAMES) -> list[np.ndarray]:
    """(N,) another order of the atoms in every frame."""
    generator = np.random.default_rng(5)
    return [generator.permutation(ATOMS) for _ in range(frames)]


def xyz(comments: list[str], positions: np.ndarray = POSITIONS, names: list[str] | None = None) -> str:
    """Any dialect: a comment for each frame."""
    names = names or NAMES
    return "".join(
        f"{len(frame)}\n{comment}\n"
        + "".join(
            f"{name:>4s} {x:16.8f} {y:16.8f} {z:16.8f}\n"
            for name, (x, y, z) in zip(names, frame, strict=True)
        )
        for comment, frame in zip(comments, positions, strict=True)
    )  # fmt: skip


def lattice(cell: np.ndarray = CELL, more: str = "") -> str:
    """Comment of extended XYZ."""
    words = " ".join(f"{value:.10f}" for value in np.ravel(cell))
    return f'Lattice="{words}" Properties=species:S:1:pos:R:3 pbc="T T T"{more}'


def dump(
    steps: list[int],
    positions: np.ndarray = POSITIONS,
    shuffled: bool = True,
    elements: list[str] | None = None,
) -> str:
    """Of LAMMPS, without or with an element column, rows in any order."""
    text = []
    for step, frame, order in zip(steps, positions, orders(len(steps)), strict=True):
        text.append(f"ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n{ATOMS}\nITEM: BOX BOUNDS pp pp pp")
        text += [f"0 {length}" for length in np.diag(CELL)]
        text.append(f"ITEM: ATOMS id type{' element' * bool(elements)} x y z")
        for k in order if shuffled else range(ATOMS):
            element = f" {elements[k]}" if elements else ""
            text.append(f"{k + 1} {TYPES[NUMBERS[k]]}{element} " + " ".join(f"{x:.4f}" for x in frame[k]))
    return "\n".join(text) + "\n"


def netcdf(
    path: Path,
    unit: str = "picosecond",
    ids: bool = True,
    times: np.ndarray | None = None,
    step: float = 0.05,
) -> None:
    """Of LAMMPS: rows in any order beside their ids and types."""
    from scipy.io import netcdf_file

    times = step * np.arange(FRAMES) if times is None else times
    with netcdf_file(path, "w", version=2) as file:
        file.Conventions, file.ConventionVersion, file.program = "AMBER", "1.0", "LAMMPS"
        for name, length in (("frame", None), ("atom", ATOMS), ("spatial", 3), ("cell_spatial", 3)):
            file.createDimension(name, length)
        file.createVariable("time", "d", ("frame",)).units = unit
        for name, units in (("cell_lengths", "angstrom"), ("cell_angles", "degree")):
            file.createVariable(name, "d", ("frame", "cell_spatial")).units = units
        for name in ("id", "type") if ids else ():
            file.createVariable(name, "i", ("frame", "atom"))
        file.createVariable("coordinates", "f", ("frame", "atom", "spatial")).units = "angstrom"
        variables = file.variables
        for k, order in enumerate(orders() if ids else [np.arange(ATOMS)] * FRAMES):
            variables["time"][k] = times[k]
            variables["cell_lengths"][k], variables["cell_angles"][k] = np.diag(CELL), 90.0
            variables["coordinates"][k] = POSITIONS[k][order]
            if ids:
                variables["id"][k] = order + 1
                variables["type"][k] = [TYPES[NUMBERS[index]] for index in order]


def gro(times: list[float], positions: np.ndarray = POSITIONS, title: str = "Slab t= {:.5f} step= {}") -> str:
    """With another order of the atoms in every frame, and their numbers."""
    text = []
    for time, frame, order in zip(times, positions, orders(len(times)), strict=True):
        text += [title.format(time, round(1000 * time)), f"{ATOMS:5d}"]
        for k in order:
            x, y, z = frame[k] / 10
            text.append(f"{1:5d}{'SYS':5s}{NAMES[k].upper():>5s}{k + 1:5d}{x:8.3f}{y:8.3f}{z:8.3f}")
        text.append("".join(f"{length / 10:10.5f}" for length in np.diag(CELL)))
    return "\n".join(text) + "\n"


def pdb(positions: np.ndarray = POSITIONS, models: bool = True) -> str:
    """With MODEL and ENDMDL, or END behind every frame; the cell in the first alone."""
    text = [f"CRYST1{LX:9.3f}{LY:9.3f}{LZ:9.3f}{90:7.2f}{90:7.2f}{90:7.2f} P 1           1"]
    for index, (frame, order) in enumerate(zip(positions, orders(len(positions)), strict=True)):
        text += [f"MODEL     {index + 1:4d}"] * models
        for k in order:
            x, y, z = frame[k]
            name = NAMES[k].upper()
            text.append(
                f"ATOM  {k + 1:5d} {name:<4s} SYS A{1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
                f"{1:6.2f}{0:6.2f}          {name:>2s}"
            )
        text.append("ENDMDL" if models else "END")
    return "\n".join(text) + "\n"


def xdatcar(numbers: list[int], positions: np.ndarray = POSITIONS, headers: bool = False) -> str:
    """Fractional, species by species in one order; a header above every configuration, or the first alone."""
    counts, species = [], []
    for name in NAMES:
        if not species or species[-1] != name:
            species.append(name)
            counts.append(0)
        counts[-1] += 1
    head = ["slab", "  2.0"]
    head += [" ".join(f"{value / 2:.10f}" for value in row) for row in CELL]
    head += [" ".join(species), " ".join(map(str, counts))]
    text = [] if headers else list(head)
    for number, frame in zip(numbers, positions / np.diag(CELL), strict=True):
        text += head if headers else []
        text.append(f"Direct configuration= {number:5d}")
        text += [" ".join(f"{value:.10f}" for value in row) for row in frame]
    return "\n".join(text) + "\n"
