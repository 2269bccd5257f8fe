"""Users' trained models: hashed, and examined as far as their plain text goes; nothing is unpickled here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.files import path_digest
from mlipbench_hpc.campaign.potentials import symbols
from mlipbench_hpc.campaign.problem import Mistake, Place, near
from mlipbench_hpc.campaign.spec import Campaign, Checkpoint, Model
from mlipbench_hpc.campaign.splits import Facts, facts_of
from mlipbench_hpc.contract.folder import read_json

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import Card

# What every adapter of the suite writes beside a model's weights (architectures/shared/record.py).
RECORD = "model.json"


@dataclass(frozen=True)
class CheckpointFacts:
    """What can be said of a trained model without loading it.

    record: plain values of a folder's model.json, such as `numbers` (atomic numbers that it knows) and
    `hyperparameters`; {} for the file of a library.
    """

    sha256: str
    record: Mapping[str, Any] = field(default_factory=dict)


def checkpoint_facts(
    place: Place, path: Path, checkpoint: Checkpoint, cache: Path | None
) -> CheckpointFacts | Mistake:
    """Its sha256 and record, or what is wrong with the file itself."""
    if not path.is_file() and not path.is_dir():
        hint = near(path.name, (one.name for one in _beside(path)))
        expected = "a trained model: a file of its library, or a folder as `export` leaves one"
        return Mistake((*place, "path"), "no such file or folder", str(path), expected, hint)
    try:
        sha256 = path_digest(path, cache)
    except (OSError, ValueError) as error:
        return Mistake((*place, "path"), str(error))
    if checkpoint.sha256 is None:
        return Mistake((*place, "sha256"), "is required", "nothing", f"{sha256}, which is that of {path}")
    if checkpoint.sha256 != sha256:
        expected = f"{checkpoint.sha256} (correct `sha256` if it is another model now, else restore it)"
        return Mistake((*place, "sha256"), f"{path} is not the pinned model", sha256, expected)
    record = read_json(path / RECORD) if path.is_dir() else {}
    return CheckpointFacts(sha256, record if isinstance(record, dict) else {})


def _beside(path: Path) -> Sequence[Path]:
    try:
        return list(path.parent.iterdir())
    except OSError:
        return []


def check_checkpoints(
    campaign: Campaign,
    known: Mapping[Place, CheckpointFacts],
    facts: Facts,
    architectures: "Mapping[str, Card]",
) -> Iterator[Mistake]:
    """Models that cannot be what the campaign uses them as, so far as that is known without loading them."""
    for name, model in campaign.models.items():
        card, place = architectures.get(model.architecture), ("models", name)
        if model.initial and card and not card.initial:
            able = sorted(name for name, card in architectures.items() if card.initial)
            message = f"a training of {card.name} cannot start from a model"
            yield Mistake(
                (*place, "initial"), message, model.initial.path, f"one of {', '.join(able)}, or none"
            )
    for name, committee in campaign.committees.items():
        used = campaign.models.get(committee.model)
        if used and used.checkpoint and committee.checkpoints:
            message = "its model is a file already"
            expected = "`checkpoints` here, or `checkpoint` of the model"
            yield Mistake(("committees", name, "checkpoints"), message, committee.model, expected)
        yield from _unsuitable(campaign, name, known, facts, architectures)


def _unsuitable(
    campaign: Campaign,
    committee: str,
    known: Mapping[Place, CheckpointFacts],
    facts: Facts,
    architectures: "Mapping[str, Card]",
) -> Iterator[Mistake]:
    """Files that a committee uses, for other elements or of another shape."""
    spec = campaign.committees[committee]
    model, split = campaign.models.get(spec.model), campaign.splits.get(spec.split)
    card = architectures.get(model.architecture) if model else None
    if model is None or card is None:
        return
    content = facts_of(split, facts) if split else None
    for place, found in known.items():
        if place[:2] in (("models", spec.model), ("committees", committee)):
            names = card.initial if place[-1] == "initial" else card.decisive
            yield from _elements((*place, "path"), found, content)
            yield from _shape((*place, "path"), found, card, model, names)


def _elements(place: Place, found: CheckpointFacts, content: DatasetFacts | None) -> Iterator[Mistake]:
    numbers = found.record.get("numbers")
    if content is None or not isinstance(numbers, list) or not all(type(own) is int for own in numbers):
        return
    if strange := set(content.species) - set(numbers):
        message = f"the model there does not know {symbols(strange)}, which the split holds"
        yield Mistake(place, message, symbols(set(numbers)), f"a model for {symbols(set(content.species))}")


def _shape(
    place: Place, found: CheckpointFacts, card: "Card", model: Model, names: Sequence[str]
) -> Iterator[Mistake]:
    from mlipbench_hpc.architectures.card import merge, problems
    from mlipbench_hpc.architectures.hyperparameters import differences

    if problems(card, model.preset, model.hyperparameters):
        return
    different = differences(
        card.stated(found.record), merge(card, model.preset, model.hyperparameters), names
    )
    if different:
        here = ", ".join(f"{name} {asked!r}" for name, (_, asked) in different.items())
        there = ", ".join(f"{name}: {value!r}" for name, (value, _) in different.items())
        expected = f"`hyperparameters: {{{there}}}` of the model, as in {RECORD}"
        yield Mistake(place, f"the {card.name} model there has another shape", here, expected)
