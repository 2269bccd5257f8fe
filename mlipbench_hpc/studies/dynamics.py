"""dynamics: how first-layer water turns and stays (Fig. S3 and S4 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.spec import Name, Spec
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "dynamics"


class InterfacialDynamics(Spec):
    """C_dip and P_surv of runs that the campaign, or another of its studies, has under `md`."""

    kind: Literal["dynamics"]
    runs: list[Name] = Field(min_length=1, description="Entries of `md`, of any models and numbers of ions.")

    @model_validator(mode="after")
    def _once(self) -> "InterfacialDynamics":
        if len(set(self.runs)) < len(self.runs):
            raise ValueError("expected each of `runs` once")
        return self


def unfold(_: Asked[Any]) -> Iterator[Entry]:
    """Nothing: `analyse` gives both functions of every run."""
    return iter(())


STUDY = Study(KIND, "Interfacial dynamics", InterfacialDynamics, unfold, references={"runs": "md"})
