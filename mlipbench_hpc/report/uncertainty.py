"""Tables and sentences about how far committees and their reweighting can be trusted."""

from collections.abc import Iterable, Mapping
from textwrap import wrap
from typing import Any

from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.drivers import about_run, driver
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, count, listed, number

ALL_SEEN, ENOUGH_SEEN = 0.9, 0.5
ENOUGH_FRAMES = 100


def alphas(results: Results) -> Table | None:
    """One row for each committee, kind and composition; None where nothing was calibrated."""
    rows: list[list[str]] = []
    for name in results.names("committees"):
        final = final_round(results, name)
        if final is None or final.calibration is None or not final.calibration.done:
            continue
        found = final.calibration.values
        about = final.describe()
        rows += _alpha_rows(name, about, "all", found)
        if len(found["compositions"]) > 1:
            for formula, part in found["compositions"].items():
                rows += _alpha_rows(name, about, formula, part)
    header = ["committee", "size, training", "composition", "energies", "in words",
              "validation structures", "α", "95 % interval", "share of the largest"]  # fmt: skip
    caption = (
        "α scales the spread of a committee to the size of its errors (Eq. S11 of arXiv:2602.22931): for "
        "energies as they are, and with each member's mean error per composition removed. Constant errors "
        "inflate α but cancel when MD is reweighted, so bands use the second. Share: how much of α² the "
        "largest 1 % of the structures carry, one at least. No MD enters."
    )
    return Table(caption, header, rows, words=5) if rows else None


def _alpha_rows(name: str, about: str, formula: str, found: dict[str, Any]) -> list[list[str]]:
    kinds = {"raw": "as they are", "centred": "mean errors removed"}
    return [[name, about, formula, words, *_alpha_cells(found[kind])] for kind, words in kinds.items()]


def _alpha_cells(one: dict[str, Any]) -> list[str]:
    if "refused" in one:
        return [f"refused: {one['why']}", number(one["structures"]), NOTHING, NOTHING, NOTHING]
    low, high = one["interval"]
    return [
        "; ".join(one["warnings"]),
        number(one["structures"]),
        number(one["alpha"]),
        f"{number(low)} to {number(high)}",
        f"{100 * one['share_of_largest']:.0f} %",
    ]


def visibility(results: Results) -> Table | None:
    """Which interfacial waters see every ion, by committee and composition; None without ions."""
    rows = []
    for item in results.of("visibility"):
        found = item.values
        for formula, part in found.get("compositions", {}).items():
            model = results.asked("committees", item.subject["committee"])["model"]
            share = part["share"]
            words = "sees the charge" if share >= ALL_SEEN else "sees it in part"
            words = words if share >= ENOUGH_SEEN else "mostly blind to it"
            rows.append([item.subject["committee"], model, formula, words, number(found["radius_A"]),
                         number(part["frames"]), number(share)])  # fmt: skip
    header = ["committee", "model", "composition", "in words", "receptive field, Å", "frames", "mean share"]
    caption = (
        "Before any training: the share of interfacial waters (0 < z ≤ 4.5 Å) with every ion of the cell in "
        "their receptive field (cutoff x layers). The charge of the surface is set by the number of ions; a "
        "model that does not see them all cannot know it. No model and no MD enters."
    )
    return Table(caption, header, rows, words=4) if rows else None


def words_of(results: Results, run: Item) -> list[str]:
    """What was skipped or left out of one run, and the verdict on its reweighting."""
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
    told = [verdict(spread.values), *spread.values.get("advice", [])]
    return [*sentences, *told, *_runs_already(results, run, spread.values.get("next_member"))]


def _runs_already(results: Results, run: Item, member: int | None) -> list[str]:
    """Where a member that is to be run directly has its own run already."""
    own = results.asked("md", run.subject["md"]).get("committee")
    names = [
        name
        for name in results.names("md")
        if results.asked("md", name).get("committee") == own and driver(results, name).member == member
    ]
    return [f"Member {member} drives {listed(names)} already."] if own and names else []


def verdict(spread: dict[str, Any]) -> str:
    """The worst member's verdict, with its reason."""
    members = spread["members"].values()
    std, frames = max(m["std_h"] for m in members), min(m["independent_frames"] for m in members)
    said = f"std(h) is {number(std)} kT and {number(frames)} independent effective frames remain, at worst"
    if spread["verdict"] == "trust":
        return f"The training band can be trusted: {said}."
    if spread["verdict"] == "caution":
        return (
            f"The training band is to be read with caution: {said}; to be trusted it takes std(h) ≤ 1 kT and "
            f"{ENOUGH_FRAMES} such frames."
        )
    bad = [member for member, m in spread["members"].items() if m["verdict"] == "run it directly"]
    return (
        f"The training band is not to be used: std(h) reaches {number(std)} kT, and the linear formula ends "
        f"at 2; run {count(len(bad), 'member')} ({listed(bad)}) directly (an `md` with `member:`)."
    )


def members(results: Results, run: Item) -> Table | None:
    """How well each member is reached from the driver's frames."""
    spread = reweighted(results, run)
    found = spread.values if spread else {}
    if "members" not in found:
        return None
    rows = [
        [member, one["verdict"], number(one["std_h"]), number(one["effective_frames"]),
         number(one["statistical_inefficiency"]), number(one["independent_frames"])]
        for member, one in found["members"].items()
    ]  # fmt: skip
    header = ["member", "verdict", "std(h), kT", "effective frames", "statistical inefficiency",
              "independent effective frames"]  # fmt: skip
    drove = driver(results, run.subject["md"]).member
    caption = (
        f"Reweighting from member {drove}, which drove, to the others, on "
        f"{number(found['reweighted_frames'])} of {number(found['frames'])} frames of "
        f"{number(found['analysed_ps'])} ps ({about_run(results, run)}). "
        "h = (E − E of the driver)/kT."
    )
    return Table(caption, header, rows, words=2)


def of_committee(results: Results, name: str) -> list[str]:
    """What may mislead about one committee, one sentence each."""
    found = [
        sentence for item in results.of("visibility", committee=name) for sentence in _blind(item.values)
    ]
    final = final_round(results, name)
    values = final.calibration.values if final and final.calibration else {}
    found += [f"{sentence}." for sentence in values.get("zeros", [])]
    if "refused" in values.get("centred", {}):
        found.append(f"no α, {values['centred']['why']}.")
    return found


def of_md(results: Results, name: str) -> list[str]:
    """What may mislead about the reweighting of one `md`, one sentence each."""
    found = []
    for run in results.of("md", md=name):
        spread = reweighted(results, run)
        said = spread.values if spread else {}
        where = f"replica {run.subject['replica']}"
        found += [f"{where}: {sentence}." for sentence in said.get("warnings", [])]
        if said.get("verdict") == "run it directly":
            found.append(f"{where}: {verdict(said)}")
    return found


def remarks(verb: str, subjects: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """Lines for who watches a run: what a task's `values` say that training will not mend."""
    blind = _blind(values) if verb == "visibility" else []
    said = [
        f"committee {one['committee']}: {words[0].lower()}{words[1:]}" for one in subjects for words in blind
    ]
    return [line for words in said for line in wrap(f"WARNING {words}", 92, subsequent_indent=" " * 8)]


def _blind(values: Mapping[str, Any]) -> list[str]:
    parts = values.get("compositions", {})
    mixed = len(parts) + bool(values.get("without")) > 1
    low = {formula: part["share"] for formula, part in parts.items() if part["share"] < ALL_SEEN}
    if not mixed or not low:
        return []
    shares = listed([f"{number(share)} in {formula}" for formula, share in low.items()])
    at_worst = "" if max(low.values()) < ENOUGH_SEEN else "at worst "
    judged = (
        f"{at_worst}below {ENOUGH_SEEN}: such a model cannot tell the charge of the surface"
        if min(low.values()) < ENOUGH_SEEN
        else f"below {ALL_SEEN}: at the others such a model cannot tell the charge of the surface"
    )
    return [
        f"Its training set mixes numbers of ions, but within its "
        f"receptive field of {number(values['radius_A'])} Å the share of interfacial waters that see "
        f"all of them is {shares}, {judged}. "
        "Train one committee for each number of ions, or take a larger cutoff or more layers."
    ]
