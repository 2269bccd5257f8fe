"""reweighting-check: a run of one committee reweighted to another, beside the other's MD (Fig. S2)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Count, Name, Spec
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "reweighting-check"


class Case(Spec):
    """Two entries of `md` of equal atoms and temperature, driven by members of two committees."""

    run: Name = Field(description="Whose frames are reweighted, such as that of a specific model.")
    against: Name = Field(description="The other committee's own MD, such as that of a mixed model.")


class ReweightingCheck(Spec):
    """Does reweighting to another committee give what MD of that committee gives?"""

    kind: Literal["reweighting-check"]
    cases: dict[Name, Case] = Field(min_length=1)
    stride: Count = Field(10, description="Members are evaluated on every so many-th stored frame.")

    @model_validator(mode="after")
    def _once(self) -> "ReweightingCheck":
        pairs = [(case.run, case.against) for case in self.cases.values()]
        if len(set(pairs)) < len(pairs):
            raise ValueError("expected each pair of `run` and `against` in one case")
        return self


def entry_name(study: str, case: str) -> str:
    """`check-mace`: the case `mace`."""
    return f"{study}-{case}"


def unfold(asked: Asked[ReweightingCheck]) -> Iterator[Entry]:
    """An entry of `reweighting` for each case."""
    for case, written in asked.written["cases"].items():
        content: dict[str, Any] = {**written, "stride": asked.spec.stride}
        origins: dict[Place, Place] = {(key,): ("cases", case, key) for key in written}
        yield Entry("reweighting", entry_name(asked.name, case), content, origins)


STUDY = Study(KIND, "Reweighting between committees", ReweightingCheck, unfold)
