"""Parameters of the tasks that make structures and reference data."""

from typing import Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.files import read_parameters
from mlipbench_hpc.campaign.spec import GeneratedDataset, System
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
