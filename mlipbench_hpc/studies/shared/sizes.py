"""Committees of several models on training sets of several sizes, all tested on the same frames."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Count, Draw, Name
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry

Members = Annotated[int, Field(gt=0, le=1000, strict=True)]


class Sized(Draw):
    """Models trained on `repeats` training sets of each size; validation and test are the same for all.

    A training set is contained in the larger ones of the same repeat, and the first sets of a model with
    fewer repeats are those of the others.
    """

    models: list[Name] = Field(min_length=1, description="Entries of `models`.")
    sizes: list[Count] = Field(min_length=1, description="Frames of a training set.")
    repeats: Members = Field(3, description="Training sets of each size, and members of each committee.")
    repeats_of: dict[Name, Members] = Field({}, description="Of models that are repeated more or less often.")

    @model_validator(mode="after")
    def _once(self) -> "Sized":
        strange = [
            (("repeats_of", name), repr(name), f"one of `models`: {', '.join(self.models)}")
            for name in self.repeats_of
            if name not in self.models
        ]
        require(each_once("models", self.models), each_once("sizes", self.sizes), strange)
        return self

    def repeats_for(self, model: str) -> int:
        """Training sets of each size of one model."""
        return self.repeats_of.get(model, self.repeats)


def split_name(study: str, size: int, repeats: int) -> str:
    """`learning-50x3`: three training sets of 50 frames."""
    return f"{study}-{size}x{repeats}"


def committee_name(study: str, model: str, size: int) -> str:
    """`learning-mace-50`: the models trained on 50 frames each."""
    return f"{study}-{model}-{size}"


def trained(asked: Asked[Any]) -> Iterator[Entry]:
    """A split for each size and number of repeats, and a committee for each model and size."""
    spec: Sized = asked.spec
    sources: dict[int, Place] = {spec.repeats_for(model): ("repeats_of", model) for model in spec.models}
    sources |= {spec.repeats: ("repeats",)} if spec.repeats in sources else {}
    for place, size in enumerate(spec.sizes):
        for repeats, source in sources.items():
            yield _split(asked, place, size, repeats, source)
        for number, model in enumerate(spec.models):
            yield _committee(asked, number, size, split_name(asked.name, size, spec.repeats_for(model)))


def _split(asked: Asked[Any], place: int, size: int, repeats: int, source: Place) -> Entry:
    draw = {key: asked.written[key] for key in Draw.model_fields if key in asked.written}
    origins: dict[Place, Place] = {("train",): ("sizes", place), ("members",): source}
    content = draw | {"train": size, "members": repeats}
    return Entry("splits", split_name(asked.name, size, repeats), content, origins)


def _committee(asked: Asked[Any], number: int, size: int, split: str) -> Entry:
    model = asked.spec.models[number]
    origins: dict[Place, Place] = {("model",): ("models", number), ("split",): ("dataset",)}
    content = {"model": model, "split": split}
    return Entry("committees", committee_name(asked.name, model, size), content, origins)
