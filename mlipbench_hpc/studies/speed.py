"""speed: MD of several models and engines on the same start (Fig. 2c and S6, Table I of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Name, SpeedProtocol
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.spec.md import EngineName
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "speed"
OWN = ("kind", "committees", "engines", "against")


class SpeedStudy(SpeedProtocol):
    """Steps of MD by the first member of each committee, timed in each engine with the same protocol."""

    kind: Literal["speed"]
    committees: list[Name] = Field(min_length=1, description="Entries of `committees`, of any models.")
    engines: dict[Name, list[EngineName]] = Field(
        {}, description="Of committees that are not timed in the first engine of their card alone."
    )
    against: Name | None = Field(
        None,
        description="The committee that speeds are divided by (default: the first of MACE, or of all).",
    )

    @model_validator(mode="after")
    def _once(self) -> "SpeedStudy":
        listed = f"one of `committees`: {', '.join(self.committees)}"
        other: dict[tuple[str, ...], str] = {("engines", name): name for name in self.engines}
        other |= {("against",): self.against} if self.against else {}
        strange = [
            (place, repr(name), listed) for place, name in other.items() if name not in self.committees
        ]
        empty = [(("engines", name), "none", "an engine") for name, own in self.engines.items() if not own]
        twice = (each_once(name, own, "engines") for name, own in self.engines.items())
        require(each_once("committees", self.committees), *twice, strange, empty)
        return self

    def engines_of(self, committee: str) -> list[str | None]:
        """Engines in which a committee is timed; None is the first on its card."""
        return list(self.engines.get(committee, [None]))


def entry_name(study: str, committee: str, engine: str | None) -> str:
    """`cost-mace`, in the first engine of its card; `cost-mace-lammps`, in a named one."""
    return f"{study}-{committee}" + (f"-{engine}" if engine else "")


def unfold(asked: Asked[SpeedStudy]) -> Iterator[Entry]:
    """An entry of `speed` for each committee and engine."""
    protocol = {key: value for key, value in asked.written.items() if key not in OWN}
    for number, committee in enumerate(asked.spec.committees):
        for place, engine in enumerate(asked.spec.engines_of(committee)):
            content: dict[str, Any] = {"committee": committee, **protocol}
            content |= {"engine": engine} if engine else {}
            origins: dict[Place, Place] = {
                ("committee",): ("committees", number),
                ("engine",): ("engines", committee, place),
            }
            yield Entry("speed", entry_name(asked.name, committee, engine), content, origins)


STUDY = Study(KIND, "Speed of MD", SpeedStudy, unfold)
