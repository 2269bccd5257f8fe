"""Names that lead nowhere and science that cannot work: pure functions of a campaign and its facts."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.problem import Mistake, Place, near
from mlipbench_hpc.campaign.runs import check_engine, check_md, start_of
from mlipbench_hpc.campaign.sources import check_dataset, check_system, symbols
from mlipbench_hpc.campaign.spec import Campaign, Committee, Model, Split

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import Card

MOST_BINS = 10_000
REFERENCES = {
    ("datasets", "generate", "system"): "systems",
    ("datasets", "generate", "systems"): "systems",
    ("datasets", "label", "frames"): "datasets",
    ("splits", "dataset"): "datasets",
    ("committees", "model"): "models",
    ("committees", "split"): "splits",
    ("md", "committee"): "committees",
    ("md", "start", "system"): "systems",
    ("md", "start", "dataset"): "datasets",
}
Architectures = Mapping[str, "Card"]
Facts = Mapping[str, DatasetFacts]


def check_names(document: Mapping[str, Any]) -> list[Mistake]:
    """References to entries that are not in the file, whether or not the rest of it is sound."""
    return [
        mistake
        for (section, *keys), target in REFERENCES.items()
        for name, entry in _entries(document, section).items()
        for mistake in _lost(document, (section, name, *keys), _at(entry, keys), target)
    ]


def _entries(document: Mapping[str, Any], section: str) -> dict[str, Any]:
    found = document.get(section)
    return found if isinstance(found, dict) else {}


def _at(entry: Any, keys: list[str]) -> Any:
    for key in keys:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def _lost(document: Mapping[str, Any], place: Place, name: Any, target: str) -> Iterator[Mistake]:
    known = _entries(document, target)
    for index, one in enumerate(name if isinstance(name, list) else []):
        yield from _lost(document, (*place, index), one, target)
    if isinstance(name, str) and name not in known:
        expected = f"one of {', '.join(known)}" if known else f"an entry under `{target}`, which is empty"
        yield Mistake(place, f"no such entry in `{target}`", repr(name), expected, near(name, known))


def check_references(
    campaign: Campaign, facts: Facts, systems: Facts, architectures: Architectures
) -> list[Mistake]:
    """Everything that pydantic cannot see. What a dataset or a system holds is judged where it is known."""
    found: list[Mistake] = []
    for name, system in campaign.systems.items():
        found += check_system(("systems", name), system)
    for name in campaign.datasets:
        found += check_dataset(name, campaign, facts, systems)
    for name, split in campaign.splits.items():
        found += _split(("splits", name), split, split.train, facts)
    for name, model in campaign.models.items():
        found += _model(("models", name), model, architectures)
    for name, committee in campaign.committees.items():
        found += _committee(("committees", name), committee, campaign, facts, architectures)
    for name, md in campaign.md.items():
        found += check_md(("md", name), md, campaign, facts, systems)
        found += check_engine(("md", name), md, campaign, architectures)
    return found + list(_elements(campaign)) + list(_rdf(("analysis", "rdf"), campaign, facts, systems))


def _rdf(place: Place, campaign: Campaign, facts: Facts, systems: Facts) -> Iterator[Mistake]:
    from ase.data import atomic_numbers

    rdf = campaign.analysis.rdf
    if not 1 < rdf.r_max / rdf.bin <= MOST_BINS:
        received = f"{rdf.bin:g} Å up to {rdf.r_max:g} Å"
        yield Mistake((*place, "bin"), "not a sensible bin", received, f"2 to {MOST_BINS} bins")
    starts = [start_of(md, facts, systems) for md in campaign.md.values()]
    if not starts or not all(starts) or "pairs" not in rdf.model_fields_set:
        return
    present = {number for start in starts if start for number in start.species}
    for index, pair in enumerate(rdf.pairs):
        for symbol in [s for s in pair if s in atomic_numbers and atomic_numbers[s] not in present]:
            expected = f"species of the md runs: {symbols(present)}"
            yield Mistake((*place, "pairs", index), "no md run holds it", symbol, expected)


def _elements(campaign: Campaign) -> Iterator[Mistake]:
    """Symbols under `analysis` that no element has."""
    from ase.data import atomic_numbers

    pairs = campaign.analysis.rdf.pairs
    places: dict[Place, str] = {
        ("analysis", "rdf", "pairs", i, j): symbol
        for i, pair in enumerate(pairs)
        for j, symbol in enumerate(pair)
    }
    places["analysis", "profiles", "metal"] = campaign.analysis.profiles.metal
    for place, symbol in places.items():
        if symbol not in atomic_numbers:
            yield Mistake(place, "no such element", repr(symbol), "a symbol such as O or Au")


def _split(place: Place, split: Split, train: int, facts: Facts) -> Iterator[Mistake]:
    """A split with `train` frames a member (more than at first when a committee grows)."""
    if split.dataset not in facts:
        return
    frames = facts[split.dataset].frames
    pool = frames - split.validation - split.test
    need = split.members * train if split.disjoint else train
    have = f"{frames} frames in `{split.dataset}`, {max(pool, 0)} after validation and test"
    if pool < 1:
        received = f"{split.validation} + {split.test} of {frames} frames"
        yield Mistake(
            (*place, "validation"), "validation and test leave nothing to train on", received, "fewer"
        )
    elif need > pool:
        wanted = f"{split.members} x {train} frames" if split.disjoint else f"{train} frames"
        most = pool // split.members if split.disjoint else pool
        message = (
            "a committee larger than the data allows" if split.disjoint else "more frames than the data has"
        )
        yield Mistake((*place, "train"), message, wanted, f"at most {most} ({have})")
    elif strange := set(facts[split.dataset].species) - _learned(split, facts):
        message = f"some member may be trained on no frame with {symbols(strange)}"
        yield Mistake((*place, "train"), message, f"{train} frames", "more frames a member")
    elif not split.disjoint and math.comb(pool, train) < split.members:
        received = f"{split.members} members, {train} of {pool} frames each"
        expected = f"at most {math.comb(pool, train)} members, or fewer frames each ({have})"
        yield Mistake((*place, "members"), "a committee larger than the data allows", received, expected)


def _learned(split: Split, facts: Facts) -> set[int]:
    """Species that every member of a split sees in training (shares depend on the strata's sizes alone)."""
    holds = {formula: _holds(formula) for formula in facts[split.dataset].compositions}
    if len(set(holds.values())) == 1:
        return set(next(iter(holds.values())))
    from mlipbench_hpc.data.split import split as divide

    strata = [formula for formula, count in facts[split.dataset].compositions.items() for _ in range(count)]
    parts = divide(strata, **split.model_dump(exclude={"dataset"}))
    seen = [{number for index in member for number in holds[strata[index]]} for member in parts.members]
    return set.intersection(*seen)


def _holds(formula: str) -> frozenset[int]:
    from ase.data import atomic_numbers

    return frozenset(atomic_numbers[symbol] for symbol in re.findall(r"[A-Z][a-z]?", formula))


def _model(place: Place, model: Model, architectures: Architectures) -> Iterator[Mistake]:
    from mlipbench_hpc.architectures.card import problems

    card = architectures.get(model.architecture)
    if card is None:
        known = ", ".join(sorted(architectures))
        hint = near(model.architecture, architectures)
        yield Mistake((*place, "architecture"), "unknown architecture", repr(model.architecture), known, hint)
        return
    for path, message in problems(card, model.preset, model.hyperparameters):
        yield Mistake((*place, *path.split(".")), message)
    if model.dtype not in card.dtypes:
        expected = f"one of {', '.join(card.dtypes)}"
        yield Mistake((*place, "dtype"), f"{card.name} does not offer it", repr(model.dtype), expected)


def _committee(
    place: Place, committee: Committee, campaign: Campaign, facts: Facts, architectures: Architectures
) -> Iterator[Mistake]:
    split, model = campaign.splits.get(committee.split), campaign.models.get(committee.model)
    if split and committee.grow:
        last = split.train + committee.grow.step * (committee.grow.at_most - 1)
        at_first = list(_split(place, split, split.train, facts))
        for mistake in [] if at_first else _split(place, split, last, facts):
            where = (*place, "grow", "at_most")
            yield replace(mistake, place=where, message=f"the last round: {mistake.message}")
    card = architectures.get(model.architecture) if model else None
    if split and card and card.elements and split.dataset in facts:
        strange = set(facts[split.dataset].species) - set(card.elements)
        if strange:
            yield Mistake((*place, "split"), f"{card.name} does not know {symbols(strange)}", split.dataset)
