"""Scans: energy and force while one molecule or ion is moved as a whole."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from mlipbench_hpc.campaign.quantity import Length
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Spec, each_once, require
from mlipbench_hpc.campaign.spec.md import Start
from mlipbench_hpc.campaign.spec.potential import UsesPotential

SHORTEST_A, WIDEST_A = 0.8, 0.05
Particle = Literal["water", "ion"]
Direction = Literal["normal", "surface"]


class ScanProtocol(Spec):
    """What is moved, from which frames, and how far."""

    start: Start
    particles: list[Particle] = Field(
        ["water", "ion"], min_length=1, description="Where a frame has them; ions are single atoms."
    )
    directions: list[Direction] = Field(
        ["normal", "surface"], min_length=1, description="Along z, along the first lattice vector."
    )
    each: Count = Field(2, description="Waters (of the first layer, where there is one) and ions of a frame.")
    distance: Length = Field(
        1.0, description="From half of it on one side of the start to half on the other."
    )
    points: Annotated[int, Field(ge=21, le=10_001, strict=True)] = 101
    seed: Seed = Field(0, description="Of the choice of waters and ions.")

    @field_validator("start", mode="after")
    @classmethod
    def _different(cls, start: Start) -> Start:
        require(each_once("frames", start.frames))
        return start

    @model_validator(mode="after")
    def _once(self) -> "ScanProtocol":
        require(each_once("particles", self.particles), each_once("directions", self.directions))
        return self

    @model_validator(mode="after")
    def _fine_enough(self) -> "ScanProtocol":
        apart = self.distance / (self.points - 1)
        if self.distance < SHORTEST_A or apart > WIDEST_A:
            raise ValueError(
                f"expected a distance of at least {SHORTEST_A:g} Å and points at most {WIDEST_A:g} Å apart"
            )
        return self


class Scan(ScanProtocol, UsesPotential):
    """Scans by every member of a committee, or by a reference potential."""

    use = "label"
    committee: Name | None = None
    potential: Name | None = Field(None, description="A reference potential.")

    @model_validator(mode="after")
    def _one_potential(self) -> "Scan":
        if (self.committee is None) == (self.potential is None):
            raise ValueError("expected exactly one of `committee` and `potential`")
        return self
