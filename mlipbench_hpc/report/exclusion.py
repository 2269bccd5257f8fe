"""Runs that do not count, each with the reason: missing, unstable, decomposed, not analysed."""

from collections.abc import Collection
from typing import Any

import numpy as np

from mlipbench_hpc.report.collect import Item, Results, analyses
from mlipbench_hpc.report.decomposition import MOST_LOST, loss
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.restraints import restraints_of
from mlipbench_hpc.report.text import listed, number

CELL_DIGITS = 3
MOST_FAILURES = 4  # in one sentence
Key = tuple[Any, ...]
DEFINITION = (
    f"more than {100 * MOST_LOST:.0f} % of the waters in the first frame are none in the mean over the last "
    "tenth of the run, beyond the share that the reference's runs of the same system lose."
)


def key_of(results: Results, run: Item) -> Key:
    """Atoms, cell, temperature and restraints that runs of one group share; () without an analysis."""
    values: dict[str, Any] = next((item.values for item in analyses(results, run)), {})
    if not values.get("species"):
        return ()
    cell = np.round(np.ravel(values.get("cell_A", [])), CELL_DIGITS) + 0.0
    spec = results.asked("md", run.subject["md"])
    return (
        tuple(values["species"].items()),
        tuple(cell.tolist()),
        float(spec["temperature"]),
        restraints_of(spec),
    )


def excluded(results: Results, run: Item) -> str:
    """Reason for excluding a run, or an empty string."""
    if not run.done:
        return f"is {run.status}"
    if run.values.get("outcome") == "unstable":
        return f"was unstable at {number(run.values.get('time_ps'))} ps ({run.values.get('cause')})"
    if reason := decomposed(results, run):
        return f"decomposed by the end of the run ({reason})"
    analysis = next(iter(analyses(results, run)), None)
    if analysis is None or not analysis.done:
        return "is not analysed"
    if "skipped" in analysis.values:
        return f"is too short ({analysis.values['skipped']})"
    return ""


def failure(results: Results, run: Item) -> str:
    """`unstable`, `decomposed`, or an empty string."""
    unstable = run.values.get("outcome") == "unstable"
    return "unstable" if unstable else "decomposed" * bool(decomposed(results, run))


def failures(results: Results, names: Collection[str]) -> str:
    """Sentence on runs of these names that were unstable or decomposed, which do not count; may be empty."""
    runs = [run for run in results.of("md") if run.subject["md"] in names and run.done]
    known = {(run.subject["md"], run.subject["replica"]): failure(results, run) for run in runs}
    words = [f"{name}, replica {replica} ({how})" for (name, replica), how in known.items() if how]
    if not words:
        return ""
    more = [f"{len(words) - MOST_FAILURES} more"] * (len(words) > MOST_FAILURES)
    lost = listed(words[:MOST_FAILURES] + more)
    return f" Excluded, so that numbers are those of the other runs alone: {lost}."


def decomposed(results: Results, run: Item) -> str:
    """`28 of 36 waters lost in its last tenth, at most 10 % are allowed, …`; empty where it is not so.

    More than a tenth of the waters at the start of a run of a model, beyond what the reference's runs of the
    same system lose: where the reference dissociates water, so may the model.
    """
    if not (lost := waters_lost(results, run)):
        return ""
    known = _reference_shares(results).get(key_of(results, run))
    beside = (
        f"{100 * known:.0f} % are in the reference's runs"
        if known is not None
        else "no run of a reference of this system is among these: add one if water reacts there"
    )
    return f"{lost}, {beside}"


def waters_lost(results: Results, run: Item) -> str:
    """`28 of 36 waters lost in its last tenth, at most 10 % may be` of a decomposed run; else empty."""
    own = None if _reference(results, run) or run.values.get("outcome") == "unstable" else loss(run)
    if own is None:
        return ""
    limit = MOST_LOST + (_reference_shares(results).get(key_of(results, run)) or 0.0)
    if own.share <= limit + 1e-9:
        return ""
    lost = f"{number(own.share * own.waters)} of {own.waters} waters lost in its last tenth"
    return f"{lost}, at most {100 * limit:.0f} % may be"


@remembered
def _reference_shares(results: Results) -> dict[Key, float]:
    """Mean share of waters that the reference's runs lose, by atoms, cell, temperature and restraints."""
    shares: dict[Key, list[float]] = {}
    for run in results.of("md"):
        own = loss(run) if _reference(results, run) and (key := key_of(results, run)) else None
        if own is not None:
            shares.setdefault(key, []).append(own.share)
    return {key: float(np.mean(own)) for key, own in shares.items()}


def _reference(results: Results, run: Item) -> bool:
    """True for runs of a reference potential and of another program."""
    return results.asked("md", run.subject["md"]).get("committee") is None
