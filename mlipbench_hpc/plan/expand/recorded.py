"""Tasks of the user's trajectories: each file read into the suite's own format, and analysed as a run."""

from typing import Any

from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.expand.md import analyse, observed

TYPICAL_FRAMES = 10_000  # The login node does not read such files.


def recorded(graph: TaskGraph, name: str) -> None:
    """A task for each file, and its analysis."""
    entry, files = graph.campaign.trajectories[name], graph.setting.recorded[name]
    parameters: dict[str, Any] = {
        "format": entry.format, "frame_every": entry.frame_every, "cell": entry.cell or [],
        "elements": entry.elements, "metal": graph.campaign.analysis.profiles.metal,
        "topology_ending": files.topology.ending if files.topology else "",
    }  # fmt: skip
    shared = {"topology": files.topology.sha256} if files.topology else {}
    for replica, own in enumerate(files.runs):
        subject = {"md": name, "replica": replica, "recorded": True}
        inputs, packed = {"trajectory": own.sha256} | shared, {"ending": own.ending}
        costs = cost.analyse(TYPICAL_FRAMES)
        key = graph.add("record", subject, parameters | packed, {}, costs, inputs=inputs)
        observables = observed(graph, entry.temperature, entry.equilibration or 0.0)
        analyse(graph, subject, observables, key, TYPICAL_FRAMES, maybe=False)
