"""polarization: slab dipole and electrode potential against P_z (Fig. S10 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake
from mlipbench_hpc.campaign.spec import Name, Spec
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study

KIND = "polarization"


class Polarization(Spec):
    """How labels answer to the orientation of water, in datasets whose frames know their dipole."""

    kind: Literal["polarization"]
    datasets: list[Name] = Field(min_length=1, description="With metal, water and dipoles.")

    @model_validator(mode="after")
    def _once(self) -> "Polarization":
        require(each_once("datasets", self.datasets))
        return self


def unfold(_: Asked[Any]) -> Iterator[Entry]:
    """Nothing: every such dataset has its `dipole` task."""
    return iter(())


def check(examined: Examined[Polarization]) -> Iterator[Mistake]:
    """Datasets of which no frame knows its dipole."""
    for index, name in enumerate(examined.spec.datasets):
        facts = examined.datasets.get(name)
        if facts and not facts.dipoles:
            received = f"dipole known of 0 of {facts.frames} frames"
            expected = "labels with `dipole`, or of a reference potential that gives it"
            yield Mistake(("datasets", index), f"the labels of {name} hold no dipole", received, expected)


STUDY = Study(KIND, "Polarization", Polarization, unfold, references={"datasets": "datasets"}, check=check)
