"""Judgement of models by their forces on test frames of the MD's temperature."""

import math
from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import Round, mean_and_deviation
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus

# Of the standard deviation of the labels: force RMSE up to USABLE is usable for MD, above UNUSABLE not.
USABLE, UNUSABLE = 0.25, 0.5
RMSE = "rmse_meV_per_A"
FORCES = {"molecules": "net forces on water molecules", "ions": "forces on ions", "all": "forces on atoms"}
JUDGED = ("molecules", "ions")
NEAR = 2.0  # standard errors between an error and a limit below which the verdict is provisional


def over_members(cells: list[dict[str, Any]], name: str) -> tuple[float | None, float | None]:
    """Mean and standard deviation of a number over members."""
    return mean_and_deviation([cell.get(name) for cell in cells])


@dataclass(frozen=True)
class Share:
    """Error of one kind of force: mean RMSE and its standard deviation over members, σ of the labels, meV/Å.

    kind: of `FORCES`; components: how many values; each: RMSE of every member, meV/Å.
    """

    kind: str
    rmse: float | None
    deviation: float | None
    sigma: float | None
    components: int
    each: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """RMSE over σ; None where one of them is not defined."""
        return self.rmse / self.sigma if self.rmse is not None and self.sigma else None

    @property
    def span(self) -> tuple[float, float] | None:
        """Least and greatest RMSE of a member over σ; None for one member, or without σ."""
        if len(self.each) < 2 or not self.sigma:
            return None
        return min(self.each) / self.sigma, max(self.each) / self.sigma

    @property
    def ratio_error(self) -> float:
        """Standard error of `ratio`: 1/√components of it, as for independent normal errors and labels.

        Those of one frame are not independent and large errors are more frequent, so it is a lower limit.
        """
        return (self.ratio or 0.0) / math.sqrt(self.components)


@dataclass(frozen=True)
class Stratum:
    """Test frames of one condition: what it is in words, their number and composition, errors by kind."""

    condition: str
    composition: str | None
    frames: int
    shares: list[Share]

    @classmethod
    def of(cls, condition: str, members: list[dict[str, Any]]) -> "Stratum":
        """members: errors of each evaluated member on the same frames."""
        first = members[0]
        shares = []
        for kind in FORCES:
            cells = [errors["force"][kind] for errors in members]
            if cells[0]["values"]:
                rmse = over_members(cells, RMSE)
                each = tuple(float(cell[RMSE]) for cell in cells if cell.get(RMSE) is not None)
                sigma, values = cells[0]["std_meV_per_A"], cells[0]["values"]
                shares.append(Share(kind, *rmse, sigma, values, each))
        return cls(condition, first.get("composition"), first["frames"], shares)

    @property
    def judged(self) -> list[Share]:
        """Those of molecules and ions; of atoms where the frames have neither."""
        return [share for share in self.shares if share.kind in JUDGED] or self.shares


def strata(results: Results, final: Round) -> list[Stratum]:
    """Test frames at the temperatures of the MD that the committee drives, all together and by composition.

    At a temperature without frames, those of which nobody states the temperature count, else all test frames
    do; so they do without MD. `condition` says so. Runs of studies count as the campaign's own do.
    """
    known = [errors for member in final.members if (errors := member.errors("test"))]
    if not known:
        return []
    asked = list((results.document["campaign"].get("md") or {}).values())
    kelvins = sorted({spec["temperature"] for spec in asked if spec.get("committee") == final.committee})
    if not kelvins:
        return [Stratum.of("on all test frames (no MD is planned)", known)]
    return [stratum for kelvin in kelvins for stratum in _at(kelvin, known)]


def _at(kelvin: float, known: list[dict[str, Any]]) -> list[Stratum]:
    """`strata` at one temperature; the strata of all members are the same ones in the same order."""
    every = list(zip(*(errors["strata"] for errors in known), strict=True))
    at = f"at {number(kelvin)} K"
    unknown = f"for {number(kelvin)} K on all frames that are not rattled (their temperature is not stated)"
    for temperature, condition in ((kelvin, f"{at}, without rattled frames"), (None, unknown)):
        chosen = [list(stratum) for stratum in every if stratum[0]["temperature_K"] == temperature]
        if chosen:
            return [Stratum.of(condition, members) for members in chosen]
    return [Stratum.of(f"for {number(kelvin)} K on all test frames (none was sampled {at})", known)]


MORE, OTHERWISE = "train longer or on more structures.", "take other models, or train from them (`initial`)."


@dataclass(frozen=True)
class Judgement:
    """Whether models are good enough for MD, by their largest relative error.

    verdict: `usable` (RMSE of at most a quarter of σ), `doubtful`, `not usable` (above half); ratio: RMSE
    over σ, and its standard error; forces: of `FORCES`; composition (None: all together), condition, frames
    and components of that error. provisional: whether a limit lies within two standard errors.
    untested: compositions of other test frames without any at that temperature. span: least and greatest
    ratio of a member, of which one alone drives MD; None for one member.
    """

    verdict: str
    ratio: float
    error: float
    forces: str
    composition: str | None
    condition: str
    frames: int
    components: int
    provisional: bool
    untested: list[str]
    span: tuple[float, float] | None = None

    @classmethod
    def of(cls, ratio: float, stratum: Stratum, share: Share, untested: list[str]) -> "Judgement":
        """Of the largest relative error."""
        verdict = "usable" if ratio <= USABLE else "doubtful" if ratio <= UNUSABLE else "not usable"
        error = share.ratio_error
        near = min(abs(ratio - limit) for limit in (USABLE, UNUSABLE)) < NEAR * error
        return cls(
            verdict, ratio, error, share.kind, stratum.composition, stratum.condition, stratum.frames,
            share.components, near, untested, share.span,
        )  # fmt: skip

    @property
    def doubts_md(self) -> bool:
        """True where the limit for MD is exceeded, or lies within two standard errors above."""
        return self.ratio + NEAR * self.error * self.provisional > UNUSABLE

    def sentence(self, more: str = MORE) -> str:
        """What is judged, by how many numbers, and the verdict with its limit; more: what to do about it."""
        meaning = {
            "usable": f"at most {percent(USABLE)}: usable for MD by this criterion.",
            "doubtful": f"between {percent(USABLE)} and {percent(UNUSABLE)}: doubtful for MD; {more}",
            "not usable": f"above {percent(UNUSABLE)}, a limit of this suite: not usable for MD; {more}",
        }
        amount = f"{count(self.frames, 'frame')}, {count(self.components, 'component')}"
        what = FORCES[self.forces] + (f" in {self.composition}" if self.composition else "")
        return (
            f"Largest relative error, of {what}, {self.condition} ({amount}): RMSE {percent(self.ratio)} of "
            f"the labels' standard deviation{self._members()}, {meaning[self.verdict]}{self._reservations()}"
        )

    def _members(self) -> str:
        """` (members 23 to 70 %)`."""
        if self.span is None or self.span[0] == self.span[1]:
            return ""
        return f" (members {100 * self.span[0]:.0f} to {percent(self.span[1])})"

    def _reservations(self) -> str:
        """Sentences on what the verdict does not know, each after a space."""
        near = (
            " Provisional: so few components leave this share uncertain by at least "
            f"±\u00a0{percent(self.error)}, and a limit lies within twice that; use more test frames."
        )
        absent = f" Not judged, because no test frame is of that temperature: {listed(self.untested)}."
        return near * self.provisional + absent * bool(self.untested)


def judgement(results: Results, final: Round) -> Judgement | None:
    """By the worst of molecules and ions in any composition at the temperatures of the MD.

    None where nothing is defined.
    """
    judged = strata(results, final)
    every = [
        (share.ratio, stratum, share)
        for stratum in judged
        for share in stratum.judged
        if share.ratio is not None
    ]
    untested = _untested(judged, final)
    return Judgement.of(*max(every, key=lambda entry: entry[0]), untested) if every else None


def _untested(judged: list[Stratum], final: Round) -> list[str]:
    """Compositions of test frames that are not among several judged ones; [] where one is judged alone."""
    evaluated = (errors["strata"] for member in final.members if (errors := member.errors("test")))
    every: list[dict[str, Any]] = next(evaluated, [])
    known = dict.fromkeys(stratum["composition"] for stratum in every if stratum["composition"])
    own = {stratum.composition for stratum in judged if stratum.composition}
    return [formula for formula in known if formula not in own] if own else []


def strata_errors(results: Results, finals: list[Round]) -> Table | None:
    """Force errors at the MD's temperature, which models are judged by; None where no member is evaluated."""
    rows = [
        [final.committee, stratum.condition, stratum.composition or "all", FORCES[share.kind],
         number(stratum.frames), number(share.components), plus_minus(share.rmse, share.deviation),
         number(share.sigma), _share(share)]
        for final in finals
        for stratum in strata(results, final)
        for share in stratum.shares
    ]  # fmt: skip
    header = ["committee", "test frames", "composition", "forces", "frames in all", "components",
              "RMSE, meV/Å, mean ± std over members", "σ of the labels, meV/Å", "RMSE / σ"]  # fmt: skip
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = (
        f"Force errors of the members against the labels, on test frames of the MD's temperature ({about}). "
        "Stiff O-H bonds dominate the forces on atoms; how molecules move is up to their net forces (sum "
        "over O and its two H). A model is judged by the worst of molecules and ions in any composition, "
        f"because means over compositions hide it: usable for MD up to {percent(USABLE)} of σ, not usable "
        f"above {percent(UNUSABLE)}, limits that this suite sets and no reference gives. The worst of "
        "several is biased upwards, the more the fewer frames. ± of RMSE / σ: from the number of components, "
        "a lower limit."
    )
    return Table(caption, header, rows, words=4) if rows else None


def _share(share: Share) -> str:
    """`55 ± 3 %`; a dash where it is not defined."""
    if share.ratio is None:
        return NOTHING
    return f"{100 * share.ratio:.0f} ± {math.ceil(100 * share.ratio_error)}\u00a0%"


def percent(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{100 * ratio:.0f}\u00a0%"
