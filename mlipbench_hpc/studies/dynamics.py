"""dynamics: how first-layer water turns and stays (Fig. S3 and S4 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake
from mlipbench_hpc.campaign.spec import Name, Spec
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study
from mlipbench_hpc.studies.shared.protocol import without_interface

KIND = "dynamics"


class InterfacialDynamics(Spec):
    """C_dip and P_surv of runs that the campaign, or another of its studies, has under `md`."""

    kind: Literal["dynamics"]
    runs: list[Name] = Field(min_length=1, description="Entries of `md`, of any models and numbers of ions.")

    @model_validator(mode="after")
    def _once(self) -> "InterfacialDynamics":
        require(each_once("runs", self.runs))
        return self


def unfold(_: Asked[Any]) -> Iterator[Entry]:
    """Nothing: `analyse` gives both functions of every run."""
    return iter(())


def check(examined: Examined[InterfacialDynamics]) -> Iterator[Mistake]:
    """Runs without interfacial water, and runs at two temperatures, whose functions differ by that alone."""
    campaign, first = examined.campaign, None
    for index, name in enumerate(examined.spec.runs):
        run = campaign.md.get(name) or campaign.trajectories.get(name)
        first = first or run
        if run is None or first is None:
            continue
        yield from without_interface(("runs", index), name, examined)
        if run.temperature != first.temperature:
            received, expected = (f"{one.temperature:g} K" for one in (run, first))
            yield Mistake(("runs", index), f"{name} is at another temperature", received, expected)


STUDY = Study(
    KIND, "Interfacial dynamics", InterfacialDynamics, unfold, references={"runs": "md"}, check=check
)
