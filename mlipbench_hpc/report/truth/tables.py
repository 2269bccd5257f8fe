"""Tables of `truth`, the same on the report's page and on the page of joined results."""

import math
import statistics
from typing import Any

from ase.units import kB

from mlipbench_hpc.analysis.coverage import Coverage
from mlipbench_hpc.analysis.inference import LEVEL
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, number, plus_minus, with_error
from mlipbench_hpc.report.truth.check import Checked
from mlipbench_hpc.report.truth.judge import Covered, Judgement, Study

WORDS = {
    "cosine": "⟨cos θ⟩ of the first layer",
    "total_orientation": "mean P_z",
    "total_orientation_width": "width of P_z",
    "peak_z_A": "first peak, Å",
    "peak_g_per_cm3": "density at the first peak, g/cm³",
}
AVERAGES = (
    "Reference: mean over its runs ± standard error (the larger of blocks and of the scatter between runs). "
    "Committees: mean over the members' own runs ± sampling error; σ: standard deviation over members "
    "without the noise of their runs; α: at the composition and temperature of the MD, with its 95 % "
    "interval, a dash where there is no calibrated one (then the truth counts as one more member); z: "
    "difference to the reference over both errors, of sampling and √(α² + 1/M)·σ (where σ is 0, of sampling "
    "alone). The primary table has the upper limit of σ in its place, and with it larger errors. Unstable "
    "runs are left out and counted: numbers are those of the members that survived. Withheld: no conclusion "
    "is drawn, for the reason stated above the tables."
)
PRIMARY = (
    "The primary table, declared in the campaign: committee's mean over own runs against the reference "
    "(errors: sampling of both, and √(α² + 1/M) times the upper limit of σ), or against another committee "
    "(sampling of both, and the upper limit of σ over √M of each: that limit makes the table strict). "
    "Welch's test, Holm-corrected over all rows; unresolved: p > 0.05, which is no "
    "agreement: resolved from is the difference that the correction's first step would resolve with these "
    "errors. Intervals are those of each row alone. Withheld: runs are not all there, not stationary, too "
    "short to tell or off their temperature, or the gate is not open."
)
COVERAGE = (
    "Coverage of the truth by independent committees: z is the deviation of a committee's mean over its "
    "error, of sampling alone, of training alone (√(α² + 1/M)·σ), of both. Committees are the units, each "
    "number by itself. Expected of so many committees whose errors are right, by simulation: mean shares "
    "within one and two errors, and median rms; σ of few members scatters, so that it can exceed 1. 95 % of "
    "rms: for errors wrong by one common factor. All committees are compared with one truth: worth so many "
    "independent ones, if they share nothing else; where the next table says that they do, that is refuted, "
    "the interval is wider, and the band stands at most for the size of what is shared. What α "
    "itself is wrong by is part of the factor. Not refuted: the interval holds the rms expected of right "
    "errors, and so it may of wrong ones. Members that were unstable are not in it, nor, of training alone, "
    "committees whose σ is 0."
)
SHARED = (
    "What independent committees share: their mean deviation from the truth, with the scatter between them "
    "and the truth's error, tested against 0 (Student's t, Holm-corrected over the numbers). More members or "
    "committees do not average a shared error away."
)
ALL = "all atoms"
TEMPERATURES = (
    "Kinetic temperatures of mobile atoms, K: mean over runs ± standard error between them. A conclusion is "
    "withheld where one is off its target, or changes between halves of the runs, by more than 5 % and its "
    "error."
)
FREE = (
    "Free ions: layers, and ΔF = −kT ln(share outer/share inner), with its standard error and 95 % interval "
    "from blocks, or from the scatter between runs where that is larger. Conditional on where ions began, "
    "for the reason in the last column; the error does not hold what other starts would give."
)


def averages(every: list[Study]) -> list[Table]:
    """The reference's and every committee's numbers of each study; the first table says what they are."""
    captions = [AVERAGES, *["As above."] * (len(every) - 1)]
    return [_averages(study, caption) for study, caption in zip(every, captions, strict=True)]


def _averages(study: Study, caption: str) -> Table:
    numbers = study.spec.numbers
    header = ["", "runs", "unstable or decomposed", "α", *(WORDS[name] for name in numbers)]
    truths = [study.reference(name) for name in numbers]
    runs = max((own.runs for own in truths if own), default=0)
    cells = [with_error(own.mean, own.se) if own else NOTHING for own in truths]
    lost = str(len(study.lost(study.spec.reference)))
    rows = [[study.spec.reference, str(runs), lost, "", *_marked(study, study.spec.reference, cells)]]
    for committee in study.spec.committees:
        row = [committee, str(len(study.members(committee))), str(len(study.unstable(committee)))]
        cells = [_own(study, committee, name) for name in numbers]
        rows.append([*row, _alpha(study, committee), *_marked(study, committee, cells)])
    return Table(f"{study.name}. {caption}", header, rows, open=True)


def _own(study: Study, committee: str, name: str) -> str:
    """`−0.655 ± 0.007; σ 0.026; z 2.4`."""
    own, apart = study.own(committee, name), study.deviation(committee, name)
    if own is None:
        return NOTHING
    words = f"{with_error(own.mean, own.sampling)}; σ {number(own.sigma, 2)}"
    return f"{words}; z {number(apart.z, 2)}" if apart and math.isfinite(apart.z) else words


def _alpha(study: Study, committee: str) -> str:
    """`1.9 (1.4 to 2.6)`, a dash where there is none."""
    alpha, interval = study.alpha(committee), study.stratum(committee).get("interval")
    ends = (
        f" ({number(interval[0], 2)} to {number(interval[1], 2)})" if interval and alpha is not None else ""
    )
    return number(alpha) + ends


def _marked(study: Study, name: str, cells: list[str]) -> list[str]:
    """Numbers of a committee or the reference, those marked of which no conclusion is drawn."""
    numbers = zip(cells, study.spec.numbers, strict=True)
    return [
        f"{cell} (withheld)" if cell != NOTHING and study.withheld(name, own) else cell
        for cell, own in numbers
    ]


def primary(tests: list[Judgement]) -> Table:
    """The declared differences."""
    header = ["study", "of", "against", "number", "verdict", "difference", "95 % interval",
              "resolved from", "Holm p"]  # fmt: skip
    return Table(PRIMARY, header, [_row(test, len(tests)) for test in tests], words=5, open=True)


def _row(test: Judgement, tests: int) -> list[str]:
    head = [test.study, test.committee, test.against, WORDS[test.number], test.verdict]
    own = test.comparison
    if own is None:
        return [*head, *[NOTHING] * 4]
    difference = plus_minus(own.difference, own.error)
    if test.verdict not in ("differs", "unresolved"):
        return [*head, difference, *[NOTHING] * 3]
    ends = " to ".join(number(own.difference + side * own.interval) for side in (-1, 1))
    return [*head, difference, ends, number(own.critical(LEVEL / tests), 2), number(test.p, 2)]


def coverage(rows: list[Covered]) -> Table | None:
    """Shares and rms by number and kind of error; None without any."""
    header = [
        "number",
        "error",
        "committees",
        "within 1σ",
        "within 2σ",
        "expected",
        "rms of z",
        "95 % of rms",
        "worth",
        "covers",
    ]
    cells = [
        [WORDS[own.number], kind, *_covered(one)]
        for own in rows
        for kind, one in (("sampling", own.sampling), ("training", own.training), ("both", own.both))
    ]
    return Table(COVERAGE, header, cells, words=2, open=True) if cells else None


def _covered(own: Coverage) -> list[str]:
    expected = ", ".join(number(one, 2) for one in own.expected)
    if own.number < 2:
        return [str(own.number), NOTHING, NOTHING, expected, NOTHING, NOTHING, NOTHING, NOTHING]
    shares = [f"{share:.2f}" for share in own.shares]
    worth = number(own.effective, 2)
    if not math.isfinite(own.low):
        return [str(own.number), *shares, expected, number(own.rms), NOTHING, worth, "σ is not determined"]
    interval = f"{number(own.low)} to {number(own.high)}"
    wrong = "no, too small" if own.low > own.expected[2] else "no, too large"
    covers = "not refuted" if own.covers else wrong
    return [str(own.number), *shares, expected, number(own.rms), interval, worth, covers]


def shared(rows: list[Covered]) -> Table | None:
    """Mean deviation of all committees by number; None without three of any."""
    cells = [
        [
            WORDS[row.number],
            str(len(row.deviations)),
            str(sum(one.difference > 0 for one in row.deviations.values())),
            plus_minus(row.shared.difference, row.shared.error),
            number(row.shared_p, 2),
            "shared" if row.shared_p <= LEVEL else "unresolved",
        ]
        for row in rows
        if row.shared
    ]
    header = ["number", "committees", "above the truth", "mean deviation", "Holm p", "verdict"]
    return Table(SHARED, header, cells, words=1, open=True) if cells else None


def checks(rows: list[Checked]) -> Table | None:
    """Timestep and heavy hydrogen against a short timestep; None without any."""
    caption = "Timestep and masses: the reference's runs as in the study, less those of their check."
    header = ["study", "against", "number", "difference", "limit", "within it"]
    cells = [
        [row.study, row.run, WORDS[row.number], plus_minus(row.difference, row.error), number(row.limit),
         row.verdict]
        for row in rows
    ]  # fmt: skip
    return Table(caption, header, cells, words=3, open=True) if cells else None


def heights(studies: list[Study]) -> Table | None:
    """Mean restrained heights in the reference's and the committees' runs; None without any."""
    rows = []
    for study in studies:
        named = [(study.spec.reference, study.stable(study.spec.reference))]
        named += [(committee, study.members(committee)) for committee in study.spec.committees]
        for name, runs in named:
            own = [one["mean_A"] for run in runs for one in run.get("restraints") or [] if one.get("mean_A")]
            if own:
                rows.append([study.name, name, str(len(runs)), number(sum(own) / len(own), 4)])
    caption = "Restrained ions: mean height over atoms and runs, Å. P_z depends on it."
    return (
        Table(caption, ["study", "runs of", "runs", "mean height, Å"], rows, words=2, open=True)
        if rows
        else None
    )


def temperatures(studies: list[Study]) -> Table | None:
    """Kinetic temperatures by species of the reference, its check and the committees; None without any."""
    lines = {(study.name, name): line for study in studies for name, line in study.lines.items()}
    every: dict[tuple[str, str], dict[str, list[float]]] = {}
    for key, line in lines.items():
        own = every.setdefault(key, {})
        for analysis in (run.analysis for run in line.runs):
            for described in analysis.observables.values():
                mean = analysis.statistics(described.name).get("mean")
                if described.unit == "K" and mean is not None:
                    own.setdefault(described.species or ALL, []).append(float(mean))
    species = list(dict.fromkeys(name for own in every.values() for name in own))
    rows = [
        [*key, *(_between(own[name]) if name in own else NOTHING for name in species)]
        for key, own in every.items()
    ]
    header = ["study", "runs of", *species]
    return Table(TEMPERATURES, header, rows, words=2, open=True) if species else None


def _between(values: list[float]) -> str:
    """Mean over runs ± standard error between them."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return number(mean)
    return with_error(mean, statistics.stdev(values) / math.sqrt(len(values)))


def errors(compact: dict[str, Any]) -> Table | None:
    """Force RMSE of committees by composition, mean over members; None where none was evaluated."""
    rows = []
    every = [(name, own) for name, trained in compact["committees"].items() for own in trained]
    for name, own in every:
        by: dict[str, list[float]] = {}
        for member in own["errors"]:
            for stratum in member["strata"]:
                rmse = stratum["force"].get("rmse_meV_per_A")
                if rmse is not None and stratum["composition"]:
                    by.setdefault(stratum["composition"], []).append(rmse)
        cells = [f"{formula}: {number(sum(values) / len(values))}" for formula, values in by.items()]
        alone = [member["force"].get("rmse_meV_per_A") for member in own["errors"]]
        known = [value for value in alone if value is not None]
        mean = number(sum(known) / len(known)) if known else NOTHING
        rows.append([name, str(own["members"]), number(own["structures"]), mean, "; ".join(cells) or NOTHING])
    caption = "Force RMSE on test frames at the MD's temperature, mean over members, meV/Å; by composition."
    header = ["committee", "members", "training structures", "all frames", "by composition"]
    return Table(caption, header, rows, open=True) if rows else None


def ions(compact: dict[str, Any]) -> Table | None:
    """Shares of ions in layers and free energies between them, of runs with free ions; None without any."""
    rows = [
        _ions(name, symbol, own)
        for name, species in compact["ions"].items()
        for symbol, own in species.items()
        if own["share"]
    ]
    header = ["runs", "ion", "inner, outer layer, Å", "transitions", "share inner", "ΔF, meV", "95 %, meV",
              "conditional"]  # fmt: skip
    return Table(FREE, header, rows, words=2, open=True) if rows else None


def _ions(name: str, symbol: str, own: dict[str, Any]) -> list[str]:
    changes = sum(sum(run["transitions"]) for run in own["runs"])
    share, kT = own["share"], 1e3 * kB * own["temperature_K"]
    free = free_energy(share["mean"], share["se"], share["dof"], kT)
    cells = [NOTHING, NOTHING]
    if free:
        value, error, low, high = free
        cells = [with_error(value, error), f"{number(low)} to {number(high)}"]
    peaks = ", ".join(number(peak) for peak in own["peaks_A"] or [])
    inner = with_error(share["mean"], share["se"])
    return [name, symbol, peaks or NOTHING, str(changes), inner, *cells, own["condition"] or "no"]


def free_energy(
    share: float, error: float | None, dof: float | None, kT: float
) -> tuple[float, float, float, float] | None:
    """ΔF = −kT ln((1 − s)/s) of a share s with its standard error, and its 95 % interval; all in kT's unit.

    Linear in the logit of s, whose error is δs/(s (1 − s)), with Student's t. None where s is 0 or 1, or
    without an error above 0: then the other layer was not seen.
    """
    if not 0 < share < 1 or not error or not dof or not math.isfinite(error * dof):
        return None
    from scipy.special import stdtrit  # here, because a page without ions does without

    value, width = -kT * math.log((1 - share) / share), kT * error / (share * (1 - share))
    half = float(stdtrit(dof, 0.975)) * width
    return value, width, value - half, value + half


def others(studies: list[Study], names: list[str]) -> Table | None:
    """Numbers of the reference's runs that no study compares with anything; None without any."""
    rows = []
    for name in names:
        own = [studies[0].reference(one, name) for one in WORDS]
        if any(own):
            cells = [with_error(one.mean, one.se) if one else NOTHING for one in own]
            rows.append([name, str(max(one.runs for one in own if one)), *cells])
    caption = "More runs of the reference, compared with nothing: mean over runs ± standard error."
    return Table(caption, ["", "runs", *WORDS.values()], rows, open=True) if rows else None


def cost(compact: dict[str, Any]) -> Table:
    """Core-hours by verb, with earlier attempts."""
    keys = ("tasks", "core_hours", "earlier_attempts", "unknown_attempts")
    every = {verb: [own[key] for key in keys] for verb, own in compact["cost"].items()}
    every["all"] = [sum(column) for column in zip(*every.values(), strict=True)] or [0] * len(keys)
    rows = [
        [verb, number(int(tasks)), number(float(hours)), number(int(earlier)), number(int(unknown))]
        for verb, (tasks, hours, earlier, unknown) in every.items()
    ]
    caption = (
        "Core-hours of all tasks, begun ones too, with all attempts: those that were stopped or failed, "
        "and those that were killed, up to the last file that they wrote. Not in them: attempts of unknown "
        "length, which were killed and whose folders are removed."
    )
    header = ["verb", "tasks", "core-hours", "earlier attempts", "of unknown length"]
    return Table(caption, header, rows, open=True)
