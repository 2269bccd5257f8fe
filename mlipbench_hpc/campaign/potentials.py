"""Entries of campaigns about reference potentials, checked against the cards."""

from collections.abc import Iterator, Mapping
from typing import Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.problem import Mistake, Place, near, shown
from mlipbench_hpc.campaign.spec import (
    GeneratedDataset,
    LabelledDataset,
    Locality,
    MolecularDynamics,
    Scan,
    UsesPotential,
)
from mlipbench_hpc.potentials.card import Card, Use

Potentials = Mapping[str, Card]
# Where a campaign uses one: the section, the key within an entry, and its schema.
USES: tuple[tuple[str, str | None, type[UsesPotential]], ...] = (
    ("datasets", "generate", GeneratedDataset),
    ("datasets", "label", LabelledDataset),
    ("md", None, MolecularDynamics),
    ("scans", None, Scan),
    ("locality", None, Locality),
)


def check_potentials(document: Mapping[str, Any], potentials: Potentials) -> list[Mistake]:
    """Unknown potentials, uses that one is not made for, and options, whether or not the rest is sound."""
    return [
        mistake
        for section, key, spec in USES
        for name, entry in _mapping(document.get(section)).items()
        for place in [(section, name, key) if key else (section, name)]
        for values in [_mapping(_mapping(entry).get(key) if key else entry)]
        for mistake in _check(place, values, spec, potentials)
    ]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _check(
    place: Place, values: Mapping[str, Any], spec: type[UsesPotential], potentials: Potentials
) -> Iterator[Mistake]:
    name = values.get("potential")
    card = potentials.get(name) if isinstance(name, str) else None
    if isinstance(name, str):
        yield from _usable(place, name, card, spec, potentials)
    for key in [key for key in values if key not in spec.model_fields]:
        yield from _option((*place, key), values[key], card, spec, potentials)


def _usable(
    place: Place, name: str, card: Card | None, spec: type[UsesPotential], potentials: Potentials
) -> Iterator[Mistake]:
    """A potential that is not there, or has not what this use takes."""
    where = (*place, "potential")
    able = [other for other in sorted(potentials) if _able(potentials[other], spec.use)]
    expected = f"one of {', '.join(able)}"
    if card is None:
        yield Mistake(where, "unknown reference potential", repr(name), expected, near(name, able))
    elif not _able(card, spec.use):
        action = "runs no MD" if spec.use == "md" else "samples no frames, it labels those of another dataset"
        yield Mistake(where, f"{name} {action}", f"`{spec.use}`", expected)


def _able(card: Card, use: Use) -> bool:
    return {"generate": card.samples, "label": True, "md": bool(card.engines)}[use]


def _option(
    place: Place, value: Any, card: Card | None, spec: type[UsesPotential], potentials: Potentials
) -> Iterator[Mistake]:
    """A key that is not the schema's own: an option of the card with a value it cannot have, or unknown."""
    key = str(place[-1])
    settings = card.settings(spec.use) if card else {}
    if key in settings:
        if settings[key].complaint(value):
            yield Mistake(place, "wrong value", shown(value), settings[key].expected)
        return
    owners = [name for name, other in potentials.items() if key in other.settings(spec.use)]
    if card and owners:
        expected = f"no such entry: it is an option of {', '.join(owners)}"
        yield Mistake(place, f"{card.name} has no option `{key}`", shown(value), expected)
    elif not owners:
        known = sorted({*spec.model_fields, *settings})
        yield Mistake(place, "unknown key", repr(key), f"one of {', '.join(known)}", near(key, known))


def check_species(
    place: Place, card: Card | None, use: Use, frames: DatasetFacts, name: str
) -> Iterator[Mistake]:
    """Species of the dataset or system `name` that the potential at `place` does not know, or has to have."""
    if card is None or not _able(card, use):
        return
    where, known = (*place, "potential"), set(card.elements)
    strange = set(frames.species) - known if known else set()
    if strange:
        message = f"species that {card.name} does not know: {symbols(strange)}"
        yield Mistake(where, message, name, f"only {symbols(known)}")
        return
    for need in card.needs:
        if need.element not in frames.species:
            symbol = symbols({need.element})
            yield Mistake(where, f"{card.name} needs {symbol} in every frame: {need.reason}", name, symbol)


def symbols(numbers: set[int]) -> str:
    """Chemical symbols of atomic numbers, in words."""
    from ase.data import chemical_symbols

    return ", ".join(chemical_symbols[number] for number in sorted(numbers))
