"""Coordination of ions against height, their layers and stays, in the runs of one study of solvation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mlipbench_hpc.analysis import solvation
from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.analysis.solvation import Coordination, Layer, Representative, Stays
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.observable import ION_COORDINATION
from mlipbench_hpc.report import heights
from mlipbench_hpc.report.combine import Number, blocks_of, numbered_runs
from mlipbench_hpc.report.exclusion import failures
from mlipbench_hpc.report.groups import Group, Line, Run, groups
from mlipbench_hpc.report.layers import layers_of
from mlipbench_hpc.report.section import Caution, Consequence, Table
from mlipbench_hpc.report.studies import Part
from mlipbench_hpc.report.text import NOTHING, count, listed, number, with_error

DYNAMICS, REACH = "dynamics", "coordination_within_A"
NAMES, OWN = ("inner", "outer"), "own peak"
UNKNOWN = "not determined"
# Section IV.D and Fig. 7 of arXiv:2602.22931: heights of the two positions of Na⁺, Å.
PAPER_A = (3.4, 4.6)


@dataclass(frozen=True)
class IonsOfRun:
    """Heights (T, K) Å and coordination numbers (T, K) of the ions of a species in one run."""

    run: Run
    heights: Floats
    neighbours: Ints

    @property
    def step(self) -> float:
        """Time between frames, ps."""
        return float(self.run.analysis.values[DYNAMICS]["frame_ps"])


@dataclass(frozen=True)
class Solvated:
    """Ions of a species in all runs of a line; width: of the bins of height, Å."""

    group: Group
    line: Line
    symbol: str
    runs: list[IonsOfRun]
    width: float

    @property
    def title(self) -> str:
        """`mace, Au36 O24 H48 Na1, 300 K`."""
        return f"{self.line.title(self.group.drawn)}, {self.group.title}"

    @property
    def reach(self) -> float:
        """Distance up to which an oxygen counts, Å."""
        own = self.runs[0].run.analysis.values[DYNAMICS]["ions"][self.symbol]
        return float(own[REACH])

    @cached_property
    def edges(self) -> Floats:
        """Edges (B + 1,) of the bins of height, Å."""
        return solvation.bins(np.concatenate([np.ravel(own.heights) for own in self.runs]), self.width)

    @cached_property
    def profile(self) -> Coordination:
        """Coordination number by bin of height."""
        where = [solvation.places(own.heights, self.edges) for own in self.runs]
        return self._mean([own.neighbours for own in self.runs], where, len(self.edges) - 1)

    @cached_property
    def layers(self) -> list[Layer]:
        """Layers of the group's ions; that of the highest peak where two cannot be told apart."""
        together = np.concatenate([np.ravel(own.heights) for own in self.runs])
        return solvation.layers(together, layers_of(self.line, self.symbol))

    @cached_property
    def in_cores(self) -> list[Ints]:
        """Layer (T, K) in whose core each ion is, of each run."""
        return [solvation.cores(own.heights, self.layers) for own in self.runs]

    @cached_property
    def in_layers(self) -> Coordination:
        """Coordination number in the core of each layer."""
        return self._mean([own.neighbours for own in self.runs], self.in_cores, len(self.layers))

    @cached_property
    def mean_heights(self) -> Coordination:
        """Mean height in Å in the core of each layer; the layers' peaks may be those of other runs."""
        return self._mean([own.heights for own in self.runs], self.in_cores, len(self.layers))

    def _mean(self, values: list[Any], where: list[Ints], number: int) -> Coordination:
        """Means of values (T, K) of each run by place."""
        parts = zip(self.runs, values, where, strict=True)
        return solvation.coordination(
            [solvation.sums(own, places, number, blocks_of(ions.run)) for ions, own, places in parts]
        )

    @cached_property
    def visits(self) -> list[Ints]:
        """Layer (T, K) of each ion at every moment, of each run: the one whose core it was in last."""
        two = layers_of(self.line, self.symbol)
        return [two.visits(own.heights) if two else np.zeros(own.heights.shape, int) for own in self.runs]

    def share(self, layer: int) -> Number:
        """Share of ions in a layer."""
        averages = [
            series_average((visits == layer).mean(axis=1), blocks_of(own.run))
            for own, visits in zip(self.runs, self.visits, strict=True)
        ]
        return numbered_runs([own.run for own in self.runs], averages)

    def stays(self, layer: int) -> Stays:
        """Stays of all ions in a layer."""
        every = [
            solvation.stays(visits, layer, own.step)
            for own, visits in zip(self.runs, self.visits, strict=True)
        ]
        return Stays(sum(own.time_ps for own in every), sum(own.departures for own in every))

    def snapshot(self, layer: int) -> Representative | None:
        """Ion of a frame that is nearest the mean of those in the layer's core."""
        return solvation.representative(
            [own.heights for own in self.runs],
            [own.neighbours for own in self.runs],
            [cores == layer for cores in self.in_cores],
        )

    def name(self, layer: int) -> str:
        """`inner` or `outer`; `own peak` where no two layers are known, and the peak is that of the row."""
        return NAMES[layer] if len(self.layers) > 1 else OWN

    def words(self, layer: int) -> str:
        """`inner layer`, `own peak`."""
        return self.name(layer) + " layer" * (len(self.layers) > 1)

    @property
    def mean_height(self) -> Number | None:
        """Mean height in Å of all ions, wherever they are, as elsewhere in the report."""
        known = heights.heights_of(self.line, self.symbol)
        return known.mean if known else None


def solvated(part: Part) -> list[Solvated]:
    """Every species of ions in every run of the study, in its order."""
    order = {name: place for place, name in enumerate(part.spec.runs)}
    every = [
        Solvated(group, line, symbol, runs, part.spec.bin)
        for group in groups(part.with_runs(part.spec.runs))
        for line in group.drawn
        if line.name in order
        for symbol in heights.species(line)
        if (runs := _runs(line, symbol))
    ]
    return sorted(every, key=lambda own: order[own.line.name])


def _runs(line: Line, symbol: str) -> list[IonsOfRun]:
    parts = [
        (run, own, run.analysis.arrays(ION_COORDINATION).get(symbol))
        for run, own in heights.by_run(line, symbol)
    ]
    return [IonsOfRun(run, own, near) for run, own, near in parts if near is not None]


def table(part: Part, every: list[Solvated]) -> Table:
    """One row for each layer of each species in each run."""
    rows = [
        [own.line.name, own.title, own.symbol, own.name(layer), number(own.layers[layer].peak),
         _error(own.mean_heights.mean[layer], own.mean_heights.error[layer]),
         with_error(own.mean_height.mean, own.mean_height.se) if own.mean_height else NOTHING,
         _share(own, layer),
         _error(own.in_layers.mean[layer], own.in_layers.error[layer]),
         *_stay(own.stays(layer))]
        for own in every
        for layer in range(len(own.layers))
    ]  # fmt: skip
    header = ["run", "driven by, system", "ion", "layer", "peak, Å", "mean height in the core, Å",
              "mean height of all ions, Å", "share of ions", "oxygens near an ion", "mean stay, ps",
              "departures"]  # fmt: skip
    reach = number(every[0].reach) if every else NOTHING
    caption = (
        f"{part.name}: layers of ions above the surface, and oxygens within {reach} Å of an ion in the core "
        "of a layer (to where the density has half the height of its peak, and as far on its other side). "
        "Inner and outer layer: of the reference's runs where these show two, else of all runs, the same for "
        f"all rows of a system. `{OWN}`: no two layers are known in that system; the peak is the highest of "
        "the row's own ions, so that rows with such a name may be at different heights, and no share is "
        "given. Mean heights are of the row's own ions: of those in the core of the layer, and of all, as "
        f"in other sections. ± standard error, the larger of that over blocks and over replicas; {UNKNOWN}: "
        f"an ion was there in fewer than {solvation.FEWEST_BLOCKS} blocks, or left fewer than "
        f"{solvation.FEWEST_DEPARTURES} times. Mean stay: time in the layer over departures, so that stays "
        "cut by the end of a run count; a layer ends where the ion reaches the other's core."
    )
    return Table(caption, header, rows, words=4, open=True)


def _share(own: Solvated, layer: int) -> str:
    if len(own.layers) < 2:
        return NOTHING
    share = own.share(layer)
    return with_error(share.mean, share.se)


def _error(mean: float, error: float) -> str:
    return with_error(float(mean), float(error))


def _stay(stays: Stays) -> list[str]:
    mean = stays.mean_ps
    words = with_error(mean, stays.error_ps) if np.isfinite(mean) else UNKNOWN
    return [words, number(stays.departures)]


def paper(part: Part, every: list[Solvated]) -> Table | None:
    """Heights of the two positions that the paper prints, and their shells, beside those here."""
    rows = [row for own in every for row in (_two(own) if len(own.layers) == len(PAPER_A) else _one(own))]
    header = ["run", "quantity", "paper (3 Na⁺)", "here", "ratio to the paper"]
    caption = (
        f"{part.name}, beside the paper: ions at 3.4 Å are partially desolvated, within the first water "
        "layer; those at 4.6 Å have a full first shell, above it. The paper: Au(111)/water/3 Na⁺ "
        "of 384 atoms, models of DFT labels. Here: mean heights in the core, by the potentials of this "
        f"campaign. `{OWN}`: no two layers are known here, so that which of the paper's positions it is "
        "cannot be told, and both ratios stand there; use longer runs or other starts. Systems differ."
    )
    return Table(caption, header, rows, words=2, open=True) if rows else None


def _two(own: Solvated) -> Iterator[list[str]]:
    """Both layers beside the paper's positions, and their shells beside each other."""
    for layer, height in enumerate(PAPER_A):
        here, error = float(own.mean_heights.mean[layer]), float(own.mean_heights.error[layer])
        yield [own.line.name, f"{own.symbol}, {NAMES[layer]} layer, Å", number(height, 2),
               with_error(here, error), number(here / height)]  # fmt: skip
    near = own.in_layers
    ratio = float(near.mean[0] / near.mean[1])
    scatter = ratio * float(np.hypot(*(near.error / near.mean)))
    yield [own.line.name, "oxygens, inner / outer layer", "below 1", with_error(ratio, scatter), NOTHING]


def _one(own: Solvated) -> Iterator[list[str]]:
    """The one peak beside both positions, and its shell beside the paper's words."""
    here, near = float(own.mean_heights.mean[0]), own.in_layers
    stated = " and ".join(number(height, 2) for height in PAPER_A)
    ratios = " and ".join(number(here / height) for height in PAPER_A)
    yield [own.line.name, f"{own.symbol}, {OWN}, Å", stated, _error(here, own.mean_heights.error[0]), ratios]
    words = "partly desolvated, full shell"
    yield [own.line.name, f"oxygens near {own.symbol}, {OWN}", words, _error(near.mean[0], near.error[0]),
           NOTHING]  # fmt: skip


def numbers(every: list[Solvated]) -> dict[str, Any]:
    """Values for results.json by run, species and layer."""
    values: dict[str, Any] = {}
    for own in every:
        values.setdefault(own.line.name, {}).setdefault(own.group.title, {})[own.symbol] = {
            "within_A": own.reach,
            "layers": {own.name(layer): _of_layer(own, layer) for layer in range(len(own.layers))},
        }
    return values


def _of_layer(own: Solvated, layer: int) -> dict[str, Any]:
    stays, share, near = own.stays(layer), own.share(layer), own.in_layers
    return {
        "peak_A": own.layers[layer].peak, "height_A": own.mean_heights.mean[layer],
        "share": share.mean, "share_se": share.se,
        "coordination": near.mean[layer], "coordination_se": near.error[layer],
        "time_ps": stays.time_ps, "departures": stays.departures, "stay_ps": stays.mean_ps,
        "stay_se_ps": stays.error_ps,
    }  # fmt: skip


def sentence(part: Part, every: list[Solvated]) -> str:
    """Coordination in each layer of each run."""
    runs = len({own.line.name for own in every})
    state = f"Study {part.name} (solvation): {runs} of {count(len(part.spec.runs), 'run')} with ions."
    words = [
        f"{own.line.name}: "
        + ", ".join(
            f"{_error(own.in_layers.mean[layer], own.in_layers.error[layer])} oxygens near {own.symbol} at "
            f"{number(own.layers[layer].peak)} Å ({own.words(layer)})"
            for layer in range(len(own.layers))
        )
        for own in every
    ]
    alone = [own.line.name for own in every if len(own.layers) < len(NAMES)]
    doubt = (
        f" No two layers are known in {listed(alone)}: heights are of each run's own peak and cannot be "
        "compared as layers; use longer runs or other starts."
    )
    layers = f" {'; '.join(words)}.{doubt * bool(alone)}{_stuck(every)}" if words else ""
    return state + layers + failures(part.with_runs(part.spec.runs), part.spec.runs)


def _stuck(every: list[Solvated]) -> str:
    """Sentence on runs in which no ion changed its layer; empty without any."""
    two = [own for own in every if len(own.layers) > 1]
    names = [own.line.name for own in two if not sum(own.stays(layer).departures for layer in (0, 1))]
    if not names:
        return ""
    return (
        f" No ion changed its layer in {listed(list(dict.fromkeys(names)))}: numbers of a layer are those of "
        "the ions that began there, and errors hold nothing of other starts; use longer runs or more starts."
    )


def cautions(part: Part, every: list[Solvated]) -> list[Caution]:
    """Runs without ions, or analysed before their coordination was kept."""
    known = {own.line.name for own in every}
    words = "has no ions above a surface whose coordination is known: it has not run, or holds none"
    return [
        Caution(part.name, f"Study {part.name}", f"{name} {words}.", Consequence.LIMITED)
        for name in part.spec.runs
        if name not in known
    ]
