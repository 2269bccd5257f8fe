"""Splits: exact sizes, no overlap, strata in proportion, nested growth; reference energies by hand."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from mlipbench_hpc.data.energies import reference_energies
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.split import Split, apportion, holding, split

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
    try:
        parts = split(strata, validation, test, train, members, disjoint, seed)
    except ValueError as error:
        assert "the same training set" in str(error)
        assert math.comb(pool, train) < 100 * members**2
        return
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
