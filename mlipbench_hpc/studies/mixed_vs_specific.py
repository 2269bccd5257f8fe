"""mixed-vs-specific: models of one charge state and of several (Fig. 4, 6, S1, S4 and S11, Table S-III)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake, Place
from mlipbench_hpc.campaign.quantity import Time
from mlipbench_hpc.campaign.spec import Count, Draw, Name, RunProtocol, Spec, Start, Symbol
from mlipbench_hpc.campaign.spec.base import Wrong, each_listed, each_once, require
from mlipbench_hpc.campaign.spec.models import Amount
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study
from mlipbench_hpc.studies.shared.protocol import other_amounts, other_state, own_frames

KIND = "mixed-vs-specific"
SPECIFIC, MIXED, SMALL, WITHOUT = "specific", "mixed", "small-mixed", "without"
OF_A_TARGET = ("start", "length")  # keys of its runs
Many = Annotated[int, Field(gt=0, le=10_000, strict=True)]


class Target(Spec):
    """One charge state: its number of ions, and where MD at it starts."""

    ions: Amount
    start: Start = Field(description="With so many ions; a frame for each replica.")
    length: Time | None = Field(None, description="Of its runs (default: that under `md`).")


class MixedVsSpecific(Draw):
    """Committees of one number of ions and of several, tested on the same frames, and MD by each of them.

    `train` frames of its number of ions train a specific model. A mixed one has as many of every number, so
    that it knows the target as well; a small mixed one as many in all.
    """

    kind: Literal["mixed-vs-specific"]
    models: list[Name] = Field(min_length=1, description="Entries of `models`.")
    element: Symbol = Field("Na", description="The ions.")
    counts: list[Amount] = Field(min_length=2, description="Numbers of ions in the mixed training sets.")
    targets: list[Target] = Field(min_length=1, description="Charge states that are tested and run.")
    train: Count = Field(description="Frames of a specific training set.")
    members: Many = Field(5, description="Of each committee; fewer than 6 give no calibrated band.")
    held_out: list[Amount] = Field(
        [], description="Targets at which models run that were trained on all other numbers of ions."
    )
    md: RunProtocol
    replicas: Many = 1
    references: list[Name] = Field([], description="Entries of `md` whose profiles are drawn in black.")

    @model_validator(mode="after")
    def _consistent(self) -> "MixedVsSpecific":
        lists = (each_once(key, getattr(self, key)) for key in ("models", "counts", "held_out", "references"))
        targets = [target.ions for target in self.targets]
        held = each_listed("held_out", self.held_out, "ions of targets", targets)
        few, expected = (
            bool(self.held_out) and len(self.counts) < 3,
            "at least three, one of which is held out",
        )
        require(*lists, self._targets(), held, [(("counts",), str(len(self.counts)), expected)] * few)
        return self

    def _targets(self) -> Iterator[Wrong]:
        """Targets of one number of ions, of a number that is not mixed, and with too few starts."""
        targets = [target.ions for target in self.targets]
        for index, target in enumerate(self.targets):
            place = ("targets", index, "ions")
            if target.ions in targets[:index]:
                yield place, str(target.ions), "each number of ions once"
            if target.ions not in self.counts:
                yield place, str(target.ions), f"one of `counts`: {', '.join(map(str, self.counts))}"
            yield from own_frames(target.start, self.replicas, "replica", ("targets", index))


@dataclass(frozen=True)
class Arm:
    """One way to choose training data: `specific` to, or `without`, a number of ions, or mixed."""

    kind: str
    ions: int | None = None

    @property
    def label(self) -> str:
        """`specific-3`, `mixed`, `small-mixed`, `without-3`."""
        return self.kind if self.ions is None else f"{self.kind}-{self.ions}"

    def runs_at(self, ions: int) -> bool:
        """True where its models run at a target."""
        return self.ions in (None, ions)


def arms(spec: MixedVsSpecific) -> list[Arm]:
    """Every way, specific ones first."""
    specific = [Arm(SPECIFIC, target.ions) for target in spec.targets]
    return [*specific, Arm(MIXED), Arm(SMALL), *(Arm(WITHOUT, ions) for ions in spec.held_out)]


def split_name(study: str, arm: Arm) -> str:
    """`charge-specific-3`."""
    return f"{study}-{arm.label}"


def committee_name(study: str, arm: Arm, model: str) -> str:
    """`charge-specific-3-mace`."""
    return f"{study}-{arm.label}-{model}"


def run_name(study: str, arm: Arm, model: str, ions: int) -> str:
    """`charge-mixed-mace-at-3`."""
    return f"{committee_name(study, arm, model)}-at-{ions}"


def unfold(asked: Asked[MixedVsSpecific]) -> Iterator[Entry]:
    """A split for each arm, a committee of each model on it, and its runs at the targets."""
    for arm in arms(asked.spec):
        yield _split(asked, arm)
        for number, model in enumerate(asked.spec.models):
            yield _committee(asked, arm, number)
            for place, target in enumerate(asked.spec.targets):
                if arm.runs_at(target.ions):
                    yield _run(asked, arm, model, place)


def _split(asked: Asked[MixedVsSpecific], arm: Arm) -> Entry:
    spec = asked.spec
    draw = {key: asked.written[key] for key in Draw.model_fields if key in asked.written}
    content = draw | {"members": spec.members} | _training(spec, arm)
    origins: dict[Place, Place] = {("equal",): ("element",)}
    for key, numbers in content["restrict"].items():
        origins[("restrict", key, spec.element)] = ("element",)
        for index, ions in enumerate(numbers[spec.element]):
            origins[("restrict", key, spec.element, index)] = _said(spec, arm, ions)
    return Entry("splits", split_name(asked.name, arm), content, origins)


def _said(spec: MixedVsSpecific, arm: Arm, ions: int) -> Place:
    """The place that says a number of ions."""
    if arm.kind == SPECIFIC:
        return "targets", [target.ions for target in spec.targets].index(ions), "ions"
    return "counts", spec.counts.index(ions)


def _training(spec: MixedVsSpecific, arm: Arm) -> dict[str, Any]:
    """Size of the training sets of an arm, and which frames they hold."""
    if arm.kind == SPECIFIC:
        own = {spec.element: [arm.ions]}
        return {"train": spec.train, "restrict": {"train": own, "held_out": own}}
    counts = [ions for ions in spec.counts if arm.kind != WITHOUT or ions != arm.ions]
    size = spec.train if arm.kind == SMALL else spec.train * len(counts)
    restrict = {"train": {spec.element: counts}}
    return {"train": size, "equal": spec.element, "restrict": restrict}


def _committee(asked: Asked[MixedVsSpecific], arm: Arm, number: int) -> Entry:
    model = asked.spec.models[number]
    content = {"model": model, "split": split_name(asked.name, arm)}
    origins: dict[Place, Place] = {("model",): ("models", number), ("split",): ("dataset",)}
    return Entry("committees", committee_name(asked.name, arm, model), content, origins)


def _run(asked: Asked[MixedVsSpecific], arm: Arm, model: str, place: int) -> Entry:
    written, ions = asked.written, asked.spec.targets[place].ions
    own = written["targets"][place]
    target = {key: own[key] for key in OF_A_TARGET if own.get(key) is not None}
    content: dict[str, Any] = {
        "committee": committee_name(asked.name, arm, model),
        "replicas": asked.spec.replicas,
        **written["md"],
        **target,
    }
    origins: dict[Place, Place] = {(key,): ("md", key) for key in written["md"]}
    origins |= {(key,): ("targets", place, key) for key in target}
    return Entry("md", run_name(asked.name, arm, model, ions), content, origins)


def check(examined: Examined[MixedVsSpecific]) -> Iterator[Mistake]:
    """Starts without a target's ions, and a reference that no target matches in atoms, cell, temperature."""
    spec, known = examined.spec, examined.campaign.md
    mixed = Arm(MIXED)
    names = [run_name(examined.name, mixed, spec.models[0], target.ions) for target in spec.targets]
    for place, (name, target) in enumerate(zip(names, spec.targets, strict=True)):
        if name in known:
            where: Place = ("targets", place, "start")
            yield from other_amounts(where, known[name], {spec.element: target.ions}, examined)
    runs = [known[name] for name in names if name in known]
    for index, name in enumerate(spec.references):
        wrong = [[*other_state(("references", index), name, run, examined)] for run in runs]
        if wrong and all(wrong):
            first, expected = wrong[0][0], dict.fromkeys(own[0].expected for own in wrong)
            message = f"no target runs as it does: {first.message}" if len(runs) > 1 else first.message
            yield replace(first, message=message, expected=" or ".join(expected))


STUDY = Study(KIND, "Mixed and specific training", MixedVsSpecific, unfold, {"references": "md"}, True, check)
