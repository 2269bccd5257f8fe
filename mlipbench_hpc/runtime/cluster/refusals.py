"""Meaning of a scheduler's refusals and reasons to wait: a limit, a mistake, or an outage.

SLURM's words are those of its slurm_strerror and its job reason codes, PBS's those of its server's messages.
"""

import re
from collections.abc import Mapping
from enum import Enum

from mlipbench_hpc.runtime.trouble import Trouble


class Kind(Enum):
    """Kinds of refusals, by whether asking again can help."""

    LIMIT = "a limit on jobs"
    """Too many jobs now: accepted once some of them are over."""

    NEVER = "a request that cannot be met"
    """Refused for as long as the site's file says the same."""

    OUTAGE = "an outage"
    """Anything else: the scheduler may answer otherwise in a while."""


class Refused(Trouble):
    """A job was not accepted, in the scheduler's words; kind says whether asking again can help."""

    def __init__(self, kind: Kind, words: str) -> None:
        super().__init__(words)
        self.kind = kind


# Limits on how many jobs there may be. PBS says the first two for limits on the resources of all jobs too.
LIMITS = (
    r"maximum number of jobs",
    r"would exceed .*limit",
    r"(QOS|Assoc)\w*SubmitJob\w*",
    r"job violates accounting/qos policy",
)
MISTAKES = (
    # SLURM
    r"invalid (partition|account|qos|feature|generic resource|trackable resource|license|node name)",
    r"requested node configuration is not available",
    r"requested time limit is invalid",
    r"requested nodes not in this partition",
    r"requested reservation is invalid",
    r"no partition specified or system default partition",
    r"more processors requested than permitted",
    r"requested more tasks than available processors",
    r"node count specification invalid",
    r"cpu count (specification invalid|per node can not be satisfied)",
    r"memory (required by task is not available|specification can not be satisfied)",
    r"user's group not permitted to use this partition",
    r"access/permission denied",
    r"unrecognized option|invalid option",
    r"requires reservation|invalid --[\w-]+ specification|invalid gres",
    # PBS
    r"unknown (queue|resource|node)\b",
    r"job violates queue and/or server resource limits",
    r"resource limit exceeds allowable",
    r"illegal attribute or resource value",
    r"resource invalid in \"select\"",
    r"node\(s\) specification error",
    r"invalid account",
    r"access to queue is denied",
    r"unauthorized request",
    r"no default queue specified",
    r"job rejected by all possible destinations",
    r"bad [ug]id for job execution",
)
# A job alone exceeds what one job may have; limits of all jobs of a user or an account are no such reason.
FOR_ONE_JOB = r"(QOS|Assoc)Max\w*Per(Job|Node)\w*|QOSMin\w+"
# Reasons that only another site's file ends, each with the next step; the first that fits counts.
UNSTARTABLE = {
    r"PartitionTimeLimit|(QOS|Assoc)MaxWall\w*": "lower `walltime`, or name another `partition` or `qos`",
    r"PartitionConfig": "name another `partition`, or ask for less of this one: nodes, cores, walltime",
    r"BadConstraints": "no node has what `constraint` asks for: name features that `sinfo --format=%f` lists",
    r"InvalidAccount|AccountNotAllowed": "name another `account`: `sacctmgr show associations` lists yours",
    r"InvalidQOS|QOSNotAllowed": "name another `qos`: `sacctmgr show associations` lists yours",
    FOR_ONE_JOB: "one job may not have so much: ask for less (nodes, cores, walltime), or name another `qos`",
    # PBS's scheduler begins its comment on a job so.
    r"can never run\b.*": "ask for less (nodes, cores, walltime), or name another `queue`",
}
# Reasons that end when somebody acts, while the site's file may stay. Minutes of jobs that run (RunMinutes)
# are no such reason: they become fewer.
UNTIL_SOMEBODY_ACTS = {
    r"(QOS|Assoc)Grp(?!\w*Run)\w*Min(ute)?s\w*": "the hours of its account are used up: ask for more, or "
    "cancel it and name another `account` or `qos`",
    r"JobHeldUser": "it was held: `scontrol release` lets it go on",
    r"JobHeldAdmin": "an administrator held it: ask why",
    r"JobHoldMaxRequeue|launch[ _]failed[ _]requeued[ _]held": "its start failed too often: look at its "
    "node, then `scontrol release` lets it go on",
    r"DependencyNeverSatisfied": "a job that it waits for failed: cancel it",
    r"ReservationDeleted": "its reservation is gone: cancel it and name another",
}


def kind_of(words: str) -> Kind:
    """Which kind of refusal the words of sbatch or qsub are."""
    if re.search(FOR_ONE_JOB, words):
        return Kind.NEVER
    for patterns, kind in ((LIMITS, Kind.LIMIT), (MISTAKES, Kind.NEVER)):
        if any(re.search(pattern, words, re.IGNORECASE) for pattern in patterns):
            return kind
    return Kind.OUTAGE


def never_starts(reason: str) -> bool:
    """True where a job that waits for this reason waits for ever: SLURM's reason code, or PBS's comment."""
    return bool(_step(reason, UNSTARTABLE))


def next_step(reason: str) -> str:
    """Next step for a reason to wait that does not end by itself; empty for any other."""
    return _step(reason, UNSTARTABLE | UNTIL_SOMEBODY_ACTS)


def _step(reason: str, steps: Mapping[str, str]) -> str:
    return next(
        (
            step
            for pattern, step in steps.items()
            if re.fullmatch(pattern, reason.strip(), re.IGNORECASE | re.DOTALL)
        ),
        "",
    )
