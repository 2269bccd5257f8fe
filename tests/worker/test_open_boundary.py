"""Boundaries that are open along z: the face below the slab does not touch the water above its film."""

import json
from pathlib import Path
from typing import Any

import foreign_files as files
import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from foreign_files import CELL, ELEMENTS, FRAMES, POSITIONS, lattice, request

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.analyse_files import analyse
from mlipbench_hpc.worker.foreign.trajectory import Foreign, open_foreign

STEPS = list(range(FRAMES))
# A cell that ends at the atoms: 1 Å above the film, which is 2 Å from the next image of the slab.
LOW = float(POSITIONS[..., 2].min()) - 1.0
TIGHT = np.array([*CELL[:2], [0.0, 0.0, float(POSITIONS[..., 2].max()) + 1.0 - LOW]])
SHIFTED = POSITIONS - np.array([0.0, 0.0, LOW])


def analysed(path: Path, **changes: Any) -> tuple[dict[str, Any], Foreign]:
    (path.parent / "out").mkdir(exist_ok=True)
    parameters = request(path, **changes)
    source = open_foreign(parameters)
    analyse(parameters, source)
    return json.loads((path.parent / "out" / "analysis.json").read_text()), source


def extended(path: Path, flags: str, cell: np.ndarray = TIGHT) -> Path:
    path.write_text(files.xyz([lattice(cell).replace("T T T", flags)] * FRAMES, SHIFTED))
    return path


def dump(path: Path, flags: str, shrink: float = 0.0) -> Path:
    """Boxes whose upper end moves by `shrink` Å from frame to frame."""
    text = files.dump(STEPS, SHIFTED).replace("pp pp pp", flags)
    parts = text.split(f"0 {CELL[2, 2]}\n")
    ends = [f"0 {TIGHT[2, 2] + shrink * (step % 3)}\n" for step in STEPS]
    path.write_text(parts[0] + "".join(end + part for end, part in zip(ends, parts[1:], strict=True)))
    return path


def traj(path: Path, flags: list[bool]) -> Path:
    frames = [Atoms(files.NAMES, positions=frame, cell=TIGHT, pbc=flags) for frame in SHIFTED]
    write(path, frames, format="traj")
    return path


@pytest.mark.parametrize("kind", ["T T F", "1 1 0", "pp pp ff", "pp pp ss", "pp pp fs", "traj"])
def test_the_numbers_are_those_of_a_cell_with_vacuum(tmp_path: Path, kind: str) -> None:
    """The same atoms in a periodic cell 60 Å high have one face."""
    high = np.array([*CELL[:2], [0.0, 0.0, 60.0]])
    expected, _ = analysed(extended(tmp_path / "high.extxyz", "T T T", high))
    more: dict[str, Any] = {}
    if kind == "traj":
        path = traj(tmp_path / "t.traj", [True, True, False])
    elif kind.startswith("pp"):
        path, more = dump(tmp_path / "t.lammpstrj", kind, 0.4 * ("s" in kind)), {"elements": ELEMENTS}
    else:
        path = extended(tmp_path / "t.extxyz", kind)
    values, source = analysed(path, **more)
    assert values["profiles"]["faces"] == 1
    assert values["total_orientation"]["mean"] == pytest.approx(
        expected["total_orientation"]["mean"], abs=1e-3
    )
    assert values["profiles"]["intact_molecules"] == 4
    assert any(fact.startswith("z is not periodic in it: heights do not wrap") for fact in source.facts)


def test_other_open_boundaries_are_named(tmp_path: Path) -> None:
    values, _ = analysed(extended(tmp_path / "t.extxyz", "F F F", CELL))
    assert any("not periodic along a and b and c: it is read as periodic" in note for note in values["notes"])


def test_boundaries_that_change_are_refused(tmp_path: Path) -> None:
    comments = [lattice()] * 3 + [lattice().replace("T T T", "T T F")] * (FRAMES - 3)
    (path := tmp_path / "t.extxyz").write_text(files.xyz(comments))
    with pytest.raises(InputFailure, match="periodic along other vectors from frame 3 on"):
        open_foreign(request(path))
    (first := tmp_path / "a.extxyz").write_text(files.xyz([lattice()] * FRAMES))
    with pytest.raises(InputFailure, match=r"b\.extxyz: its boundaries are not periodic along the vectors"):
        open_foreign(request([first, extended(tmp_path / "b.extxyz", "T T F")]))
