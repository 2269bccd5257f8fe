"""Speed of MD: what is timed, and for how long."""

from typing import Annotated

from pydantic import Field, field_validator

from mlipbench_hpc.campaign.quantity import Duration, Temperature, Time
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Spec
from mlipbench_hpc.campaign.spec.md import (
    EngineName,
    Equilibrate,
    MolecularDynamics,
    NoseHooverChain,
    Start,
    Thermostat,
    WallHeight,
)

FEWEST_BLOCKS = 5
SHARED = (
    "committee", "start", "temperature", "timestep", "engine", "thermostat", "fixed_atoms", "fixed_layers",
    "wall", "seed",
)  # fmt: skip
MANY_STEPS = 1_000_000


class SpeedProtocol(Spec):
    """How steps of MD are timed, whatever drives them: with the start alone, then with 2, 4, … copies.

    Keys that `md` has too mean the same here.
    """

    start: Start
    temperature: Temperature = 300.0
    timestep: Time = 0.0005
    thermostat: Thermostat = NoseHooverChain(kind="nose-hoover-chain")
    fixed_atoms: list[Annotated[int, Field(ge=0, strict=True)]] = []
    fixed_layers: Annotated[int, Field(ge=0, strict=True)] = 0
    wall: WallHeight = None
    seed: Seed = 0
    warm_up: Count = Field(5, description="Steps before the blocks, timed apart.")
    blocks: Annotated[int, Field(ge=FEWEST_BLOCKS, le=10_000, strict=True)] = Field(
        FEWEST_BLOCKS, description="Of equally many steps; a speed is their median."
    )
    block_time: Duration = Field(2.0, description="A block has as many steps as take so long, one at least.")
    scan_time: Duration = Field(
        120.0, description="Twice as many copies are not begun where they would end after this time."
    )
    copies: Count = Field(64, description="Largest number of copies of the start; 1: no scan.")

    @field_validator("start", mode="after")
    @classmethod
    def _one_frame(cls, start: Start) -> Start:
        if len(start.frames) > 1:
            raise ValueError("expected one frame: copies of it are timed")
        return start


class Speed(SpeedProtocol):
    """Steps of MD by the first member of a committee, timed."""

    committee: Name
    engine: EngineName | None = Field(
        None, description="What integrates (default: the first on the architecture's card)."
    )

    @property
    def run(self) -> MolecularDynamics:
        """The run of which some steps are timed; it may start at another temperature than its own."""
        shared = {name: getattr(self, name) for name in SHARED}
        settles = Equilibrate.model_construct(length=self.timestep, every=self.timestep)
        return MolecularDynamics.model_construct(
            length=MANY_STEPS * self.timestep, frame_every=self.timestep, equilibrate=settles, **shared
        )
