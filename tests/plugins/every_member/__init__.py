"""A third party's study: MD of every member of a committee, each from the same start."""

from collections.abc import Iterator
from typing import Literal

from mlipbench_hpc.campaign.spec import Count, Name, RunProtocol, Spec, Start
from mlipbench_hpc.campaign.study import Asked, Entry, Study


class EveryMember(Spec):
    """Runs of the first `members` members."""

    kind: Literal["every-member"]
    committee: Name
    members: Count
    start: Start
    md: RunProtocol


def unfold(asked: Asked[EveryMember]) -> Iterator[Entry]:
    """One entry of `md` for each member, `<study>-<member>`."""
    shared = {"committee": asked.spec.committee, "start": asked.written["start"], **asked.written["md"]}
    origins = {(key,): ("md", key) for key in asked.written["md"]} | {("member",): ("members",)}
    for member in range(asked.spec.members):
        yield Entry("md", f"{asked.name}-{member}", shared | {"member": member}, origins)


STUDY = Study("every-member", "Every member", EveryMember, unfold)
