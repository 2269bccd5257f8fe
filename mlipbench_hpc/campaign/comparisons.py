"""Declared comparisons that cannot be made: pure functions of a campaign and of what its starts hold."""

from collections.abc import Iterator, Sequence

from mlipbench_hpc.campaign.facts import DatasetFacts, atomic_number
from mlipbench_hpc.campaign.potentials import symbols
from mlipbench_hpc.campaign.problem import Mistake, Place, choices, near
from mlipbench_hpc.campaign.recorded import Recorded
from mlipbench_hpc.campaign.runs import start_of
from mlipbench_hpc.campaign.spec import Campaign, MolecularDynamics
from mlipbench_hpc.campaign.spec.analysis import Comparison
from mlipbench_hpc.campaign.splits import Facts
from mlipbench_hpc.data.formulas import atoms_in
from mlipbench_hpc.data.observable import HEIGHT_OF, height_of

PLACE: Place = ("analysis", "comparisons")


def check_comparisons(
    campaign: Campaign, facts: Facts, systems: Facts, recorded: Recorded
) -> Iterator[Mistake]:
    """Runs and observables that do not exist, runs of different things, differences declared twice."""
    seen: set[tuple[frozenset[str], str]] = set()
    for index, comparison in enumerate(campaign.analysis.comparisons):
        place = (*PLACE, index)
        wrong = [*_runs(place, comparison, campaign), *_observables(place, comparison)]
        both = comparison.run, comparison.against
        wrong = wrong or [*unlike(place, *both, campaign, facts, systems, recorded)]
        yield from wrong or _without_surface(place, comparison, campaign, facts, systems)
        pair = frozenset((comparison.run, comparison.against))
        for observable in comparison.observables:
            if (pair, observable) in seen:
                yield Mistake(
                    place, "declared twice", f"{observable} of {' and '.join(sorted(pair))}", "once"
                )
            seen.add((pair, observable))


def _runs(place: Place, comparison: Comparison, campaign: Campaign) -> Iterator[Mistake]:
    every = [*campaign.md, *campaign.trajectories]
    named = {"run": (comparison.run, list(campaign.md)), "against": (comparison.against, every)}
    for key, (name, known) in named.items():
        if name not in known:
            message = "no such entry in `md`"
            yield Mistake((*place, key), message, repr(name), choices(known, "md"), near(name, known))
    if comparison.run == comparison.against:
        yield Mistake((*place, "against"), "a run against itself", repr(comparison.run), "another run")
    elif comparison.run in campaign.md and campaign.md[comparison.run].potential:
        expected = "a committee's run; the reference potential stands under `against`"
        yield Mistake((*place, "run"), "the reference potential is no model", repr(comparison.run), expected)


def _observables(place: Place, comparison: Comparison) -> Iterator[Mistake]:
    known = single_numbers()
    for index, name in enumerate(comparison.observables):
        if name not in known and not _height(name):
            expected = (
                f"one of {', '.join(known)}, or {height_of('X')} of an ion X, such as {height_of('Na')}"
            )
            where = (*place, "observables", index)
            yield Mistake(where, "no such single number", repr(name), expected, near(name, known))


def single_numbers() -> list[str]:
    """Names of the observables that can be compared: of the suite, then of packages outside."""
    from mlipbench_hpc.data.framewise import foreign, load_all

    outside = [framewise.observable.name for framewise in load_all(foreign()) if not framewise.bins]
    return [*of_interface(), *outside]


def of_interface() -> list[str]:
    """Names of the suite's single numbers, which belong to water on a slab."""
    from mlipbench_hpc.analysis.layer import NAMES
    from mlipbench_hpc.analysis.profiles import ORIENTATION_WIDTH, TOTAL_ORIENTATION

    return [*NAMES, TOTAL_ORIENTATION, ORIENTATION_WIDTH]


def _height(name: str) -> str:
    """Element whose mean height a number is; empty where it is another number."""
    from ase.data import atomic_numbers

    symbol = name.removeprefix(HEIGHT_OF)
    return symbol if symbol != name and symbol in atomic_numbers else ""


def _without_surface(
    place: Place, comparison: Comparison, campaign: Campaign, facts: Facts, systems: Facts
) -> Iterator[Mistake]:
    """Numbers of an interface for a start without the slab's element or water: nothing would match."""
    own = [name for name in comparison.observables if name in of_interface() or _height(name)]
    start = start_of(campaign.md[comparison.run], facts, systems)
    if not own or start is None:
        return
    metals, species = campaign.analysis.profiles.metals, set(start.species)
    ions = _ions(start, campaign.md[comparison.run], metals)
    for index, name in enumerate(comparison.observables):
        if (symbol := _height(name)) and symbol not in ions:
            where, expected = (*place, "observables", index), f"one of {', '.join(ions) or 'no ions'}"
            yield Mistake(where, "no such ion in its starts", repr(symbol), expected)
            return
    received = f"{', '.join(own)} of a start of {symbols(species)}"
    if not {1, 8} <= species:
        yield Mistake((*place, "run"), "no water in its start", received, "a start with water above a slab")
    elif not {atomic_number(metal) for metal in metals} & species:
        atoms = atoms_in(start.formulas[0]).items()
        amounts = {symbol: amount for symbol, amount in atoms if symbol not in ("H", "O")}
        hint = f"analysis.profiles.metal: {max(amounts, key=lambda own: amounts[own])}" if amounts else ""
        expected = f"a start with a slab of {' or '.join(metals)}"
        yield Mistake((*place, "run"), "no surface in its start", received, expected, hint)


def _ions(start: DatasetFacts, run: MolecularDynamics, metals: Sequence[str]) -> list[str]:
    """Elements in the frames that a run starts from, other than the slab's, hydrogen and oxygen."""
    frames = [frame for frame in run.start.frames[: run.replicas] if frame < start.frames] or [0]
    every = {symbol for frame in frames for symbol in atoms_in(start.formulas[frame])}
    return sorted(every - {"H", "O", *metals})


def unlike(
    place: Place,
    run: str,
    against: str,
    campaign: Campaign,
    facts: Facts,
    systems: Facts,
    recorded: Recorded,
) -> Iterator[Mistake]:
    """Runs at two temperatures, or of different atoms: their difference is not the models'."""
    own, other = campaign.md[run], campaign.md.get(against) or campaign.trajectories[against]
    if own.temperature != other.temperature:
        received = f"{own.temperature:g} and {other.temperature:g} K"
        yield Mistake(place, "runs at two temperatures", received, "one temperature")
    if isinstance(other, MolecularDynamics) and own.restraints != other.restraints:
        received, expected = "two states", "the same `restraints` in both"
        yield Mistake(place, "runs with different restraints of heights", received, expected)
    used = [compositions(name, campaign, facts, systems, recorded) for name in (run, against)]
    if used[0] and used[1] and not used[0] & used[1]:
        received = " and ".join(", ".join(sorted(formulas)) for formulas in used)
        yield Mistake(place, "runs of different atoms", received, "one composition")


def compositions(name: str, campaign: Campaign, facts: Facts, systems: Facts, recorded: Recorded) -> set[str]:
    """Compositions of the frames that a run starts from, or of recorded ones; empty where not known."""
    if name in recorded:
        return recorded[name].formulas
    md = campaign.md.get(name)
    start = start_of(md, facts, systems) if md else None
    if md is None or start is None:
        return set()
    return {start.formulas[frame] for frame in md.start.frames[: md.replicas] if frame < start.frames}
