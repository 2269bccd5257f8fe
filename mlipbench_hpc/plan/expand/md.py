"""Tasks of MD runs: the run itself, its analysis, and the other members on its frames."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.runs import checkpoint_every
from mlipbench_hpc.campaign.spec import Model, MolecularDynamics
from mlipbench_hpc.plan import cost
from mlipbench_hpc.plan.expand import data
from mlipbench_hpc.plan.expand.graph import TaskGraph, members
from mlipbench_hpc.plan.expand.models import Trained


def md(graph: TaskGraph, name: str, committees: Mapping[str, Trained]) -> list[str]:
    """All replicas of one run; returns the key of each."""
    return [_replica(graph, name, replica, committees) for replica in range(graph.campaign.md[name].replicas)]


def _replica(graph: TaskGraph, name: str, replica: int, committees: Mapping[str, Trained]) -> str:
    run, subject = graph.campaign.md[name], {"md": name, "replica": replica}
    if run.committee is None:
        return _of_reference(graph, run, subject | {"potential": run.potential})
    subject |= {"committee": run.committee}
    model = graph.model_of(graph.campaign.committees[run.committee])
    return _of_member(Replica(graph, run, subject, model, committees[run.committee]))


def _of_reference(graph: TaskGraph, run: MolecularDynamics, subject: dict[str, Any]) -> str:
    """Key of a replica that a reference potential runs."""
    key = _simulate(graph, run, subject, {"start": start(graph, run)}, None, maybe=False)
    _analyse(graph, run, subject, key, maybe=False)
    return key


@dataclass(frozen=True)
class Replica:
    """A replica that a committee's member drives."""

    graph: TaskGraph
    run: MolecularDynamics
    subject: dict[str, Any]
    model: Model
    trained: Trained


def _of_member(replica: Replica) -> str:
    """Key of the replica, which is analysed, and evaluated by the other members."""
    graph, run, trained = replica.graph, replica.run, replica.trained
    upstream = {"model": trained.models[run.driving_member], "start": start(graph, run)}
    key = _simulate(graph, run, replica.subject, upstream, replica.model, trained.maybe)
    _analyse(graph, run, replica.subject, key, trained.maybe)
    _reweight(replica, key)
    return key


def start(graph: TaskGraph, run: MolecularDynamics) -> str:
    """Key of the task that leaves the frames in which a run starts."""
    if run.start.system:
        return data.system(graph, run.start.system)
    return data.dataset(graph, str(run.start.dataset))


def start_facts(graph: TaskGraph, run: MolecularDynamics) -> DatasetFacts:
    """What these frames hold."""
    if run.start.system:
        return graph.setting.systems[run.start.system]
    return graph.setting.facts[str(run.start.dataset)]


def _simulate(
    graph: TaskGraph,
    run: MolecularDynamics,
    subject: dict[str, Any],
    upstream: dict[str, str],
    model: Model | None,
    maybe: bool,
) -> str:
    card = graph.card(model) if model else graph.labeller(str(run.potential))
    parameters: dict[str, Any] = {
        "steps": round(run.length / run.timestep),
        "frame_every": round(run.frame_every / run.timestep),
        "checkpoint_every": checkpoint_every(run),
        "stability": run.stability.model_dump(),
        **protocol(graph, run, subject["md"], subject["replica"], card.engines[0]),
        **(graph.engine(model) if model else {"potential": run.potential}),
    }
    if run.equilibrate:
        times = {"steps": run.equilibrate.length, "every": run.equilibrate.every}
        parameters["equilibrate"] = {name: round(time / run.timestep) for name, time in times.items()}
    parameters |= _restraints(graph, run)
    if run.potential:
        parameters = graph.labeller(run.potential).with_options("md", parameters, run.options)
    costs = cost.md(card, parameters, start_facts(graph, run))
    return graph.add("md", subject, parameters, upstream, costs, model, run.potential, maybe=maybe)


def _restraints(graph: TaskGraph, run: MolecularDynamics) -> dict[str, Any]:
    """Restraints of heights and heavy hydrogen, where a run has them: keys of others are what they were."""
    metal = graph.campaign.analysis.profiles.metal
    heights = [{"atoms": own.atoms, "target": own.height, "spring": own.spring} for own in run.restraints]
    restraints = {"restraints": {"metal": metal, "heights": heights}} if heights else {}
    return restraints | ({"hydrogen_mass": run.hydrogen_mass} if run.hydrogen_mass else {})


def protocol(
    graph: TaskGraph, run: MolecularDynamics, name: str, replica: int, engine: str
) -> dict[str, Any]:
    """Parameters that an engine and its start are made of; `engine` where the run names none."""
    frames, metal = run.start.frames, graph.campaign.analysis.profiles.metal
    return {
        "replica": replica,
        "seed": seed(name, run.seed, replica),
        "temperature": run.temperature,
        "timestep": run.timestep,
        "thermostat": run.thermostat.model_dump(),
        "fixed_atoms": run.fixed_atoms,
        "fixed_layers": {"count": run.fixed_layers, "metal": metal} if run.fixed_layers else None,
        "wall": run.wall or "start",
        "start_frame": frames[replica % len(frames)],
        "engine": run.engine or engine,
    }


def seed(name: str, number: int, replica: int) -> int:
    """Of momenta and noise, from the run's name, its `seed:` and the replica: no two runs share a draw."""
    digest = hashlib.sha256(f"{name}\n{number}\n{replica}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def observables(graph: TaskGraph, run: MolecularDynamics) -> dict[str, Any]:
    """Parameters of the observables of a run, whoever drove it."""
    return observed(graph, run.temperature, _equilibration(run))


def observed(graph: TaskGraph, temperature: float, equilibration: float) -> dict[str, Any]:
    """Parameters of the observables of a run at a temperature in K after `equilibration` in ps."""
    analysis, other_packages = graph.campaign.analysis, dict(graph.setting.observables)
    return ({"observables": other_packages} if other_packages else {}) | {
        "rdf": analysis.rdf.model_dump(mode="json"),
        "profiles": analysis.profiles.model_dump(mode="json"),
        "blocks": analysis.blocks,
        "equilibration": equilibration,
        "temperature": temperature,
    }


def _analyse(
    graph: TaskGraph, run: MolecularDynamics, subject: dict[str, Any], key: str, maybe: bool
) -> None:
    analyse(graph, subject, observables(graph, run), key, run.length / run.frame_every, maybe)


def analyse(
    graph: TaskGraph,
    subject: dict[str, Any],
    parameters: dict[str, Any],
    key: str,
    frames: float,
    maybe: bool,
) -> None:
    """Plan the analysis of a run of about so many frames; parameters: of its observables."""
    parameters |= {"dynamics": graph.campaign.analysis.dynamics.model_dump(mode="json")}
    graph.add("analyse", subject, parameters, {"md": key}, cost.analyse(frames), maybe=maybe)


def _reweight(replica: Replica, key: str) -> None:
    """Every member on the run's stored frames, then what each of them would have given."""
    graph, run, trained = replica.graph, replica.run, replica.trained
    spec = graph.campaign.analysis.reweight
    if spec is None or trained.calibrate is None:
        return
    if spec.md is not None and replica.subject["md"] not in spec.md:
        return
    energies = reevaluate(replica, key, trained.models, spec.stride)
    parameters = observables(graph, run) | {"stride": spec.stride, "driving_member": run.driving_member}
    upstream = {"md": key, "calibration": trained.calibrate, "energies": energies}
    costs = cost.analyse(run.length / run.frame_every)
    graph.add("reweight", replica.subject, parameters, upstream, costs, maybe=trained.maybe)


def reevaluate(replica: Replica, key: str, models: list[str], stride: int) -> str:
    """Key of the task that evaluates models of a replica's kind on the frames of the run with this key."""
    graph, run, model = replica.graph, replica.run, replica.model
    parameters = {
        "stride": stride,
        "equilibration": _equilibration(run),
        "batch_size": graph.campaign.evaluation.batch_size,
        **graph.engine(model),
    }
    frames = (run.length - _equilibration(run)) / run.frame_every / stride
    facts = start_facts(graph, run)
    costs = cost.reevaluate(graph.card(model), parameters, facts, frames, len(models))
    upstream = {"md": key} | members(models)
    maybe = replica.trained.maybe
    return graph.add("reevaluate", replica.subject, parameters, upstream, costs, model, maybe=maybe)


def _equilibration(run: MolecularDynamics) -> float:
    """ps that are left out before analysis."""
    return run.length / 10 if run.equilibration is None else run.equilibration
