"""Systems that cannot be built and datasets that cannot be made."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlipbench_hpc.campaign.facts import ANGSTROM3_OF_WATER, DatasetFacts
from mlipbench_hpc.campaign.potentials import Potentials, check_species
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Campaign, Dataset, GeneratedDataset, Slab, System

LONGEST_TIMESTEP_PS, REFERENCE_MASS_U, HYDROGEN_U = 0.002, 4.0, 1.008
DENSEST = 1.5
WATERS_PER_ION = 4
THINNEST_FILM_A = 3.0
THINNEST_FILM_WITH_IONS_A = 6.0
CONTACT_A, WALL_GAP_A = 2.0, 3.0  # between metal and film, and between film and wall, as slabs are built
Facts = Mapping[str, DatasetFacts]


def check_system(place: Place, system: System) -> Iterator[Mistake]:
    """Mistakes in one system, apart from its files."""
    for kind, one in (("water_box", system.water_box), ("slab", system.slab)):
        if one and one.density > DENSEST:
            received, expected = f"{one.density:g} g/cm3", f"at most {DENSEST:g} g/cm3"
            yield Mistake((*place, kind, "density"), "water cannot be packed so densely", received, expected)
    if system.slab:
        yield from _slab((*place, "slab"), system.slab)


def _slab(place: Place, slab: Slab) -> Iterator[Mistake]:
    rows = slab.size[1]
    if rows % 2:
        yield Mistake(
            (*place, "size", 1), "rows of an orthorhombic Au(111) cell come in pairs", str(rows), "even"
        )
    if slab.waters < WATERS_PER_ION * slab.ions:
        received, expected = (
            f"{slab.ions} ions in {slab.waters} waters",
            f"{WATERS_PER_ION} waters for each ion",
        )
        yield Mistake((*place, "ions"), "too many ions for the film", received, expected)
    thickness = _thickness(slab)
    least = THINNEST_FILM_WITH_IONS_A if slab.ions else THINNEST_FILM_A
    if thickness < least:
        enough = int(least * slab.waters / thickness) + 1
        received, expected = f"{slab.waters}, a film of {thickness:.1f} Å", f"at least {enough} ({least:g} Å)"
        yield Mistake((*place, "waters"), "the film is too thin", received, expected)


def _thickness(slab: Slab) -> float:
    """Å that the film's molecules fill."""
    n, m, _layers = slab.size
    area = n * m * slab.lattice_constant**2 * 3**0.5 / 4
    return slab.waters * ANGSTROM3_OF_WATER / slab.density / area


def empty_above(slab: Slab) -> tuple[float, float]:
    """z in Å between which a slab is built empty: from the film's top to the next image of the metal."""
    film = (
        slab.vacuum / 2 + (slab.size[2] - 1) * slab.lattice_constant / 3**0.5 + CONTACT_A + _thickness(slab)
    )
    return film, film + WALL_GAP_A + slab.vacuum


def check_dataset(
    name: str, campaign: Campaign, facts: Facts, systems: Facts, potentials: Potentials
) -> Iterator[Mistake]:
    """Mistakes in one dataset, apart from its files."""
    dataset = campaign.datasets[name]
    if dataset.generate:
        place: Place = ("datasets", name, "generate")
        yield from _generated(place, dataset.generate)
        for system in dataset.generate.origins:
            if system in systems:
                card = potentials.get(dataset.generate.potential)
                yield from check_species(place, card, "generate", systems[system], system)
    if dataset.label:
        place = ("datasets", name, "label")
        yield from _circle((*place, "frames"), name, campaign.datasets)
        if dataset.label.frames in facts:
            card, frames = potentials.get(dataset.label.potential), facts[dataset.label.frames]
            yield from check_species(place, card, "label", frames, dataset.label.frames)
    yield from _joined(("datasets", name, "join"), name, campaign.datasets)


def _joined(place: Place, name: str, datasets: Mapping[str, Dataset]) -> Iterator[Mistake]:
    parts = datasets[name].join or []
    if parts:
        yield from _circle(place, name, datasets)
    for index, part in enumerate(parts):
        if part in parts[:index]:
            yield Mistake((*place, index), "joined twice", part, "each dataset once")


def _generated(place: Place, dataset: GeneratedDataset) -> Iterator[Mistake]:
    yield from short_enough(place, dataset.timestep)
    for key in sorted(dataset.model_fields_set & {"equilibration", "every"}):
        yield from multiple((*place, key), getattr(dataset, key), dataset.timestep)
    runs = len(dataset.runs) * len(dataset.temperatures)
    if dataset.frames < runs:
        message, expected = "fewer frames than runs", f"at least {runs} (systems x starts x temperatures)"
        yield Mistake((*place, "frames"), message, str(dataset.frames), expected)
    for index, system in enumerate(dataset.systems):
        if system in dataset.systems[:index]:
            yield Mistake((*place, "systems", index), "named twice", system, "each system once")


def _circle(place: Place, name: str, datasets: Mapping[str, Dataset]) -> Iterator[Mistake]:
    """A dataset that would be made of itself."""
    paths = [[name]]
    while paths:
        path = paths.pop()
        here = datasets[path[-1]]
        for source in [here.label.frames] if here.label else here.join or []:
            if source in path:
                yield Mistake(
                    place, "is made of its own frames", " -> ".join([*path, source]), "other datasets"
                )
                return
            if source in datasets:
                paths.append([*path, source])


def short_enough(place: Place, timestep: float, lightest: float = HYDROGEN_U) -> Iterator[Mistake]:
    """A timestep (ps) that the lightest mobile atom (u) would not survive.

    The period of a bond goes with the square root of the mass: 2 fs up to 4 u, 8 fs for copper.
    """
    longest = LONGEST_TIMESTEP_PS * max(1.0, math.sqrt(lightest / REFERENCE_MASS_U))
    if timestep > longest:
        received = f"{timestep * 1e3:g} fs"
        advice = " (0.5 fs with H)" if lightest < REFERENCE_MASS_U else ""
        expected = f"at most {longest * 1e3:.3g} fs for the lightest mobile atom, {lightest:.4g} u{advice}"
        yield Mistake((*place, "timestep"), "too long for atoms that vibrate", received, expected)


def multiple(place: Place, time: float, timestep: float) -> Iterator[Mistake]:
    """A time (ps) that is no whole number of timesteps (ps)."""
    steps = time / timestep
    if round(steps) < 1 or abs(steps - round(steps)) > 1e-6 * max(1.0, steps):
        nearest = max(1, round(steps)) * timestep
        received, expected = f"{time:g} ps at a timestep of {timestep:g} ps", f"such as {nearest:g} ps"
        yield Mistake(place, "is not a whole number of timesteps", received, expected)


@dataclass(frozen=True)
class State:
    """How one frame of a generated dataset came about; temperature in K."""

    temperature: float
    rattled: bool


def state_of(recipe: GeneratedDataset, frame: int) -> State | None:
    """Of a frame by its number; None beyond the last. Earlier temperatures take the remainder."""
    for _, _, frames in recipe.runs:
        share, rest = divmod(frames, len(recipe.temperatures))
        for place, temperature in enumerate(recipe.temperatures):
            stretch = share + (place < rest)
            if frame < stretch:
                every = recipe.rattle.every if recipe.rattle else 0
                return State(temperature, bool(every) and (frame + 1) % every == 0)
            frame -= stretch
    return None
