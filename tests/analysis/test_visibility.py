"""Who sees every ion: by hand, and against every image tried one by one."""

import itertools

import numpy as np
import pytest
from interface import CELL, LX, TOP, Interface, slab, water

from mlipbench_hpc.analysis.visibility import shortest, visible_share

TRICLINIC = np.array([[9.0, 0, 0], [-4.0, 8.0, 0], [0, 0, 40.0]])


def test_by_hand() -> None:
    """Waters over (0, 0), ions 3 Å to the left (through the boundary) and 4 Å up the y axis, all at 2 Å."""
    frame = slab([], [], [(LX - 3.0, 0.0, 2.0), (0.0, 4.0, 2.0)])
    waters = [water(np.array([0.0, 0.0, TOP + z]), np.array([0, 0, 1.0])) for z in (2.0, 5.0)]
    whole = Interface(
        np.concatenate([frame.numbers, [8, 1, 1] * 2]), np.concatenate([frame.positions, *waters])
    )
    radii = np.array([2.9, 3.5, 4.0])
    # only the water at 2 Å is interfacial; its farther ion is 4 Å away
    share = visible_share(whole.numbers, whole.positions, CELL, 79, radii)
    assert share is not None
    assert share.tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("cell", [CELL, TRICLINIC])
def test_against_every_image(cell: np.ndarray) -> None:
    noise = np.random.default_rng(0)
    heights = noise.uniform(0.5, 8.0, size=30).tolist()
    ions = [tuple(noise.uniform(0, 9, size=3)) for _ in range(3)]
    frame = slab(heights, [0.0] * 30, ions)
    radii = np.linspace(2, 12, 21)
    share = visible_share(frame.numbers, frame.positions, cell, 79, radii)
    images = np.array(list(itertools.product(range(-3, 4), repeat=3))) @ cell
    oxygen = frame.positions[(frame.numbers == 8)]
    near = oxygen[(oxygen[:, 2] > TOP) & (oxygen[:, 2] <= TOP + 4.5)]
    sees = [
        [
            all(
                min(np.linalg.norm(o - ion + image) for image in images) <= radius
                for ion in frame.positions[frame.numbers == 11]
            )
            for o in near
        ]
        for radius in radii[::5]
    ]
    assert share is not None
    np.testing.assert_allclose(share[::5], np.mean(sees, axis=1))
    assert 0 < share.mean() < 1


def test_shortest_beyond_half_the_cell() -> None:
    assert shortest(np.array([[8.9, 0, 0], [4.4, 4.4, 0]]), CELL) == pytest.approx([0.1, 4.4 * np.sqrt(2)])


def test_nothing_to_see_is_none() -> None:
    assert visible_share(*vars(slab([2.0], [0.0], [])).values(), CELL, 79, np.array([5.0])) is None
    ions_only = slab([], [], [(1.0, 1.0, 2.0)])
    assert visible_share(*vars(ions_only).values(), CELL, 79, np.array([5.0])) is None
    bulk = Interface(np.array([8, 1, 1, 11]), np.vstack([water(np.ones(3), np.ones(3)), [4.0, 4.0, 4.0]]))
    assert visible_share(bulk.numbers, bulk.positions, CELL, 79, np.array([5.0])) is None
