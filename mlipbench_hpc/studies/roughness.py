"""roughness: energy and force while one water or ion is moved (Fig. S9 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Name, ScanProtocol
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "roughness"


class Roughness(ScanProtocol):
    """The same scans by every member of several committees, and by a reference potential if there is one."""

    kind: Literal["roughness"]
    committees: list[Name] = Field(min_length=1, description="Such as those that `stability` makes.")
    reference: Name | None = Field(None, description="A reference potential.")

    @model_validator(mode="after")
    def _names(self) -> "Roughness":
        if len(set(self.committees)) < len(self.committees) or self.reference in self.committees:
            raise ValueError("expected each of `committees` once, and no name that is also the `reference`")
        return self


def scan_name(study: str, whose: str) -> str:
    """`rough-mace`: scans by the committee `mace`."""
    return f"{study}-{whose}"


def unfold(asked: Asked[Roughness]) -> Iterator[Entry]:
    """Scans by each committee and by the reference."""
    shared = {key: asked.written[key] for key in ScanProtocol.model_fields if key in asked.written}
    for place, committee in enumerate(asked.spec.committees):
        origins: dict[Place, Place] = {("committee",): ("committees", place)}
        yield Entry("scans", scan_name(asked.name, committee), shared | {"committee": committee}, origins)
    if reference := asked.spec.reference:
        content = shared | {"potential": reference}
        yield Entry("scans", scan_name(asked.name, reference), content, {("potential",): ("reference",)})


STUDY = Study(KIND, "Roughness of the potential energy surface", Roughness, unfold)
