"""Sets that keep frames by their numbers of atoms: parts of one another, in equal numbers, refused."""

from collections import Counter

import pytest

from mlipbench_hpc.data.formulas import atoms_in
from mlipbench_hpc.data.selection import Selection, admits
from mlipbench_hpc.data.split import Plan, divide, split

# 40 frames without ions, 20 with one, 60 with three; the last ones have two numbers of waters.
STRATA = ["Au4H4O2"] * 40 + ["Au4H4NaO2"] * 20 + ["Au4H4Na3O2"] * 30 + ["Au4H6Na3O3"] * 30
IONS = [atoms_in(name).get("Na", 0) for name in STRATA]
SIZES = {"validation": 12, "test": 24, "members": 3, "disjoint": False, "seed": 5}
CHARGED = {"train": {"Na": [3]}, "held_out": {"Na": [3]}}


def parts_of(train, **parameters):
    return divide(STRATA, Plan.of(SIZES | {"train": train} | parameters))


def ions(indices):
    return Counter(IONS[index] for index in indices)


def test_compositions_are_admitted_by_their_numbers():
    assert admits("Au4H4Na3O2", {"Na": [1, 3], "O": [2]})
    assert not admits("Au4H4O2", {"Na": [1, 3]})
    assert admits("Au4H4O2", {"Na": [0]})
    assert admits("Au4H4O2", {})


def test_a_specific_split_is_a_part_of_the_mixed_one():
    """The test holds shares: of 24 frames 8, 4 and 12; of 12 frames 4, 2 and 6."""
    mixed, charged = parts_of(30), parts_of(10, restrict=CHARGED)
    assert ions(mixed.test) == {0: 8, 1: 4, 3: 12}
    assert charged.test == [index for index in mixed.test if IONS[index] == 3]
    assert charged.validation == [index for index in mixed.validation if IONS[index] == 3]
    assert charged.pool == [index for index in mixed.pool if IONS[index] == 3]
    assert [ions(member) for member in charged.members] == [{3: 10}] * 3


def test_equal_numbers_hold_the_frames_of_the_specific_sets():
    """30 frames of three counts: ten each, among them the very ten of the specific set of each member."""
    charged, mixed, small = parts_of(10, restrict=CHARGED), parts_of(30, equal="Na"), parts_of(10, equal="Na")
    for own, all_counts, few in zip(charged.members, mixed.members, small.members, strict=True):
        assert ions(all_counts) == {0: 10, 1: 10, 3: 10}
        assert set(own) == {index for index in all_counts if IONS[index] == 3}
        assert sorted(ions(few).values()) == [3, 3, 4]
        assert set(few) < set(all_counts)


def test_a_count_may_be_held_out_of_training_alone():
    without = parts_of(20, restrict={"train": {"Na": [0, 1]}, "held_out": {}}, equal="Na")
    assert [ions(member) for member in without.members] == [{0: 10, 1: 10}] * 3
    assert without.test == parts_of(30).test


def test_a_number_that_only_held_out_frames_have_is_no_equal_part():
    """One Na occurs in the test frames alone: a mixed set of 0, 1 and 3 cannot be made."""
    labels = ["test" if count == 1 else "train" for count in IONS]
    labels[0] = "val"
    sets = {"train": ["train"], "validation": ["val"], "test": ["test"]}
    restrict = {"train": {"Na": [0, 1, 3]}, "held_out": {}}
    plan = Plan.of(SIZES | {"train": 30, "sets": sets, "restrict": restrict, "equal": "Na"})
    with pytest.raises(ValueError, match="0 frames with Na1 are left for training, 10 are needed"):
        divide(STRATA, plan, labels)


def test_disjoint_sets_and_sets_that_the_data_name_are_restricted_too():
    apart = parts_of(8, restrict=CHARGED, disjoint=True)
    assert [ions(member) for member in apart.members] == [{3: 8}] * 3
    assert len(set().union(*map(set, apart.members))) == 24
    labels = (["train", "val", "train", "test"] * 30)[: len(STRATA)]
    sets = {"train": ["train"], "validation": ["val"], "test": ["test"]}
    named = divide(STRATA, Plan.of(SIZES | {"train": 9, "sets": sets, "restrict": CHARGED}), labels)
    assert named.test == [index for index in range(60, 120) if labels[index] == "test"]
    assert all(labels[index] == "train" and IONS[index] == 3 for index in named.members[0])


@pytest.mark.parametrize(
    ("train", "parameters", "said"),
    [
        (43, {"restrict": CHARGED}, "42 frames are left for training, 43 are needed"),
        (45, {"equal": "Na"}, "14 frames with Na1 are left for training, 15 are needed"),
        (4, {"restrict": {"train": {}, "held_out": {"Na": [2]}}}, "validation or test has no frame"),
    ],
)
def test_what_cannot_be_had_is_refused(train, parameters, said):
    with pytest.raises(ValueError, match=said):
        parts_of(train, **parameters)


def test_without_a_selection_nothing_changes():
    every = split(STRATA, 12, 24, 30, 3, False, 5)
    assert every == split(STRATA, 12, 24, 30, 3, False, 5, Selection())
    assert len(every.pool) == 84
