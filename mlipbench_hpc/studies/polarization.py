"""polarization: slab dipole and electrode potential against P_z (Fig. S10 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.spec import Name, Spec
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "polarization"


class Polarization(Spec):
    """How labels answer to the orientation of water, in datasets whose frames know their dipole."""

    kind: Literal["polarization"]
    datasets: list[Name] = Field(min_length=1, description="With metal, water and dipoles.")

    @model_validator(mode="after")
    def _once(self) -> "Polarization":
        if len(set(self.datasets)) < len(self.datasets):
            raise ValueError("expected each of `datasets` once")
        return self


def unfold(_: Asked[Any]) -> Iterator[Entry]:
    """Nothing: every such dataset has its `dipole` task."""
    return iter(())


STUDY = Study(KIND, "Polarization", Polarization, unfold, references={"datasets": "datasets"})
