"""Runs of MD whose checkpoints lie too far apart for the time that their attempts have."""

from collections.abc import Sequence

from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.plan.estimate import Estimate
from mlipbench_hpc.plan.graph import Planned

# A run that continues reaches its next checkpoint with certainty only if two intervals fit into an attempt.
LARGEST_SHARE = 0.5


def too_long(plan: Sequence[Planned], costs: Estimate, site: Site) -> list[str]:
    """One line for each such run; nothing is said of GPUs whose speed is not known."""
    runs = [item for item in plan if item.task.verb == "md" and "checkpoint_every" in item.task.parameters]
    return [line for item in runs if (line := _line(item, costs, site))]


def _line(item: Planned, costs: Estimate, site: Site) -> str:
    on_gpu = item.task.resources.gpus > 0
    limit = site.attempt_seconds(site.kind_of(on_gpu))
    unknown = item.key not in costs.seconds or (on_gpu and costs.sources[item.key] == "card")
    if limit is None or unknown:
        return ""
    parameters = item.task.parameters
    step_s = costs.seconds[item.key] / parameters["steps"]
    interval_s = step_s * parameters["checkpoint_every"]
    if interval_s <= LARGEST_SHARE * limit:
        return ""
    longest_ps = LARGEST_SHARE * limit / step_s * parameters["timestep"]
    return (
        f"{item.task.label}: about {interval_s / 3600:.2g} h between checkpoints, but an attempt ends after "
        f"{limit / 3600:.2g} h and starts again from the last one: set checkpoint_every to at most "
        f"{longest_ps:.1g} ps"
    )
