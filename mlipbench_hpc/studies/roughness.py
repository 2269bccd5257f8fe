"""roughness: energy and force while one water or ion is moved (Fig. S9 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from mlipbench_hpc.campaign.problem import Place
from mlipbench_hpc.campaign.spec import Name, ScanProtocol, UsesPotential
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry, Study

KIND = "roughness"


class ScannedReference(UsesPotential):
    """A reference potential; further keys are its options, as under `label`."""

    use = "label"
    potential: Name

    @model_validator(mode="after")
    def _options(self) -> "ScannedReference":
        if misplaced := sorted({"kind", "committees", *ScanProtocol.model_fields} & set(self.options)):
            raise ValueError(f"expected options of the potential, and {', '.join(misplaced)} beside them")
        return self


def _with_key(reference: Any) -> Any:
    """A name alone is the potential with the card's own options."""
    return {"potential": reference} if isinstance(reference, str) else reference


Reference = Annotated[
    ScannedReference, BeforeValidator(_with_key, json_schema_input_type=Name | ScannedReference)
]


class Roughness(ScanProtocol):
    """The same scans by every member of several committees, and by a reference potential if there is one."""

    kind: Literal["roughness"]
    committees: list[Name] = Field(min_length=1, description="Such as those that `stability` makes.")
    reference: Reference | None = Field(
        None, description="A reference potential: its name, or `potential` with its options."
    )

    @property
    def reference_name(self) -> str | None:
        """Name of the reference potential, whose scans bear it."""
        return self.reference.potential if self.reference else None

    @model_validator(mode="after")
    def _names(self) -> "Roughness":
        name, expected = self.reference_name, "a name that no committee has"
        taken = [(("reference",), repr(name), expected)] * (name in self.committees)
        require(each_once("committees", self.committees), taken)
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
    if name := asked.spec.reference_name:
        written = asked.written["reference"]
        own = written if isinstance(written, dict) else {"potential": name}
        places: dict[Place, Place] = {
            (key,): ("reference", key) if own is written else ("reference",) for key in own
        }
        yield Entry("scans", scan_name(asked.name, name), shared | own, places)


STUDY = Study(KIND, "Roughness of the potential energy surface", Roughness, unfold)
