"""truth: MD by every member of committees against the reference potential's own, the truth."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake, Place, near
from mlipbench_hpc.campaign.spec import Campaign, Count, MolecularDynamics, Name, RunProtocol, Spec, Start
from mlipbench_hpc.campaign.spec.base import Wrong, each_listed, each_once, require
from mlipbench_hpc.campaign.splits import Facts
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study
from mlipbench_hpc.studies.shared.protocol import differing, other_atoms, other_labels, own_frames

KIND = "truth"


def _two(pair: list[str]) -> list[str]:
    if len(pair) != 2:
        raise ValueError("expected two committees")
    return pair


Number = Literal["cosine", "total_orientation", "total_orientation_width", "peak_z_A", "peak_g_per_cm3"]
NUMBERS: tuple[Number, ...] = get_args(Number)
Pair = Annotated[list[Name], AfterValidator(_two)]


class Gate(Spec):
    """Committees that have to agree with the truth before any other of the study is judged."""

    committees: list[Name] = Field(min_length=1)
    cosine: Annotated[float, Field(gt=0, le=1, strict=True)] = Field(
        0.05, description="Largest difference of the first layer's ⟨cos θ⟩."
    )


class Check(Spec):
    """A run of the reference potential that differs in timestep and masses alone, and the limits for it."""

    run: Name
    cosine: Annotated[float, Field(gt=0, le=1, strict=True)] = Field(
        0.01, description="Of the first layer's ⟨cos θ⟩."
    )
    total_orientation: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)] = Field(
        0.1, description="Of mean P_z."
    )


class Against(Spec):
    """Another study of the same reference, with whose committees some of this one are compared."""

    study: Name = Field(description="It stands before this one.")
    pairs: list[Pair] = Field(min_length=1, description="A committee of this study each, and one of that.")


class Truth(Spec):
    """Members' own MD against a run of the reference potential: differences, and whether bands cover them.

    The primary table is declared here: every committee under `compare` against the reference, and the pairs
    of `pairs`, and of `against` over two studies, against each other, each in `numbers`.
    """

    kind: Literal["truth"]
    reference: Name = Field(description="An entry of `md` that the reference potential drives.")
    committees: list[Name] = Field(min_length=1, description="All that run.")
    members: Count = Field(6, description="So many first members of each run, each from a frame of its own.")
    start: Start
    md: RunProtocol
    numbers: list[Number] = Field(list(NUMBERS), min_length=1)
    compare: list[Name] = Field([], description="Of these committees, against the reference.")
    pairs: list[Pair] = Field([], description="Two committees each, against each other.")
    against: Against | None = None
    gate: Gate | None = None
    check: Check | None = None
    coverage: list[Name] = Field(
        [], description="Independent committees: how often their bands cover the truth."
    )
    limits: list[str] = Field([], description="What could change the answer, for the page of joined results.")

    @model_validator(mode="after")
    def _known(self) -> "Truth":
        own, pairs = self.committees, dict[tuple[str, ...], list[list[str]]]({("pairs",): self.pairs})
        pairs |= {("against", "pairs"): self.against.pairs} if self.against else {}
        named: dict[tuple[str, ...], list[str]] = {("compare",): self.compare, ("coverage",): self.coverage}
        named |= {("gate", "committees"): self.gate.committees} if self.gate else {}
        require(
            each_once("committees", own),
            each_once("numbers", self.numbers),
            own_frames(self.start, self.members, "member"),
            *(each_once(key, names, *within) for (*within, key), names in named.items()),
            *(each_listed(key, names, "committees", own, *within) for (*within, key), names in named.items()),
            *(_pairs(place, chosen, own) for place, chosen in pairs.items()),
        )
        return self


def _pairs(place: Place, pairs: Sequence[Sequence[str]], committees: Sequence[str]) -> Iterator[Wrong]:
    """Pairs that compare nothing, or the same again; of another study's the second is judged elsewhere."""
    within = place == ("pairs",)
    for index, pair in enumerate(pairs):
        for side, name in enumerate(pair if within else pair[:1]):
            if name not in committees:
                yield (*place, index, side), repr(name), f"one of `committees`: {', '.join(committees)}"
        known = pairs[:index]
        if len(set(pair)) == 1:
            yield (*place, index), f"{pair[0]} twice", "two different committees"
        elif pair in known or (within and [pair[1], pair[0]] in known):
            yield (*place, index), " and ".join(pair), "each pair once, in one order"


def run_name(study: str, committee: str, member: int) -> str:
    """`inner-dp-mixed-0`: the first member of `dp-mixed`."""
    return f"{study}-{committee}-{member}"


def unfold(asked: Asked[Truth]) -> Iterator[Entry]:
    """A run of each member of each committee."""
    for place, committee in enumerate(asked.spec.committees):
        for member in range(asked.spec.members):
            yield _run(asked, place, committee, member)


def _run(asked: Asked[Truth], place: int, committee: str, member: int) -> Entry:
    start, frames = dict(asked.written["start"]), asked.spec.start.frames
    if "frames" in start:
        start["frames"] = [frames[member % len(frames)]]
    content: dict[str, Any] = {"committee": committee, "member": member, "start": start}
    origins: dict[Place, Place] = {(key,): ("md", key) for key in asked.written["md"]}
    origins |= {("start", "frames", 0): ("start", "frames", member % len(frames)), ("member",): ("members",)}
    origins[("committee",)] = ("committees", place)
    return Entry("md", run_name(asked.name, committee, member), content | asked.written["md"], origins)


def check(examined: Examined[Truth]) -> Iterator[Mistake]:
    """A reference that is none, and what besides the potential differs between it and the members' runs."""
    spec, campaign = examined.spec, examined.campaign
    truth = campaign.md.get(spec.reference)
    if truth is None or truth.potential is None:
        if truth or spec.reference in campaign.trajectories:
            expected = "an entry of `md` with `potential`, whose protocol the members can have"
            yield Mistake(("reference",), "driven by no reference potential", repr(spec.reference), expected)
        return
    yield from differing(("md",), spec.md, truth, spec.reference)
    facts = (examined.datasets, examined.systems)
    own = truth.model_copy(update={"start": spec.start, "replicas": spec.members})
    yield from other_atoms(("start",), own, truth, campaign, facts)
    for place, committee in enumerate(spec.committees):
        yield from other_labels(("committees", place), committee, truth, campaign)
    yield from _checked(examined, truth, facts)
    yield from _covered(examined)
    yield from _against(examined)


def _against(examined: Examined[Truth]) -> Iterator[Mistake]:
    """Another study that is not there, that has another truth, or that lacks the committees named."""
    spec, against = examined.spec, examined.spec.against
    if against is None:
        return
    other, place = examined.earlier.get(against.study), ("against", "study")
    if other is None:
        expected = f"a study of kind `{KIND}` above this one"
        yield Mistake(
            place, "no such study", repr(against.study), expected, near(against.study, examined.earlier)
        )
        return
    if other.reference != spec.reference:
        if not {other.reference, spec.reference} <= set(examined.campaign.md):
            return
        received = f"{other.reference} in {against.study}, {spec.reference} here"
        yield Mistake(place, "a study of another reference", received, "one reference in both")
    for index, (_, theirs) in enumerate(against.pairs):
        if theirs not in other.committees:
            expected = f"one of {', '.join(other.committees)}"
            where: Place = ("against", "pairs", index, 1)
            message = f"no committee of study {against.study}"
            yield Mistake(where, message, repr(theirs), expected, near(theirs, other.committees))


def _checked(
    examined: Examined[Truth], truth: MolecularDynamics, facts: tuple[Facts, Facts]
) -> Iterator[Mistake]:
    """A check that differs in more than timestep and masses, or not even in these."""
    spec, campaign = examined.spec, examined.campaign
    run = campaign.md.get(spec.check.run) if spec.check else None
    if spec.check is None or run is None:
        return
    place: Place = ("check", "run")
    if (run.potential, run.options) != (truth.potential, truth.options):
        message = f"not driven as `{spec.reference}` is, with which it is compared"
        yield Mistake(place, message, repr(spec.check.run), "a run of the same potential and options")
        return
    if (run.timestep, run.hydrogen_mass) == (truth.timestep, truth.hydrogen_mass):
        message = "it has the timestep and masses that it is to check"
        yield Mistake(place, message, repr(spec.check.run), "a shorter timestep, or natural masses")
    for mistake in differing(place, run, truth, spec.reference, free=("timestep", "hydrogen_mass")):
        received = f"{mistake.place[-1]} {mistake.received}"
        yield replace(mistake, place=place, received=received)
    yield from other_atoms(place, run, truth, campaign, facts)


def _covered(examined: Examined[Truth]) -> Iterator[Mistake]:
    """Committees that count twice in the coverage, or against another truth: of all studies it is one.

    Those that train on frames of one pool are not independent.
    """
    pools = dict[object, str]()
    for other in examined.earlier.values():
        pools |= {_pool(examined.campaign, name): name for name in other.coverage}
    for place, committee in enumerate(examined.spec.coverage):
        first = pools.setdefault(_pool(examined.campaign, committee), committee)
        if first != committee:
            received = f"{committee} and {first}, of frames of one dataset"
            yield Mistake(("coverage", place), "not independent", received, "committees of different frames")
        for name, other in examined.earlier.items():
            if committee in other.coverage:
                received = f"{committee}, also in {name}"
                yield Mistake(("coverage", place), "counted twice", received, "each committee in one study")
    yield from _of_one_truth(examined)


def _of_one_truth(examined: Examined[Truth]) -> Iterator[Mistake]:
    """Coverage against another reference than that of an earlier study."""
    own, known = examined.spec, examined.campaign.md
    covering = {name: other for name, other in examined.earlier.items() if other.coverage and own.coverage}
    for name, other in covering.items():
        if other.reference != own.reference and {other.reference, own.reference} <= set(known):
            received = f"{own.reference}, and {other.reference} in {name}"
            yield Mistake(("coverage",), "coverage of two truths", received, "one reference in all studies")
            return


def _pool(campaign: Campaign, committee: str) -> object:
    """Where the frames of a committee come from; itself where that is not known."""
    own = campaign.committees.get(committee)
    split = campaign.splits.get(own.split) if own else None
    if split is None:
        return committee
    return (split.dataset, str(split.sets.train)) if split.sets else (split.dataset,)


REFERENCES = {"reference": "md", "check.run": "md", "committees": "committees"}
STUDY = Study(KIND, "Truth", Truth, unfold, references=REFERENCES, check=check)
