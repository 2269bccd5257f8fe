"""Locality: what the rest of a cell does to a water when all that is near it stays."""

from typing import Annotated

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.quantity import Length, Temperature
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, each_once, require
from mlipbench_hpc.campaign.spec.potential import UsesPotential


class Locality(UsesPotential):
    """Spread of the force on a first-layer water when its surroundings stay and the rest is another frame's.

    Everything within a radius of the water's oxygen is of one frame (its host, of the split's test set), the
    rest of others of the same dataset (donors). The reference potential that labelled the dataset labels
    these composed frames. Further keys: options of that potential.
    """

    use = "label"
    split: Name
    potential: Name = Field(description="The reference potential that labelled the split's dataset.")
    radii: list[Length] = Field(min_length=1, description="Within which everything stays.")
    hosts: Count = Field(6, description="Test frames, of all compositions in turn.")
    waters: Count = Field(4, description="First-layer waters of each host.")
    donors: Annotated[int, Field(ge=2, le=10_000, strict=True)] = Field(
        8, description="Composed frames of each water and radius."
    )
    temperature: Temperature = Field(
        300.0, description="Of hosts and donors, where it is stated; rattled frames are neither."
    )
    tolerance: Annotated[int, Field(ge=0, strict=True)] = Field(
        2, description="A composed frame has at most so many waters more or fewer than its host."
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _once(self) -> "Locality":
        require(each_once("radii", self.radii))
        return self
