"""thermostats: kinetic temperatures of every species in several engines (Fig. S5 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Name, RunProtocol, Spec, Start, Thermostat
from mlipbench_hpc.campaign.spec.md import EngineName
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "thermostats"


class Case(Spec):
    """What drives MD, in which engine and with which thermostat."""

    committee: Name | None = None
    potential: Name | None = Field(None, description="A reference potential that runs MD.")
    engine: EngineName
    thermostat: Thermostat | None = Field(None, description="Default: that under `md` of the study.")

    @model_validator(mode="after")
    def _one_potential(self) -> "Case":
        if (self.committee is None) == (self.potential is None):
            raise ValueError("expected exactly one of `committee` and `potential`")
        return self


class Thermostats(Spec):
    """Runs that differ in engine and thermostat: do all species keep the temperature of NVT?"""

    kind: Literal["thermostats"]
    start: Start
    replicas: Annotated[int, Field(gt=0, le=10_000, strict=True)] = 1
    md: RunProtocol
    cases: dict[Name, Case] = Field(min_length=1)

    @model_validator(mode="after")
    def _engine_of_cases(self) -> "Thermostats":
        if self.md.engine:
            raise ValueError("expected `engine` under each of `cases`, not under `md`")
        return self


def run_name(study: str, case: str) -> str:
    """`heat-lammps`: the case `lammps`."""
    return f"{study}-{case}"


def unfold(asked: Asked[Thermostats]) -> Iterator[Entry]:
    """A run for each case."""
    for case in asked.spec.cases:
        written = asked.written["cases"][case]
        content: dict[str, Any] = {"start": asked.written["start"], **asked.written["md"], **written}
        content |= {"replicas": asked.spec.replicas}
        origins: dict[Place, Place] = {(key,): ("md", key) for key in asked.written["md"]}
        origins |= {(key,): ("cases", case, key) for key in written}
        yield Entry("md", run_name(asked.name, case), content, origins)


STUDY = Study(KIND, "Thermostats", Thermostats, unfold)
