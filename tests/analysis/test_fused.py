"""The compiled pass against the definition, frame by frame in numpy; and whatever the pieces."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from interface import CELL, Interface, slab
from numpy.typing import NDArray
from plain import directions as plain_directions
from plain import per_frame

from mlipbench_hpc.analysis.fused import first_layer, surroundings
from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.onepass import BlockSums, block_means, block_sums, feed
from mlipbench_hpc.analysis.profiles import DENSITY, TOTAL_ORIENTATION, Profiler, pieces
from mlipbench_hpc.analysis.slab import interfacial
from mlipbench_hpc.worker.dynamics import DIPOLE as CORRELATION
from mlipbench_hpc.worker.dynamics import SURVIVAL, Motion

HEIGHTS, COSINES = np.linspace(2.05, 14.1, 24).tolist(), np.linspace(-0.9, 0.9, 24).tolist()
ONE_SIDED = slab(HEIGHTS, COSINES, [(4.0, 4.0, 3.05), (1.0, 2.0, 6.0)])
# The same waters below the slab too, so that both faces are wet.
BELOW = [-5.0 - height for height in HEIGHTS]
TWO_SIDED = slab(HEIGHTS + BELOW, COSINES + COSINES, [(4.0, 4.0, 3.05)])
# Without a slab: gold as some other element.
LIQUID = Interface(np.where(ONE_SIDED.numbers == 79, 10, ONE_SIDED.numbers), ONE_SIDED.positions)
# Without its last hydrogen the last water is OH-.
HYDROXIDE = Interface(np.delete(ONE_SIDED.numbers, -3), np.delete(ONE_SIDED.positions, -3, axis=0))
SKEWED = CELL + np.array([[0, 0, 0], [2.0, 0, 0], [1.0, -1.5, 0]])
FRAMES = {"one": ONE_SIDED, "two": TWO_SIDED, "liquid": LIQUID, "hydroxide": HYDROXIDE}


def moving(frame: Interface, frames: int = 53, dtype: str = "f8", seed: int = 1) -> NDArray[np.floating]:
    """Everything jitters, drifts out of the cell, and is wrapped in every other frame."""
    generator = np.random.default_rng(seed)
    result = frame.positions + generator.normal(scale=0.03, size=(frames, *frame.positions.shape))
    result += np.linspace(0, 60, frames)[:, None, None]
    result[::2] -= np.floor(result[::2] / np.diag(CELL)) * np.diag(CELL)
    return result.astype(dtype)


def profiler(
    frame: Interface, positions: NDArray[np.floating], cell: NDArray[np.floating] = CELL
) -> Profiler:
    return Profiler.of(frame.numbers, np.asarray(positions[0], dtype=float), cell, 79, 0.1)


@pytest.mark.parametrize("dtype", ["f8", ">f4", "<f4"])
@pytest.mark.parametrize("name", FRAMES)
def test_block_means_are_those_of_the_definition(name: str, dtype: str) -> None:
    positions = moving(FRAMES[name], dtype=dtype)
    result, other = (profiler(FRAMES[name], positions) for _ in range(2))
    means, dipole = block_means(result, [positions], 53, 5)
    expected = per_frame(other, np.asarray(positions, dtype=float))
    assert set(means) == set(expected) - {TOTAL_ORIENTATION}
    for key, values in means.items():
        averages = expected[key][:50].reshape(5, 10, -1).mean(axis=1)
        np.testing.assert_allclose(values, averages, rtol=1e-9, atol=1e-9 * averages.max())
    if TOTAL_ORIENTATION in expected:
        np.testing.assert_allclose(dipole, expected[TOTAL_ORIENTATION][:, 0], rtol=1e-9, atol=1e-9)
    else:
        assert len(dipole) == 0


def test_a_skewed_cell() -> None:
    generator = np.random.default_rng(4)
    positions = ONE_SIDED.positions + generator.normal(scale=0.03, size=(20, *ONE_SIDED.positions.shape))
    positions[10:] -= np.floor(positions[10:] @ np.linalg.inv(SKEWED)) @ SKEWED
    result, other = (profiler(ONE_SIDED, positions, SKEWED) for _ in range(2))
    means, dipole = block_means(result, [positions], 20, 4)
    expected = per_frame(other, positions)
    np.testing.assert_allclose(dipole, expected[TOTAL_ORIENTATION][:, 0], rtol=1e-9)
    for key, values in means.items():
        np.testing.assert_allclose(values, expected[key].reshape(4, 5, -1).mean(axis=1), atol=1e-9)


@pytest.mark.parametrize("size", [1, 7, 52])
def test_pieces_change_no_bit(size: int) -> None:
    positions = moving(TWO_SIDED, dtype=">f4")
    whole, dipole = block_means(profiler(TWO_SIDED, positions), [positions], 53, 5)
    parts = (positions[part] for part in pieces(53, size))
    cut, other = block_means(profiler(TWO_SIDED, positions), parts, 53, 5)
    assert np.array_equal(dipole, other)
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


@pytest.mark.parametrize("name", ["one", "two", "hydroxide"])
def test_who_is_in_the_first_layer_and_how_it_points(name: str) -> None:
    positions = moving(FRAMES[name], dtype=">f4")
    result, plain = profiler(FRAMES[name], positions), np.asarray(positions, dtype=float)
    inside, directions = first_layer(result, positions)
    oxygens, water = result.waters.intact[:, 0], np.isin(result.waters.oxygens, result.waters.intact[:, 0])
    expected = [interfacial(face.heights(plain, CELL, oxygens)) for face in result.faces]
    columns = np.concatenate([water] * len(result.faces))
    assert not inside[:, ~columns].any()
    inside, directions = inside[:, columns], directions[:, columns]
    assert np.array_equal(inside, np.concatenate(expected, axis=1))
    bisectors = np.concatenate([plain_directions(result, plain)] * len(result.faces), axis=1)
    np.testing.assert_allclose(directions, np.where(inside[..., None], bisectors, 0), atol=1e-12)


@pytest.mark.parametrize("name", FRAMES)
def test_weighted_sums_are_those_of_every_weight(name: str) -> None:
    positions = moving(FRAMES[name], dtype=">f4")
    result, other = (profiler(FRAMES[name], positions) for _ in range(2))
    rows = np.random.default_rng(5).normal(size=(4, 53))
    sums, _ = block_sums(result, [positions[:20], positions[20:]], rows, 5)
    expected = per_frame(other, np.asarray(positions, dtype=float))
    for key, values in sums.items():
        weighted = rows[:, :50, None] * expected[key][:50]
        np.testing.assert_allclose(
            values, weighted.reshape(4, 5, 10, -1).sum(axis=2).swapaxes(0, 1), atol=1e-9
        )


@pytest.mark.parametrize("name", ["one", "two"])
def test_who_is_near_an_ion_and_where_it_is(name: str) -> None:
    positions = moving(FRAMES[name], dtype=">f4")
    result, plain = profiler(FRAMES[name], positions), np.asarray(positions, dtype=float)
    atoms = np.flatnonzero(FRAMES[name].numbers == 11)
    inside, neighbours = surroundings(result, positions, atoms, 5.0)
    heights = [face.heights(plain, CELL, atoms) for face in result.faces]
    assert np.array_equal(inside, np.any([interfacial(one) for one in heights], axis=0))
    vectors = minimum_image(plain[:, result.waters.oxygens, None] - plain[:, None, atoms], CELL)
    expected = (np.linalg.norm(vectors, axis=-1) <= 5.0).sum(axis=1)
    assert inside.any() and expected.any() and np.array_equal(neighbours, expected)


def test_water_in_the_vacuum_is_counted_where_it_is() -> None:
    far = slab([2.05, 24.05], [0.5, -0.5], [])
    result = profiler(far, far.positions[None])
    means, dipole = block_means(result, [far.positions[None]] * 2, 2, 2)
    places = [int(np.abs(result.z - height).argmin()) for height in (2.05, 24.05)]
    assert np.flatnonzero(means[DENSITY][0]).tolist() == places
    assert means["orientation"][0, places] / means[DENSITY][0, places] == pytest.approx([0.5, -0.5])
    assert dipole == pytest.approx([0.0, 0.0], abs=1e-12)


def test_blocks_need_frames() -> None:
    with pytest.raises(ValueError, match="3 frames do not fill 4 blocks"):
        block_means(profiler(ONE_SIDED, ONE_SIDED.positions[None]), [], 3, 4)


def test_water_below_the_slab_alone_is_seen_from_there() -> None:
    """Upside down everything is the same: heights from the wet face, cos θ and P_z along its normal."""
    upright = moving(ONE_SIDED)
    mirrored = upright * np.array([1.0, 1.0, -1.0])
    result = [block_means(product, [positions], 53, 5) for positions, product in (
        (positions, profiler(ONE_SIDED, positions)) for positions in (upright, mirrored)
    )]  # fmt: skip
    assert [face.normal for face in profiler(ONE_SIDED, mirrored).faces] == [-1.0]
    for name, values in result[0][0].items():
        np.testing.assert_allclose(result[1][0][name], values, atol=1e-9)
    np.testing.assert_allclose(result[1][1], result[0][1], atol=1e-9)


MANY = 530
ASKED = {CORRELATION: 0.4, SURVIVAL: 0.9, "origins": "all", "coordination": 3.2}


def everything(positions: NDArray[np.floating], size: int, threads: int) -> list[NDArray[np.floating]]:
    """Block sums, P_z, and sums of C_dip and P_surv, from pieces of some size."""
    result = profiler(ONE_SIDED, positions)
    rows = np.random.default_rng(3).normal(size=(4, MANY))
    sums, motion = BlockSums(result, rows, 5), Motion(result, ASKED, MANY, 0.01, 5)
    feed((positions[part] for part in pieces(MANY, size)), [sums.add, motion.add], threads)
    moved = [one for each in motion.sums.values() for one in each.sums.values()]
    return [*sums.sums.values(), sums.dipole, *moved]


@pytest.mark.parametrize(("size", "threads"), [(530, 2), (7, 1), (7, 2), (64, 5)])
def test_no_bit_depends_on_pieces_or_threads(size: int, threads: int) -> None:
    positions = moving(ONE_SIDED, MANY, ">f4")
    for one, other in zip(everything(positions, MANY, 1), everything(positions, size, threads), strict=True):
        np.testing.assert_array_equal(one, other)


def test_with_threads_takers_run_side_by_side() -> None:
    """Two takers that wait for each other end only together."""
    meeting = threading.Barrier(2, timeout=20)
    feed([np.zeros((1, 1, 3))] * 3, [lambda _: meeting.wait(), lambda _: meeting.wait()], 2)
    assert not meeting.broken


@pytest.mark.parametrize("threads", [1, 2])
def test_what_reading_or_a_taker_raises_comes_through(threads: int) -> None:
    def short() -> Iterator[NDArray[np.floating]]:
        yield np.zeros((1, 1, 3))
        raise EOFError("the file ends")

    def refuse(_: NDArray[np.floating]) -> None:
        raise ValueError("no")

    seen: list[int] = []
    with pytest.raises(EOFError, match="the file ends"):
        feed(short(), [lambda part: seen.append(len(part))], threads)
    assert seen == [1]
    with pytest.raises(ValueError, match="no"):
        feed([np.zeros((1, 1, 3))] * 2, [refuse], threads)


def test_a_first_layer_may_be_filled_again() -> None:
    """What was in the arrays before does not show, and arrays of another shape are not taken."""
    positions = moving(ONE_SIDED, 60)
    result = profiler(ONE_SIDED, positions)
    room = first_layer(result, positions[:30])
    again = first_layer(result, positions[30:], room)
    assert again[0] is room[0]
    for one, other in zip(again, first_layer(result, positions[30:]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(first_layer(result, positions[:7], room)[0]) == 7
