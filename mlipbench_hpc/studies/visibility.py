"""visibility: waters that see all ions, and the locality floor (Fig. 5 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Locality, Name, Spec
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "visibility"


class Visibility(Spec):
    """What models see of the ions, and what a water feels from beyond a radius.

    `floor` makes an entry of `locality` with the study's name, and takes the same keys.
    """

    kind: Literal["visibility"]
    committees: list[Name] = Field(min_length=1)
    floor: Locality | None = Field(None, description="Where a reference potential labelled the data.")

    @model_validator(mode="after")
    def _once(self) -> "Visibility":
        require(each_once("committees", self.committees))
        return self


def unfold(asked: Asked[Visibility]) -> Iterator[Entry]:
    """Composed frames, where a floor is asked for; what models see has a task for every committee."""
    if asked.spec.floor is not None:
        content = asked.written["floor"]
        origins: dict[Place, Place] = {(key,): ("floor", key) for key in content}
        yield Entry("locality", asked.name, content, origins)


STUDY = Study(KIND, "Visibility and locality", Visibility, unfold, references={"committees": "committees"})
