"""Names that lead nowhere and science that cannot work: pure functions of a campaign and its facts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.campaign.comparisons import check_comparisons
from mlipbench_hpc.campaign.potentials import Potentials, symbols
from mlipbench_hpc.campaign.probes import check_probes
from mlipbench_hpc.campaign.problem import Mistake, Place, choices, near
from mlipbench_hpc.campaign.recorded import Recorded, check_recorded
from mlipbench_hpc.campaign.reweighting import check_reweighting
from mlipbench_hpc.campaign.runs import check_engine, check_md, start_of
from mlipbench_hpc.campaign.sources import check_dataset, check_system
from mlipbench_hpc.campaign.spec import Campaign, Committee, Model
from mlipbench_hpc.campaign.splits import Facts, check_split, facts_of
from mlipbench_hpc.campaign.vacuum import check_vacuum

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import Card

MOST_BINS = 10_000
REFERENCES = {
    ("datasets", "generate", "system"): "systems",
    ("datasets", "generate", "systems"): "systems",
    ("datasets", "label", "frames"): "datasets",
    ("datasets", "join"): "datasets",
    ("splits", "dataset"): "datasets",
    ("committees", "model"): "models",
    ("committees", "split"): "splits",
    ("md", "committee"): "committees",
    ("md", "start", "system"): "systems",
    ("md", "start", "dataset"): "datasets",
    ("speed", "committee"): "committees",
    ("speed", "start", "system"): "systems",
    ("speed", "start", "dataset"): "datasets",
    ("scans", "committee"): "committees",
    ("scans", "start", "system"): "systems",
    ("scans", "start", "dataset"): "datasets",
    ("locality", "split"): "splits",
    ("reweighting", "run"): "md",
    ("reweighting", "against"): "md",
    ("analysis", "md"): "md",
}
Architectures = Mapping[str, "Card"]


def check_names(document: Mapping[str, Any]) -> list[Mistake]:
    """References to entries that are not in the file, whether or not the rest of it is sound."""
    return [
        mistake
        for (section, *keys), target in REFERENCES.items()
        for name, entry in _entries(document, section).items()
        for mistake in lost(document, (section, name, *keys), _at(entry, keys), target)
    ]


def _entries(document: Mapping[str, Any], section: str) -> dict[str, Any]:
    entries = document.get(section)
    return entries if isinstance(entries, dict) else {}


def _at(entry: object, keys: list[str]) -> object:
    for key in keys:
        entry = entry.get(key) if isinstance(entry, dict) else None
    return entry


def lost(
    document: Mapping[str, Any], place: Place, name: object, target: str, beside: str = ""
) -> Iterator[Mistake]:
    """Where `name`, or one of a list, is no entry of the document's section `target`, nor of `beside`."""
    known = _entries(document, target) | _entries(document, beside)
    for index, one in enumerate(name if isinstance(name, list) else []):
        yield from lost(document, (*place, index), one, target, beside)
    if isinstance(name, str) and name not in known:
        message = f"no such entry in `{target}`"
        yield Mistake(place, message, repr(name), choices(known, target), near(name, known))


def check_references(
    campaign: Campaign,
    facts: Facts,
    systems: Facts,
    architectures: Architectures,
    potentials: Potentials,
    recorded: Recorded | None = None,
) -> list[Mistake]:
    """Everything that pydantic cannot see. What datasets, systems and files hold is judged where known."""
    wrong: list[Mistake] = []
    for name, system in campaign.systems.items():
        wrong += check_system(("systems", name), system)
    for name in campaign.datasets:
        wrong += check_dataset(name, campaign, facts, systems, potentials)
    for name, split in campaign.splits.items():
        wrong += check_split(("splits", name), split, split.train, facts)
        wrong += _unlabelled(("splits", name, "dataset"), split.dataset, campaign)
    for name, model in campaign.models.items():
        wrong += _model(("models", name), model, architectures)
    for name, committee in campaign.committees.items():
        wrong += _committee(("committees", name), committee, campaign, facts, architectures)
    for place, run in campaign.simulations.items():
        wrong += check_md(place, run, campaign, facts, systems, potentials)
        wrong += check_engine(place, run, campaign, architectures, potentials)
    wrong += check_probes(campaign, facts, systems, potentials)
    wrong += check_comparisons(campaign, facts, systems, recorded or {})
    wrong += _reweighted(campaign)
    wrong += [*check_reweighting(campaign, facts, systems), *check_recorded(campaign)]
    wrong += check_vacuum(campaign, architectures, potentials)
    wrong += [*_elements(campaign), *_rdf(("analysis", "rdf"), campaign, facts, systems)]
    return wrong + list(_profiles(("analysis", "profiles"), campaign))


def _reweighted(campaign: Campaign) -> Iterator[Mistake]:
    """Runs to be reweighted that no committee drives."""
    reweight = campaign.analysis.reweight
    for index, name in enumerate((reweight and reweight.md) or []):
        if name in campaign.md and campaign.md[name].committee is None:
            place = ("analysis", "reweight", "md", index)
            yield Mistake(place, "driven by no committee", repr(name), "an entry of `md` with `committee`")


def _unlabelled(place: Place, dataset: str, campaign: Campaign) -> Iterator[Mistake]:
    """Frames that nobody labels cannot be trained on."""
    entry = campaign.datasets.get(dataset)
    for name in [dataset, *((entry.join or []) if entry else [])]:
        if name in campaign.datasets and campaign.datasets[name].structures:
            expected = f"a dataset with labels, such as one with label: {{frames: {name}, potential: …}}"
            yield Mistake(place, "its frames carry no labels", name, expected)


def _profiles(place: Place, campaign: Campaign) -> Iterator[Mistake]:
    """Bins of which one would lie across the end of the first layer: it would count whole or not at all."""
    from mlipbench_hpc.analysis.layer import filling, fills

    width = campaign.analysis.profiles.bin
    if not fills(width):
        message = "one bin lies across the end of the first layer"
        yield Mistake((*place, "bin"), message, f"{width:g} Å", filling(width))


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

    pairs, profiles = campaign.analysis.rdf.pairs, campaign.analysis.profiles
    places: dict[Place, str] = {
        ("analysis", "rdf", "pairs", i, j): symbol
        for i, pair in enumerate(pairs)
        for j, symbol in enumerate(pair)
    }
    places |= {
        ("analysis", "profiles", "metal", *([] if isinstance(profiles.metal, str) else [i])): symbol
        for i, symbol in enumerate(profiles.metals)
    }
    for place, symbol in places.items():
        if symbol not in atomic_numbers:
            yield Mistake(place, "no such element", repr(symbol), "a symbol such as O or Au")


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
    if model.kernel:
        yield from _kernel((*place, "kernel"), model, card)


def _kernel(place: Place, model: Model, card: "Card") -> Iterator[Mistake]:
    """A kernel that the architecture does not have, or that does not compute models of this shape."""
    from mlipbench_hpc.architectures.card import merge, problems

    name = str(model.kernel)
    kernel = card.kernels.get(name)
    if kernel is None:
        known = ", ".join(card.kernels)
        expected = f"one of {known}" if known else f"no `kernel`: {card.name} has none"
        message = f"{card.name} has no such kernel"
        yield Mistake(place, message, repr(name), expected, near(name, card.kernels))
    elif not problems(card, model.preset, model.hyperparameters):
        values = merge(card, model.preset, model.hyperparameters)
        if unfit := kernel.unfit(values):
            fitting = [one for one in card.presets if not kernel.unfit(merge(card, one, {}))]
            received = ", ".join(f"{key} {values[key]}" for key in unfit)
            expected = f"{kernel.needed}, as in the presets {', '.join(fitting)}"
            yield Mistake(place, "it does not compute models of this shape", received, expected)


def _committee(
    place: Place, committee: Committee, campaign: Campaign, facts: Facts, architectures: Architectures
) -> Iterator[Mistake]:
    split, model = campaign.splits.get(committee.split), campaign.models.get(committee.model)
    if split and committee.grow:
        last = split.train + committee.grow.step * (committee.grow.at_most - 1)
        at_first = list(check_split(place, split, split.train, facts))
        for mistake in [] if at_first else check_split(place, split, last, facts):
            where = (*place, "grow", "at_most")
            yield replace(mistake, place=where, message=f"the last round: {mistake.message}")
    card = architectures.get(model.architecture) if model else None
    content = facts_of(split, facts) if split else None
    if split and card and card.elements and content:
        strange = set(content.species) - set(card.elements)
        if strange:
            yield Mistake((*place, "split"), f"{card.name} does not know {symbols(strange)}", split.dataset)
