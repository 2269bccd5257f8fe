"""MD runs that cannot work: pure functions of a campaign and of what its datasets and systems hold."""

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.origins import origins
from mlipbench_hpc.campaign.potentials import Potentials, check_species, symbols
from mlipbench_hpc.campaign.problem import Mistake, Place, shown
from mlipbench_hpc.campaign.restraints import check_hydrogen_mass, check_restraints
from mlipbench_hpc.campaign.sources import HYDROGEN_U, empty_above, multiple, short_enough, state_of
from mlipbench_hpc.campaign.spec import Campaign, MolecularDynamics
from mlipbench_hpc.campaign.splits import Facts, facts_of
from mlipbench_hpc.contract.engines import ENGINES

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import Card
    from mlipbench_hpc.potentials.card import Card as PotentialCard

MOST_STEPS = 1e10
CHECKPOINTS_OF_A_RUN, LEAST_INTERVAL_PS = 400, 0.25
LEAST_ROOM_A = 3.0
Architectures = Mapping[str, "Card"]


def check_md(
    place: Place,
    md: MolecularDynamics,
    campaign: Campaign,
    facts: Facts,
    systems: Facts,
    potentials: Potentials,
) -> Iterator[Mistake]:
    """Mistakes in one run, apart from its engine."""
    yield from _times(place, md, campaign.analysis.blocks)
    yield from _equilibrate(place, md, campaign)
    if md.stability.temperature <= md.temperature:
        received, expected = (
            f"{md.stability.temperature:g} K",
            f"more than the thermostat's {md.temperature:g} K",
        )
        yield Mistake((*place, "stability", "temperature"), "every run would end at once", received, expected)
    start = start_of(md, facts, systems)
    if start is None:
        yield from short_enough(place, md.timestep)
        return
    used = [frame for frame in md.start.frames[: md.replicas] if frame < start.frames]
    fixed = frozenset(md.fixed_atoms)
    lightest = min((start.lightest_mass(frame, fixed) for frame in used), default=HYDROGEN_U)
    lightest = max(lightest, md.hydrogen_mass or 0.0)
    if math.isfinite(lightest):
        yield from short_enough(place, md.timestep, lightest)
    for index, frame in enumerate(md.start.frames):
        if frame >= start.frames:
            expected = f"0 to {start.frames - 1}"
            yield Mistake((*place, "start", "frames", index), "no such frame", str(frame), expected)
    yield from _fixed(place, md, [start.sizes[frame] for frame in used])
    begun = start.select(used) if used else start
    yield from _layers(place, md, campaign, begun)
    yield from _wall(place, md, campaign)
    yield from check_restraints(place, md, campaign, begun)
    yield from check_hydrogen_mass(place, md, begun)
    yield from _member(place, md, campaign)
    if md.potential:
        name = str(md.start.system or md.start.dataset)
        yield from check_species(place, potentials.get(md.potential), "md", begun, name)
    else:
        yield from _species(place, md, campaign, facts, begun)


def checkpoint_every(run: MolecularDynamics) -> int:
    """Timesteps between two checkpoints: as stated, else a 400th of the run, 0.25 ps and one frame at least.

    So a run of any length has a few hundred segments, and the interval depends on the campaign alone.
    """
    if run.checkpoint_every is not None:
        return round(run.checkpoint_every / run.timestep)
    frame = round(run.frame_every / run.timestep)
    interval = max(LEAST_INTERVAL_PS, run.length / CHECKPOINTS_OF_A_RUN) / run.timestep
    return frame * math.ceil(interval / frame - 1e-9)


def start_of(md: MolecularDynamics, facts: Facts, systems: Facts) -> DatasetFacts | None:
    """Facts of the start of a run; None where they are not known."""
    return facts.get(md.start.dataset) if md.start.dataset else systems.get(md.start.system or "")


def check_engine(
    place: Place,
    md: MolecularDynamics,
    campaign: Campaign,
    architectures: Architectures,
    potentials: Potentials,
) -> Iterator[Mistake]:
    """An engine that what drives does not run in, or that does not have the thermostat."""
    card = _card(md, campaign, architectures, potentials)
    if card and card.engines:
        yield from _offered(place, md, card.name, card.engines)


def _card(
    md: MolecularDynamics, campaign: Campaign, architectures: Architectures, potentials: Potentials
) -> "Card | PotentialCard | None":
    """The card of what drives a run; None where that is not known."""
    committee = campaign.committees.get(md.committee or "")
    model = campaign.models.get(committee.model) if committee else None
    if model is None:
        return potentials.get(md.potential or "")
    card = architectures.get(model.architecture)
    return card.by(model.kernel) if card else None


def _offered(place: Place, md: MolecularDynamics, who: str, engines: tuple[str, ...]) -> Iterator[Mistake]:
    engine = md.engine or engines[0]
    if engine not in engines:
        expected = f"one of {', '.join(engines)}"
        yield Mistake((*place, "engine"), f"{who} does not run in it", repr(engine), expected)
    elif md.thermostat.kind not in ENGINES[engine].thermostats:
        yield _without_thermostat((*place, "thermostat"), md, who, engines)


def _without_thermostat(place: Place, md: MolecularDynamics, who: str, engines: tuple[str, ...]) -> Mistake:
    kind, engine = md.thermostat.kind, md.engine or engines[0]
    able = [name for name, entry in ENGINES.items() if kind in entry.thermostats]
    subject = f"engines {' and '.join(able)} have" if len(able) > 1 else f"engine {able[0]} has"
    message = f"only the {subject} it"
    received = f"{kind} in engine {engine}{'' if md.engine else f', the first that {who} offers'}"
    instead = [f"engine: {name}" for name in able if name in engines]
    return Mistake(place, message, received, " or ".join([*ENGINES[engine].thermostats, *instead]))


def _times(place: Place, md: MolecularDynamics, blocks: int) -> Iterator[Mistake]:
    for key in ("checkpoint_every", "equilibration", "frame_every", "length"):
        if key in md.model_fields_set and (value := getattr(md, key)) is not None:
            yield from multiple((*place, key), value, md.timestep)
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


def _equilibrate(place: Place, md: MolecularDynamics, campaign: Campaign) -> Iterator[Mistake]:
    """A protocol that reaches into what is analysed; a start of another temperature without any."""
    equilibration = md.length / 10 if md.equilibration is None else md.equilibration
    if md.equilibrate:
        for key in ("length", "every"):
            yield from multiple((*place, "equilibrate", key), getattr(md.equilibrate, key), md.timestep)
        if not md.equilibrate.every <= md.equilibrate.length <= equilibration + 1e-9:
            received = f"every {md.equilibrate.every:g} ps until {md.equilibrate.length:g} ps"
            expected = f"`every` ≤ `length` ≤ `equilibration`, {equilibration:g} ps"
            message = "momenta would be redrawn in what is analysed, or never"
            yield Mistake((*place, "equilibrate"), message, received, expected)
        return
    dataset = campaign.datasets.get(md.start.dataset or "")
    for index, frame in enumerate(md.start.frames[: md.replicas] if dataset and dataset.generate else []):
        state = state_of(dataset.generate, frame) if dataset and dataset.generate else None
        if state and (state.rattled or state.temperature != md.temperature):
            received = f"frame {frame}, {state.temperature:g} K" + ", rattled" * state.rattled
            expected = f"a frame sampled at {md.temperature:g} K and not rattled, or `equilibrate:`"
            where = (*place, "start", "frames", index)
            yield Mistake(where, "the start is not of the run's temperature", received, expected)


def _fixed(place: Place, md: MolecularDynamics, sizes: list[int]) -> Iterator[Mistake]:
    smallest = min(sizes, default=None)
    if smallest is None:
        return
    for index, atom in enumerate(md.fixed_atoms):
        if atom >= smallest:
            yield Mistake((*place, "fixed_atoms", index), "no such atom", str(atom), f"0 to {smallest - 1}")
    if len(set(md.fixed_atoms)) >= smallest:
        yield Mistake((*place, "fixed_atoms"), "no atom is left to move", shown(md.fixed_atoms), "fewer")


def _layers(
    place: Place, md: MolecularDynamics, campaign: Campaign, start: DatasetFacts
) -> Iterator[Mistake]:
    """Layers to hold in a start that has no metal, or fewer, or nothing else."""
    from ase.data import atomic_numbers

    metals = campaign.analysis.profiles.metals
    if not md.fixed_layers:
        return
    if not {atomic_numbers.get(metal) for metal in metals} & set(start.species):
        received = f"a start of {symbols(set(start.species))}"
        expected = f"{' or '.join(metals)} in it, or another `analysis.profiles.metal`"
        yield Mistake((*place, "fixed_layers"), "its layers are of a metal not there", received, expected)
    for system in origins(md, campaign):
        if system.slab and md.fixed_layers > system.slab.size[2]:
            expected = f"at most {system.slab.size[2]}"
            yield Mistake(
                (*place, "fixed_layers"), "more layers than the slab has", str(md.fixed_layers), expected
            )
            return


def _wall(place: Place, md: MolecularDynamics, campaign: Campaign) -> Iterator[Mistake]:
    """A wall where there is no vacuum for it; a user's structure is looked at when the run starts."""
    if not isinstance(md.wall, float):
        return
    where, received = (*place, "wall"), f"{md.wall:g} Å"
    for system in origins(md, campaign):
        if system.water_box:
            yield Mistake(where, "a box of water has no vacuum for it", received, "none")
            return
        low, high = empty_above(system.slab) if system.slab else (-math.inf, math.inf)
        if not low <= md.wall <= high - LEAST_ROOM_A:
            expected = f"{low:.1f} to {high - LEAST_ROOM_A:.1f} Å"
            yield Mistake(where, "not in the vacuum above the film", received, expected)
            return


def _member(place: Place, md: MolecularDynamics, campaign: Campaign) -> Iterator[Mistake]:
    """A driving member that the committee does not have."""
    if md.potential and md.member is not None:
        yield Mistake((*place, "member"), "a reference potential has no members", str(md.member), "left out")
    members = campaign.members(md.committee) if md.committee in campaign.committees else None
    if members and md.driving_member >= members:
        expected = f"0 to {members - 1}"
        yield Mistake(
            (*place, "member"), f"{md.committee} has no such member", str(md.driving_member), expected
        )


def _species(
    place: Place, md: MolecularDynamics, campaign: Campaign, facts: Facts, start: DatasetFacts
) -> Iterator[Mistake]:
    committee = campaign.committees.get(md.committee or "")
    split = campaign.splits.get(committee.split) if committee else None
    content = facts_of(split, facts) if split else None
    if content is None:
        return
    known = set(content.species)
    if strange := set(start.species) - known:
        message = f"species that the model does not know: {symbols(strange)}"
        yield Mistake(
            (*place, "start"), message, shown(md.start.system or md.start.dataset), f"only {symbols(known)}"
        )
