"""Composed frames against the two that they are made of, and the floor by hand."""

import numpy as np
import pytest
from interface import CELL, TOP, Interface, slab

from mlipbench_hpc.analysis.composition import Composed, Floor, Scene, compose, contacts, floor
from mlipbench_hpc.data.frames import Frames

HEIGHTS = [2.0, 2.5, 3.0, 6.0, 6.5, 7.0, 10.0, 10.5, 11.0]
NONE: dict[tuple[int, int], float] = {}


def scene(seed: int = 0, ions: int = 1, cell: np.ndarray = CELL, ion_height: float = 13.0) -> Scene:
    """Nine waters and some ions, shifted by up to half an Ångström from frame to frame."""
    noise = np.random.default_rng(seed)
    heights = (np.array(HEIGHTS) + noise.uniform(-0.4, 0.4, size=9)).tolist()
    places = [(3.0 * place, 3.0, ion_height) for place in range(ions)]
    return of(slab(heights, noise.uniform(-0.8, 0.8, size=9).tolist(), places), cell)


def of(frame: Interface, cell: np.ndarray = CELL) -> Scene:
    count = len(frame.numbers)
    frames = Frames(
        np.array([0, count]), frame.numbers, frame.positions, cell[None], np.ones((1, 3), bool),
        np.full(1, np.nan), np.full((count, 3), np.nan),
    )  # fmt: skip
    return Scene.of(frames, 0, [79])


def rows(numbers: np.ndarray, positions: np.ndarray) -> set[tuple[float, ...]]:
    """Atoms in no order."""
    return {(int(z), *np.round(xyz, 6).tolist()) for z, xyz in zip(numbers, positions, strict=True)}


def image_distances(positions: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Distances (N,) to the nearest image, over 27 images one by one."""
    shifts = [(np.array(shift) - 1) @ CELL for shift in np.ndindex(3, 3, 3)]
    return np.min([np.linalg.norm(positions - centre + shift, axis=1) for shift in shifts], axis=0)


@pytest.mark.parametrize("radius", [2.0, 4.0, 7.0, 30.0])
def test_a_frame_composed_with_itself_is_itself(radius: float) -> None:
    host = scene()
    got = compose(host, host, 1, radius, contacts([host]))
    assert got is not None
    assert rows(got.numbers, got.positions) == rows(host.numbers, host.positions)
    assert (got.left_out, got.waters, got.charge) == (0, 9, host.charge)
    np.testing.assert_array_equal(got.positions[got.water], host.positions[host.waters[1]])
    assert got.numbers[got.water].tolist() == [8, 1, 1]


@pytest.mark.parametrize("radius", [3.0, 5.0, 6.5])
def test_near_atoms_are_the_hosts_and_the_others_of_the_donor(radius: float) -> None:
    host, donor, water = scene(1), scene(2, ions=2), 2
    got = compose(host, donor, water, radius, NONE)
    assert got is not None
    centre = host.positions[host.waters[water, 0]]
    near = rows(host.numbers, host.positions)
    near = {row for row in near if image_distances(np.array([row[1:]]), centre)[0] <= radius}
    composed = rows(got.numbers, got.positions)
    assert near <= composed
    inside = {row for row in composed if image_distances(np.array([row[1:]]), centre)[0] <= radius}
    assert inside == near, "nothing else is within the radius"
    assert composed - rows(host.numbers, host.positions) <= rows(donor.numbers, donor.positions)
    assert composed - rows(donor.numbers, donor.positions) <= rows(host.numbers, host.positions)
    assert (got.numbers == 79).sum() == 27
    assert got.charge == ((11, 2),), "the ions are beyond the radius"
    assert (got.numbers == 1).sum() == 2 * got.waters == 2 * (got.numbers == 8).sum()


def test_waters_that_would_overlap_are_left_out() -> None:
    """The donor's only water beyond 3 Å is 0.5 Å from one of the host's."""
    host = of(slab([2.0, 4.0], [0.0, 0.0], []))
    moved = slab([2.0, 4.0], [0.0, 0.0], [])
    moved.positions[27:30, 2] += 9.0
    moved.positions[30:33, 0] += 0.5
    donor = of(moved)
    apart = np.linalg.norm(host.positions[host.waters[0, 0]] - host.positions[host.waters[1, 0]])
    radius = apart + 0.2
    limits = {(8, 8): 2.5}
    got = compose(host, donor, 0, radius, limits)
    assert got is not None
    outside = image_distances(donor.positions[30:33], host.positions[27]).min() > radius
    assert got.left_out == int(outside)
    assert got.waters == 3, "two of the host and the donor's that is far away"
    free = compose(host, donor, 0, radius, NONE)
    assert free is not None
    assert free.left_out == 0


def test_an_ion_that_would_overlap_refuses_the_frame() -> None:
    host = of(slab([2.0, 2.0], [0.0, 0.0], [(0.0, 3.0, 2.0)]))
    donor = of(slab([2.0, 2.0], [0.0, 0.0], [(0.0, 4.3, 2.0)]))
    assert compose(host, donor, 0, 3.5, {(11, 11): 1.2}) is not None
    assert compose(host, donor, 0, 3.5, {(11, 11): 1.4}) is None


def test_another_slab_or_cell_does_not_fit() -> None:
    host, shifted = scene(), slab(HEIGHTS, [0.0] * 9, [])
    shifted.positions[:27, 0] += 1.6
    assert compose(host, of(shifted), 0, 4.0, NONE) is None
    assert compose(host, scene(cell=CELL * 1.01), 0, 4.0, NONE) is None


def test_contacts_are_the_shortest_between_units() -> None:
    """Two O 3 Å and a bit apart; the bonds within a molecule do not count; over frames the least."""
    one, two = scene(3, ions=2), scene(4, ions=2)
    got = contacts([one, two])
    oxygens = [frame.positions[frame.numbers == 8] for frame in (one, two)]
    expected = min(
        image_distances(np.delete(own, row, axis=0), own[row]).min() for own in oxygens for row in range(9)
    )
    assert got[8, 8] == pytest.approx(expected)
    assert got[11, 11] == pytest.approx(3.0)
    assert got[1, 8] > 1.1
    assert (79, 79) not in got
    assert (11, 11) not in contacts([scene(ions=1)]), "its own images do not count"


def test_the_charge_and_the_first_layer_of_a_scene() -> None:
    frame = scene(ions=2)
    assert frame.charge == ((11, 2),)
    heights = frame.positions[frame.waters[:, 0], 2] - TOP
    assert frame.first_layer.tolist() == np.flatnonzero((heights > 0) & (heights <= 4.5)).tolist()


@pytest.mark.parametrize("extra", [[1], [6], [8]])
def test_frames_of_other_molecules_are_refused(extra: list[int]) -> None:
    frame = slab(HEIGHTS, [0.0] * 9, [])
    above = np.array([[1.0, 1.0, TOP + 16.0]] * len(extra))
    if extra == [6]:
        extra, above = [6, 8], np.array([[1.0, 1.0, TOP + 16.0], [1.0, 1.0, TOP + 17.2]])
    other = Interface(np.append(frame.numbers, extra), np.concatenate([frame.positions, above]))
    with pytest.raises(ValueError, match="not all metal"):
        of(other)


def test_the_floor_by_hand() -> None:
    """Three frames of two, one and one waters: variances 2, 0, 4 and 4 of one component, over three."""
    flat = np.zeros((2, 3))
    spread = [
        np.array([[1.0, 0, 0], [-1.0, 0, 0]]),
        flat,
        np.array([[0, np.sqrt(2), 0], [0, -np.sqrt(2), 0]]),
    ]
    got = floor([[spread[0], spread[1]], [spread[2]], [spread[2]]])
    assert got.value == pytest.approx(np.sqrt((2 / 3 + 0 + 8 / 3) / 4))
    assert got.waters == 4
    without = np.sqrt([4 / 3, 2 / 3, 2 / 3])
    assert got.error == pytest.approx(np.sqrt(2 / 3 * np.square(without - without.mean()).sum()))
    few = floor([[spread[0], spread[1]], [spread[2]]])
    assert few.value == pytest.approx(np.sqrt((2 / 3 + 0 + 4 / 3) / 3))
    assert np.isnan(few.error), "of two frames, half their difference is no estimate"


def test_a_floor_of_normal_forces_is_their_width() -> None:
    noise = np.random.default_rng(5)
    forces = [[noise.normal(0.3, 0.02, size=(6, 3)) for _ in range(4)] for _ in range(40)]
    got = floor(forces)
    assert abs(got.value - 0.02) < 4 * got.error
    assert got.error == pytest.approx(0.02 / np.sqrt(2 * 40 * 4 * 5 * 3), rel=0.4)


def test_one_host_gives_no_error_and_single_donors_nothing() -> None:
    pair = np.array([[1.0, 1, 1], [0.0, 0, 0]])
    one = floor([[pair]])
    assert (one.value, one.waters) == (pytest.approx(np.sqrt(0.5)), 1)
    assert np.isnan(one.error)
    nothing = floor([[pair[:1]], []])
    assert isinstance(nothing, Floor)
    assert (nothing.waters, np.isnan(nothing.value)) == (0, True)


def test_composed_frames_are_in_the_order_of_kinds() -> None:
    """Metal, ions, waters: so frames of equal numbers are equal to a labeller."""
    got = compose(scene(1), scene(2), 0, 5.0, NONE)
    assert isinstance(got, Composed)
    assert got.numbers.tolist() == [79] * 27 + [11] + [8, 1, 1] * got.waters
