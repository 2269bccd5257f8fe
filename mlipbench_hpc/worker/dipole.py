"""dipole: correlation of a dataset's slab dipoles with P_z of the same frames."""

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.dipole import VOLT_A, plane, trend, work_function_change
from mlipbench_hpc.analysis.onepass import total_dipole
from mlipbench_hpc.analysis.slab import atomic_numbers_of
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.stretch import write_csv

TABLE = "dipoles.csv"
PARTS = ("molecules", "ions", "metal")
FLAT_A = 1e-6  # Largest z of a and b for them to count as in the xy plane.


def run(context: Context) -> dict[str, Any]:
    """Write dipoles.csv (frame, composition, P_z, dipole_eA); returns the fits of each composition.

    Both are along the outward normal of the face that water touches, or touches more in the composition's
    first frame. `without` counts unusable frames, `reasons` counts them by reason.
    """
    folder, given = context.upstream("frames"), context.parameters
    frames, answers = Frames.load(folder / "frames.npz"), Answers.load(folder)
    if answers is None:
        raise InputFailure("none of the dataset's frames has a dipole")
    rows: dict[str, list[tuple[float, ...]]] = {}
    reasons, normals = Counter[str](), dict[str, float]()
    for index in range(len(frames)):
        try:
            place, across, dipole, area, normal = one_frame(
                frames, index, float(answers.dipoles[index]), atomic_numbers_of(given["metal"])
            )
        except (ValueError, np.linalg.LinAlgError) as error:
            reasons[str(error)] += 1
            continue
        formula = frames.formula(index)
        sign = normals.setdefault(formula, normal)
        parts = (sign * answers.parts[index]).tolist()
        rows.setdefault(formula, []).append((place, sign * across, sign * dipole, area, *parts))
        if index % 64 == 0:
            context.check()
            context.progress(index, len(frames), "frames")
    tables = {formula: np.array(rows[formula]) for formula in sorted(rows)}
    write_csv(context.folder / TABLE, columns(list(tables.values())))
    used = sum(len(table) for table in tables.values())
    return {
        "metal": given["metal"],
        "blocks": given["blocks"],
        "frames": used,
        "without": len(frames) - used,
        "reasons": dict(reasons),
        "compositions": {formula: line(table, given["blocks"]) for formula, table in tables.items()},
    }


def one_frame(
    frames: Frames, index: int, dipole: float, metal: list[int]
) -> tuple[int, float, float, float, float]:
    """Frame, P_z and dipole in e·Å along +z, area in Å², outward normal; ValueError names the obstacle."""
    own = frames.atoms_of(index)
    if not np.isfinite(dipole):
        raise ValueError("no dipole")
    positions, cell = upright(frames.positions[own], frames.cells[index])
    moment, normal = total_dipole(frames.numbers[own], positions, cell, metal)
    return index, normal * moment, dipole, float(cell[0, 0] * cell[1, 1]), normal


def upright(positions: Floats, cell: Floats) -> tuple[Floats, Floats]:
    """Positions (N, 3) Å and cell (3, 3) Å turned about z so that a lies along x.

    Raises ValueError where a and b do not span the xy plane, because z of the dipole would change.
    """
    if np.abs(cell[:2, 2]).max() > FLAT_A:
        raise ValueError("a and b of the cell do not span the xy plane")
    if np.linalg.det(cell) < 0:
        cell = cell[[1, 0, 2]]
    angle = np.arctan2(cell[0, 1], cell[0, 0])
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return positions @ turn, np.tril(cell @ turn)


def columns(tables: list[Floats]) -> dict[str, Floats]:
    """Columns of all compositions one after another; `composition`: index among sorted names, from 0."""
    rows = np.concatenate(tables) if tables else np.zeros((0, 4 + len(PARTS)))
    which = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    return {
        "frame": rows[:, 0],
        "composition": which.astype(float),
        "P_z": rows[:, 1],
        "dipole_eA": rows[:, 2],
    }


def line(table: Floats, blocks: int) -> dict[str, Any]:
    """Frames, mean area and mean parts of the dipole; where there are enough frames also the fits.

    slope_V: rise of the potential beyond the water for one unit of P_z, μ/(ε0 A); the work function falls by
    as much, work_function_eV. parts_eA: means of the parts that add up to the dipole.
    """
    area = float(table[:, 3].mean())
    means = dict(zip(PARTS, map(number, table[:, 4:].mean(axis=0)), strict=True))
    values: dict[str, Any] = {"frames": len(table), "area_A2": area, "parts_eA": means}
    slope = trend(table[:, 1], table[:, 2], blocks)
    if slope is None:
        return values
    for name in ("slope", "intercept", "correlation"):
        value, error = getattr(slope, name)
        unit = "" if name == "correlation" else "_eA"
        values |= {f"{name}{unit}": number(value), f"se_{name}{unit}": number(error)}
    volt = VOLT_A / area
    values |= {"slope_V": number(volt * slope.slope[0]), "se_slope_V": number(volt * slope.slope[1])}
    values |= {"work_function_eV": number(work_function_change(slope.slope[0], area))}
    fit = plane(table[:, 1], table[:, 5], table[:, 2], blocks)
    return values | ({"plane": asdict(fit)} if fit else {})
