"""Tasks of the user's trajectories: each file read into the suite's own format, and analysed as a run."""

from mlipbench_hpc.campaign.recorded import record_parameters
from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.expand.md import analyse, observed

TYPICAL_FRAMES = 10_000  # The login node does not read such files.


def recorded(graph: TaskGraph, name: str) -> None:
    """A task for each file, and its analysis."""
    entry, files = graph.campaign.trajectories[name], graph.setting.recorded[name]
    shared = {"topology": files.topology.sha256} if files.topology else {}
    parameters = record_parameters(graph.campaign, name, files)
    for replica, own in enumerate(files.runs):
        subject = {"md": name, "replica": replica, "recorded": True}
        inputs = {"trajectory": own.sha256} | shared
        costs = cost.analyse(TYPICAL_FRAMES)
        key = graph.add("record", subject, parameters[replica], {}, costs, inputs=inputs)
        observables = observed(graph, entry.temperature, entry.equilibration or 0.0)
        analyse(graph, subject, observables, key, TYPICAL_FRAMES, maybe=False)
