"""Parameters of the tasks that make structures and reference data."""

from collections.abc import Collection, Mapping
from typing import Any

from mlipbench_hpc.campaign.facts import DatasetFacts, atomic_number
from mlipbench_hpc.campaign.files import read_parameters
from mlipbench_hpc.campaign.spec import Dataset, GeneratedDataset, System
from mlipbench_hpc.campaign.spec.analysis import Profiles
from mlipbench_hpc.contract.legacy import METAL
from mlipbench_hpc.potentials.card import Card


def build(system: System, facts: DatasetFacts, start: int) -> tuple[dict[str, Any], dict[str, str]]:
    """Parameters and inputs of a `build` task; start: which of the system's independent starts."""
    if system.water_box:
        box = system.water_box
        parameters = {"molecules": box.molecules, "density": box.density, "seed": start}
        return {"kind": "water_box", **parameters}, {}
    if system.slab:
        slab = system.slab.model_dump(mode="json")
        return {"kind": "slab", **slab, "seed": slab["seed"] * 1000 + start}, {}
    assert system.structure is not None
    return {"kind": "structure", **read_parameters(system.structure)}, {"data": facts.sha256}


def sample(recipe: GeneratedDataset, card: Card, start: int, frames: int) -> dict[str, Any]:
    """Parameters of the `label` task that samples `frames` frames from one start of one system.

    card: of the potential that samples and labels.
    """
    shared = {"potential", "temperatures", "timestep", "equilibration", "every"}
    parameters = recipe.model_dump(include=shared) | {"frames": frames, "seed": recipe.seed * 1000 + start}
    parameters |= {"rattle": recipe.rattle.model_dump()} if recipe.rattle else {}
    return card.with_options("generate", parameters, recipe.options)


def slab(profiles: Profiles, species: Collection[int]) -> dict[str, Any]:
    """The slab's element or elements, for tasks that look at P_z and the heights of ions.

    species: atomic numbers of what they look at. Left out where there is nothing but water, and where the
    slab is the one that tasks assume without it, so that their keys stay.
    """
    others = set(species) - {1, 8}
    assumed = profiles.metal == METAL and atomic_number(METAL) in others
    return {"metal": profiles.metal} if others and not assumed else {}


def conditions(
    datasets: Mapping[str, Dataset], facts: Mapping[str, DatasetFacts], name: str
) -> list[dict[str, Any]]:
    """Under what a dataset's frames were sampled, stretch by stretch in their order.

    Each stretch: `frames`, `temperature` (K; None where nobody states it) and `rattle_every` (every so
    many-th frame is rattled; None without rattling).
    """
    spec = datasets[name]
    if spec.label:
        return conditions(datasets, facts, spec.label.frames)
    if spec.join:
        return [stretch for part in spec.join for stretch in conditions(datasets, facts, part)]
    if spec.generate:
        return [stretch for _, _, frames in spec.generate.runs for stretch in _sampled(spec.generate, frames)]
    return [{"frames": facts[name].frames, "temperature": None, "rattle_every": None}]


def _sampled(recipe: GeneratedDataset, frames: int) -> list[dict[str, Any]]:
    """`conditions` of one sampling task: earlier temperatures take the remainder of its frames."""
    share, rest = divmod(frames, len(recipe.temperatures))
    every = recipe.rattle.every if recipe.rattle else None
    return [
        {"frames": share + (place < rest), "temperature": temperature, "rattle_every": every}
        for place, temperature in enumerate(recipe.temperatures)
    ]
