"""adopt: a trained model of the user's, examined and left as `train` leaves one."""

from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.card import Card, load_card
from mlipbench_hpc.architectures.hyperparameters import differences
from mlipbench_hpc.architectures.interface import Adopted
from mlipbench_hpc.architectures.shared.adoption import adopt_folder
from mlipbench_hpc.architectures.shared.labels import symbols
from mlipbench_hpc.contract.key import tree_digest
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.context import Context

SPACING_A = 1.7


def run(context: Context) -> dict[str, Any]:
    """Write the model's files; returns its elements, number of parameters, and the source's sha256.

    Raises InputFailure in one sentence where the file is no such model, has another shape than the task's
    hyperparameters say, or does not know all `species` (atomic numbers) of the task.
    """
    source, sha256 = context.input("checkpoint"), context.task.inputs["checkpoint"]
    if (found := tree_digest(source)) != sha256:
        raise InputFailure(f"{source} was changed: expected sha256 {sha256}, found {found}; run again")
    card = load_card(Path(context.adapter().__file__ or "").with_name("card.toml"))
    name, adopted = card.name, adopted_by(context, source, card)
    require_shape(context, card, adopted)
    species = context.parameters["species"]
    if adopted.numbers and (strange := sorted(set(species) - set(adopted.numbers))):
        raise InputFailure(
            f"the {name} model for {', '.join(symbols(adopted.numbers))} does not know "
            f"{', '.join(symbols(strange))}, which the split holds"
        )
    require_finite(context, name, species)
    return {"parameters": adopted.parameters, "numbers": adopted.numbers, "source_sha256": sha256}


def adopted_by(context: Context, source: Path, card: Card) -> Adopted:
    """What the adapter makes of the source: a folder as a training leaves one, or a file of its library."""
    adapter, dtype = context.adapter(), context.parameters["dtype"]
    try:
        if source.is_dir():
            return adopt_folder(source, context.folder, card)
        if hasattr(adapter, "adopt"):
            adopted: Adopted = adapter.adopt(source, context.folder, dtype)
            return adopted
    except TaskFailure:
        raise
    except Exception as error:  # Whatever a library says of a file that is not its own.
        message = f"the file cannot be read as such a model: {type(error).__name__}: {error}"
        raise InputFailure(message) from error
    raise InputFailure(
        "a model of this architecture is a folder, as `mlipbench export` or a training leaves one, not a file"
    )


def require_shape(context: Context, card: Card, adopted: Adopted) -> None:
    """Raise InputFailure where the model differs from what the campaign says in what cannot be changed."""
    names = card.initial if context.parameters.get("initial") else card.decisive
    if different := differences(adopted.hyperparameters, context.hyperparameters, names):
        there = ", ".join(f"{key}: {value!r}" for key, (value, _) in different.items())
        here = ", ".join(f"{key}: {asked!r}" for key, (_, asked) in different.items())
        raise InputFailure(
            f"the {card.name} model there has {there}, the campaign says {here}: write "
            f"`hyperparameters: {{{there}}}` in the campaign's model"
        )


def require_finite(context: Context, name: str, species: list[int]) -> None:
    """Raise InputFailure unless energy and forces of a cluster of these elements are finite numbers."""
    parameters = context.parameters
    try:
        model = context.adapter().load(context.folder, context.hyperparameters, "cpu", parameters["dtype"])
    except TaskFailure:
        raise
    except Exception as error:
        message = f"the folder holds no {name} model: {type(error).__name__}: {error}"
        raise InputFailure(message) from error
    numbers = np.array(species * 2)
    places = np.zeros((len(numbers), 3))
    places[:, 0], places[:, 1] = SPACING_A * np.arange(len(numbers)), np.arange(len(numbers)) % 2
    cluster = Frames(
        np.array([0, len(numbers)]), numbers, places, np.diag([60.0] * 3)[None], np.zeros((1, 3), bool),
        np.full(1, np.nan), np.full_like(places, np.nan),
    )  # fmt: skip
    energies, forces = model.evaluate(cluster, 1)
    if not (np.isfinite(energies).all() and np.isfinite(forces).all()):
        raise InputFailure(f"energy or forces of the {name} model are not finite: the file is damaged")
