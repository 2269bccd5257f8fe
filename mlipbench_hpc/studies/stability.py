"""stability: MD with models of little training data (Fig. 3, S7 and S8 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Name, RunProtocol, Start
from mlipbench_hpc.campaign.spec.base import require
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study
from mlipbench_hpc.studies.shared.protocol import other_amounts, other_state, own_frames
from mlipbench_hpc.studies.shared.sizes import Sized, committee_name, trained

KIND = "stability"


class StabilityStudy(Sized):
    """Runs of every member of every committee, each from a start of its own; those that fail are counted."""

    kind: Literal["stability"]
    start: Start = Field(description="A frame of a dataset for each repeat, or a system for all.")
    md: RunProtocol
    reference: Name | None = Field(
        None, description="An entry of `md` whose profiles are drawn in black, such as that of the reference."
    )

    @model_validator(mode="after")
    def _own_starts(self) -> "StabilityStudy":
        require(own_frames(self.start, max(map(self.repeats_for, self.models)), "repeat"))
        return self


def run_name(study: str, model: str, size: int, repeat: int) -> str:
    """`hold-mace-50-0`: the first repeat's model, trained on 50 frames, from the first start."""
    return f"{committee_name(study, model, size)}-{repeat}"


def unfold(asked: Asked[StabilityStudy]) -> Iterator[Entry]:
    """Committees as of data-efficiency, and a run of each of their members."""
    yield from trained(asked)
    for model in asked.spec.models:
        for size in asked.spec.sizes:
            for repeat in range(asked.spec.repeats_for(model)):
                yield _run(asked, model, size, repeat)


def _run(asked: Asked[StabilityStudy], model: str, size: int, repeat: int) -> Entry:
    start, frames = dict(asked.written["start"]), asked.spec.start.frames
    if "frames" in start:
        start["frames"] = [frames[repeat % len(frames)]]
    content: dict[str, Any] = {
        "committee": committee_name(asked.name, model, size),
        "member": repeat,
        "start": start,
        **asked.written["md"],
    }
    origins: dict[Place, Place] = {(key,): ("md", key) for key in asked.written["md"]}
    origins |= {("start", "frames", 0): ("start", "frames", repeat % len(frames)), ("member",): ("repeats",)}
    return Entry("md", run_name(asked.name, model, size, repeat), content, origins)


def check(examined: Examined[StabilityStudy]) -> Iterator[Mistake]:
    """Starts of other frames than models learn, a reference of other atoms or temperature than the runs."""
    spec = examined.spec
    own = examined.campaign.md.get(run_name(examined.name, spec.models[0], spec.sizes[0], 0))
    if own and spec.only:
        every = own.model_copy(update={"start": spec.start, "replicas": len(spec.start.frames)})
        yield from other_amounts(("start",), every, spec.only, examined)
    if own and spec.reference:
        yield from other_state(("reference",), spec.reference, own, examined)


STUDY = Study(KIND, "Stability", StabilityStudy, unfold, references={"reference": "md"}, check=check)
