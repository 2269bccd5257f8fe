"""`mlipbench analyse`: starts the Python of the environment `analysis` on a trajectory of any program."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ase.data import atomic_numbers

from mlipbench_hpc.analysis.layer import filling, fills
from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.runtime.directly import start

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session

CELL_SIZES, STRAIGHT = (3, 6), 180.0
WATER = ("O", "H")
LENGTHS = ("bin", "frame_every", "dipole_correlation", "survival", "coordination")


def run(session: Session) -> Path | None:
    """The folder with what was written, or None where the trajectory was refused (why is on stderr)."""
    options = session.options
    request = request_of(options)
    linked = ("trajectory", "topology")  # MDAnalysis leaves files beside what it opens.
    success = start(session.site.environments, "analysis", "analyse_files", request, linked)
    return options.out if success else None


def doubts(folder: Path) -> list[str]:
    """Why what was written into this folder is hardly right, in words."""
    lines: list[str] = read_json(folder / "analysis.json")["doubts"]
    return lines


def request_of(options: argparse.Namespace) -> dict[str, Any]:
    """The request, or InputFailure with every mistake."""
    elements = dict(pair.split("=", 1) for pair in options.elements if "=" in pair)
    if wrong := [*_files_wrong(options), *_names_wrong(options), *_numbers_wrong(options)]:
        raise InputFailure("\n".join([*wrong, "nothing was run"]))
    return {
        "trajectory": [str(path) for path in options.trajectory], "format": options.format,
        "cell": options.cell or [], "surface": options.surface,
        "layer_atoms": options.layer_atoms, "face": options.face,
        "assignment": options.assignment,
        "topology": str(options.topology) if options.topology else "", "elements": elements,
        "ions": options.ions, "blocks": options.blocks, "skip": options.skip,
        "out": str(options.out.resolve()), "shown": {}, "origins": options.origins,
        "threads": options.threads,
        **{name: getattr(options, name) for name in LENGTHS},
    }  # fmt: skip


def _files_wrong(options: argparse.Namespace) -> Iterator[str]:
    named = [*((path, "trajectory") for path in options.trajectory), (options.topology, "topology")]
    for path, expected in named:
        if path and path.is_dir():
            yield f"{path}: received a folder, expected the file of a {expected}"
        elif path and not path.is_file():
            yield f"{path}: no such file"
    if len(set(options.trajectory)) < len(options.trajectory):
        yield "trajectory: received a file twice, expected the files of one run in the order of time"
    if options.out.is_file():
        yield f"--out: received the file {options.out}, expected a folder, which may be a new one"


def _names_wrong(options: argparse.Namespace) -> Iterator[str]:
    named = (("--surface", options.surface), ("--ions", options.ions))
    for flag, symbol in ((flag, symbol) for flag, symbols in named for symbol in symbols):
        if symbol not in atomic_numbers or symbol == "X":
            yield f"{flag}: received `{symbol}`, expected an element symbol such as `Au`"
        elif symbol in WATER:
            yield f"{flag}: received `{symbol}`, which belongs to water; expected another element"
    for symbol in sorted({*options.surface} & {*options.ions}):
        yield (
            f"--ions: received `{symbol}`, the element of the slab; expected others (what is dissolved of it "
            "is an ion by itself)"
        )
    if any(atom < 0 for atom in options.layer_atoms):
        yield f"--layer-atoms: received {min(options.layer_atoms)}, expected indices from 0"
    for pair in options.elements:
        if not re.fullmatch(r"[^=]+=[A-Z][a-z]?", pair) or pair.split("=")[1] not in atomic_numbers:
            yield f"--elements: received `{pair}`, expected NAME=Symbol such as `3=Na`"


def _numbers_wrong(options: argparse.Namespace) -> Iterator[str]:
    for flag, value, least in (
        ("--blocks", options.blocks, 2), ("--skip", options.skip, 0), ("--threads", options.threads, 1),
    ):  # fmt: skip
        if value < least:
            yield f"{flag}: received {value}, expected {least} or more"
    if options.cell:
        yield from _cell_wrong(options.cell)
    if 0 < options.bin < math.inf and not fills(options.bin):
        yield f"--bin: received {options.bin:g}, expected {filling(options.bin)}"
    for name in LENGTHS:
        value = getattr(options, name)
        if value is not None and not 0 < value < math.inf:
            yield f"--{name.replace('_', '-')}: received {value:g}, expected a positive number"


def _cell_wrong(cell: list[float]) -> Iterator[str]:
    whole = len(cell) in CELL_SIZES and all(0 < value < math.inf for value in cell)
    if not whole or any(angle >= STRAIGHT for angle in cell[3:]):
        received = " ".join(f"{value:g}" for value in cell)
        yield (
            f"--cell: received `{received}`, expected A B C or A B C α β γ: positive lengths in Å, angles "
            "between 0 and 180 degrees"
        )
