"""Runs that are compared differ in what drives them alone: what else would make part of their difference."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mlipbench_hpc.campaign.comparisons import compositions
from mlipbench_hpc.campaign.origins import origins
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.runs import start_of
from mlipbench_hpc.campaign.spec import Campaign, MolecularDynamics, RunProtocol, Spec, Start
from mlipbench_hpc.campaign.spec.base import Wrong
from mlipbench_hpc.campaign.spec.potential import UsesPotential
from mlipbench_hpc.campaign.splits import Facts
from mlipbench_hpc.campaign.study import Examined
from mlipbench_hpc.data.formulas import atoms_in
from mlipbench_hpc.potentials.card import cards


def own_frames(start: Start, runs: int, noun: str, within: Place = ()) -> Iterator[Wrong]:
    """A start of a dataset that does not have a frame of its own for each run."""
    first = start.frames[:runs]
    if start.dataset and len(set(first)) < runs:
        received = f"{', '.join(map(str, start.frames))} for {runs} {noun}s"
        yield (*within, "start", "frames"), received, f"a frame of its own for each {noun}"


# Keys of a run that change averages, with the unit of their numbers.
CONDITIONS = {
    "temperature": "K", "timestep": "ps", "hydrogen_mass": "u", "restraints": "", "fixed_layers": "",
    "fixed_atoms": "", "wall": "Å", "thermostat": "",
}  # fmt: skip


def differing(
    place: Place, own: RunProtocol, other: RunProtocol, name: str, free: Sequence[str] = ()
) -> Iterator[Mistake]:
    """Conditions of a run at `place` that are not those of the run `name`, apart from `free` ones."""
    for key, unit in CONDITIONS.items():
        values = [getattr(one, key) for one in (own, other)]
        if key not in free and values[0] != values[1]:
            received, expected = (_in_words(value, unit) for value in values)
            message = f"not as in `{name}`, with which it is compared"
            yield Mistake((*place, key), message, received, f"{expected}, or another run")


def _in_words(value: Any, unit: str) -> str:
    """A condition in few words."""
    if isinstance(value, Spec):
        return ", ".join(f"{key} {_in_words(own, '')}" for key, own in value.model_dump().items())
    if isinstance(value, list):
        return "; ".join(_in_words(own, unit) for own in value) or "none"
    if isinstance(value, float):
        return f"{value:g} {unit}".strip()
    return "none" if value is None else str(value)


def other_state(
    place: Place, name: str, own: MolecularDynamics, examined: Examined[Any]
) -> Iterator[Mistake]:
    """The run, or recorded one, at `place` whose atoms, cell or temperature are not those of `own`."""
    campaign, facts = examined.campaign, (examined.datasets, examined.systems)
    other = campaign.md.get(name) or campaign.trajectories.get(name)
    if isinstance(other, MolecularDynamics):
        yield from other_atoms(place, other, own, campaign, facts)
    elif name in examined.recorded:
        yield from _unlike(place, examined.recorded[name].formulas, _compositions(own, facts))
    if other and other.temperature != own.temperature:
        temperatures = [f"{run.temperature:g} K" for run in (other, own)]
        yield Mistake(place, f"{name} is at another temperature", *temperatures)


def elements_of(name: str, examined: Examined[Any]) -> set[str]:
    """Elements of the frames that a run starts from, or of a recorded one; empty where they are not known."""
    facts = examined.datasets, examined.systems
    formulas = compositions(name, examined.campaign, *facts, examined.recorded)
    return {symbol for formula in formulas for symbol in atoms_in(formula)}


def other_amounts(
    place: Place, run: MolecularDynamics, amounts: Mapping[str, int], examined: Examined[Any]
) -> Iterator[Mistake]:
    """A start at `place` whose frames do not have exactly so many atoms of each of these elements."""
    wanted = "; ".join(f"{symbol}{amount}" for symbol, amount in amounts.items())
    for formula in sorted(_compositions(run, (examined.datasets, examined.systems))):
        atoms = atoms_in(formula)
        if any(atoms.get(symbol, 0) != amount for symbol, amount in amounts.items()):
            expected = f"frames with {wanted} (`validate` says which frames of a dataset have it)"
            yield Mistake(place, "starts with another number of ions", formula, expected)
            return


def without_interface(place: Place, name: str, examined: Examined[Any]) -> Iterator[Mistake]:
    """A run at `place` that starts without water, or without the metal of `analysis.profiles`."""
    elements, metals = elements_of(name, examined), examined.campaign.analysis.profiles.metals
    if elements and not ({"H", "O"} <= elements and elements & {*metals}):
        expected = f"a run that starts with water on {' or '.join(metals)} (`analysis.profiles.metal`)"
        yield Mistake(place, f"{name} starts without interfacial water", in_words(elements), expected)


def in_words(elements: Iterable[str]) -> str:
    """Elements by name."""
    return ", ".join(sorted(elements))


def other_atoms(
    place: Place,
    own: MolecularDynamics,
    other: MolecularDynamics,
    campaign: Campaign,
    facts: tuple[Facts, Facts],
) -> Iterator[Mistake]:
    """A start at `place` of other atoms or another cell than that of the run compared with.

    facts: of datasets and of systems.
    """
    wrong = [*_unlike(place, *(_compositions(run, facts) for run in (own, other)))]
    if wrong:
        yield from wrong
        return
    cells = [_cells(run, campaign) for run in (own, other)]
    if cells[0] and cells[1] and not cells[0] & cells[1]:
        received, expected = ("; ".join(sorted(one)) for one in cells)
        yield Mistake(place, "starts in another cell than the run it is compared with", received, expected)


def _unlike(place: Place, own: set[str], other: set[str]) -> Iterator[Mistake]:
    """Compositions at `place` that are not those they are compared with; unknown ones are not judged."""
    if own and other and own != other:
        received, expected = (" and ".join(sorted(one)) for one in (own, other))
        yield Mistake(place, "other atoms than the run it is compared with", received, expected)


def _compositions(run: MolecularDynamics, facts: tuple[Facts, Facts]) -> set[str]:
    """Compositions of the frames that a run starts from; empty where they are not known."""
    start = start_of(run, *facts)
    frames = run.start.frames[: run.replicas]
    return {start.formulas[frame] for frame in frames if frame < start.frames} if start else set()


def _cells(run: MolecularDynamics, campaign: Campaign) -> set[str]:
    """Slabs, without their ions, that the starts of a run may have, in words."""
    slabs = [system.slab for system in origins(run, campaign) if system.slab]
    apart = [slab.model_dump(exclude={"ions", "seed"}) for slab in slabs]
    return {", ".join(f"{key} {own}" for key, own in sorted(one.items())) for one in apart}


def other_labels(
    place: Place, committee: str, run: MolecularDynamics, campaign: Campaign
) -> Iterator[Mistake]:
    """A committee at `place` that learns labels of another potential, or other options, than drives `run`."""
    known = campaign.committees.get(committee)
    split = campaign.splits.get(known.split) if known else None
    truth = _potential(run)
    for dataset, recipe in _labellers(split.dataset if split else None, campaign):
        labels = _potential(recipe)
        if any(labels.get(key) != own for key, own in truth.items()):
            received, expected = (
                ", ".join(f"{key} {own}" for key, own in one.items()) for one in (labels, truth)
            )
            message = f"{committee} learns from `{dataset}`, whose labels are not what drives the reference"
            yield Mistake(place, message, received, expected)
            return


def _potential(entry: UsesPotential) -> dict[str, Any]:
    """Name and options of the potential of an entry, those left out at their default."""
    name = str(getattr(entry, "potential", ""))
    settings = cards()[name].settings("md") if name in cards() else {}
    values = {key: entry.options.get(key, own.default) for key, own in settings.items()}
    return {"potential": name} | values


def _labellers(dataset: str | None, campaign: Campaign) -> Iterator[tuple[str, UsesPotential]]:
    """What labels the frames of a dataset and of those that it joins; nothing for the user's own labels."""
    entry = campaign.datasets.get(dataset or "")
    if dataset is None or entry is None:
        return
    if entry.generate:
        yield dataset, entry.generate
    if entry.label:
        yield dataset, entry.label
    for part in entry.join or []:
        yield from _labellers(part, campaign)
