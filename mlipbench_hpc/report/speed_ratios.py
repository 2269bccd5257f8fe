"""Timings of one study of speed: the ratio of each to one committee, beside what the paper states."""

from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.extremes import Extremes
from mlipbench_hpc.report.paper import paper_name
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.speeds import Size, Timed, timed
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, number, wrapped
from mlipbench_hpc.studies.speed import entry_name

MACE = "mace"
# Section IV.A of arXiv:2602.22931: times the speed of MACE, in words and as a number.
PAPER_RATIOS = {
    "dp": ("almost 20", 20.0), "dp-mp": ("8 to 9", 8.5), "grace-1l": ("8 to 9", 8.5),
}  # fmt: skip
# The same section: MACE with scalar messages alone, its hyperparameter of this name at 0, over GRACE-1L.
SCALAR, SCALAR_OVER = "max_L", ("grace-1l", "a factor of 4 slower", 0.25)
# The same section, ns/day of 384 atoms with 0.5 fs on one NVIDIA A100.
PAPER_NS_PER_DAY = {"grace-2l": 6.6}
# Table I: implementation and engine.
PAPER_ENGINES = {
    "dp": "deepmd-jax, JAX-MD", "dp-mp": "deepmd-jax, JAX-MD",
    "grace-1l": "gracemaker, LAMMPS", "mace": "mace-torch, LAMMPS (ML-IAP)", "esen": "fairchem-core, ASE",
}  # fmt: skip
SYSTEMS = (
    "The paper: Au(111)/water of 384 atoms, 0.5 fs, one NVIDIA A100, its own hyperparameters; GRACE and "
    "MACE ran in LAMMPS and DP in JAX-MD. Here: the system, models, engines and machine of this campaign. "
    "Systems differ: ratios of speeds depend on all of these."
)


@dataclass(frozen=True)
class Cost:
    """One timing of a study: its start as it is, and the same of the committee `against`.

    reference: None where that has not run, or where atoms or machine differ.
    """

    entry: Timed
    against: str
    reference: Size | None

    @property
    def start(self) -> Size:
        """Times of the start as it is."""
        return self.entry.sizes[0]

    @property
    def per_day(self) -> Extremes:
        """ns/day at the median, and of the slowest and the fastest block."""
        own = self.start
        return Extremes(own.ns_per_day, own.least_ns_per_day, own.most_ns_per_day, len(own.seconds))

    @property
    def ratio(self) -> Extremes | None:
        """Speed over that of `against`: of the medians, and the least and greatest of any two blocks."""
        if self.reference is None:
            return None
        return ratio_of(self.start, self.reference)

    @property
    def words(self) -> str:
        """`21.6 ns/day, 8.00 (6.9 to 9.1) x`: ratio of the medians, and least and greatest of any blocks."""
        times = f", {self.ratio.words()} x" if self.ratio else ""
        return f"{number(self.start.ns_per_day)} ns/day{times}"

    def numbers(self) -> dict[str, Any]:
        """Values for results.json."""
        ratio = self.ratio
        return {
            "committee": self.entry.committee, "engine": self.entry.values["engine"],
            "machine": self.entry.machine, "against": self.against,
            "ratio": ratio and {"median": ratio.mean, "least": ratio.least, "most": ratio.greatest},
            "sizes": [
                {"atoms": size.atoms, "us_per_atom_and_step": size.microseconds,
                 "ns_per_day": size.ns_per_day}
                for size in self.entry.sizes
            ],
        }  # fmt: skip


def ratio_of(own: Size, other: Size) -> Extremes:
    """Speed of one timing over another's."""
    if own is other:
        return Extremes(1.0, 1.0, 1.0, 1)
    return Extremes(
        own.ns_per_day / other.ns_per_day,
        own.least_ns_per_day / other.most_ns_per_day,
        own.most_ns_per_day / other.least_ns_per_day,
        len(own.seconds),
    )


def costs(part: Part) -> list[Cost]:
    """Timings of the study that have run, in its order."""
    entries, against = timed(part.results), _against(part)
    # In the first engine that is asked of it: another one, where that failed, is another speed.
    name = entry_name(part.name, against, part.spec.engines_of(against)[0])
    other = next((entry for entry in entries if entry.name == name), None)
    return [Cost(entry, against, _comparable(entry, other)) for entry in entries]


def _against(part: Part) -> str:
    """Committee that speeds are divided by: as asked, else the first of MACE, else the first."""
    names: list[str] = part.spec.committees
    mace = [name for name in names if _architecture(part, name) == MACE]
    return str(part.spec.against or next(iter(mace), names[0]))


def _architecture(part: Part, committee: str) -> str:
    model = part.results.asked("committees", committee)["model"]
    return str(part.results.asked("models", model)["architecture"])


def _comparable(entry: Timed, other: Timed | None) -> Size | None:
    """Start of `other` where it is of as many atoms and was timed on the same machine."""
    if other is None or entry.machine != other.machine or entry.sizes[0].atoms != other.sizes[0].atoms:
        return None
    return other.sizes[0]


def unlike(every: list[Cost]) -> list[str]:
    """A sentence for each timing without a ratio."""
    return [
        f"{cost.entry.name} has no ratio to {cost.against}: that has not run, or has other atoms or another "
        f"machine ({cost.entry.machine})."
        for cost in every
        if cost.reference is None
    ]


def table(part: Part, every: list[Cost]) -> Table:
    """One row for each timing."""
    rows = [
        [cost.entry.name, cost.entry.architecture, f"{cost.entry.values['engine']}, "
         f"{cost.entry.parameters['dtype']}", number(cost.start.atoms), number(cost.start.microseconds),
         cost.per_day.words(), cost.ratio.words() if cost.ratio else NOTHING,
         _errors(part, cost.entry.committee)]
        for cost in every
    ]  # fmt: skip
    header = ["timing", "architecture", "engine, precision", "atoms", "µs/atom/step", "ns/day",
              f"times {every[0].against if every else ''}", "force RMSE, meV/Å"]  # fmt: skip
    caption = (
        f"{part.name}: MD of the start as it is, steps of {number(1e3 * part.spec.timestep)} fs. Medians "
        "over blocks (slowest to fastest block); the ratio of the medians (least to greatest ratio of any "
        "two blocks). Force RMSE: on the committee's test set, mean (least to greatest) over members."
    )
    return Table(caption, header, rows, words=3, open=True)


def _errors(part: Part, committee: str) -> str:
    final = final_round(part.results, committee)
    known = [errors for member in final.members if (errors := member.errors("test"))] if final else []
    extremes = Extremes.of(errors["force"]["all"]["rmse_meV_per_A"] for errors in known)
    return extremes.words() if extremes else NOTHING


def paper(part: Part, every: list[Cost]) -> Table | None:
    """Engines, ratios and speeds that the paper states beside those here; None without its models."""
    rows = [row for cost in every for row in [*_rows(part, cost), *_scalar(cost, every)]]
    header = ["quantity", "paper", "here", "here / paper"]
    caption = f"{part.name}, beside the paper. {SYSTEMS} In parentheses: over the blocks, as above."
    return Table(caption, header, rows, open=True) if rows else None


def _rows(part: Part, cost: Cost) -> list[list[str]]:
    name, rows = paper_name(cost.entry.architecture.partition("/")[0]), list[list[str]]()
    if name in PAPER_ENGINES:
        engine = cost.entry.values["engine"]
        rows.append([f"engine of {cost.entry.name}", PAPER_ENGINES[name], engine, NOTHING])
    if name in PAPER_RATIOS and cost.ratio and _architecture(part, cost.against) == MACE:
        words, value = PAPER_RATIOS[name]
        here = cost.ratio
        what = f"speed, {cost.entry.name} / {cost.against}"
        rows.append([what, words, here.words(), here.over(value).words()])
    if name in PAPER_NS_PER_DAY:
        value, here = PAPER_NS_PER_DAY[name], cost.per_day
        what = f"ns/day of {cost.entry.name} ({number(cost.start.atoms)} atoms)"
        rows.append([what, number(value), here.words(), here.over(value).words()])
    return rows


def _scalar(cost: Cost, every: list[Cost]) -> list[list[str]]:
    """Of a MACE with scalar messages alone, its speed over that of each timing of GRACE-1L."""
    name, words, value = SCALAR_OVER
    if cost.entry.architecture != MACE or cost.entry.parameters["hyperparameters"].get(SCALAR) != 0:
        return []
    others = [other for other in every if other.entry.architecture == name]
    ratios = {
        other.entry.name: ratio_of(cost.start, start)
        for other in others
        if (start := _comparable(cost.entry, other.entry))
    }
    return [
        [f"speed, {cost.entry.name} / {other}", words, here.words(), here.over(value).words()]
        for other, here in ratios.items()
    ]


def sentence(part: Part, every: list[Cost], disturbed: int) -> str:
    """How many timings are done, and how many of them other work disturbed; times stand in the tables."""
    asked = sum(len(part.spec.engines_of(name)) for name in part.spec.committees)
    state = f"Study {part.name} (speed): {len(every)} of {count(asked, 'timing')} done."
    if not disturbed:
        return state
    return (
        f"{state} Speeds and ratios are provisional: other work ran beside {disturbed} of these or their "
        "blocks differ by much, as the warning there says; quote ranges, and time again on a quiet machine."
    )


def summary(part: Part, every: list[Cost]) -> list[str]:
    """Lines of at most 80 characters: the speed of each timing."""
    return [
        line
        for cost in every
        for line in wrapped(
            f"Study {part.name}: {cost.entry.name} {cost.words} of the speed of {cost.against}"
            if cost.ratio
            else f"Study {part.name}: {cost.entry.name} {cost.words}"
        )
    ]
