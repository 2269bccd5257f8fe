"""Molecules beside water and ions, by hand."""

import numpy as np
import pytest
from ase import Atoms
from interface import CELL, TOP, slab

from mlipbench_hpc.analysis.errors import force_errors
from mlipbench_hpc.analysis.onepass import block_means
from mlipbench_hpc.analysis.profiles import MOL_PER_L, Profiler
from mlipbench_hpc.analysis.slowest import slow_quantities
from mlipbench_hpc.analysis.visibility import visible_share
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.observables.profiles import described, observables, tell
from mlipbench_hpc.worker.stretch import Notes

FRAME = slab([2.05, 3.05, 8.05], [0.5, -0.5, 0.25], [])
TETRAHEDRON = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / np.sqrt(3)
SPECIES = {
    "CH4O": ([6, 8, 1, 1, 1, 1], [[0, 0, 0], [1.43, 0, 0], [1.75, 0.9, 0], *(1.09 * TETRAHEDRON[1:])], 0),
    "CO": ([8, 6], [[1.13, 0, 0], [0, 0, 0]], 1),
    "C2H3N": ([6, 6, 7, 1, 1, 1], [[0, 0, -1.46], [0, 0, 0], [0, 0, 1.16], [1.0, 0, -1.8], [-0.5, 0.9, -1.8],
              [-0.5, -0.9, -1.8]], 1),
    "ClO4": ([17, 8, 8, 8, 8], [[0, 0, 0], *(1.44 * TETRAHEDRON)], 0),
    "H4N": ([7, 1, 1, 1, 1], [[0, 0, 0], *(1.03 * TETRAHEDRON)], 0),
    "HO4S": ([16, 8, 8, 8, 8, 1], [[0, 0, 0], *(1.5 * TETRAHEDRON), 2.4 * TETRAHEDRON[0]], 0),
}  # fmt: skip


@pytest.mark.parametrize("formula", SPECIES)
def test_bonded_atoms_are_a_molecule_and_no_ions(formula: str) -> None:
    """Two copies of the molecule across the cell's edge, sodium and chloride: ions are the last two alone."""
    atoms, places, centre = SPECIES[formula]
    start, height = len(FRAME.numbers), FRAME.positions[:, 2].max()
    numbers = np.concatenate([FRAME.numbers, atoms, atoms, [11, 17]])
    one = np.array(places, dtype=float)
    shifts = ([0.1, 0.1, height + 6.0], [4.6, 4.6, height + 10.0])
    rest = np.array([[3.0, 3.0, height + 14.0], [6.0, 3.0, height + 14.0]])
    positions = np.concatenate([FRAME.positions, one + shifts[0], one + shifts[1], rest])
    result = Profiler.of(numbers, positions, CELL, 79, 0.1)
    size = len(atoms)
    assert {symbol: ion.tolist() for symbol, ion in result.ions.items()} == {
        "Na": [start + 2 * size], "Cl": [start + 2 * size + 1]
    }  # fmt: skip
    assert list(result.molecules) == [formula]
    assert result.molecules[formula].atoms.ravel().tolist() == list(range(start, start + 2 * size))
    assert result.molecules[formula].centres.tolist() == [start + centre, start + size + centre]
    assert len(result.waters.intact) == 3
    assert described(result, "Au")["molecules"] == {formula: 2}
    means, _ = block_means(result, [positions[None]], 1, 1)
    volume = result.cell[0, 0] * result.cell[1, 1] * 0.1
    for name, count in ((formula, 2), ("Na", 1), ("Cl", 1)):
        assert means[f"concentration-{name}"].sum() * volume / MOL_PER_L == pytest.approx(count)
    assert f"concentration-{formula}" in [observable.name for observable in observables(result, means)]
    notes, oxygens = Notes(), 2 * atoms.count(8)
    tell(result, notes)
    assert [f"({oxygens} of {formula})" in line for line in notes.warnings] == [True] * bool(oxygens)


@pytest.mark.parametrize("formula", SPECIES)
def test_only_single_atoms_are_ions_everywhere(formula: str) -> None:
    """Visibility, slow quantities and forces on ions beside a molecule: those of sodium alone, 3 Å up."""
    atoms, places, _ = SPECIES[formula]
    height = FRAME.positions[27, 2] + 12.0
    numbers = np.concatenate([FRAME.numbers, atoms, [11]])
    molecule = np.array(places, dtype=float) + np.array([1.0, 1.0, height])
    sodium = [[6.0, 6.0, TOP + 3.0]]
    positions = np.concatenate([FRAME.positions, molecule, sodium])
    bare = np.concatenate([FRAME.positions, sodium])
    radii = np.linspace(1.0, 9.0, 9)
    share = visible_share(numbers, positions, CELL, 79, radii)
    alone = visible_share(np.append(FRAME.numbers, 11), bare, CELL, 79, radii)
    assert share is not None
    assert alone is not None
    assert share.tolist() == alone.tolist()
    slow = slow_quantities(numbers, positions, CELL, [79])
    assert slow.pop("P_z") == pytest.approx(0.25)
    assert slow == pytest.approx({"height of Na 0": 3.0})
    one = Frames.from_atoms(
        [Atoms(numbers, positions, cell=CELL, pbc=True), Atoms(numbers[27:], positions[27:])],
        np.zeros(2),
        np.zeros((2 * len(numbers) - 27, 3)),
    )
    assert force_errors(one, one.forces, [79])["ions"]["atoms"] == 2
