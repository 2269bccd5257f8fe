"""Tasks that time steps of MD."""

from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.architectures.card import merge
from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.expand import md
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.expand.models import Trained

TIMING = ("warm_up", "blocks", "block_time", "scan_time", "copies")


def speed(graph: TaskGraph, name: str, committees: Mapping[str, Trained]) -> None:
    """One task for an entry: all numbers of atoms, for how far it gets follows from the first ones."""
    entry = graph.campaign.speed[name]
    run, trained = entry.run, committees[entry.committee]
    model = graph.model_of(graph.campaign.committees[entry.committee])
    card = graph.card(model)
    hyperparameters = merge(card, model.preset, model.hyperparameters)
    parameters: dict[str, Any] = {
        **md.protocol(graph, run, name, 0, card.engines[0]),
        **{key: getattr(entry, key) for key in TIMING},
        "cutoff": float(hyperparameters[card.receptive_field["cutoff"]]),
        "hardware": graph.setting.hardware,
        **graph.engine(model),
    }
    upstream = {"model": trained.models[0], "start": md.start(graph, run)}
    costs = cost.speed(card, parameters, md.start_facts(graph, run))
    subject = {"speed": name, "committee": entry.committee}
    graph.add("speed", subject, parameters, upstream, costs, model, maybe=trained.maybe)
