"""Tasks of systems, datasets and splits."""

from mlipbench_hpc.campaign.facts import atomic_number
from mlipbench_hpc.campaign.files import read_parameters
from mlipbench_hpc.campaign.spec import Dataset, GeneratedDataset, LabelledDataset
from mlipbench_hpc.campaign.splits import split_parameters
from mlipbench_hpc.plan import cost, sources
from mlipbench_hpc.plan.expand.graph import TaskGraph
from mlipbench_hpc.plan.graph import Cost


def system(graph: TaskGraph, name: str, start: int = 0) -> str:
    """One of a system's independent starts, each with another seed; a user's structure has none."""
    spec, facts = graph.campaign.systems[name], graph.setting.systems[name]
    subject = {"system": name} | ({"start": start} if start else {})
    parameters, inputs = sources.build(spec, facts, start)
    return graph.add("build", subject, parameters, {}, cost.build(facts.atoms), inputs=inputs)


def dataset(graph: TaskGraph, name: str) -> str:
    """The task that leaves a dataset's frames."""
    spec = graph.campaign.datasets[name]
    if spec.generate:
        return _generated(graph, name, spec.generate)
    if spec.label:
        return _labelled(graph, name, spec.label)
    if spec.join:
        return _joined(graph, name, spec.join)
    return _imported(graph, name, spec)


def _labelled(graph: TaskGraph, name: str, recipe: LabelledDataset) -> str:
    potential, upstream = recipe.potential, {"frames": dataset(graph, recipe.frames)}
    card = graph.labeller(potential)
    parameters = card.with_options("label", {"potential": potential}, recipe.options)
    costs = cost.relabel(card, parameters, graph.setting.facts[name])
    return graph.add("label", {"dataset": name}, parameters, upstream, costs, potential=potential)


def _joined(graph: TaskGraph, name: str, names: list[str]) -> str:
    """Several datasets one after the other; their names tell which frame came from which."""
    upstream = {f"part-{index:06d}": dataset(graph, part) for index, part in enumerate(names)}
    costs = cost.build(graph.setting.facts[name].atoms)
    return graph.add("build", {"dataset": name}, {"kind": "join", "names": names}, upstream, costs)


def _generated(graph: TaskGraph, name: str, recipe: GeneratedDataset) -> str:
    """One task for each system and start; more than one are joined."""
    keys, apart, card = [], len(recipe.runs) > 1, graph.labeller(recipe.potential)
    for origin, start, frames in recipe.runs:
        subject = {"sample": name, "of": origin, "start": start} if apart else {"dataset": name}
        upstream = {"system": system(graph, origin, start)}
        facts, parameters = graph.setting.systems[origin], sources.sample(recipe, card, start, frames)
        parameters |= sources.slab(graph.campaign.analysis.profiles, facts.species)
        costs = cost.label(card, parameters, facts)
        keys.append(graph.add("label", subject, parameters, upstream, costs, potential=recipe.potential))
    if not apart:
        return keys[0]
    upstream = {f"part-{index:06d}": key for index, key in enumerate(keys)}
    costs = cost.build(graph.setting.facts[name].atoms)
    return graph.add("build", {"dataset": name}, {"kind": "join"}, upstream, costs)


def _imported(graph: TaskGraph, name: str, spec: Dataset) -> str:
    assert spec.brought is not None
    role, source = spec.brought
    facts = graph.setting.facts[name]
    parameters = {"kind": "import" if role == "file" else role, **read_parameters(source)}
    inputs = {"data": facts.sha256}
    return graph.add("build", {"dataset": name}, parameters, {}, cost.build(facts.atoms), inputs=inputs)


def dipole(graph: TaskGraph, name: str) -> None:
    """Where a dataset says the dipoles of a metal under water: how P_z goes with them."""
    analysis, facts = graph.campaign.analysis, graph.setting.facts[name]
    metal, slab = analysis.profiles.metal, {atomic_number(metal) for metal in analysis.profiles.metals}
    if not facts.dipoles or not {1, 8} <= set(facts.species) or not slab & set(facts.species):
        return
    parameters, upstream = {"metal": metal, "blocks": analysis.blocks}, {"frames": dataset(graph, name)}
    graph.add("dipole", {"frames": name}, parameters, upstream, cost.analyse(facts.frames))


def split(graph: TaskGraph, name: str, train: int, maybe: bool = False) -> str:
    """Validation, test and training sets of `train` frames a member."""
    spec = graph.campaign.splits[name]
    parameters = split_parameters(spec, train, graph.setting.facts[spec.dataset])
    upstream = {"frames": dataset(graph, spec.dataset)}
    return graph.add("split", {"split": name, "train": train}, parameters, upstream, Cost(), maybe=maybe)
