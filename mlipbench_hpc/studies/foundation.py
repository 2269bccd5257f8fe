"""foundation: MD of a model trained on much else beside models of one system (Fig. 8 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Name, RunProtocol, Spec, Start
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study
from mlipbench_hpc.studies.shared.protocol import other_state

KIND = "foundation"


class Foundation(Spec):
    """A model on one system, as it is or trained further, beside runs of models for this system alone."""

    kind: Literal["foundation"]
    model: Name = Field(description="An entry of `models`, with `checkpoint` or `initial`.")
    split: Name = Field(description="Whose test frames errors are of: that of the models compared with.")
    start: Start
    md: RunProtocol
    replicas: Annotated[int, Field(gt=0, le=10_000, strict=True)] = 1
    against: list[Name] = Field(min_length=1, description="Entries of `md` driven by models of this system.")
    reference: Name | None = Field(None, description="An entry of `md`, such as that of the reference.")

    @model_validator(mode="after")
    def _once(self) -> "Foundation":
        expected = "each run once, under `against` or as `reference`"
        twice = [(("reference",), repr(self.reference), expected)] * (self.reference in self.against)
        require(each_once("against", self.against), twice)
        return self


def unfold(asked: Asked[Foundation]) -> Iterator[Entry]:
    """A committee and a run, both of the study's name."""
    name, written = asked.name, asked.written
    yield Entry("committees", name, {"model": asked.spec.model, "split": asked.spec.split})
    content: dict[str, Any] = {"committee": name, "start": written["start"], **written["md"]}
    origins: dict[Place, Place] = {(key,): ("md", key) for key in written["md"]}
    yield Entry("md", name, content | {"replicas": asked.spec.replicas}, origins)


def check(examined: Examined[Foundation]) -> Iterator[Mistake]:
    """A model trained from scratch, and runs of other atoms or conditions than its own."""
    spec, campaign = examined.spec, examined.campaign
    model, own = campaign.models.get(spec.model), campaign.md.get(examined.name)
    if model and not (model.checkpoint or model.initial):
        expected = "a model with `checkpoint` or `initial`"
        yield Mistake(("model",), "trained from scratch", repr(spec.model), expected)
    partners: dict[Place, str] = {("against", index): name for index, name in enumerate(spec.against)}
    partners |= {("reference",): spec.reference} if spec.reference else {}
    if own:
        for place, name in partners.items():
            yield from other_state(place, name, own, examined)


REFERENCES = {"against": "md", "reference": "md"}
STUDY = Study(KIND, "Foundation models", Foundation, unfold, REFERENCES, check=check)
