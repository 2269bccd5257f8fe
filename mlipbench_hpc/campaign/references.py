"""Names that lead nowhere and science that cannot work: pure functions of a campaign and its facts."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.problem import Mistake, Place, near, shown
from mlipbench_hpc.campaign.sources import check_dataset, check_system, multiple, short_enough
from mlipbench_hpc.campaign.spec import Campaign, Committee, Model, MolecularDynamics
from mlipbench_hpc.campaign.splits import Facts, check_split, facts_of, symbols

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import Card

MOST_STEPS = 1e10
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
        found += check_split(("splits", name), split, split.train, facts)
    for name, model in campaign.models.items():
        found += _model(("models", name), model, architectures)
    for name, committee in campaign.committees.items():
        found += _committee(("committees", name), committee, campaign, facts, architectures)
    for name, md in campaign.md.items():
        found += _md(("md", name), md, campaign, facts, systems)
        found += _engine(("md", name), md, campaign, architectures)
    return found + list(_elements(campaign)) + list(_rdf(("analysis", "rdf"), campaign, facts, systems))


def _rdf(place: Place, campaign: Campaign, facts: Facts, systems: Facts) -> Iterator[Mistake]:
    from ase.data import atomic_numbers

    rdf = campaign.analysis.rdf
    if not 1 < rdf.r_max / rdf.bin <= MOST_BINS:
        received = f"{rdf.bin:g} Å up to {rdf.r_max:g} Å"
        yield Mistake((*place, "bin"), "not a sensible bin", received, f"2 to {MOST_BINS} bins")
    starts = [_start(md, facts, systems) for md in campaign.md.values()]
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
        at_first = list(check_split(place, split, split.train, facts))
        for mistake in [] if at_first else check_split(place, split, last, facts):
            where = (*place, "grow", "at_most")
            yield replace(mistake, place=where, message=f"the last round: {mistake.message}")
    card = architectures.get(model.architecture) if model else None
    held = facts_of(split, facts) if split else None
    if split and card and card.elements and held:
        strange = set(held.species) - set(card.elements)
        if strange:
            yield Mistake((*place, "split"), f"{card.name} does not know {symbols(strange)}", split.dataset)


def _md(
    place: Place, md: MolecularDynamics, campaign: Campaign, facts: Facts, systems: Facts
) -> Iterator[Mistake]:
    yield from _times(place, md, campaign.analysis.blocks)
    if md.stability.temperature <= md.temperature:
        received, expected = (
            f"{md.stability.temperature:g} K",
            f"more than the thermostat's {md.temperature:g} K",
        )
        yield Mistake((*place, "stability", "temperature"), "every run would end at once", received, expected)
    start = _start(md, facts, systems)
    if start is None:
        return
    used = [frame for frame in md.start.frames if frame < start.frames]
    for index, frame in enumerate(md.start.frames):
        if frame >= start.frames:
            expected = f"0 to {start.frames - 1}"
            yield Mistake((*place, "start", "frames", index), "no such frame", str(frame), expected)
    yield from _fixed(place, md, [start.sizes[frame] for frame in used[: md.replicas]])
    yield from _species(place, md, campaign, facts, start)


def _start(md: MolecularDynamics, facts: Facts, systems: Facts) -> DatasetFacts | None:
    return facts.get(md.start.dataset) if md.start.dataset else systems.get(md.start.system or "")


def _engine(
    place: Place, md: MolecularDynamics, campaign: Campaign, architectures: Architectures
) -> Iterator[Mistake]:
    """An engine that the architecture does not run in, or that does not have the thermostat."""
    committee = campaign.committees.get(md.committee)
    model = campaign.models.get(committee.model) if committee else None
    card = architectures.get(model.architecture) if model else None
    if card is None:
        return
    engine = md.engine or card.engines[0]
    if engine not in card.engines:
        expected = f"one of {', '.join(card.engines)}"
        yield Mistake((*place, "engine"), f"{card.name} does not run in it", repr(engine), expected)
    elif engine == "lammps" and md.thermostat.kind == "langevin":
        received = f"langevin in engine lammps{'' if md.engine else f', the first that {card.name} offers'}"
        instead = " or engine: ase" if "ase" in card.engines else ""
        expected = f"nose-hoover-chain{instead}"
        yield Mistake((*place, "thermostat"), "only the engine ase has it", received, expected)


def _times(place: Place, md: MolecularDynamics, blocks: int) -> Iterator[Mistake]:
    yield from short_enough(place, md.timestep)
    for key in sorted(md.model_fields_set & {"length", "equilibration", "frame_every", "checkpoint_every"}):
        yield from multiple((*place, key), getattr(md, key), md.timestep)
    if md.length / md.timestep > MOST_STEPS:
        received = f"{md.length / md.timestep:.3g} steps"
        expected = f"at most {MOST_STEPS:g}"
        yield Mistake((*place, "length"), "more steps than any run can make", received, expected)
    equilibration = md.length / 10 if md.equilibration is None else md.equilibration
    frames = (md.length - equilibration) / md.frame_every + 1e-6
    if equilibration >= md.length:
        received = f"{equilibration:g} ps of {md.length:g} ps"
        yield Mistake((*place, "equilibration"), "nothing is left to analyse", received, "less than `length`")
    elif frames < blocks:
        received = f"{int(frames)} frames after equilibration"
        yield Mistake(
            (*place, "frame_every"), "too few frames for block errors", received, f"at least {blocks}"
        )


def _fixed(place: Place, md: MolecularDynamics, sizes: list[int]) -> Iterator[Mistake]:
    smallest = min(sizes, default=None)
    if smallest is None:
        return
    for index, atom in enumerate(md.fixed_atoms):
        if atom >= smallest:
            yield Mistake((*place, "fixed_atoms", index), "no such atom", str(atom), f"0 to {smallest - 1}")
    if len(set(md.fixed_atoms)) >= smallest:
        yield Mistake((*place, "fixed_atoms"), "no atom is left to move", shown(md.fixed_atoms), "fewer")


def _species(
    place: Place, md: MolecularDynamics, campaign: Campaign, facts: Facts, start: DatasetFacts
) -> Iterator[Mistake]:
    committee = campaign.committees.get(md.committee)
    split = campaign.splits.get(committee.split) if committee else None
    held = facts_of(split, facts) if split else None
    if held is None:
        return
    known = set(held.species)
    if strange := set(start.species) - known:
        message = f"species that the model does not know: {symbols(strange)}"
        yield Mistake(
            (*place, "start"), message, shown(md.start.system or md.start.dataset), f"only {symbols(known)}"
        )
