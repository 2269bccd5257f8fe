"""Who owns a hydrogen, frame by frame, by hand: kinds of oxygen, and what happens when one leaves."""

import numpy as np
import pytest
from interface import CELL, LX, LY, TOP, slab, water

from mlipbench_hpc.analysis.fused import first_layer
from mlipbench_hpc.analysis.onepass import BlockSums, block_means, feed
from mlipbench_hpc.analysis.ownership import Owners
from mlipbench_hpc.analysis.profiles import WATER_G_PER_CM3, Profiler
from mlipbench_hpc.analysis.waters import KINDS, Waters
from mlipbench_hpc.worker.dynamics import Motion
from mlipbench_hpc.worker.framewise import System

FRAME = slab([2.05, 3.05, 8.05], [0.5, -0.5, 0.25], [])
FIRST, SECOND, THIRD = (int(oxygen) for oxygen in np.flatnonzero(FRAME.numbers == 8))
WATER = WATER_G_PER_CM3 / (LX * LY * 0.1)
PARAMETERS = {"dipole_correlation": 0.02, "survival": 0.02, "origins": "all", "coordination": 3.2}


def profiler(positions: np.ndarray, numbers: np.ndarray = FRAME.numbers) -> Profiler:
    return Profiler.of(numbers, positions, CELL, 79, 0.1)


def along(oxygen: int, hydrogen: int, length: float) -> np.ndarray:
    """Where the hydrogen stands when its bond has that length (Å)."""
    bond = FRAME.positions[hydrogen] - FRAME.positions[oxygen]
    return FRAME.positions[oxygen] + bond / np.linalg.norm(bond) * length


@pytest.mark.parametrize("size", [1, 3, 10])
def test_a_hydrogen_that_goes_to_the_surface_ends_its_molecule_from_that_frame_on(size: int) -> None:
    """From frame 4 of 10 on it is 1.7 Å above a metal atom, 2.1 Å and more from its oxygen."""
    frames = np.repeat(FRAME.positions[None], 10, axis=0)
    frames[4:, FIRST + 1] = [0.0, 6.0, TOP + 1.7]
    parts = [frames[start : start + size] for start in range(0, 10, size)]
    result = profiler(FRAME.positions)
    sums, motion = BlockSums(result, np.ones((1, 10)), 10), Motion(result, PARAMETERS, 10, 0.01, 2)
    feed(parts, [sums.add, motion.add])
    assert sums.averages.means["density"].sum(axis=1) == pytest.approx([3 * WATER] * 4 + [2 * WATER] * 6)
    assert sums.averages.means["hydroxide"].sum(axis=1) == pytest.approx([0.0] * 4 + [WATER] * 6)
    assert sums.dipole == pytest.approx([0.25] * 4 + [-0.25] * 6)
    assert isinstance(result.owners, Owners)
    assert (result.owners.lost, result.owners.moved, result.owners.first) == ({FIRST + 1: 4}, set(), 4)
    # two waters of the layer until frame 3, then one: of pairs of frames one apart 3·2 + 1 + 5·1 are both in
    assert motion.sums["survival"].sums["both"].sum(axis=0)[1] == 3 * 2 + 1 + 5
    assert motion.sums["survival"].sums["begun"].sum(axis=0)[0] == 4 * 2 + 6


def test_observables_of_other_packages_see_the_waters_of_each_frame() -> None:
    frames = np.repeat(FRAME.positions[None], 6, axis=0)
    frames[3:5, FIRST + 1] = [0.0, 6.0, TOP + 1.7]
    frames[5, FIRST + 1] = along(FIRST, FIRST + 1, 1.0)
    cells = np.broadcast_to(CELL, (6, 3, 3))
    system = System(FRAME.numbers, cells, profiler(FRAME.positions))
    seen = [frame for part in (frames[:4], frames[4:]) for frame in system.frames(part, cells[: len(part)])]
    assert [len(frame.waters) for frame in seen] == [3, 3, 3, 2, 2, 3]
    assert [FIRST in frame.waters for frame in seen] == [True] * 3 + [False] * 2 + [True]
    assert all(not len(frame.waters) for frame in System(FRAME.numbers, cells, None).frames(frames, cells))


def test_a_hydrogen_that_returns_makes_water_again() -> None:
    frames = np.repeat(FRAME.positions[None], 6, axis=0)
    for frame, length in enumerate((0.97, 1.55, 1.65, 1.30, 1.20, 1.0)):
        frames[frame, THIRD + 1] = along(THIRD, THIRD + 1, length)
    means, _ = block_means(profiler(FRAME.positions), [frames], 6, 6)
    # beyond 1.6 Å it is nobody's, and again the oxygen's within 1.25 Å
    assert means["density"].sum(axis=1) / WATER == pytest.approx([3, 3, 2, 2, 3, 3])


def test_a_frozen_assignment_is_that_of_the_first_frame_with_bonds_of_at_most_1_3_angstrom() -> None:
    frames = np.repeat(FRAME.positions[None], 4, axis=0)
    frames[2:, FIRST + 1] = [0.0, 6.0, TOP + 1.7]
    frozen = Profiler.of(FRAME.numbers, frames, CELL, 79, 0.1, frozen=True)
    means, dipole = block_means(frozen, [frames[:3], frames[3:]], 4, 4)
    assert means["density"].sum(axis=1) == pytest.approx([3 * WATER] * 4)
    assert "hydroxide" not in means
    assert dipole[:2] == pytest.approx([0.25] * 2)
    frames[0, THIRD + 1] = along(THIRD, THIRD + 1, 1.45)
    assert len(Profiler.of(FRAME.numbers, frames, CELL, 79, 0.1, frozen=True).waters.intact) == 2
    assert len(Profiler.of(FRAME.numbers, frames, CELL, 79, 0.1).waters.intact) == 3


def test_a_stretched_bond_in_the_first_frame_excludes_nobody() -> None:
    frames = np.repeat(FRAME.positions[None], 2, axis=0)
    frames[0, THIRD + 1] = along(THIRD, THIRD + 1, 1.45)
    means, dipole = block_means(profiler(frames[0]), [frames], 2, 2)
    assert means["density"].sum(axis=1) == pytest.approx([3 * WATER] * 2)
    assert dipole[1] == pytest.approx(0.25)


def test_a_shared_hydrogen_stays_until_another_oxygen_is_nearer_by_a_tenth() -> None:
    """Between two oxygens 2.5 Å apart: at 1.29 and 1.21 Å it stays, at 1.31 and 1.19 Å it changes."""
    numbers = np.array([8, 1, 1, 8, 1, 1])
    frame = np.concatenate([
        water(np.array([1.0, 1, 1]), np.array([-1.0, 0, 0])),
        water(np.array([3.5, 1, 1]), np.array([1.0, 0, 0])),
    ])  # fmt: skip
    frames = np.repeat(frame[None], 3, axis=0)
    for place, length in enumerate((1.0, 1.29, 1.31)):
        frames[place, 1] = [1.0 + length, 1.0, 1.0]
    result = profiler(frames[0], numbers)
    means, _ = block_means(result, [frames], 3, 3)
    volume = WATER_G_PER_CM3 / (LX * LY * 0.1)
    assert means["density"].sum(axis=1) / volume == pytest.approx([2, 2, 0])
    owners = Owners(result)
    owners.segments(frames)
    assert (owners.moved, owners.changes, owners.first) == ({1}, 1, 2)


def test_kinds_of_oxygen() -> None:
    """Perchlorate, an alcohol, OH-, H3O+, oxide on the metal, and water that touches the metal."""
    metal = [(x, y, z) for z in (1.0, 3.4) for x in (0.0, 3.0, 6.0) for y in (0.0, 3.0, 6.0)]
    groups: list[tuple[int, tuple[float, float, float]]] = [(79, place) for place in metal]
    groups += [(17, (4.0, 4.0, 20.0))]
    groups += [(8, (4.0 + x, 4.0 + y, 20.0 + z)) for x, y, z in ((1.4, 0, 0), (-1.4, 0, 0), (0, 0, 1.4))]
    groups += [(6, (4.0, 4.0, 14.0)), (8, (5.4, 4.0, 14.0)), (1, (5.8, 4.0, 14.9))]
    groups += [(8, (1.0, 1.0, 10.0)), (1, (1.0, 1.0, 10.97))]
    groups += [(8, (5.0, 1.0, 10.0)), (1, (5.9, 1.0, 10)), (1, (4.5, 1.8, 10)), (1, (4.5, 0.2, 10))]
    groups += [(8, (1.5, 1.5, 4.4))]
    numbers = np.array([number for number, _ in groups] + [8, 1, 1])
    last = water(np.array([6.0, 6.0, 5.6]), np.array([0, 0, 1.0]))
    positions = np.concatenate([[place for _, place in groups], last])
    result = profiler(positions, numbers)
    kinds = {kind: atoms.tolist() for kind, atoms in result.waters.kinds.items()}
    oxygens = np.flatnonzero(numbers == 8).tolist()
    assert list(kinds) == list(KINDS)
    assert kinds["other-oxygen"] == oxygens[:4]
    assert (kinds["hydroxide"], kinds["hydronium"]) == (oxygens[4:5], oxygens[5:6])
    assert kinds["oxide"] == oxygens[6:7]
    assert result.waters.intact[:, 0].tolist() == oxygens[7:]
    means, _ = block_means(result, [positions[None]], 1, 1)
    assert means["density"].sum() == pytest.approx(WATER)
    assert means["other-oxygen"].sum() == pytest.approx(4 * WATER)


def test_waters_keep_their_columns_when_some_are_none() -> None:
    result = profiler(FRAME.positions)
    owner = result.waters.owner.copy()
    owner[FIRST + 1] = -1
    later = result.waters.later(owner, FRAME.positions, CELL)
    inside, _ = first_layer(result, FRAME.positions[None], None, [(slice(0, 1), later)])
    assert inside.tolist() == [[False, True, False]]


def test_without_hydrogens_there_is_no_water() -> None:
    waters = Waters.assign(np.array([8, 8]), np.array([[0.0, 0, 0], [5.0, 0, 0]]), CELL)
    assert (len(waters.intact), waters.kinds["other-oxygen"].tolist()) == (0, [0, 1])


# Atomic numbers, positions in Å, number of oxygens.
TETRAHEDRON = np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) / np.sqrt(3)
ALCOHOL = [[0, 0, 0], [1.5, 0, 0], [1.9, 0.9, 0], [-0.4, 1.0, 0]]
MOLECULES = {
    "H2O2": ([8, 8, 1, 1], [[0, 0, 0], [1.45, 0, 0], [-0.2, 0.95, 0], [1.65, -0.5, 0.8]], 2),
    "O2": ([8, 8], [[0, 0, 0], [1.21, 0, 0]], 2),
    "CH3OH": ([6, 8, 1, 1], ALCOHOL, 1),
    "CH3OH2+": ([6, 8, 1, 1, 1], [*ALCOHOL, [1.9, -0.5, 0.8]], 1),
    "HSO4-": ([16, 8, 8, 8, 8, 1], [[0, 0, 0], *(1.5 * TETRAHEDRON), 2.4 * TETRAHEDRON[0]], 4),
    "NH4+": ([7, 1, 1, 1, 1], [[0, 0, 0], *(1.03 * TETRAHEDRON)], 0),
    "H2": ([1, 1], [[0, 0, 0], [0.74, 0, 0]], 0),
}


@pytest.mark.parametrize("name", MOLECULES)
def test_oxygen_of_another_molecule_is_neither_water_nor_an_ion_of_water(name: str) -> None:
    atoms, places, others = MOLECULES[name]
    numbers = np.concatenate([FRAME.numbers, atoms])
    positions = np.concatenate([FRAME.positions, places + np.array([4.0, 4.0, TOP + 20.0])])
    waters = profiler(positions, numbers).waters
    kinds = {kind: len(oxygens) for kind, oxygens in waters.kinds.items() if len(oxygens)}
    assert len(waters.intact) == 3
    assert kinds == ({"other-oxygen": others} if others else {})
    assert waters.left_out == others


def test_a_hydrogen_of_ammonium_is_not_that_of_the_oxygen_it_points_at() -> None:
    """N-H 1.05 Å in a line to an oxygen at 2.45 Å: 1.40 Å from it, within the 1.5 Å of the first frame."""
    oxygen = FRAME.positions[THIRD]
    below = oxygen - FRAME.positions[[THIRD + 1, THIRD + 2]].mean(axis=0)
    line = below / np.linalg.norm(below)
    numbers = np.concatenate([FRAME.numbers, [7, 1]])
    positions = np.concatenate([FRAME.positions, [oxygen + 2.45 * line, oxygen + 1.40 * line]])
    waters = profiler(positions, numbers).waters
    assert len(waters.intact) == 3
    assert not len(waters.kinds["hydronium"])


def test_water_beside_a_halide_is_water() -> None:
    """Chlorine 1.9 Å from an oxygen that owns two hydrogens, as a rough start may have it; then as HOCl."""
    numbers = np.concatenate([FRAME.numbers, [17]])
    side = np.cross(FRAME.positions[THIRD + 1] - FRAME.positions[THIRD], [0.0, 0.0, 1.0])
    chlorine = FRAME.positions[THIRD] + 1.9 * side / np.linalg.norm(side)
    positions = np.concatenate([FRAME.positions, [chlorine]])
    assert len(profiler(positions, numbers).waters.intact) == 3
    without = np.delete(np.arange(len(numbers)), THIRD + 1)
    kinds = profiler(positions[without], numbers[without]).waters.kinds
    assert (len(kinds["other-oxygen"]), len(kinds["hydroxide"])) == (1, 0)
