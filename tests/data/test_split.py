"""Splits: exact sizes, no overlap, strata in proportion, nested growth; reference energies by hand."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipbench_hpc.data.energies import reference_energies
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.grouping import Grouping, separation
from mlipbench_hpc.data.split import Plan, Sizes, Split, apportion, common, divide, holding, split

STRATA = ["a"] * 50 + ["b"] * 30 + ["c"] * 20


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    shares=st.tuples(st.floats(0.02, 0.3), st.floats(0.02, 0.3), st.floats(0.05, 1.0)),
    members=st.integers(1, 6),
    disjoint=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
)
def test_sizes_are_exact_and_nothing_overlaps(sizes, shares, members, disjoint, seed):
    strata = [chr(97 + number) for number, size in enumerate(sizes) for _ in range(size)]
    validation, test = (max(1, int(share * len(strata))) for share in shares[:2])
    pool = len(strata) - validation - test
    train = int(shares[2] * (pool // members if disjoint else pool))
    if train < 1:
        return
    if not disjoint and math.comb(pool, train) < 100 * members**2:
        return  # Two members may get the same set by chance, which is refused.
    parts = split(strata, validation, test, train, members, disjoint, seed)
    assert (len(parts.validation), len(parts.test), len(parts.pool)) == (validation, test, pool)
    held_out = set(parts.validation) | set(parts.test)
    assert len(held_out) == validation + test
    assert held_out | set(parts.pool) == set(range(len(strata)))
    for member in parts.members:
        assert len(set(member)) == train
        assert set(member) <= set(parts.pool)
    if disjoint:
        assert len(set().union(*map(set, parts.members))) == members * train


def test_strata_keep_their_proportions():
    parts = split(STRATA, 10, 20, 35, 3, False, 4)
    assert Counter(STRATA[i] for i in parts.validation) == {"a": 5, "b": 3, "c": 2}
    assert Counter(STRATA[i] for i in parts.test) == {"a": 10, "b": 6, "c": 4}
    for member in parts.members:
        counts = Counter(STRATA[i] for i in member)
        assert counts["a"] in (17, 18)
        assert counts["b"] in (10, 11)
        assert counts["c"] == 7


def test_disjoint_members_keep_their_proportions():
    for member in split(["a", "b"] * 30, 6, 6, 24, 2, True, 0).members:
        assert Counter("ab"[i % 2] for i in member) == {"a": 12, "b": 12}


@pytest.mark.parametrize("disjoint", [False, True])
def test_growth_reuses_every_frame(disjoint: bool):
    rounds = [split(STRATA, 10, 10, train, 3, disjoint, 7) for train in (5, 11, 26)]
    for small, large in pairwise(rounds):
        assert small.validation == large.validation
        for before, after in zip(small.members, large.members, strict=True):
            assert set(before) < set(after)


def test_seeded_and_members_do_not_depend_on_their_number():
    first = split(STRATA, 10, 10, 20, 4, False, 1)
    assert split(STRATA, 10, 10, 20, 4, False, 1) == first
    assert split(STRATA, 10, 10, 20, 2, False, 1).members == first.members[:2]
    assert split(STRATA, 10, 10, 20, 4, False, 2).validation != first.validation
    assert len({tuple(member) for member in first.members}) == 4


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="100 frames cannot give 101"):
        split(STRATA, 10, 10, 81, 4, False, 0)
    with pytest.raises(ValueError, match="100 frames cannot give 104"):
        split(STRATA, 10, 10, 21, 4, True, 0)


def test_largest_remainder_by_hand():
    """Hamilton's method: quotas 4.7, 3.5, 1.8 give 5, 3, 2."""
    ranks = {"a": 2, "b": 0, "c": 1}
    assert apportion({"a": 47, "b": 35, "c": 18}, 10, ranks) == {"a": 5, "b": 3, "c": 2}
    assert apportion({"a": 1, "b": 1, "c": 1}, 1, ranks) == {"a": 0, "b": 1, "c": 0}


def labelled(formulas: list[str], energies: list[float]) -> Frames:
    return Frames.from_atoms([Atoms(formula) for formula in formulas], np.array(energies))


def test_frames_with_exactly_so_many_atoms():
    frames = labelled(["H2O", "NaH2O", "H2O", "H2ONa2", "Na2O", "H4O2Na2"], [0.0] * 6)
    assert holding(frames, {}) == [0, 1, 2, 3, 4, 5]
    assert holding(frames, {"Na": 0}) == [0, 2]
    assert holding(frames, {"Na": 2}) == [3, 4, 5]
    assert holding(frames, {"Na": 2, "H": 2}) == [3]
    assert holding(frames, {"Na": 3}) == holding(frames, {"Cl": 1}) == []


def test_a_split_of_some_frames_counts_along_all():
    assert Split([1], [0], [2, 3], [[2], [3], []]).of([5, 6, 8, 9]) == Split([6], [5], [8, 9], [[8], [9], []])


def test_reference_energies_of_independent_compositions():
    frames = labelled(["H2O", "H2", "O2", "H2O2"], [-16.0, -6.0, -20.0, 999.0])
    assert reference_energies(frames, [0, 1, 2]) == pytest.approx({1: -3.0, 8: -10.0})


def test_reference_energies_of_pure_water_are_shared_out_by_least_norm():
    """2 e_H + e_O = -15 has the shortest solution (-6, -3)."""
    frames = labelled(["H4O2", "H2O", "H8O4"], [-30.0, -15.0, -60.0])
    assert reference_energies(frames, [0, 1, 2]) == pytest.approx({1: -6.0, 8: -3.0})


def test_ties_are_drawn_by_the_seed():
    """Sixty frames of sixty compositions: no set may follow the alphabet, and no two members the same."""
    strata = [f"Cu{number:02d}" for number in range(60)]
    one, two = (split(strata, 8, 8, 16, 4, False, seed) for seed in (1, 2))
    assert one.validation != two.validation
    assert one.validation != list(range(8))
    for parts in (one, two):
        assert len({tuple(member) for member in parts.members}) == 4
    cards = [split(strata, 8, 8, 11, 4, True, seed).members for seed in (1, 2)]
    assert cards[0] != cards[1]
    assert len(set().union(*map(set, cards[0]))) == 44


def test_strata_that_do_not_tie_are_shared_out_as_before_ties_were_drawn():
    """Written down from the version that broke ties by name."""
    parts = split(["a"] * 6 + ["b"] * 3, 3, 3, 2, 1, False, 0)
    assert Counter("aaaaaabbb"[i] for i in parts.validation) == {"a": 2, "b": 1}
    assert Counter("aaaaaabbb"[i] for i in parts.test) == {"a": 2, "b": 1}


def test_two_members_with_one_training_set_are_refused():
    with pytest.raises(
        ValueError, match=r"members 0 and 1 would get the same training set \(2 of 2 frames\)"
    ):
        split(["a"] * 4, 1, 1, 2, 2, False, 0)


def test_sets_by_the_words_of_the_data():
    labels = ["train"] * 10 + ["val"] * 3 + ["hot", "test", "other"]
    sizes = Sizes(None, None, 6, 2, False, 3)
    sets = {"train": ["train"], "validation": ["val"], "test": ["test", "hot"]}
    parts = divide(["x"] * 16, Plan(sizes, sets), labels)
    assert (parts.validation, parts.test, parts.pool) == ([10, 11, 12], [13, 14], list(range(10)))
    assert all(len(member) == 6 and set(member) < set(range(10)) for member in parts.members)
    with pytest.raises(ValueError, match="10 frames are left for training, 11 are needed"):
        divide(["x"] * 16, Plan(replace(sizes, train=11), sets), labels)
    with pytest.raises(ValueError, match="no frame is of the set cold"):
        divide(["x"] * 16, Plan(sizes, sets | {"test": ["cold"]}), labels)
    with pytest.raises(ValueError, match="name no set"):
        divide(["x"] * 16, Plan(sizes, sets))


def test_validation_is_taken_from_the_training_frames_where_no_word_names_it():
    """Two compositions, six and four: of five for validation three and two, as `split` would take."""
    strata, labels = ["a"] * 6 + ["b"] * 4 + ["a"] * 2, ["train"] * 10 + ["test"] * 2
    sets, sizes = {"train": ["train"], "test": ["test"]}, Sizes(5, None, 3, 1, False, 3)
    parts = divide(strata, Plan(sizes, sets), labels)
    assert parts.test == [10, 11]
    assert [sum(strata[index] == kind for index in parts.validation) for kind in "ab"] == [3, 2]
    assert sorted(parts.validation + parts.pool) == list(range(10))
    assert set(parts.members[0]) < set(parts.pool)
    with pytest.raises(ValueError, match="5 frames are left for training, 6 are needed"):
        divide(strata, Plan(replace(sizes, train=6), sets), labels)


@settings(max_examples=40, deadline=None)
@given(
    runs=st.lists(st.integers(5, 30), min_size=6, max_size=12),
    block=st.sampled_from([None, 5, 7]),
    gap=st.integers(0, 4),
    seed=st.integers(0, 1000),
)
def test_groups_stand_in_one_set_and_blocks_keep_their_distance(
    runs: list[int], block: int | None, gap: int, seed: int
):
    """No training frame is nearer than the gap, plus one, to a held-out frame of its trajectory."""
    names = [str(number) for number, count in enumerate(runs) for _ in range(count)]
    gap = gap if block else 0
    plan = Plan(Sizes(4, 4, 6, 2, False, seed), None, Grouping(block, gap))
    try:
        parts = divide(["x"] * len(names), plan, None, names)
    except ValueError as error:
        assert "left for training" in str(error) or "leave" in str(error) or "the same training" in str(error)  # noqa: PT017
        return
    assert (len(parts.validation), len(parts.test)) == (4, 4)
    for held_out in (parts.validation, parts.test):
        for member in parts.members:
            near = separation(names, held_out, member)
            assert ((near == -1) | (near > gap)).all()
            if block is None:
                assert (near == -1).all()
    assert not {names[i] for i in parts.validation} & {names[i] for i in parts.test} or block


def test_distance_to_the_nearest_training_frame_by_hand():
    runs = ["a"] * 5 + ["b"] * 3 + ["a"]
    assert separation(runs, [0, 4, 6], [2, 5, 8]).tolist() == [2, 1, 1]
    assert separation(runs, [7], [0]).tolist() == [-1]


def test_trajectories_must_be_known():
    plan = Plan(Sizes(1, 1, 1, 1, False, 0), None, Grouping(None, 0))
    with pytest.raises(ValueError, match="name no trajectory"):
        divide(["x"] * 9, plan)


def test_structures_common_to_two_members_are_counted():
    """By hand: {0, 1, 2} and {1, 2, 3} have two of three, each has one or none of {3, 4, 5}."""
    assert common([[0, 1, 2], [1, 2, 3], [3, 4, 5]]) == pytest.approx((2 + 0 + 1) / 9)
    assert common([[0, 1]]) is None
    # A frame of one draw of k from N is in another with probability k/N: 83 and 96 % in the paper.
    for train, pool in ((2500, 3000), (2250, 2350)):
        drawn = split(["x"] * (pool + 2), 1, 1, train, 5, False, 1)
        assert common(drawn.members) == pytest.approx(train / pool, abs=0.01)
