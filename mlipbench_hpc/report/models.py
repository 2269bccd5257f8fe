"""Tables of committees side by side: training, growth, errors."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Member, Round, mean_and_deviation, rounds
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus

# Of the standard deviation of the labels: force RMSE up to USABLE is usable for MD, above UNUSABLE not.
USABLE, UNUSABLE = 0.25, 0.5
RMSE = "rmse_meV_per_A"
FORCES = {"molecules": "net forces on water molecules", "ions": "forces on ions", "all": "forces on atoms"}
JUDGED = ("molecules", "ions")
NEAR = 2.0  # standard errors between an error and a limit below which the verdict is provisional


def training(finals: list[Round]) -> Table:
    """Training table, one row for each member; a dash where an architecture does not state a number."""
    names = sorted({name for final in finals for member in final.trained for name in _numbers(member.train)})
    rows = [
        [final.committee, str(member.number), number(member.structures),
         *(number(_numbers(member.train).get(name)) for name in names)]
        for final in finals
        for member in final.members
    ]  # fmt: skip
    header = ["committee", "member", "training structures", *(readable(name) for name in names)]
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = f"Training of each member as its training reports it, errors on the validation set ({about})."
    return Table(caption, header, rows)


def readable(name: str) -> str:
    """A JSON name with its unit set apart: `time_ps` becomes `time, ps`."""
    for suffix, unit in (
        ("_meV_per_atom", "meV/atom"), ("_meV_per_A", "meV/Å"),
        ("_eV_per_A", "eV/Å"), ("_ps", "ps"), ("_K", "K"),
    ):  # fmt: skip
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ').replace('rmse', 'RMSE')}, {unit}"
    return name.replace("_", " ")


def growth(results: Results, committee: str) -> Table | None:
    """One row for each round of a committee that grows; None for others."""
    planned = rounds(results, committee)
    if not any(stage.decision for stage in planned):
        return None
    rows = []
    for stage in planned:
        decision = stage.decision.values if stage.decision else {}
        error = number(decision.get("force_rmse_meV_per_A"))
        rows.append([str(stage.number), decision.get("reason", "not decided yet"), stage.describe(), error])
    header = ["round", "decision", "committee", "mean validation force RMSE, meV/Å"]
    return Table(f"Rounds of {committee}: errors on the validation set.", header, rows, words=3)


ENERGY_COLUMNS = [
    ("energy, meV/atom", "rmse_meV_per_atom", "std_meV_per_atom"),
    ("centred, meV/atom", "centred_rmse_meV_per_atom", "std_meV_per_atom"),
    ("energy, meV/structure", "rmse_meV", "std_meV"),
    ("centred, meV/structure", "centred_rmse_meV", "std_meV"),
]


def errors(finals: list[Round], part: str) -> Table:
    """Errors on `validation` or `test`, a column for each committee, beside it the spread of the labels."""
    known = [
        (final, [errors for member in final.members if (errors := member.errors(part))]) for final in finals
    ]
    species = list(
        dict.fromkeys(symbol for _, own in known for errors in own for symbol in errors["force"]["species"])
    )
    columns = [_committee_columns(own, species) for _, own in known]
    rows = [
        [name, *cells] for name, *cells in zip(_error_names(species), *itertools.chain(*columns), strict=True)
    ]
    header = ["RMSE"]
    for final, own in known:
        frames = f"{number(own[0]['frames'])} frames" if own else "no frames"
        header += [f"{final.committee}, {over(len(own))}", f"σ of the labels, {frames}"]
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = (
        f"RMSE of the members' predictions against the labels of the {part} set ({about}), frames of every "
        "temperature and rattled ones together; beside them the standard deviation σ of those labels, "
        "of energies about the mean of their composition. Centred: mean error of each composition removed."
    )
    return Table(caption, header, rows, open=True)


def over(members: int) -> str:
    """Words for numbers that are averaged over so many members."""
    if members > 1:
        return f"mean ± std over {members} members"
    return "of 1 member, std over members not determined" if members else "no member evaluated"


def tails(finals: list[Round], part: str) -> Table | None:
    """Force errors beside their median and the part that few large ones carry; None where nothing is."""
    rows = [
        [final.committee, FORCES[kind], number(cells[0]["values"]), plus_minus(*_over_members(cells, RMSE)),
         plus_minus(*_over_members(cells, "median_meV_per_A")),
         _percent(_over_members(cells, "share_of_largest")[0])]
        for final in finals
        if (known := [errors for member in final.members if (errors := member.errors(part))])
        for kind in FORCES
        if (cells := [errors["force"][kind] for errors in known]) and cells[0]["values"]
    ]  # fmt: skip
    header = ["committee", "forces", "components", "RMSE, meV/Å", "median absolute error, meV/Å",
              "squared error in the largest 1 %"]  # fmt: skip
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = (
        f"Force errors of the members against the labels of the {part} set, mean ± std over members "
        f"({about}), frames of every temperature and rattled ones together. A few large errors can carry the "
        "RMSE, so beside it stands the median absolute error of a component (0.67 RMSE for normal errors), "
        "and the part of Σ error² in the largest 1 % of the errors, at least one (8 % for normal errors)."
    )
    return Table(caption, header, rows, words=2) if rows else None


def _over_members(cells: list[dict[str, Any]], name: str) -> tuple[float | None, float | None]:
    """Mean and standard deviation of a number over members."""
    return mean_and_deviation([cell.get(name) for cell in cells])


@dataclass(frozen=True)
class Share:
    """Error of one kind of force: mean RMSE and its standard deviation over members, σ of the labels, meV/Å.

    kind: of `FORCES`; components: how many values.
    """

    kind: str
    rmse: float | None
    deviation: float | None
    sigma: float | None
    components: int

    @property
    def ratio(self) -> float | None:
        """RMSE over σ; None where one of them is not defined."""
        return self.rmse / self.sigma if self.rmse is not None and self.sigma else None

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
                rmse = _over_members(cells, RMSE)
                shares.append(Share(kind, *rmse, cells[0]["std_meV_per_A"], cells[0]["values"]))
        return cls(condition, first.get("composition"), first["frames"], shares)

    @property
    def judged(self) -> list[Share]:
        """Those of molecules and ions; of atoms where the frames have neither."""
        return [share for share in self.shares if share.kind in JUDGED] or self.shares


def strata(results: Results, final: Round) -> list[Stratum]:
    """Test frames at the temperatures of the MD that the committee drives, all together and by composition.

    At a temperature without frames, those of which nobody states the temperature count, else all test frames
    do; so they do without MD. `condition` says so.
    """
    known = [errors for member in final.members if (errors := member.errors("test"))]
    if not known:
        return []
    asked = [results.asked("md", name) for name in results.names("md")]
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
    untested: compositions of other test frames without any at that temperature.
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

    @classmethod
    def of(cls, ratio: float, stratum: Stratum, share: Share, untested: list[str]) -> "Judgement":
        """Of the largest relative error."""
        verdict = "usable" if ratio <= USABLE else "doubtful" if ratio <= UNUSABLE else "not usable"
        error = share.ratio_error
        near = min(abs(ratio - limit) for limit in (USABLE, UNUSABLE)) < NEAR * error
        return cls(
            verdict, ratio, error, share.kind, stratum.composition, stratum.condition, stratum.frames,
            share.components, near, untested,
        )  # fmt: skip

    @property
    def doubts_md(self) -> bool:
        """True where the limit for MD is exceeded, or lies within two standard errors above."""
        return self.ratio + NEAR * self.error * self.provisional > UNUSABLE

    def sentence(self, more: str = MORE) -> str:
        """What is judged, by how many numbers, and the verdict with its limit; more: what to do about it."""
        meaning = {
            "usable": f"at most {_percent(USABLE)}: usable for MD by this criterion.",
            "doubtful": f"between {_percent(USABLE)} and {_percent(UNUSABLE)}: doubtful for MD; {more}",
            "not usable": f"above {_percent(UNUSABLE)}, a limit of this suite: not usable for MD; {more}",
        }
        amount = f"{count(self.frames, 'frame')}, {count(self.components, 'component')}"
        what = FORCES[self.forces] + (f" in {self.composition}" if self.composition else "")
        return (
            f"Largest relative error, of {what}, {self.condition} ({amount}): RMSE {_percent(self.ratio)} of "
            f"the labels' standard deviation, {meaning[self.verdict]}{self._reservations()}"
        )

    def _reservations(self) -> str:
        """Sentences on what the verdict does not know, each after a space."""
        near = (
            " Provisional: so few components leave this share uncertain by at least "
            f"±\u00a0{_percent(self.error)}, and a limit lies within twice that; use more test frames."
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
        f"because means over compositions hide it: usable for MD up to {_percent(USABLE)} of σ, not usable "
        f"above {_percent(UNUSABLE)}, limits that this suite sets and no reference gives. The worst of "
        "several is biased upwards, the more the fewer frames. ± of RMSE / σ: from the number of components, "
        "a lower limit."
    )
    return Table(caption, header, rows, words=4) if rows else None


def _share(share: Share) -> str:
    """`55 ± 3 %`; a dash where it is not defined."""
    if share.ratio is None:
        return NOTHING
    return f"{100 * share.ratio:.0f} ± {math.ceil(100 * share.ratio_error)}\u00a0%"


def _percent(ratio: float | None) -> str:
    return NOTHING if ratio is None else f"{100 * ratio:.0f}\u00a0%"


def members_errors(final: Round, part: str) -> Table:
    """Errors of each member of one committee."""
    evaluated = [(member, errors) for member in final.members if (errors := member.errors(part))]
    species = list(evaluated[0][1]["force"]["species"]) if evaluated else []
    by_member = [map(number, _error_cells(errors, species, "rmse")) for _, errors in evaluated]
    rows = (
        [[name, *cells] for name, *cells in zip(_error_names(species), *by_member, strict=True)]
        if evaluated
        else []
    )
    header = ["RMSE", *(f"member {member.number}" for member, _ in evaluated)]
    caption = (
        f"RMSE of each member of {final.committee} against the labels of the {part} set "
        f"({final.describe()}), frames of every temperature and rattled ones together."
    )
    return Table(caption, header, rows, open=True)


def _error_names(species: list[str]) -> list[str]:
    names = [name for name, _, _ in ENERGY_COLUMNS] + ["force, meV/Å"]
    names += [f"force on {symbol}, meV/Å" for symbol in species]
    return [*names, "net force on water, meV/Å", "force on ions, meV/Å"]


def _committee_columns(evaluated: list[dict[str, Any]], species: list[str]) -> tuple[list[str], list[str]]:
    """Mean ± standard deviation over the members, and σ of the labels, in the order of the rows."""
    by_member = [_error_cells(errors, species, "rmse") for errors in evaluated]
    spread = _error_cells(evaluated[0] if evaluated else {}, species, "std")
    means = [
        plus_minus(*mean_and_deviation([cells[place] for cells in by_member])) for place in range(len(spread))
    ]
    return means, [number(sigma) for sigma in spread]


def _error_cells(values: dict[str, Any], species: list[str], kind: str) -> list[float | None]:
    if not values:
        return [None] * (len(ENERGY_COLUMNS) + len(species) + 3)
    energy, force = values["energy"], values["force"]
    by_species = [force["species"].get(symbol, {}) for symbol in species]
    forces = [force["all"], *by_species, force["molecules"], force["ions"]]
    names = [rmse if kind == "rmse" else std for _, rmse, std in ENERGY_COLUMNS]
    return [energy[name] for name in names] + [cell.get(f"{kind}_meV_per_A") for cell in forces]


def _numbers(item: Item | None) -> dict[str, float]:
    """The scalar numbers among a training's values."""
    values = item.values if item else {}
    return {
        name: value for name, value in values.items() if isinstance(value, int | float) and name != "frames"
    }


def hyperparameters(member: Member) -> dict[str, Any]:
    """Hyperparameters that a member was trained with; {} when it is not done."""
    task = member.train.task if member.train else {}
    values: dict[str, Any] = task.get("parameters", {}).get("hyperparameters", {})
    return values
