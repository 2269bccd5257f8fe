"""Molecular dynamics: starts, thermostats, limits of stability."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mlipbench_hpc.campaign.quantity import (
    EnergyPerAtom,
    Frequency,
    Length,
    Mass,
    Spring,
    Temperature,
    Time,
)
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Spec, Symbol
from mlipbench_hpc.campaign.spec.potential import UsesPotential
from mlipbench_hpc.contract.engines import ENGINES


def _engine(name: str) -> str:
    if name not in ENGINES:
        raise ValueError(f"expected one of {', '.join(ENGINES)}")
    return name


EngineName = Annotated[Name, AfterValidator(_engine)]


WallHeight = Length | Literal["none"] | None


class Start(Spec):
    """Where MD begins: a built system, or frames of a dataset (replica r takes frames[r mod n])."""

    system: Name | None = None
    dataset: Name | None = None
    frames: list[Annotated[int, Field(ge=0, strict=True)]] = Field([0], min_length=1)

    @model_validator(mode="after")
    def _one_start(self) -> "Start":
        if (self.system is None) == (self.dataset is None):
            raise ValueError("expected exactly one of `system` and `dataset`")
        return self


class NoseHooverChain(Spec):
    """Chain of three by default; damping is the time τ of the first thermostat (Q₁ = 3·N_mobile·kT·τ²)."""

    kind: Literal["nose-hoover-chain"]
    damping: Time = 0.1
    length: Count = 3


class LangevinThermostat(Spec):
    """Friction per time; the paper's eSEN runs use 0.0002 1/fs."""

    kind: Literal["langevin"]
    friction: Frequency


Thermostat = Annotated[NoseHooverChain | LangevinThermostat, Field(discriminator="kind")]


class Stability(Spec):
    """Limits beyond which a run ends as unstable: a measured result, with cause and time."""

    conserved_energy: EnergyPerAtom = Field(
        0.004,
        description="Largest distance from its value at the start. The reference potential drifts by some "
        "2 meV/atom per ns: give runs of more than 1 ns 10 meV/atom.",
    )
    temperature: Temperature = 2000.0
    hydrogen_oxygen: Length | None = Field(None, description="Longest distance of an H from its nearest O.")
    contact: Length | None = Field(
        1.5, description="Shortest distance of two atoms, neither an H, that begin farther apart than this."
    )


class Restraint(Spec):
    """Harmonic restraint k (h − t)²/2 of atoms' heights h above the surface layer, in whatever drives."""

    atoms: Symbol | Annotated[list[Annotated[int, Field(ge=0, strict=True)]], Field(min_length=1)] = Field(
        description="All of one element, or indices (from 0)."
    )
    height: Length = Field(description="Target t, above the surface layer's mean height in each step.")
    spring: Spring = Field(description="k; at a constant potential the height varies by √(kT/k).")


class Equilibrate(Spec):
    """Momenta are drawn anew at the run's temperature, from time to time, while a start settles."""

    length: Time = Field(description="Until when; at most `equilibration`, which is discarded.")
    every: Time = Field(0.1, description="Between two draws.")


class Driven(UsesPotential):
    """A start, and what drives MD from it: one member of a committee, or a reference potential itself."""

    use = "md"
    committee: Name | None = None
    member: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None,
        description="Which member of the committee drives (default: 0); another one tests reweighting.",
    )
    potential: Name | None = Field(None, description="A reference potential that runs MD.")
    start: Start

    @property
    def driving_member(self) -> int:
        """The member of the committee that drives."""
        return self.member or 0

    @model_validator(mode="after")
    def _one_potential(self) -> "Driven":
        if (self.committee is None) == (self.potential is None):
            raise ValueError("expected exactly one of `committee` and `potential`")
        return self


class RunProtocol(Spec):
    """How MD is run, whatever drives it and wherever it starts."""

    temperature: Temperature = 300.0
    timestep: Time = 0.0005
    length: Time
    equilibration: Time | None = Field(None, description="Discarded before analysis (default: length / 10).")
    equilibrate: Equilibrate | None = Field(
        None, description="For starts that were sampled at another temperature, or rattled."
    )
    frame_every: Time = 0.01
    checkpoint_every: Time | None = Field(
        None, description="Between two checkpoints (default: length / 400, 0.25 ps at least, whole frames)."
    )
    engine: EngineName | None = Field(
        None,
        description="What integrates (default: the first on the card of what drives). Langevin: ase, jax-md.",
        json_schema_extra={"enum": [*ENGINES, None]},
    )
    thermostat: Thermostat = NoseHooverChain(kind="nose-hoover-chain")
    fixed_atoms: list[Annotated[int, Field(ge=0, strict=True)]] = []
    fixed_layers: Annotated[int, Field(ge=0, strict=True)] = Field(
        0, description="The lowest so many layers of the metal (analysis.profiles.metal) stay where they are."
    )
    restraints: list[Restraint] = Field(
        [], description="Of heights; profiles of these atoms are the restraint's, not the potential's."
    )
    hydrogen_mass: Mass | None = Field(
        None,
        description="Of every H, taken from its O, for longer timesteps: averages stay, times do not.",
    )
    wall: WallHeight = Field(
        None,
        description="Reflecting wall: its z in the start (default: the one that the start was built with).",
    )
    stability: Stability = Stability()
    seed: Seed = 0


class MolecularDynamics(RunProtocol, Driven):
    """NVT driven by one member of a committee, or by a reference potential itself."""

    replicas: Annotated[int, Field(gt=0, le=10_000, strict=True)] = 1
