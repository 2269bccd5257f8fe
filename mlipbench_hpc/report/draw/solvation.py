"""Coordination number of ions against height, and snapshots of their shells as Fig. 7 of arXiv:2602.22931."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.solvation import Representative
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.trajectory import open_trajectory
from mlipbench_hpc.report.draw.cell import ION, Atoms, spheres
from mlipbench_hpc.report.draw.drawing import Figure, colour_of, finish, joined, side_by_side
from mlipbench_hpc.report.draw.overlay import BLACK, DASHES
from mlipbench_hpc.report.solvation import DYNAMICS, Solvated
from mlipbench_hpc.report.text import number

AROUND_A = 6.5
PANEL_HEIGHT = 3.4  # inches


def against_height(study: str, every: list[Solvated]) -> Figure | None:
    """A panel for each species in each system, a line for each run; ticks at the peaks of its ions."""
    panels: dict[str, list[Solvated]] = {}
    for own in every:
        panels.setdefault(f"{own.symbol} in {own.group.title}", []).append(own)
    if not panels:
        return None
    canvas, axes = side_by_side(list(panels), "height above the surface / Å", "oxygens near an ion")
    for title, lines in panels.items():
        _draw(axes[title], lines)
    runs = "; ".join(dict.fromkeys(f"{own.line.name}: {own.line.about()}" for own in every))
    caption = (
        f"Number of oxygens within {number(every[0].reach)} Å of an ion against its height. Bands: ± 2 SE, "
        "the larger of blocks and replicas; hollow points: an ion was there in too few blocks for an error, "
        f"which is not determined. Triangles: peaks of the density of ions. {runs}."
    )
    parts = [({"run": own.line.name, "ion": own.symbol}, _rows(own)) for own in every]
    return finish(f"solvation-{study}", f"{study}: coordination of ions", caption, joined(parts), canvas)


def _rows(own: Solvated) -> dict[str, Floats]:
    known = own.profile
    return {"z_A": _middle(own), "oxygens": known.mean, "two_se": 2 * known.error, "samples": known.samples}


def _middle(own: Solvated) -> Floats:
    return np.asarray((own.edges[1:] + own.edges[:-1]) / 2)


def _draw(axes: Axes, lines: list[Solvated]) -> None:
    for place, own in enumerate(lines):
        reference = own.line.potential.reference
        colour, dash = BLACK if reference else colour_of(place), DASHES[place % len(DASHES)]
        z, known = _middle(own), own.profile
        axes.plot(z, known.mean, color=colour, linestyle=dash, label=own.line.title(own.group.drawn))
        low, high = known.mean - 2 * known.error, known.mean + 2 * known.error
        axes.fill_between(z, low, high, color=colour, alpha=0.2, linewidth=0)
        few = np.isfinite(known.mean) & ~np.isfinite(known.error)
        axes.plot(z[few], known.mean[few], "o", markersize=4, color=colour, markerfacecolor="none")
        for layer in own.layers:
            axes.plot(layer.peak, 0, "^", color=colour, clip_on=False)
    axes.set_ylim(bottom=0)
    axes.legend()


def snapshots(study: str, own: Solvated) -> Figure | None:
    """The surroundings of the ion nearest the mean of each layer, side by side; None without a frame."""
    chosen = {layer: place for layer in range(len(own.layers)) if (place := own.snapshot(layer))}
    titles = {layer: f"{own.words(layer)}, {number(own.layers[layer].peak)} Å" for layer in chosen}
    shells = {layer: shell for layer, place in chosen.items() if (shell := _shell(own, place))}
    if not shells:
        return None
    labels = [titles[layer] for layer in shells]
    canvas, axes = side_by_side(labels, "x from the ion / Å", "z from the ion / Å", PANEL_HEIGHT)
    for layer, (atoms, bonds) in shells.items():
        _draw_shell(axes[titles[layer]], own, atoms, bonds)
    caption = (
        f"{own.line.name}, {own.title}: the {own.symbol} of a frame that is nearest, in height and number of "
        f"oxygens, the mean of those in each layer, with the atoms around it, seen along y. Lines: oxygens "
        f"within {number(own.reach)} Å. {_frames(own, chosen, titles)}."
    )
    parts = [({"layer": own.name(layer)}, _table(atoms, bonds)) for layer, (atoms, bonds) in shells.items()]
    name = f"solvation-{study}-{own.line.name}-{own.symbol}-{own.group.slug}"
    return finish(name, f"{own.symbol} in {own.line.name}", caption, joined(parts), canvas)


def _frames(own: Solvated, chosen: dict[int, Representative], titles: dict[int, str]) -> str:
    """Replica, frame, height and oxygens of each snapshot in words."""
    words = []
    for layer, place in chosen.items():
        ions = own.runs[place.run]
        words.append(
            f"{titles[layer]}: replica {ions.run.replica}, frame {_frame(own, place)} of its trajectory, "
            f"height {number(float(ions.heights[place.frame, place.ion]))} Å, "
            f"{int(ions.neighbours[place.frame, place.ion])} oxygens"
        )
    return "; ".join(words)


def _frame(own: Solvated, place: Representative) -> int:
    return int(own.runs[place.run].run.analysis.values[DYNAMICS]["first_frame"]) + place.frame


def _shell(own: Solvated, place: Representative) -> tuple[Atoms, list[int]] | None:
    """Atoms near the ion, from where it is, and those that coordinate it; None without a trajectory."""
    from ase.data import chemical_symbols

    try:
        trajectory = open_trajectory(own.runs[place.run].run.md.folder / "trajectory.nc")
    except (OSError, ValueError):
        return None
    frame = _frame(own, place)
    positions, cell = np.array(trajectory.positions[frame], dtype=float), trajectory.cells[frame]
    ion = own.runs[place.run].run.analysis.values[DYNAMICS]["ions"][own.symbol]["indices"][place.ion]
    apart = minimum_image(positions - positions[ion], np.asarray(cell))
    across, height = np.linalg.norm(apart[:, :2], axis=1), apart[:, 2]
    near = np.flatnonzero((across <= AROUND_A) & (np.abs(height) <= AROUND_A))
    symbols = [chemical_symbols[int(number)] for number in trajectory.numbers[near]]
    reached = np.linalg.norm(apart[near], axis=1) <= own.reach
    bonds = [row for row, symbol in enumerate(symbols) if symbol == "O" and reached[row]]
    return Atoms(symbols, apart[near]), bonds


def _table(atoms: Atoms, bonds: list[int]) -> dict[str, Any]:
    columns: dict[str, Any] = {"element": atoms.symbols}
    columns |= {f"{axis}_A": atoms.positions[:, place] for place, axis in enumerate("xyz")}
    return columns | {"coordinates": [int(row in bonds) for row in range(len(atoms.symbols))]}


def _draw_shell(axes: Axes, own: Solvated, atoms: Atoms, bonds: list[int]) -> None:
    spheres(axes, own.group, atoms)
    for row in bonds:
        x, _, z = atoms.positions[row]
        axes.plot([0, x], [0, z], color=ION, linewidth=1.4, zorder=3)
    axes.set(xlim=(-AROUND_A, AROUND_A), ylim=(-AROUND_A, AROUND_A), aspect="equal")
    axes.grid(False)
