"""Evaluation of models, and observables of every MD run."""

from typing import Annotated, Literal

from pydantic import Field

from mlipbench_hpc.campaign.quantity import Length, Time
from mlipbench_hpc.campaign.spec.base import Count, Name, Spec, Symbol


class Evaluation(Spec):
    """Energies and forces of every member on the held-out frames."""

    batch_size: Count = 8


class RadialDistribution(Spec):
    """g(r) of each pair of species."""

    pairs: list[tuple[Symbol, Symbol]] = [("O", "O")]
    r_max: Length = 6.0
    bin: Length = 0.05


class Profiles(Spec):
    """Profiles along z, counted from the surface of the metal where a run has one."""

    metal: Symbol | Annotated[list[Symbol], Field(min_length=1)] = Field(
        "Au", description="The slab's element, or a list of its elements."
    )
    bin: Length = Field(0.1, description="Width; whole bins must fill the first layer, 0 < z ≤ 4.5 Å.")
    assignment: Literal["frames", "frozen"] = Field(
        "frames",
        description="Who is water: seen in each frame, or as in the first (the paper: O-H of at most 1.3 Å).",
    )

    @property
    def metals(self) -> tuple[str, ...]:
        """The slab's elements."""
        return (self.metal,) if isinstance(self.metal, str) else tuple(self.metal)


class Dynamics(Spec):
    """Dynamics in the first layer, 0 < z ≤ 4.5 Å: orientation and stay of waters, and ions."""

    dipole_correlation: Time = Field(2.5, description="Longest lag of C_dip.")
    survival: Time = Field(5.0, description="Longest lag of P_surv.")
    origins: Literal["all", "apart"] = Field(
        "all", description="all: every frame; apart: as far as the longest lag, as in the paper."
    )
    coordination: Length = Field(3.2, description="An oxygen so near is an ion's neighbour.")


class Reweight(Spec):
    """Every member is evaluated on each `stride`-th stored frame after equilibration."""

    stride: Count = 10
    md: list[Name] | None = Field(None, description="Of these entries of `md` (default: of all committees).")


class CrossReweighting(Spec):
    """The frames of a run, reweighted to the members of another committee: of the one that drives `against`.

    What they give stands beside that run, the other committee's own MD.
    """

    run: Name
    against: Name
    stride: Count = Field(10, description="Members are evaluated on every so many-th stored frame.")


class Comparison(Spec):
    """A difference that is asked for before there are numbers: of `run` to `against`, in each observable."""

    run: Name
    against: Name
    observables: list[str] = Field(
        min_length=1,
        description="Of the suite: cosine, peak_z_A, peak_g_per_cm3 (first layer), total_orientation (mean "
        "P_z), total_orientation_width (its width) and height_X (mean height of the ions X).",
    )


class Analysis(Spec):
    """Observables of every MD run, with block errors; `reweight: null` leaves the other members out."""

    comparisons: list[Comparison] = Field(
        [],
        description="The primary table: tests of these differences alone, Holm-corrected together (default: "
        "every model against the reference potential in every number).",
    )

    rdf: RadialDistribution = RadialDistribution()
    profiles: Profiles = Profiles()
    dynamics: Dynamics = Dynamics()
    reweight: Reweight | None = Reweight()
    blocks: Annotated[int, Field(ge=2, strict=True)] = 10
