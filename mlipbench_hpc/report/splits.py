"""Splits: distance in time of test frames to training frames, and energies without E0."""

from typing import Any

from mlipbench_hpc.report import sampling
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, number

UNKNOWN = "not known"
MOST_OFFSETS = 12
MOST_SPLITS = 6  # in one sentence


def separation(results: Results) -> Table | None:
    """Table of test frames near a training frame of the same trajectory, by split; mean over members."""
    rows = [_separation_row(results, item) for item in results.of("split") if item.done]
    header = ["split", "test frames", "next to a training frame", "nearer than independent frames",
              "in a trajectory without training frames", "common to two members"]  # fmt: skip
    caption = (
        "Test and training frames in time, mean over members. Frames one statistical inefficiency apart "
        "are independent. A test frame next to a training frame tests interpolation in time, not "
        f"transfer: use `group_by`. `{UNKNOWN}`: the data do not say which frames follow one another "
        "(`labels: {trajectory: …}`). Common to two members: training structures, on average, where they are "
        "drawn from the same ones; so similar sets make members alike, for which α corrects (Eq. S11). From "
        "labelled frames only, no model involved."
    )
    return Table(caption, header, rows, words=1) if rows else None


def _separation_row(results: Results, item: Item) -> list[str]:
    """Row of a split; distance -1 stands for no training frame of the same trajectory."""
    name, record = str(item.subject["split"]), item.values.get("separation")
    if record is None:
        return [name, number(item.values.get("test")), UNKNOWN, UNKNOWN, UNKNOWN, _common(item.values)]
    near, apart = nearness(record, inefficiency(results, name)), record["frames"].get("-1", 0)
    members = item.values["members"]
    dependent = NOTHING if near[1] is None else _mean(near[1], members)
    return [name, number(item.values["test"]), _mean(near[0], members), dependent, _mean(apart, members),
            _common(item.values)]  # fmt: skip


def _mean(total: int, members: int) -> str:
    """Mean of a count over members: an integer where it is one, else with one decimal."""
    return number(total // members) if total % members == 0 else f"{total / members:.1f}"


def _common(values: dict[str, Any]) -> str:
    """`83 %`: training structures of a member that another has, on average; a dash for one member."""
    return f"{100 * values['common']:.0f}\u00a0%" if values.get("common") is not None else NOTHING


def nearness(record: dict[str, Any], independent: float | None) -> tuple[int, int | None]:
    """Test frames (times members) next to a training frame, and nearer to one than `independent` frames."""
    counts = {int(distance): count for distance, count in record["frames"].items()}
    if independent is None:
        return counts.get(1, 0), None
    return counts.get(1, 0), sum(count for distance, count in counts.items() if 0 < distance < independent)


def inefficiency(results: Results, split: str) -> float | None:
    """Frames per independent frame of the dataset that a split draws from, its worst run; None if unknown."""
    rows = sampling.numbers(results).get(results.asked("splits", split)["dataset"], [])
    return max((float(row["statistical_inefficiency"]) for row in rows), default=None)


def warnings(results: Results) -> list[str]:
    """One sentence for the splits whose test frames are not independent of their training frames."""
    parts, members = list[str](), 1
    for item in results.of("split"):
        record, name = item.values.get("separation"), str(item.subject["split"])
        independent = inefficiency(results, name) if record else None
        beside, near = nearness(record, independent) if record else (0, None)
        if near and independent:
            own, members = item.values["members"], max(members, item.values["members"])
            parts.append(
                f"{name}: {_mean(beside, own)} and {_mean(near, own)} of {number(item.values['test'])} "
                f"({number(independent)} frames)"
            )
    if not parts:
        return []
    more = [f"{len(parts) - MOST_SPLITS} more, as the table says"] * (len(parts) > MOST_SPLITS)
    return [
        "test frames are next to a training frame of the same trajectory, and nearer than independent frames "
        f"of the slowest trajectory are (in brackets): errors on them may be too small; use `group_by`, or "
        f"increase `every`. Of the splits{' (mean over members)' * (members > 1)} "
        f"{'; '.join(parts[:MOST_SPLITS] + more)}."
    ]


def offsets(results: Results) -> Table | None:
    """Mean and scatter of energies without reference energies, by composition of each split's pool."""
    rows = [
        [str(item.subject["split"]), str(item.values["reference_energies"]), formula,
         number(entry["frames"]), number(entry["mean_eV"]), _scatter(entry)]
        for item in results.of("split")
        if item.done
        for formula, entry in list(item.values.get("offsets", {}).items())[:MOST_OFFSETS]
    ]  # fmt: skip
    header = ["split", "reference energies", "composition", "frames", "mean E - E0, eV", "scatter, meV/atom"]
    caption = (
        "Energies without the reference energies E0 of their atoms, by composition (at most "
        f"{MOST_OFFSETS} a split), over the frames that members draw from. Means that differ between numbers "
        "of ions by more than the scatter are an energy zero that depends on the composition. "
        "From labelled frames only, no model involved."
    )
    return Table(caption, header, rows, words=3) if rows else None


def _scatter(entry: dict[str, Any]) -> str:
    """Scatter of energy offsets; a single frame determines none."""
    return number(entry["scatter_meV_per_atom"]) if entry["frames"] > 1 else "not determined"


def dataset_warnings(results: Results, dataset: str) -> list[str]:
    """Remarks of the reader of the user's file, and numbers of frames that rules of `leave_out` dropped."""
    sentences: list[str] = []
    for item in results.of("build", dataset=dataset):
        sentences += item.values.get("remarks", [])
        sentences += [
            f"{number(count)} frames were left out by `{rule}`"
            for rule, count in item.values.get("left_out", {}).items()
        ]
    return sentences
