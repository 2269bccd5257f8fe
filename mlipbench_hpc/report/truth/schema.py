"""What a file of compact results has to hold: it may come from another machine, and from other hands."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mlipbench_hpc.campaign.complaints import conform
from mlipbench_hpc.campaign.spec.base import require
from mlipbench_hpc.studies.truth import Number as Name

Real = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Error = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Whole = Annotated[int, Field(ge=0, strict=True)]
Text = Annotated[str, Field(strict=True)]


class Part(BaseModel):
    """Part of such a file: what is not read is free."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Number(Part):
    """Mean, standard error and its degrees of freedom; none where they are not known."""

    mean: Real | None = None
    se: Error | None = None
    dof: Above | None = None


class Profile(Part):
    """A curve in bins along z."""

    z_A: list[Real] = Field(min_length=2)
    mean: list[Real | None]
    se: list[Real | None]

    @model_validator(mode="after")
    def _together(self) -> "Profile":
        lengths = {"mean": len(self.mean), "se": len(self.se)}
        bins = len(self.z_A)
        require(
            [((key,), f"{own} values", f"{bins}, as z_A has") for key, own in lengths.items() if own != bins]
        )
        return self


class Restraint(Part):
    """A restrained atom."""

    mean_A: Real | None = None


class Statistics(Part):
    """A temperature of a run."""

    name: Text
    title: Text
    symbol: Text
    unit: Text
    species: Text
    path: list[Text] = Field(min_length=1)
    values: dict[str, Real | None]


class Sampled(Part):
    """How the start of a run was sampled."""

    temperature_K: Above
    times_ps: dict[str, Any]


class Series(Part):
    """One series that is tested for stationarity."""

    frames: Whole
    discard: Whole
    inefficiency: Real | None
    independent: Real | None
    first: Real | None
    second: Real | None
    error: Error | None
    dof: Error | None


class Tested(Part):
    """All series of a run."""

    frame_ps: Above
    series: dict[str, Series]
    ions: list[Text]


class Untested(Part):
    """No series, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    skipped: Text = ""


class Judged(Part):
    """What decides whether conclusions are drawn from a run."""

    stationarity: Tested | Untested
    temperatures: list[Statistics]
    sampled: Sampled | None = None


class Scalar(Part):
    """A number of a run's frames reweighted to the other members."""

    sigma: Error | None = None


class Reweighted(Part):
    """What the frames of a run say of the other members."""

    verdict: Text
    scalars: dict[str, Scalar]


class Run(Part):
    """One run; one that completed and was analysed has numbers, and what judges them."""

    outcome: Literal["completed", "unstable"]
    cause: Text | None = None
    model: Text | None = None
    time_ps: Real | None = None
    species: dict[str, Whole] | None = None
    judged: Judged | None = None
    numbers: dict[Name, Number] | None = None
    profiles: dict[str, Profile] | None = None
    restraints: list[Restraint] | None = None
    reweight: Reweighted | None = None

    @model_validator(mode="after")
    def _analysed(self) -> "Run":
        known = {"species": self.species, "judged": self.judged}
        lost = [((key,), "nothing", f"what a run with numbers has: {key}") for key in known if not known[key]]
        require(lost if self.numbers else [])
        return self


class Alpha(Part):
    """α at one composition and temperature."""

    composition: Text | None
    temperature_K: Real | None
    alpha: Error | None = None
    interval: Annotated[list[Real | None], Field(min_length=2, max_length=2)] | None = None
    withheld: Text | None = None


class Force(Part):
    """Errors of forces."""

    rmse_meV_per_A: Error | None = None


class Stratum(Part):
    """Errors on the test frames of one composition and temperature."""

    composition: Text | None
    force: Force


class Errors(Part):
    """Errors of one member."""

    force: Force
    strata: list[Stratum]


class Committee(Part):
    """A trained committee."""

    members: Whole
    structures: Whole | None
    models: dict[str, Text]
    calibrated: Annotated[bool, Field(strict=True)]
    alpha: list[Alpha]
    errors: list[Errors]


class Stay(Part):
    """Changes of layer of each ion in one run."""

    transitions: list[Whole]


class Layers(Part):
    """Layers of one element's ions over the runs of one entry."""

    temperature_K: Above
    peaks_A: list[Real] | None = None
    runs: list[Stay]
    share: Number | None = None
    condition: Text


class Compact(Part):
    """The whole file."""

    schema_: Annotated[int, Field(alias="schema", strict=True)]
    campaign: Text
    campaign_sha256: Text
    mlipbench: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+-]{1,40}$")]
    store: Text
    runs: dict[str, dict[str, Run]]
    committees: dict[str, Committee]
    ions: dict[str, dict[str, Layers]]
    cost: dict[str, dict[str, tuple[Error, Whole, Whole]]]


def mistakes(content: Any) -> list[str]:
    """Every mistake in the content of such a file, with its place in it; [] without any."""
    if not isinstance(content, dict):
        return ["received no mapping, expected what `mlipbench compact` wrote"]
    _, wrong = conform(content, Compact)
    return [own.said for own in wrong]
