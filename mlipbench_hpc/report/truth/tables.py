"""Tables and sentences of `truth`, the same on the report's page and on the page of joined results."""

from collections import Counter
from typing import Any

from mlipbench_hpc.analysis.coverage import Coverage
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus, with_error
from mlipbench_hpc.report.truth.judge import Checked, Covered, Judgement, Study

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
    "without the noise of their runs; α: at the composition and temperature of the MD, a dash where there "
    "is no calibrated one (then the truth counts as one more member). Unstable runs are left out and "
    "counted."
)
PRIMARY = (
    "The primary table, declared in the campaign: committee's mean over own runs against the reference "
    "(errors: sampling of both, and √(α² + 1/M) times the upper limit of σ), or against another committee "
    "(σ/√M of each). Welch's test, Holm-corrected over all rows; unresolved: p > 0.05; withheld: the gate "
    "is not open."
)
COVERAGE = (
    "Coverage of the truth by independent committees: z is the deviation of a committee's mean over its "
    "error, of sampling alone, of training alone (√(α² + 1/M)·σ), of both. Expected where an error is "
    "right: of sampling 0.68, 0.95 and rms 1; with σ of M members that of Student's t of M − 1 degrees. "
    "Interval of the rms: χ², exact for errors that are wrong by one common factor."
)


def averages(study: Study) -> Table:
    """The reference's and every committee's numbers of a study."""
    numbers = study.spec.numbers
    header = ["", "runs", "unstable", "α", *(WORDS[name] for name in numbers)]
    truths = [study.reference(name) for name in numbers]
    runs = max((own.runs for own in truths if own), default=0)
    cells = [with_error(own.mean, own.se) if own else NOTHING for own in truths]
    rows = [[study.spec.reference, str(runs), "", "", *cells]]
    for committee in study.spec.committees:
        row = [committee, str(len(study.members(committee))), str(study.unstable(committee))]
        own = [study.own(committee, name) for name in numbers]
        cells = [
            f"{with_error(one.mean, one.sampling)}; σ {number(one.sigma, 2)}" if one else NOTHING
            for one in own
        ]
        rows.append([*row, number(study.alpha(committee)), *cells])
    return Table(f"{study.name}. {AVERAGES}", header, rows, open=True)


def primary(tests: list[Judgement]) -> Table:
    """The declared differences."""
    header = ["study", "of", "against", "number", "verdict", "difference", "95 % interval", "Holm p"]
    return Table(PRIMARY, header, [_row(test) for test in tests], words=5, open=True)


def _row(test: Judgement) -> list[str]:
    head = [test.study, test.committee, test.against, WORDS[test.number], test.verdict]
    own = test.comparison
    if own is None:
        return [*head, NOTHING, NOTHING, NOTHING]
    difference = plus_minus(own.difference, own.error)
    if test.verdict not in ("differs", "unresolved"):
        return [*head, difference, NOTHING, NOTHING]
    ends = " to ".join(number(own.difference + side * own.interval) for side in (-1, 1))
    return [*head, difference, ends, number(test.p, 2)]


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
        "covers",
    ]
    cells = [
        [WORDS[own.number], kind, *_covered(one)]
        for own in rows
        for kind, one in (("sampling", own.sampling), ("training", own.training), ("both", own.both))
    ]
    return Table(COVERAGE, header, cells, words=2, open=True) if cells else None


def _covered(own: Coverage) -> list[str]:
    expected = f"{own.expected[0]:.2f}, {own.expected[1]:.2f}, {number(own.expected[2])}"
    if own.number < 2:
        return [str(own.number), NOTHING, NOTHING, expected, NOTHING, NOTHING, NOTHING]
    shares = [f"{share:.2f}" for share in own.shares]
    interval = f"{number(own.low)} to {number(own.high)}"
    covers = "yes" if own.covers else "no, too small" if own.low > own.expected[2] else "no, too large"
    return [str(own.number), *shares, expected, number(own.rms), interval, covers]


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


def errors(compact: dict[str, Any]) -> Table | None:
    """Force RMSE of committees by composition, mean over members; None where none was evaluated."""
    rows = []
    for name, own in compact["committees"].items():
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
    rows = []
    for name, species in compact["ions"].items():
        for symbol, own in species.items():
            shares = [run["share_inner"] for run in own["runs"] if run["share_inner"] is not None]
            if shares:
                rows.append(_ions(name, symbol, own, shares))
    caption = (
        "Free ions: layers, and ΔF = −kT ln(share outer/share inner) at 300 K; conditional on where ions "
        "began with fewer than 10 transitions."
    )
    header = ["runs", "ion", "inner, outer layer, Å", "transitions", "share inner", "ΔF, meV", ""]
    return Table(caption, header, rows, words=2, open=True) if rows else None


def _ions(name: str, symbol: str, own: dict[str, Any], shares: list[float]) -> list[str]:
    from math import log

    changes = sum(sum(run["transitions"]) for run in own["runs"])
    share = sum(shares) / len(shares)
    free = NOTHING if not 0 < share < 1 else number(-25.852 * log((1 - share) / share))
    peaks = ", ".join(number(peak) for peak in own["peaks_A"] or [])
    condition = "conditional" if changes < 10 else ""
    return [name, symbol, peaks or NOTHING, str(changes), number(share), free, condition]


def cost(compact: dict[str, Any]) -> Table:
    """Core-hours by verb, with earlier attempts."""
    rows = [
        [verb, number(int(own["tasks"])), number(own["core_hours"]), number(int(own["earlier_attempts"]))]
        for verb, own in compact["cost"].items()
    ]
    total = [
        sum(own[key] for own in compact["cost"].values())
        for key in ("tasks", "core_hours", "earlier_attempts")
    ]
    rows.append(["all", number(int(total[0])), number(float(total[1])), number(int(total[2]))])
    caption = (
        "Core-hours of all tasks; attempts that ended before the one that counts (stops, kills, retries)."
    )
    return Table(caption, ["verb", "tasks", "core-hours", "earlier attempts"], rows, open=True)


def sentences(
    every: list[Study], tests: list[Judgement], rows: list[Covered], check: list[Checked]
) -> list[str]:
    """What is resolved and what is not."""
    lines = [f"{study.name}: {study.gate}" for study in every if study.gate]
    for verdict, words in (("no", "fails"), ("not decided: longer runs", "is not decided")):
        chosen = [
            f"{WORDS[row.number]} by {plus_minus(row.difference, row.error)}, limit {number(row.limit)}"
            for row in check
            if row.verdict == verdict
        ]
        lines += [f"The check of the timestep {words}: {listed(chosen)}."] * bool(chosen)
    for study in every:
        own = [test for test in tests if test.study == study.name]
        for verdict, words in (
            ("differs", "resolved"),
            ("unresolved", "unresolved"),
            ("no numbers", "no numbers"),
        ):
            chosen = [_named(test) for test in own if test.verdict == verdict]
            lines += [f"{study.name}, {words}: {'; '.join(chosen)}."] * bool(chosen)
        if held := Counter(test.verdict for test in own)["withheld"]:
            lines.append(f"{study.name}: {count(held, 'difference')} withheld.")
    for row in rows:
        if row.both.number > 1:
            alone, both = row.sampling, row.both
            lines.append(
                f"{WORDS[row.number]}: rms of z {number(both.rms)} ({number(both.low)} to "
                f"{number(both.high)}) of both errors over {count(both.number, 'committee')}, "
                f"{number(alone.rms)} of sampling alone; {number(both.expected[2])} is expected where "
                "errors are right."
            )
    return lines or ["No run of any study is there yet: nothing is resolved."]


def _named(test: Judgement) -> str:
    own = test.comparison
    apart = f" ({plus_minus(own.difference, own.error)})" if own else ""
    return f"{test.committee} against {test.against} in {WORDS[test.number]}{apart}"
