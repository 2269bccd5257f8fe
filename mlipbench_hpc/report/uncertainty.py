"""Tables and sentences on the uncertainty of committees and of their reweighting."""

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from mlipbench_hpc.analysis.committee import BAND_FRAMES, BAND_MEMBERS
from mlipbench_hpc.analysis.reweighting import ENOUGH_FRAMES, FEWEST_FRAMES, UNUSABLE
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.driving import about_run, driving_potential
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, count, listed, number

ALL_SEEN, ENOUGH_SEEN = 0.9, 0.5
ALPHA_CAPTION = (
    "Calibration factor α of each committee (dimensionless): energy errors of the committee's mean against "
    "the labels of the validation set, over the standard deviation of the members' energies (Eq. S11 of "
    "arXiv:2602.22931); 1 where the members differ as much as they err. From raw energies, and from "
    "energies centred per composition (mean error of each member removed; a composition's only structure "
    "then does not count). A constant energy offset inflates the raw α but cancels in reweighting, so "
    "training bands use the centred α of the composition and temperature of the MD, from frames that are "
    f"not rattled. No calibrated band: fewer than {BAND_MEMBERS} members (for M ≤ 5 the estimate of α² has "
    f"no finite variance: train more) or than {BAND_FRAMES} independent frames (sample more of that "
    "composition at the MD's temperature); bands are then Student's t times σ, and of so few frames no α is "
    "given. Independent: structures that "
    "count as independent, by the slowest of energy, P_z and ions' heights. Interval: parametric simulation "
    "of the model behind Eq. S11. Share: part of Σ (error/σ)² in the largest 1 % of the structures, at "
    "least one structure. No MD."
)


def alphas(results: Results) -> Table | None:
    """One row for each committee, kind and composition; None where nothing was calibrated."""
    rows: list[list[str]] = []
    for name in results.names("committees"):
        final = final_round(results, name)
        if final is None or final.calibration is None or not final.calibration.done:
            continue
        calibration = final.calibration.values
        about = final.describe()
        rows += _alpha_rows(name, about, "all", calibration)
        if len(calibration["compositions"]) > 1:
            for formula, part in calibration["compositions"].items():
                rows += _alpha_rows(name, about, formula, part)
        for part in calibration["strata"]:
            what = f"{part['composition']}, {_kelvin(part['temperature_K'])}"
            rows.append([name, about, what, "centred, not rattled", *_alpha_cells(part)])
    header = ["committee", "size, training", "composition", "energies", "result", "validation structures",
              "independent", "α", "95 % interval of α", "α² from the largest 1 % of errors"]  # fmt: skip
    return Table(ALPHA_CAPTION, header, rows, words=5) if rows else None


def _kelvin(temperature: float | None) -> str:
    return "temperature not stated" if temperature is None else f"{number(temperature)} K"


def _alpha_rows(name: str, about: str, formula: str, calibration: dict[str, Any]) -> list[list[str]]:
    kinds = {"raw": "raw", "centred": "centred"}
    return [[name, about, formula, words, *_alpha_cells(calibration[kind])] for kind, words in kinds.items()]


def _alpha_cells(estimate: dict[str, Any]) -> list[str]:
    if "refused" in estimate:
        counts = [number(estimate["structures"]), number(estimate["independent"])]
        return [f"refused: {estimate['why']}", *counts, NOTHING, NOTHING, NOTHING]
    words = f"no calibrated band: {estimate['withheld']}" if estimate["withheld"] else ""
    counts = [number(estimate["structures"]), number(estimate["independent"])]
    if estimate["independent"] < BAND_FRAMES:
        return [words, *counts, NOTHING, NOTHING, NOTHING]
    low, high = estimate["interval"]
    share = f"{100 * estimate['share_of_largest']:.0f} %"
    return [words, *counts, number(estimate["alpha"]), f"{number(low)} to {number(high)}", share]


def visibility(results: Results) -> Table | None:
    """Share of interfacial waters with every ion in the receptive field; None without ions."""
    rows = []
    known = results.names("committees")
    for item in [item for item in results.of("visibility") if item.subject["committee"] in known]:
        values = item.values
        for formula, part in values.get("compositions", {}).items():
            model = results.asked("committees", item.subject["committee"])["model"]
            share = part["share"]
            words = "yes" if share >= ALL_SEEN else "for a part of the waters"
            words = words if share >= ENOUGH_SEEN else "for few of the waters"
            rows.append([item.subject["committee"], model, formula, words, number(values["radius_A"]),
                         number(part["frames"]), number(share)])  # fmt: skip
    header = ["committee", "model", "composition", "all ions within the receptive field",
              "receptive field, Å", "frames", "mean share"]  # fmt: skip
    caption = (
        "Receptive field (cutoff × number of layers), before any training: share of interfacial waters "
        "(0 < z ≤ 4.5 Å) whose receptive field contains every ion of the cell. The number of ions sets the "
        "surface charge; energies of atoms whose receptive field lacks an ion do not depend on it. An ion "
        "within it can be seen; whether the model has learned what it does is not said by this. No model, no "
        "MD."
    )
    return Table(caption, header, rows, words=4) if rows else None


def words_of(results: Results, run: Item) -> list[str]:
    """Sentences on skipped analyses of one run, and the verdict on its reweighting."""
    sentences = []
    for item in analyses(results, run):
        own = item.values.get("profiles", {})
        sentences += [f"No profiles: {own['skipped']}."] if "skipped" in own else []
        sentences += [f"{own['note'][0].upper()}{own['note'][1:]}."] if "note" in own else []
    spread = reweighted(results, run)
    if spread is None:
        return sentences
    if "skipped" in spread.values:
        return [*sentences, f"No committee band: {spread.values['skipped']}."]
    judged = [verdict(spread.values), *spread.values.get("advice", [])]
    return [*sentences, *judged, *_runs_already(results, run, spread.values.get("next_member"))]


def _runs_already(results: Results, run: Item, member: int | None) -> list[str]:
    """Sentence where the campaign already runs MD of a member that should be run directly."""
    own = results.asked("md", run.subject["md"]).get("committee")
    names = [
        name
        for name in results.names("md")
        if results.asked("md", name).get("committee") == own
        and driving_potential(results, name).member == member
    ]
    return [f"Member {member} already drives {listed(names)}."] if own and names else []


def verdict(spread: dict[str, Any]) -> str:
    """The worst member's verdict, with its reason."""
    members = spread["members"].values()
    std, frames = max(m["std_h"] for m in members), min(m["independent_frames"] for m in members)
    worst = f"std(h) up to {number(std)} kT, at least {number(frames)} independent effective frames"
    limits = f"std(h) ≤ 1 kT and {ENOUGH_FRAMES:g} independent effective frames"
    if spread["verdict"] == "trust":
        return f"Training band reliable: {worst} (required: {limits})."
    if spread["verdict"] == "run longer":
        return (
            f"Training band withheld: {worst}; a band needs at least {FEWEST_FRAMES:g}: use longer runs, or "
            "run further members directly."
        )
    if spread["verdict"] == "caution":
        return (
            f"Training band to be used with caution: {worst}; a reliable band requires {limits}: use longer "
            "runs, or run further members directly."
        )
    bad = [member for member, m in spread["members"].items() if m["verdict"] == "run it directly"]
    return (
        f"Training band unusable: std(h) up to {number(std)} kT exceeds 2 kT, the limit of the linear "
        f"expansion; run {count(len(bad), 'member')} ({listed(bad)}) directly (an `md` with `member:`)."
    )


def members(results: Results, run: Item) -> Table | None:
    """Quality of the reweighting from the driving member to each other member."""
    spread = reweighted(results, run)
    values = spread.values if spread else {}
    if "members" not in values:
        return None
    rows = [
        [member, quality["verdict"], number(quality["std_h"]), number(quality["effective_frames"]),
         number(quality["statistical_inefficiency"]), number(quality["independent_frames"])]
        for member, quality in values["members"].items()
    ]  # fmt: skip
    header = ["member", "verdict", "std(h), kT", "effective frames", "statistical inefficiency",
              "independent effective frames"]  # fmt: skip
    member = driving_potential(results, run.subject["md"]).member
    caption = (
        f"Reweighting from the driving member {member} to the other members by the cumulant expansion "
        f"approximation (CEA), on {number(values['reweighted_frames'])} of {number(values['frames'])} frames "
        f"of {number(values['analysed_ps'])} ps ({about_run(results, run)}). h = (E − E*)/kT is the reduced "
        "energy difference to the driving member, std(h) its standard deviation over the frames; effective "
        "frames: (Σw)²/Σw² with w = exp(−h)."
    )
    return Table(caption, header, rows, words=2)


def of_committee(results: Results, name: str) -> list[str]:
    """Warnings about one committee, one sentence each."""
    sentences = [
        sentence
        for item in results.of("visibility", committee=name)
        for sentence in _blind(item.values, f"the training set of {name}")
    ]
    values = _calibrated(results, name)
    if "refused" in values.get("centred", {}):
        sentences.append(f"α undetermined: {values['centred']['why']}.")
    return sentences


def energy_offsets(results: Results, name: str) -> list[str]:
    """Remark on constant energy offsets of a committee's members, which no band depends on."""
    offsets = [
        f"member {zero['member']} {_signed(zero['offset_eV'])} eV in {zero['composition']} "
        f"(mean of the members {_signed(zero['mean_eV'])} eV)"
        for zero in _calibrated(results, name).get("zeros", [])
    ]
    if not offsets:
        return []
    return [
        f"energies of {name} lie off the labels by a constant of more than three times the scatter about it: "
        f"{listed(offsets)}. The raw α is of these offsets, the centred α and the bands are not."
    ]


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")


def _calibrated(results: Results, name: str) -> dict[str, Any]:
    """Values of the calibration of a committee's last round; {} without one."""
    final = final_round(results, name)
    return final.calibration.values if final and final.calibration else {}


def of_md(results: Results, name: str) -> list[str]:
    """Warnings about the reweighting of one `md`, one sentence each."""
    sentences = []
    for run in results.of("md", md=name):
        spread = reweighted(results, run)
        values = spread.values if spread else {}
        where = f"replica {run.subject['replica']}"
        sentences += [f"{where}: {sentence}." for sentence in (spread.notes if spread else [])]
        if values.get("verdict") in UNUSABLE:
            sentence = verdict(values)
            sentences.append(f"{where}: {sentence[0].lower()}{sentence[1:]}")
    return sentences


def remarks(verb: str, subjects: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """Warnings for the log of a run from a task's `values`, on errors that more training cannot correct."""
    if verb != "visibility":
        return []
    warnings = [
        words
        for subject in subjects
        for words in _blind(values, f"committee {subject['committee']}: its training set")
    ]
    return [line for words in warnings for line in wrap(f"WARNING {words}", 92, subsequent_indent=" " * 8)]


def _blind(values: Mapping[str, Any], training: str) -> list[str]:
    """Warning that the receptive field misses ions, which `training`, a set in words, mixes; [] for none."""
    parts = values.get("compositions", {})
    mixed = len(parts) + bool(values.get("without")) > 1
    low = {formula: part["share"] for formula, part in parts.items() if part["share"] < ALL_SEEN}
    if not mixed or not low:
        return []
    shares = listed([f"{number(share)} in {formula}" for formula, share in low.items()])
    at_worst = "" if max(low.values()) < ENOUGH_SEEN else "at worst "
    limit = f"{at_worst}below {ENOUGH_SEEN}" if min(low.values()) < ENOUGH_SEEN else f"below {ALL_SEEN}"
    judged = f"{limit}: the energies of the other waters do not depend on every ion"
    return [
        f"{training} mixes numbers of ions, but the share of interfacial waters with all ions inside "
        f"the receptive field of {number(values['radius_A'])} Å is {shares}, {judged}. "
        "Train one committee for each number of ions, or increase the cutoff or the number of layers."
    ]
