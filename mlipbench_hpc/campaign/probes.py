"""Scans and composed frames that cannot work: pure functions of a campaign and of what its datasets hold."""

from collections.abc import Iterator

from mlipbench_hpc.campaign.facts import DatasetFacts, atomic_number
from mlipbench_hpc.campaign.potentials import Potentials, check_species, symbols
from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.spec import Campaign, Scan
from mlipbench_hpc.campaign.splits import Facts, facts_of, sizes_of

FILE = "none, its labels are a file's"


def check_probes(
    campaign: Campaign, facts: Facts, systems: Facts, potentials: Potentials
) -> Iterator[Mistake]:
    """Mistakes in all scans and composed frames."""
    for name in campaign.scans:
        yield from check_scan(name, campaign, facts, systems, potentials)
    for name in campaign.locality:
        yield from check_locality(name, campaign, facts, potentials)


def check_scan(
    name: str, campaign: Campaign, facts: Facts, systems: Facts, potentials: Potentials
) -> Iterator[Mistake]:
    """Frames that are not there, and species that what computes the scans does not know."""
    place, scan = ("scans", name), campaign.scans[name]
    start = facts.get(scan.start.dataset) if scan.start.dataset else systems.get(scan.start.system or "")
    if start is None:
        return
    for index, frame in enumerate(scan.start.frames):
        if frame >= start.frames:
            expected = f"0 to {start.frames - 1}"
            yield Mistake((*place, "start", "frames", index), "no such frame", str(frame), expected)
    used = [frame for frame in scan.start.frames if frame < start.frames]
    begun, origin = start.select(used) if used else start, str(scan.start.system or scan.start.dataset)
    yield from _nothing_moved(place, scan, campaign, begun, origin)
    if scan.potential:
        yield from check_species(place, potentials.get(scan.potential), "label", begun, origin)
    else:
        yield from _unknown_to_model(place, scan, campaign, facts, begun, origin)


def _nothing_moved(
    place: Place, scan: Scan, campaign: Campaign, start: DatasetFacts, origin: str
) -> Iterator[Mistake]:
    """Particles, stated by name, that no frame of the start has."""
    if "particles" not in scan.model_fields_set:
        return
    known = set(start.species)
    metals = {atomic_number(metal) for metal in campaign.analysis.profiles.metals}
    present = {"water": {1, 8} <= known, "ion": bool(known - metals - {1, 8})}
    for index, particle in enumerate(scan.particles):
        if not present[particle]:
            expected = f"frames with {particle}s, or `particles` without it"
            received = f"{symbols(known)} in {origin}"
            yield Mistake((*place, "particles", index), f"no {particle} in its start", received, expected)


def _unknown_to_model(
    place: Place, scan: Scan, campaign: Campaign, facts: Facts, start: DatasetFacts, origin: str
) -> Iterator[Mistake]:
    committee = campaign.committees.get(scan.committee or "")
    split = campaign.splits.get(committee.split) if committee else None
    known = facts_of(split, facts) if split else None
    if known and (strange := set(start.species) - set(known.species)):
        message = f"species that the model does not know: {symbols(strange)}"
        yield Mistake((*place, "start"), message, origin, f"only {symbols(set(known.species))}")


def check_locality(name: str, campaign: Campaign, facts: Facts, potentials: Potentials) -> Iterator[Mistake]:
    """Frames of other labels than those of the potential, and frames without a metal under water."""
    place, entry = ("locality", name), campaign.locality[name]
    split = campaign.splits.get(entry.split)
    known = facts_of(split, facts) if split else None
    if split is None or known is None:
        return
    yield from check_species(place, potentials.get(entry.potential), "label", known, split.dataset)
    test = sizes_of(split, known).test
    if entry.hosts > test:
        expected = f"at most the {test} frames of its test set"
        yield Mistake((*place, "hosts"), f"more hosts than `{entry.split}` has", str(entry.hosts), expected)
    if others := sorted(labelled_by(split.dataset, campaign) - {entry.potential}):
        expected = f"the potential that labelled `{split.dataset}`: {', '.join(others)}"
        message = "composed frames and their hosts would be labelled by different potentials"
        yield Mistake((*place, "potential"), message, entry.potential, expected)
    metals = {atomic_number(metal) for metal in campaign.analysis.profiles.metals}
    if not {1, 8} <= set(known.species) or not metals & set(known.species):
        expected = f"frames of {', '.join(campaign.analysis.profiles.metals)} under water"
        received = symbols(set(known.species))
        yield Mistake((*place, "split"), "its frames have no first layer of water", received, expected)


def labelled_by(dataset: str, campaign: Campaign) -> set[str]:
    """Potentials that labelled a dataset's frames; words for labels of a file."""
    entry = campaign.datasets.get(dataset)
    if entry is None:
        return set()
    if entry.join:
        return {name for part in entry.join for name in labelled_by(part, campaign)}
    source = entry.generate or entry.label
    return {source.potential if source else FILE}
