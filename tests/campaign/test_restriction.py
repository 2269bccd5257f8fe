"""Splits restricted to numbers of atoms: what is refused, what a committee knows, what its tasks say."""

from typing import Any

import pytest
from pydantic import ValidationError

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.spec import Split
from mlipbench_hpc.campaign.splits import check_split, facts_of, split_parameters

NEUTRAL, CHARGED = "Au4H4O2", "Au4H4Na2O2"
FILMS = DatasetFacts("", (10,) * 20 + (12,) * 20, {NEUTRAL: 20, CHARGED: 20}, (1, 8, 11, 79))
FACTS = {"films": FILMS}


def split(**changes: Any) -> Split:
    content = {"dataset": "films", "validation": 4, "test": 8, "train": 6, "members": 2} | changes
    return Split.model_validate(content)


def problems(**changes: Any) -> list[str]:
    one = split(**changes)
    mistakes = check_split(("splits", "main"), one, one.train, FACTS)
    return [
        f"{'.'.join(map(str, own.place[2:]))}: {own.message} {own.received} {own.expected}"
        for own in mistakes
    ]


def specific(ions: int) -> dict[str, Any]:
    return {"train": {"Na": [ions]}, "held_out": {"Na": [ions]}}


def test_a_neutral_committee_knows_no_sodium_and_a_mixed_one_does() -> None:
    neutral = facts_of(split(restrict=specific(0)), FACTS)
    assert neutral is not None
    assert (neutral.species, neutral.frames) == ((1, 8, 79), 20)
    tested_alone = facts_of(split(restrict={"held_out": {"Na": [2]}}), FACTS)
    assert tested_alone is not None
    assert tested_alone.frames == 40, "training sets are of all frames"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"restrict": specific(3)}, "restrict.train.Na.0: no frame has so many atoms Na3 numbers that occur"),
        (
            {"restrict": {"train": {"Xx": [0]}}},
            "restrict.train.Xx: no such element 'Xx'",
        ),
        ({"equal": "Au"}, "equal: all frames have the same number Au: Au4 in 40 frames"),
        ({"restrict": specific(0), "train": 15}, ": 14 frames are left for training, 15 are needed"),
        ({"restrict": {"train": {"Na": [0]}}}, "train: some member may be trained on no frame with Na"),
    ],
)
def test_restrictions_that_cannot_be_met_are_refused(changes: dict[str, Any], said: str) -> None:
    """40 frames less 12 held out leave 14 of each composition."""
    assert problems(restrict=specific(0), train=14, members=1) == []
    assert problems(equal="Na", train=28, members=1) == []
    assert said in problems(**changes)[0]


def test_a_restriction_restricts_something() -> None:
    with pytest.raises(ValidationError, match="expected `train` or `held_out`"):
        split(restrict={})


def test_parameters_of_splits_without_restriction_are_as_before() -> None:
    plain = split_parameters(split(), 6, FILMS)
    assert not {"restrict", "equal"} & set(plain)
    own = split_parameters(split(restrict=specific(2), equal="Na"), 6, FILMS)
    assert own == plain | {"restrict": specific(2), "equal": "Na"}
