"""Tasks of committees: visibility, training, kernels, evaluation, calibration, and decisions to add data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlipbench_hpc.architectures.card import merge
from mlipbench_hpc.architectures.expansion import expansion
from mlipbench_hpc.campaign.facts import atomic_number
from mlipbench_hpc.campaign.spec import Checkpoint, Model, Split
from mlipbench_hpc.campaign.splits import sizes_of
from mlipbench_hpc.plan import cost, sources
from mlipbench_hpc.plan.expand import data
from mlipbench_hpc.plan.expand.graph import TaskGraph, members
from mlipbench_hpc.plan.graph import Cost


@dataclass(frozen=True)
class Trained:
    """Keys of the tasks of a committee's last round, member by member.

    train: of the tasks that leave a model, by training or from a file of the user's. models: those that left
    what is loaded: these, or the kernels made of them. calibrate: None for a
    single model. maybe: a decision may still prune this round.
    """

    train: list[str]
    models: list[str]
    evaluate: list[str]
    calibrate: str | None
    maybe: bool


def committee(graph: TaskGraph, name: str, decisions: Mapping[str, bool]) -> Trained:
    """All rounds of one committee; returns the last one, whose members drive."""
    spec = graph.campaign.committees[name]
    maybe = False
    for number in range(spec.grow.at_most if spec.grow else 1):
        trained = _round(graph, name, number, maybe)
        if spec.grow is None:
            break
        enough = decisions.get(_decide(graph, name, number, trained))
        if enough:
            break
        maybe = maybe or enough is None
    return replace(trained, maybe=maybe)


@dataclass(frozen=True)
class Round:
    """One round of a committee: all that its members share. maybe: a decision may still prune it."""

    graph: TaskGraph
    model: Model
    split: Split
    upstream: dict[str, str]
    maybe: bool


def _round(graph: TaskGraph, name: str, number: int, maybe: bool) -> Trained:
    spec = graph.campaign.committees[name]
    split = graph.campaign.splits[spec.split]
    train = split.train + number * (spec.grow.step if spec.grow else 0)
    upstream = {
        "frames": data.dataset(graph, split.dataset),
        "split": data.split(graph, spec.split, train, maybe),
    }
    shared = Round(graph, graph.model_of(spec), split, upstream, maybe)
    if files := graph.campaign.adopted(name):
        subjects = [{"committee": name, "round": number, "member": member} for member in range(len(files))]
        trained = [_adopt(shared, subject, file) for subject, file in zip(subjects, files, strict=True)]
    else:
        subjects = [
            {"committee": name, "round": number, "member": member, "train": train}
            for member in range(split.members)
        ]
        trained = [_train(shared, subject) for subject in subjects]
    models = trained
    if shared.model.kernel:
        models = [_kernel(shared, subject, key) for subject, key in zip(subjects, trained, strict=True)]
    evaluated = [_evaluate(shared, subject, key) for subject, key in zip(subjects, models, strict=True)]
    return Trained(trained, models, evaluated, _calibrate(shared, name, number, evaluated), maybe)


def visibility(graph: TaskGraph, name: str) -> None:
    """Where the data hold a metal and ions: which waters see every ion within the receptive field."""
    spec = graph.campaign.committees[name]
    split, profiles = graph.campaign.splits[spec.split], graph.campaign.analysis.profiles
    facts, model = graph.drawn(split), graph.model_of(spec)
    species = set(facts.species) - {1, 8}
    slab = {atomic_number(metal) for metal in profiles.metals}
    if not slab & species or not species - slab:
        return
    card = graph.card(model)
    reach = expansion(card, merge(card, model.preset, model.hyperparameters)).receptive_field
    upstream = {"frames": data.dataset(graph, split.dataset)}
    parameters = {"metal": profiles.metal, "radius": float(reach), "only": _counted(split)}
    graph.add("visibility", {"committee": name}, parameters, upstream, cost.analyse(facts.frames))


def _counted(split: Split) -> dict[str, int]:
    """Atoms by symbol of all frames that the split's sets hold, where it states them."""
    kept = split.restrict.held_out if split.restrict else {}
    return split.only | {symbol: numbers[0] for symbol, numbers in kept.items() if len(numbers) == 1}


def _calibrate(shared: Round, name: str, number: int, evaluated: list[str]) -> str | None:
    if len(evaluated) < 2:
        return None
    graph, subject = shared.graph, {"committee": name, "round": number}
    facts = graph.setting.facts[shared.split.dataset]
    parameters = {"conditions": _conditions(shared)}
    parameters |= sources.slab(graph.campaign.analysis.profiles, facts.species)
    upstream = {"frames": shared.upstream["frames"]} | members(evaluated)
    return graph.add("calibrate", subject, parameters, upstream, Cost(), maybe=shared.maybe)


def _conditions(shared: Round) -> list[dict[str, Any]]:
    """Under what the frames of the round's dataset were sampled."""
    datasets, facts = shared.graph.campaign.datasets, shared.graph.setting.facts
    return sources.conditions(datasets, facts, shared.split.dataset)


def _without_kernel(shared: Round) -> Model:
    """The model as its architecture computes it: trained and examined so, under the same keys."""
    return shared.model.model_copy(update={"kernel": None})


def _adopt(shared: Round, subject: dict[str, Any], file: Checkpoint, initial: bool = False) -> str:
    """Key of the task that examines a user's model; initial: a training starts from it."""
    graph, model, facts = shared.graph, _without_kernel(shared), shared.graph.drawn(shared.split)
    engine = graph.engine(model)
    parameters = {name: engine[name] for name in ("hyperparameters", "dtype", "threads")}
    parameters |= {"species": list(facts.species)} | ({"initial": True} if initial else {})
    costs = cost.adopt(graph.card(model), parameters, facts)
    inputs = {"checkpoint": str(file.sha256)}
    return graph.add("adopt", subject, parameters, {}, costs, model, inputs=inputs, maybe=shared.maybe)


def _initial(shared: Round, committee: str) -> dict[str, str]:
    """Upstream of a training that starts from a user's model."""
    file = shared.model.initial
    return {"initial": _adopt(shared, {"initial": committee}, file, initial=True)} if file else {}


def _train(shared: Round, subject: dict[str, Any]) -> str:
    graph, split, model = shared.graph, shared.split, _without_kernel(shared)
    seed = split.seed * 1000 + subject["member"]
    parameters = {"member": subject["member"], "seed": seed, **graph.engine(model)}
    facts = graph.drawn(split)
    validation = sizes_of(split, facts).validation
    costs = cost.train(graph.card(model), parameters, facts, subject["train"], validation)
    upstream = shared.upstream | _initial(shared, subject["committee"])
    return graph.add("train", subject, parameters, upstream, costs, model, maybe=shared.maybe)


def _kernel(shared: Round, subject: dict[str, Any], trained: str) -> str:
    """Key of the task that makes of a trained model what its kernel loads."""
    graph, model = shared.graph, shared.model
    kernel = graph.card(_without_kernel(shared)).kernels[str(model.kernel)]
    parameters = graph.engine(model)
    if program := kernel.compiler:
        parameters |= {"compiler": {"program": program, "version": graph.setting.compilers[program]}}
    costs = cost.kernel(graph.card(model), parameters, graph.drawn(shared.split))
    upstream = shared.upstream | {"model": trained}
    return graph.add(
        "kernel", subject, parameters, upstream, costs, model,
        maybe=shared.maybe, environment=kernel.preparing,
    )  # fmt: skip


def _evaluate(shared: Round, subject: dict[str, Any], trained: str) -> str:
    graph, model, split = shared.graph, shared.model, shared.split
    parameters = {
        "batch_size": graph.campaign.evaluation.batch_size,
        "conditions": _conditions(shared),
        "metal": graph.campaign.analysis.profiles.metal,
        **graph.engine(model),
    }
    sizes = sizes_of(split, graph.drawn(split))
    costs = cost.evaluate(graph.card(model), parameters, graph.drawn(split), sizes.validation + sizes.test)
    upstream = shared.upstream | {"model": trained}
    return graph.add("evaluate", subject, parameters, upstream, costs, model, maybe=shared.maybe)


def _decide(graph: TaskGraph, name: str, number: int, trained: Trained) -> str:
    spec = graph.campaign.committees[name]
    assert spec.grow is not None
    parameters = {"force_rmse": spec.grow.force_rmse, "round": number}
    subject, upstream = {"committee": name, "round": number}, members(trained.evaluate)
    return graph.add("decide", subject, parameters, upstream, Cost(), maybe=trained.maybe)
