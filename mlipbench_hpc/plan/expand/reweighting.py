"""Tasks that reweight the frames of a run to the members of another committee."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.expand.md import Replica, observables, reevaluate
from mlipbench_hpc.plan.expand.models import Trained


def reweighting(
    graph: TaskGraph, name: str, runs: Mapping[str, list[str]], committees: Mapping[str, Trained]
) -> None:
    """The energies of the driving member and of the other committee on each replica, and what follows.

    runs: keys of the replicas of each run. Two tasks, for the two committees may be of different models.
    """
    entry = graph.campaign.reweighting[name]
    run, other = graph.campaign.md[entry.run], str(graph.campaign.md[entry.against].committee)
    own, theirs = committees[str(run.committee)], committees[other]
    maybe = own.maybe or theirs.maybe
    for replica, key in enumerate(runs[entry.run]):
        subject = {"reweighting": name, "of": entry.run, "replica": replica, "committee": other}
        driving, members = (
            Replica(graph, run, subject | {"committee": one}, model, replace(trained, maybe=maybe))
            for one, trained in ((str(run.committee), own), (other, theirs))
            for model in [graph.model_of(graph.campaign.committees[one])]
        )
        upstream = {
            "md": key,
            "driving": reevaluate(driving, key, [own.models[run.driving_member]], entry.stride),
            "energies": reevaluate(members, key, theirs.models, entry.stride),
            "calibration": str(theirs.calibrate),
        }
        parameters: dict[str, Any] = {"stride": entry.stride, "driving_member": None}
        parameters |= observables(graph, run)
        costs = cost.analyse(run.length / run.frame_every)
        graph.add("reweight", subject, parameters, upstream, costs, maybe=maybe)
