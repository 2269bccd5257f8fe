"""Errors and training times against the size of the training set, of one study of data efficiency."""

from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.committees import Member, final_round
from mlipbench_hpc.report.extremes import Extremes, in_words, to_json
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, number
from mlipbench_hpc.studies.shared.sizes import committee_name

ENERGY, CENTRED, FORCE = "rmse_meV_per_atom", "centred_rmse_meV_per_atom", "rmse_meV_per_A"
# Section IV.A of arXiv:2602.22931: hours of training on 1000 structures with one A100, by architecture.
PAPER_HOURS = {"dp": 1.0, "mace": 4.0}
PAPER_SIZES = (50, 1000)
SYSTEMS = (
    "The paper: Au(111)/water of 384 atoms, DFT labels, its own hyperparameters, one NVIDIA A100. Here: the "
    "data, models and machine of this campaign. Systems differ, so trends can be compared and values cannot."
)


@dataclass(frozen=True)
class Point:
    """One model at one size of the training set, over its repeats on the test set.

    energy and centred: RMSE in meV/atom, raw and without the mean error of each composition; force: RMSE of
    all components in meV/Å; hours: wall time of training, all attempts; asked: number of repeats; frames: of
    the test set, None before any member is evaluated.
    """

    model: str
    size: int
    asked: int
    energy: Extremes | None
    centred: Extremes | None
    force: Extremes | None
    hours: Extremes | None
    frames: int | None

    def numbers(self) -> dict[str, Any]:
        """Values for results.json, without times, which two equal runs need not share."""
        errors = {"energy": self.energy, "energy_centred": self.centred, "force": self.force}
        units = {"energy": "meV_per_atom", "energy_centred": "meV_per_atom", "force": "meV_per_A"}
        return {"asked": self.asked, "test_structures": self.frames} | {
            f"{name}_rmse_{units[name]}": to_json(extremes) for name, extremes in errors.items()
        }


def points(part: Part) -> list[Point]:
    """Every model at every size, in the order of the study."""
    return [_point(part, model, size) for model in part.spec.models for size in part.spec.sizes]


def _point(part: Part, model: str, size: int) -> Point:
    final = final_round(part.results, committee_name(part.name, model, size))
    members: list[Member] = final.members if final else []
    known = [errors for member in members if (errors := member.errors("test"))]
    return Point(
        model,
        size,
        part.spec.repeats_for(model),
        Extremes.of(errors["energy"][ENERGY] for errors in known),
        Extremes.of(errors["energy"][CENTRED] for errors in known),
        Extremes.of(errors["force"]["all"][FORCE] for errors in known),
        Extremes.of(hours(member.train) for member in members),
        known[0]["frames"] if known else None,
    )


def hours(train: Item | None) -> float | None:
    """Wall time of a training in hours, with its earlier attempts; None where it is not known."""
    clock = train.result.get("timing", {}) if train else {}
    if not clock.get("wall_s"):
        return None
    return float(clock["wall_s"] + (clock.get("earlier_wall_s") or 0.0)) / 3600


def table(part: Part, every: list[Point]) -> Table:
    """One row for each model and size."""
    rows = [
        [point.model, number(point.size), f"{_evaluated(point)} of {point.asked}",
         *map(in_words, (point.energy, point.centred, point.force, point.hours))]
        for point in every
    ]  # fmt: skip
    header = ["model", "training structures", "repeats evaluated", "energy RMSE, meV/atom",
              "centred, meV/atom", "force RMSE, meV/Å", "training, h"]  # fmt: skip
    caption = (
        f"{part.name}: errors on {_tested(every)}, the same for all models and sizes. Mean (least to "
        "greatest) over repeats, each trained on a training set of its own. Centred: mean error of each "
        "composition removed. Training: wall time of all attempts."
    )
    return Table(caption, header, rows, open=True)


def _evaluated(point: Point) -> int:
    return point.force.repeats if point.force else 0


def _tested(every: list[Point]) -> str:
    frames = next((point.frames for point in every if point.frames), None)
    return f"the {count(frames, 'frame')} of the test set" if frames else "the test set"


def paper(part: Part, every: list[Point]) -> Table | None:
    """What the paper's text states beside the same of this study; None without an architecture of it."""
    by_architecture = _by_architecture(part, every)
    ends = {name: (own[min(own)], own[max(own)]) for name, own in by_architecture.items()}
    largest = {name: own[1] for name, own in ends.items() if name in PAPER_HOURS}
    rows = [
        [f"training of {point.model}, h", f"{PAPER_HOURS[name]:g} (n = {PAPER_SIZES[1]})",
         f"{in_words(point.hours)} (n = {point.size})", _ratio(_mean(point.hours), PAPER_HOURS[name])]
        for name, point in largest.items()
    ]  # fmt: skip
    if set(PAPER_HOURS) <= set(ends):
        rows += _against(ends["dp"], ends["mace"])
    header = ["quantity", "paper", "here", "here / paper"]
    return Table(f"{part.name}, beside the paper. {SYSTEMS}", header, rows, open=True) if rows else None


def _by_architecture(part: Part, every: list[Point]) -> dict[str, dict[int, Point]]:
    """Points by size of the first model of each architecture."""
    owners: dict[str, str] = {}
    for model in part.spec.models:
        owners.setdefault(part.results.asked("models", model)["architecture"], model)
    return {
        name: {point.size: point for point in every if point.model == model} for name, model in owners.items()
    }


def _against(dp: tuple[Point, Point], mace: tuple[Point, Point]) -> list[list[str]]:
    """MACE against DP: times at the largest size, force errors of its smallest size to DP's largest."""
    times = [_mean(point.hours) for point in (mace[1], dp[1])]
    errors = [_mean(point.force) for point in (mace[0], dp[1])]
    ratio, paper_ratio = _quotient(*times), PAPER_HOURS["mace"] / PAPER_HOURS["dp"]
    sizes = f"n = {mace[0].size} and {dp[1].size}"
    return [
        ["training time, MACE / DP", f"{paper_ratio:g}", number(ratio), _ratio(ratio, paper_ratio)],
        ["force RMSE, MACE of the smallest / DP of the largest training set",
         f"below 1 (n = {PAPER_SIZES[0]} and {PAPER_SIZES[1]})", f"{number(_quotient(*errors))} ({sizes})",
         NOTHING],
    ]  # fmt: skip


def _mean(extremes: Extremes | None) -> float | None:
    return extremes.mean if extremes else None


def _quotient(value: float | None, other: float | None) -> float | None:
    return value / other if value is not None and other else None


def _ratio(value: float | None, paper_value: float) -> str:
    return number(_quotient(value, paper_value))


def sentence(part: Part, every: list[Point]) -> str:
    """The best model at the largest size; what is missing."""
    asked, known = sum(point.asked for point in every), sum(map(_evaluated, every))
    state = f"Study {part.name} (data efficiency): {known} of {count(asked, 'member')} evaluated."
    size = max(part.spec.sizes)
    largest = [point for point in every if point.size == size and point.force]
    if not largest:
        return f"{state} No errors at n = {number(size)} yet."
    best = min(largest, key=lambda point: point.force.mean if point.force else 0.0)
    return (
        f"{state} At n = {number(size)} the lowest force RMSE on {_tested(every)} is that of {best.model}, "
        f"{in_words(best.force)} meV/Å (mean, least to greatest over {count(_evaluated(best), 'repeat')})."
    )
