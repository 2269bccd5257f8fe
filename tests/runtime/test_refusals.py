"""What schedulers say when they refuse a job or let one wait, and what is made of it."""

import pytest

from mlipbench_hpc.runtime.cluster.refusals import Kind, kind_of, never_starts, next_step

FAILED = "sbatch: error: Batch job submission failed: "
POLICY = FAILED + "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{POLICY}", Kind.LIMIT),
        (f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}", Kind.LIMIT),
        (f"sbatch: error: AssocGrpSubmitJobsLimit\n{POLICY}", Kind.LIMIT),
        (POLICY, Kind.LIMIT),
        (f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}", Kind.NEVER),
        (f"sbatch: error: QOSMinGRES\n{POLICY}", Kind.NEVER),
        (FAILED + "Requested node configuration is not available", Kind.NEVER),
        (FAILED + "Requested time limit is invalid (missing or exceeds some limit)", Kind.NEVER),
        ("sbatch: error: invalid partition specified: gpux\n" + FAILED, Kind.NEVER),
        (FAILED + "Invalid account or account/partition combination specified", Kind.NEVER),
        (FAILED + "Invalid qos specification", Kind.NEVER),
        (FAILED + "Unable to contact slurm controller (connect failure)", Kind.OUTAGE),
        (FAILED + "Socket timed out on send/recv operation", Kind.OUTAGE),
        (FAILED + "Required partition not available (inactive or drain)", Kind.OUTAGE),
        ("no answer within 60 s", Kind.OUTAGE),
        ("qsub: would exceed complex's per-user limit", Kind.LIMIT),
        ("qsub: would exceed queue gpu's per-user limit of jobs in 'Q' state", Kind.LIMIT),
        ("qsub: Maximum number of jobs for user me already in queue gpu", Kind.LIMIT),
        ("qsub: would exceed per-user limit on resource ncpus in queue gpu", Kind.LIMIT),
        ("qsub: Unknown queue", Kind.NEVER),
        ("qsub: Job violates queue and/or server resource limits", Kind.NEVER),
        ("qsub: Invalid Account", Kind.NEVER),
        ('qsub: Resource invalid in "select" specification: ngpu', Kind.NEVER),
        ("Connection refused\nqsub: cannot connect to server head (errno=111)", Kind.OUTAGE),
        ("qsub: Queue is not enabled", Kind.OUTAGE),
        ("qsub: Request not allowed: Server shutting down", Kind.OUTAGE),
    ],
)
def test_kinds_of_refusals(words: str, kind: Kind) -> None:
    assert kind_of(words) is kind


@pytest.mark.parametrize(
    ("reason", "never"),
    [
        ("PartitionTimeLimit", True),
        ("PartitionConfig", True),
        ("QOSMaxWallDurationPerJobLimit", True),
        ("AssocMaxNodePerJobLimit", True),
        ("QOSMaxCpuPerNode", True),
        ("QOSMinCpuNotSatisfied", True),
        ("InvalidQOS", True),
        ("Can Never Run: Insufficient amount of resource: ncpus (R: 500 A: 64 T: 64)", True),
        ("QOSMaxJobsPerUserLimit", False),
        ("QOSMaxCpuPerUserLimit", False),
        ("AssocGrpCPUMinutesLimit", False),
        ("Priority", False),
        ("Resources", False),
        ("JobHeldUser", False),
        ("ReqNodeNotAvail, UnavailableNodes:n1", False),
        ("Nodes required for job are DOWN, DRAINED or reserved", False),
        ("Not Running: Insufficient amount of resource: ngpus", False),
        ("", False),
    ],
)
def test_reasons_to_wait_that_never_clear(reason: str, never: bool) -> None:
    assert never_starts(reason) is never


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("AssocGrpCPUMinutesLimit", "hours of its account are used up"),
        ("QOSGrpBillingMinutes", "hours of its account are used up"),
        ("AssocGrpCPURunMinutesLimit", ""),
        ("QOSGrpNodeRunMinutes", ""),
        ("AssocGrpCpuLimit", ""),
        ("QOSMaxWallDurationPerJobLimit", "lower `walltime`"),
        ("AssocMaxWallDurationPerJobLimit", "lower `walltime`"),
        ("AssocMaxCpuMinutesPerJobLimit", "one job may not have so much"),
        ("PartitionTimeLimit", "lower `walltime`"),
        ("BadConstraints", "`constraint`"),
        ("InvalidAccount", "another `account`"),
        ("InvalidQOS", "another `qos`"),
        ("JobHeldUser", "scontrol release"),
        ("JobHeldAdmin", "an administrator held it"),
        ("DependencyNeverSatisfied", "cancel it"),
        ("Priority", ""),
        ("Resources", ""),
        ("Dependency", ""),
        ("QOSMaxJobsPerUserLimit", ""),
        ("", ""),
    ],
)
def test_the_next_step_of_reasons_that_do_not_end_by_themselves(reason: str, words: str) -> None:
    """Reason codes as squeue's manual lists them."""
    assert words in next_step(reason)
    assert bool(next_step(reason)) is bool(words)
