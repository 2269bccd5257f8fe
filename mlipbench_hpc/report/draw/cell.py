"""The cell of a run from its side: metal, water, ions and wall, in the frame that the run starts from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection

from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.drawing import Figure, finish, new_axes
from mlipbench_hpc.report.driving import about_md
from mlipbench_hpc.report.groups import WATER, Group, groups
from mlipbench_hpc.report.text import count, number

# Radii in Å and colours: metals, drawn behind, have large spheres, so that molecules stand out.
RADII = {"H": 0.45, "O": 0.75}
METAL_RADIUS, ION_RADIUS = 1.35, 1.15
METAL, OXYGEN, HYDROGEN, ION = "#d9a520", "#c0392b", "#f4f6f8", "#6d3fa9"
INK, WALL = "#1f2933", "#5b6774"
LEAST_GAP = 2.2
MARGIN = 1.5


@dataclass(frozen=True)
class Atoms:
    """Atoms of a frame: symbols (N,), positions (N, 3) Å."""

    symbols: list[str]
    positions: Floats


def cell(results: Results) -> Figure | None:
    """Cell of the group with the most atoms that are neither metal nor water; None without a frame."""
    compared = [group for group in groups(results) if group.drawn]
    for group in sorted(compared, key=_ions, reverse=True):
        for line in group.drawn:
            run = line.runs[0].md
            atoms = read_topology(run.folder / "topology.pdb")
            if atoms is not None:
                return _draw(results, group, line.name, atoms, run.values.get("wall_A"))
    return None


def _ions(group: Group) -> int:
    return sum(amount for symbol, amount in group.species.items() if symbol not in (*group.metals, *WATER))


def read_topology(path: Path) -> Atoms | None:
    """Atoms of the first model of a PDB file; None where there is no file or no positions in it."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        own = [line for line in lines if line.startswith(("ATOM", "HETATM"))]
        positions = np.array([[float(line[at : at + 8]) for at in (30, 38, 46)] for line in own])
        symbols = [(line[76:78].strip() or line[12:16].strip()).capitalize() for line in own]
    except (OSError, ValueError):
        return None
    return Atoms(symbols, positions) if own else None


def _draw(results: Results, group: Group, name: str, atoms: Atoms, wall: float | None) -> Figure:
    x, z = atoms.positions[:, 0], atoms.positions[:, 2]
    low, high = float(z.min()) - MARGIN, max(float(z.max()), wall or 0.0) + MARGIN
    across = float(np.ptp(x)) + 2 * MARGIN
    room = 0.62 * across
    canvas, axes = new_axes((3.2, min(5.0, 0.8 + 2.5 * (high - low) / (across + room))), "x / Å", "z / Å")
    axes.set(xlim=(x.min() - MARGIN, x.max() + MARGIN + room), ylim=(low, high), aspect="equal")
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= x.max() + MARGIN])
    axes.set_xlim(float(x.min()) - MARGIN, float(x.max()) + MARGIN + room)
    axes.grid(False)
    spheres(axes, group, atoms)
    if wall is not None:
        axes.plot([x.min() - MARGIN, x.max() + MARGIN], [wall, wall], color=WALL, linestyle=(0, (4, 2)))
    _labels(axes, float(x.max()), _names(results, group, name, atoms, wall))
    caption = (
        f"{group.title}: starting frame of {name}, seen along y ({about_md(results, name)})."
        + " Slab below, water above." * group.interface
        + (f" Reflecting wall at z = {number(wall)} Å." if wall else "")
    )
    columns: dict[str, list[Any]] = {"element": list(atoms.symbols)}
    columns |= {f"{axis}_A": atoms.positions[:, place].tolist() for place, axis in enumerate("xyz")}
    return finish("cell", f"Cell of {group.title}", caption, columns, canvas)


def spheres(axes: Axes, group: Group, atoms: Atoms) -> None:
    """Draw circles as wide as the atoms, seen along y, the farthest first; ions last, as they are few."""
    ion = np.array([symbol not in (*group.metals, *WATER) for symbol in atoms.symbols])
    order = np.lexsort((-atoms.positions[:, 1], ion))
    styles = [style(group, atoms.symbols[place]) for place in order]
    diameters = [2 * radius for radius, _ in styles]
    circles = EllipseCollection(
        diameters, diameters, np.zeros(len(order)), units="xy", offsets=atoms.positions[order][:, [0, 2]],
        offset_transform=axes.transData, facecolors=[colour for _, colour in styles], edgecolors=INK,
        linewidths=0.4,
    )  # fmt: skip
    axes.add_collection(circles)
    for place in np.flatnonzero(ion):
        axes.text(
            float(atoms.positions[place, 0]),
            float(atoms.positions[place, 2]),
            "+",
            color="white",
            ha="center",
            va="center",
            fontsize=8,
        )


def style(group: Group, symbol: str) -> tuple[float, str]:
    """Radius in Å and colour of an atom."""
    if symbol in group.metals:
        return METAL_RADIUS, METAL
    if symbol in WATER:
        return RADII[symbol], OXYGEN if symbol == "O" else HYDROGEN
    return ION_RADIUS, ION


def _names(
    results: Results, group: Group, name: str, atoms: Atoms, wall: float | None
) -> list[tuple[float, str, str]]:
    """Height, text and colour of each label."""
    heights = {
        symbol: float(
            np.median(
                [z for z, own in zip(atoms.positions[:, 2], atoms.symbols, strict=True) if own == symbol]
            )
        )
        for symbol in group.species
        if symbol in atoms.symbols
    }
    fixed = int(results.asked("md", name).get("fixed_layers") or 0)
    names = []
    for symbol, height in heights.items():
        amount = group.species[symbol]
        if symbol in group.metals:
            constraint = f"\n{count(fixed, 'layer')} fixed" * bool(fixed)
            names.append((height, f"{symbol} slab,\n{amount} atoms{constraint}", "#7a5a00"))
        elif symbol == "O":
            names.append((height, f"water,\n{count(amount, 'oxygen')}", OXYGEN))
        elif symbol != "H":
            names.append((height, f"{amount} {symbol}", ION))
    return names if wall is None else [*names, (wall, "wall", WALL)]


def _labels(axes: Axes, right: float, names: list[tuple[float, str, str]]) -> None:
    """Draw labels at the right of the atoms, apart from each other, with a line from each to its height."""
    before = -np.inf
    for height, text, colour in sorted(names):
        place = max(height, before + LEAST_GAP)
        before = place + LEAST_GAP * text.count("\n") / 2
        axes.annotate(
            text, (right + 0.5 * MARGIN, height), (right + 2.2 * MARGIN, place), color=colour, fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7},
        )  # fmt: skip
