"""Errors and training times against the size of the training set, of one study of data efficiency."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import LEVEL, holm
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.committees import Member, final_round
from mlipbench_hpc.report.extremes import UNKNOWN_SPREAD, Extremes, Ratio, in_words, to_json
from mlipbench_hpc.report.paper import paper_name
from mlipbench_hpc.report.quality import percent
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number
from mlipbench_hpc.studies.shared.sizes import committee_name

ENERGY, CENTRED, FORCE = "rmse_meV_per_atom", "centred_rmse_meV_per_atom", "rmse_meV_per_A"
MEDIAN, LARGEST, MILLI = "median_meV_per_A", "share_of_largest", 1000.0
# Share of the squared error from which on a single test frame is named: it then decides the RMSE.
HEAVY = 0.25
# Section IV.A of arXiv:2602.22931: hours of training on 1000 structures with one A100, by architecture.
PAPER_HOURS = {"dp": 1.0, "mace": 4.0}
PAPER_SIZES = (50, 1000)
FEWEST_REPEATS = 2
SYSTEMS = (
    "The paper: Au(111)/water of 384 atoms, DFT labels, its own hyperparameters (its MACE has 64 "
    "channels and L = 2), one NVIDIA A100. Here: the "
    "data, models and machine of this campaign. Systems differ, so trends can be compared and values cannot."
)


@dataclass(frozen=True)
class Point:
    """One model at one size of the training set, over its repeats on the test set.

    energy and centred: RMSE in meV/atom, raw and without the mean error of each composition; force: RMSE of
    all components in meV/Å; hours: wall time of training, all attempts; asked: number of repeats; frames: of
    the test set, None before any member is evaluated. median: absolute error of a component, meV/Å; largest:
    share of the squared error in the largest 1 % of the components; worst: the test frame that carries most
    of the squared error.
    """

    model: str
    size: int
    asked: int
    energy: Extremes | None
    centred: Extremes | None
    force: Extremes | None
    hours: Extremes | None
    frames: int | None
    median: Extremes | None = None
    largest: Extremes | None = None
    worst: "Worst | None" = None

    def numbers(self) -> dict[str, Any]:
        """Values for results.json, without times, which two equal runs need not share."""
        errors = {"energy": self.energy, "energy_centred": self.centred, "force": self.force}
        units = {"energy": "meV_per_atom", "energy_centred": "meV_per_atom", "force": "meV_per_A"}
        return {"asked": self.asked, "test_structures": self.frames} | {
            f"{name}_rmse_{units[name]}": to_json(extremes) for name, extremes in errors.items()
        } | {
            "force_median_meV_per_A": to_json(self.median), "force_share_of_largest": to_json(self.largest),
            "worst_frame": asdict(self.worst) if self.worst else None,
        }  # fmt: skip

    def judged(self) -> str:
        """`202 meV/Å (1 repeat, spread unknown; median absolute error 60 meV/Å; …)`."""
        spread = f"{UNKNOWN_SPREAD} with 1 repeat" if self.repeats == 1 else f"of {self.repeats} repeats"
        parts = [spread]
        if self.median and self.largest:
            parts.append(f"median absolute error {number(self.median.mean)} meV/Å")
            share = percent(self.largest.mean)
            parts.append(f"the largest 1\u00a0% of the components carry {share} of the squared error")
        if self.worst and self.worst.share >= HEAVY:
            parts.append(self.worst.words())
        return f"{in_words(self.force)} meV/Å ({'; '.join(parts)})"

    @property
    def repeats(self) -> int:
        """Repeats with known force errors."""
        return self.force.repeats if self.force else 0


@dataclass(frozen=True)
class Worst:
    """The test frame that carries most of the squared force error, summed over repeats.

    frame: its index in the dataset; share: of Σ error²; without: RMSE in meV/Å of all other frames.
    """

    frame: int
    share: float
    without: float

    @classmethod
    def of(cls, members: list[Member]) -> "Worst | None":
        """None where no member's predictions are there, or all are exact."""
        every = [squares for member in members if member.evaluate and (squares := _squares(member.evaluate))]
        if not every or any(not np.array_equal(own[0], every[0][0]) for own in every):
            return None
        frames, amounts = every[0][0], every[0][2]
        squares = np.sum([own[1] for own in every], axis=0)
        total, place = float(squares.sum()), int(np.argmax(squares))
        if not total > 0 or len(squares) < 2:
            return None
        components = len(every) * float(amounts.sum() - amounts[place])
        rest = MILLI * float(np.sqrt((total - squares[place]) / components))
        return cls(int(frames[place]), float(squares[place]) / total, rest)

    def words(self) -> str:
        """`frame 37 alone 77 %, without it 100 meV/Å`."""
        return f"frame {self.frame} alone {percent(self.share)}, without it {number(self.without)} meV/Å"


def _squares(evaluated: Item) -> tuple[Ints, Floats, Floats] | None:
    """Index, Σ error² (eV/Å)² and number of components of each test frame (F,); None without predictions."""
    arrays = evaluated.arrays("predictions-test.npz")
    if not set(arrays) >= {"indices", "offsets", "forces", "label_forces"}:
        return None
    error = np.square(arrays["forces"] - arrays["label_forces"]).sum(axis=1)
    if not np.isfinite(error).all():
        return None
    sums = np.add.reduceat(error, arrays["offsets"][:-1])
    return arrays["indices"], sums, 3.0 * np.diff(arrays["offsets"])


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
        Extremes.of(errors["force"]["all"].get(MEDIAN) for errors in known),
        Extremes.of(errors["force"]["all"].get(LARGEST) for errors in known),
        Worst.of(members),
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
        [point.model, number(point.size), f"{point.repeats} of {point.asked}",
         *map(in_words, (point.energy, point.centred, point.force, point.median)),
         percent(point.largest.mean if point.largest else None),
         point.worst.words() if point.worst else NOTHING, in_words(point.hours)]
        for point in every
    ]  # fmt: skip
    header = ["model", "training structures", "repeats evaluated", "energy RMSE, meV/atom",
              "centred, meV/atom", "force RMSE, meV/Å", "median absolute force error, meV/Å",
              "squared force error in the largest 1 %", "in one test frame", "training, h"]  # fmt: skip
    caption = (
        f"{part.name}: errors on {_tested(every)}, the same for all models and sizes. Mean (least to "
        "greatest) over repeats, each trained on a training set of its own. Centred: mean error of each "
        "composition removed. A few large errors can carry the RMSE, so beside it stand the median absolute "
        "error of a force component (0.67 RMSE for normal errors), the part of Σ error² in the largest 1 % "
        "of the components (8 % for normal errors), and the test frame that carries most of it, with the "
        "RMSE of the others. Training: wall time of all attempts."
    )
    return Table(caption, header, rows, open=True)


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
         f"{in_words(point.hours)} (n = {point.size})", NOTHING]
        for name, point in largest.items()
    ]  # fmt: skip
    if set(PAPER_HOURS) <= set(ends):
        rows += _against(ends["dp"], ends["mace"])
    header = ["quantity", "paper", "here", "here / paper"]
    return Table(f"{part.name}, beside the paper. {SYSTEMS}", header, rows, open=True) if rows else None


def _by_architecture(part: Part, every: list[Point]) -> dict[str, dict[int, Point]]:
    """Points by size of the first model of each architecture, by the paper's name of it."""
    owners: dict[str, str] = {}
    for model in part.spec.models:
        owners.setdefault(paper_name(part.results.asked("models", model)["architecture"]), model)
    return {
        name: {point.size: point for point in every if point.model == model} for name, model in owners.items()
    }


def _against(dp: tuple[Point, Point], mace: tuple[Point, Point]) -> list[list[str]]:
    """MACE against DP: times at the largest size, force errors of its smallest size to DP's largest."""
    times = [_mean(point.hours) for point in (mace[1], dp[1])]
    errors = Ratio.of(mace[0].force, dp[1].force)
    ratio, paper_ratio = _quotient(*times), PAPER_HOURS["mace"] / PAPER_HOURS["dp"]
    sizes = f"n = {mace[0].size} and {dp[1].size}"
    return [
        ["training time, MACE / DP", f"{paper_ratio:g}", number(ratio), _ratio(ratio, paper_ratio)],
        ["force RMSE, MACE of the smallest / DP of the largest training set",
         f"below 1 (n = {PAPER_SIZES[0]} and {PAPER_SIZES[1]})",
         f"{errors.words()}, {errors.outcome()} ({sizes})" if errors else NOTHING, NOTHING],
    ]  # fmt: skip


def _mean(extremes: Extremes | None) -> float | None:
    return extremes.mean if extremes else None


def _quotient(value: float | None, other: float | None) -> float | None:
    return value / other if value is not None and other else None


def _ratio(value: float | None, paper_value: float) -> str:
    return number(_quotient(value, paper_value))


def sentence(part: Part, every: list[Point]) -> str:
    """The best model at the largest size; what is missing."""
    asked, known = sum(point.asked for point in every), sum(point.repeats for point in every)
    state = f"Study {part.name} (data efficiency): {known} of {count(asked, 'member')} evaluated."
    size = max(part.spec.sizes)
    largest = [point for point in every if point.size == size and point.force]
    if not largest:
        return f"{state} No errors at n = {number(size)} yet."
    words = "; ".join(f"{point.model} {point.judged()}" for point in largest)
    found = f"{state} Force RMSE at n = {number(size)} on {_tested(every)}: {words}."
    return found + _order(largest) + _unchanged(every)


def _unchanged(every: list[Point]) -> str:
    """Sentence on models whose error is not resolved to be lower at the largest size than at the smallest."""
    sizes = [point.size for point in every]
    ends = min(sizes), max(sizes)
    known = {(point.model, point.size): point.force for point in every}
    ratios = {
        model: ratio
        for model in dict.fromkeys(point.model for point in every)
        if ends[0] < ends[1] and (ratio := Ratio.of(known.get((model, ends[1])), known.get((model, ends[0]))))
    }
    adjusted = holm(np.array([ratio.p for ratio in ratios.values()]))
    same = [model for model, p in zip(ratios, adjusted, strict=True) if p > LEVEL]
    if not same:
        return ""
    return (
        f" From n = {number(ends[0])} to {number(ends[1])} no decrease is resolved for {listed(same)} "
        f"(p > {LEVEL:g}, Welch, Holm-corrected); use more `repeats`."
    )


def _order(largest: list[Point]) -> str:
    """Which model has the lowest error, where that is resolved against every other; one sentence."""
    best, *others = sorted(largest, key=lambda point: point.force.mean if point.force else np.inf)
    if not others:
        return ""
    single = [point.model for point in largest if point.repeats < FEWEST_REPEATS]
    if single:
        return (
            f" Which is lower cannot be tested: {listed(single)} {'has' if len(single) == 1 else 'have'} one "
            f"repeat, at least {FEWEST_REPEATS} are needed; use more `repeats`."
        )
    tests = [ratio.p for point in others if (ratio := Ratio.of(best.force, point.force))]
    adjusted = holm(np.array(tests))
    if np.isfinite(adjusted).all() and (adjusted <= LEVEL).all():
        return f" Lowest: {best.model} (p ≤ {LEVEL:g}, Welch, Holm-corrected)."
    return (
        f" Which is lowest is not resolved (p > {LEVEL:g}, Welch, Holm-corrected): differences lie within "
        "the spread over repeats; use more `repeats`."
    )
