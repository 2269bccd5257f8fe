"""Splits, models and committees."""

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from mlipbench_hpc.campaign.quantity import Force
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Spec, Symbol


class Split(Spec):
    """Validation first, then test, then `members` training sets drawn from what remains.

    Stratified by composition and seeded. With `disjoint` no frame serves two members. With `only` all sets
    come from the frames with exactly so many atoms of each element named: one dataset gives sets that are
    specific (to one charge state) and mixed ones.
    """

    dataset: Name
    only: dict[Symbol, Annotated[int, Field(ge=0, strict=True)]] = {}
    validation: Count
    test: Count
    train: Count
    members: Count = 4
    disjoint: StrictBool = False
    seed: Seed = 0


class Model(Spec):
    """An architecture with its preset and whatever hyperparameters differ from it (see its card)."""

    architecture: Name
    preset: Name | None = None
    hyperparameters: dict[str, Any] = {}
    dtype: Literal["float32", "float64"] = "float64"


class Growth(Spec):
    """Train again on `step` more frames until the committee's mean validation force RMSE is low enough."""

    force_rmse: Force
    step: Count
    at_most: Count = Field(description="Rounds in all, the first one included.")


class Committee(Spec):
    """One model trained on each of a split's training sets."""

    model: Name
    split: Name
    grow: Growth | None = None
