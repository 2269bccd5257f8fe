"""Dynamics of the first layer of one MD run: correlation functions of waters, and ions on a surface."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.correlation import series_average
from mlipbench_hpc.analysis.dynamics import Dynamics, Visits
from mlipbench_hpc.analysis.fused import Layer, first_layer, surroundings
from mlipbench_hpc.analysis.geometry import perpendicular_widths
from mlipbench_hpc.analysis.ownership import owners_of
from mlipbench_hpc.analysis.pieces import Errors
from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.data.summary import number
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.series import averaged
from mlipbench_hpc.worker.stretch import ROUNDING_PS, Notes, write_csv

DIPOLE, SURVIVAL = "dipole_correlation", "survival"
FORMS = {"continuous": True, "intermittent": False}
AVERAGES = {"mean_of_ratios": True, "ratio_of_sums": False}
Inside = NDArray[np.bool_]


def motion_of(run: Run) -> "Motion":
    """Sums for the frames of a run; ValueError with the reason where there are no correlation functions."""
    if not run.interface.faces:
        raise ValueError("there is no surface, so no first layer")
    step = spacing(run.stretch.times)
    return Motion(run.interface, run.parameters["dynamics"], len(run.stretch), step, run.blocks)


def lagged(observable: Observable, order: int) -> Family:
    """Family of one function of the lag: asks for the sums over lags, writes the function's table."""

    def start(run: Run) -> Finish:
        return partial(finish, run, run.shared(motion_of))

    def finish(run: Run, motion: Motion) -> Produced:
        write_csv(run.context.folder / observable.file, motion.table(observable.name))
        return Produced({}, [observable])

    return Family("dynamics", order, start)


class Motion:
    """Dynamics in the first layer: sums for C_dip and P_surv of its waters, and its ions."""

    def __init__(
        self, profiler: Profiler, parameters: dict[str, Any], frames: int, step: float, blocks: int
    ) -> None:
        """parameters: longest lags (ps), origins, distance of coordination (Å); step: ps between frames."""
        self.profiler, self.parameters, self.step, self.blocks = profiler, parameters, step, blocks
        self.sums = {name: _sums(frames, parameters, name, step, blocks) for name in (DIPOLE, SURVIVAL)}
        self.layer: Layer | None = None
        reach = parameters["coordination"]
        self.ions = {symbol: Ions(atoms, reach) for symbol, atoms in profiler.ions.items()}
        self._waters: list[Ints] = []
        self._cosines: list[Floats] = []

    def add(self, positions: NDArray[Any]) -> None:
        """Add the next frames (F, N, 3) Å."""
        segments = [segment[:2] for segment in owners_of(self.profiler).segments(positions)]
        self.layer = inside, directions = first_layer(self.profiler, positions, self.layer, segments)
        normals = np.repeat(
            [face.normal for face in self.profiler.faces], inside.shape[1] // len(self.profiler.faces)
        )
        self._waters.append(inside.sum(axis=1))
        self._cosines.append(np.asarray(np.where(inside, directions[..., 2], 0.0) @ normals))
        for sums in self.sums.values():
            sums.add(inside, directions)
        for species in self.ions.values():
            species.add(self.profiler, positions)

    @property
    def waters(self) -> Floats:
        """Number (T,) of intact waters in the first layer."""
        return np.concatenate(self._waters).astype(float)

    @property
    def cosines(self) -> Floats:
        """Series (T,) whose mean is the layer's ⟨cos θ⟩ over molecules, with the scatter of this ratio.

        R + (Σ cos θ - R n)/⟨n⟩ with R the ratio of the sums: linearised, because a frame without water has no
        ratio.
        """
        waters, sums = self.waters, np.concatenate(self._cosines)
        if waters.sum() == 0:
            return np.full(len(waters), np.nan)
        ratio = sums.sum() / waters.sum()
        return np.asarray(ratio + (sums - ratio * waters) / waters.mean())

    def write(self, folder: Path) -> None:
        """Write dipole_correlation.csv and survival.csv."""
        for name in self.sums:
            write_csv(folder / f"{name}.csv", self.table(name))

    def errors(self, name: str) -> Errors:
        """Standard errors (lags + 1,) of C_dip or P_surv."""
        sums = self.sums[name]
        return (sums.dipole_correlation() if name == DIPOLE else sums.survival())[1]

    def table(self, name: str) -> dict[str, Floats]:
        """Columns (lags + 1,) of C_dip or P_surv: lag_ps, values and standard errors."""
        columns = _correlation if name == DIPOLE else _survival
        return columns(self.sums[name], self.step)

    def summary(self, notes: Notes) -> dict[str, Any]:
        """Lags and origins, and the numbers of each species of ions."""
        for name, sums in self.sums.items():
            longest, block = sums.lags * self.step, sums.frames // self.blocks * self.step
            if longest < self.parameters[name] - self.step:
                notes.say(f"{name}: lags end at {longest:.4g} ps, half of what is analysed")
            notes.curves.append(self.errors(name))
            if longest > block:
                notes.say(
                    f"{name}: errors at lags beyond {block:.4g} ps, the length of a block, are too small: "
                    "use longer runs or fewer blocks"
                )
        reach, half = (
            self.parameters["coordination"],
            float(perpendicular_widths(self.profiler.cell[None]).min()) / 2,
        )
        if self.ions and reach > half:
            notes.say(
                f"coordination: {reach:g} Å is beyond half the cell's width, {half:.4g} Å, so of each oxygen "
                "the nearest image alone is counted: the numbers may be too small"
            )
        return {
            "frame_ps": self.step,
            "origins": self.parameters["origins"],
            "ions": {name: species.summary(self.step, self.blocks) for name, species in self.ions.items()},
        }


def spacing(times: Floats, rounding: float = ROUNDING_PS) -> float:
    """Time between frames (T,) in ps; ValueError unless all are equally far apart, but for their rounding."""
    steps = np.diff(times)
    if len(steps) == 0 or not np.ptp(steps) < 2 * rounding + 1e-6 * steps[0] or steps[0] <= 0:
        raise ValueError(
            "its frames are not equally far apart in time, and correlation functions need a constant interval"
        )
    return float((times[-1] - times[0]) / len(steps))


class Ions:
    """Ions of one species: membership in the first layer, and numbers of oxygens within a distance (Å).

    Of every frame the number of ions inside and each ion's oxygens are stored, in the smallest integers that
    hold them.
    """

    def __init__(self, atoms: Ints, reach: float) -> None:
        self.atoms, self.reach, self.stays = atoms, reach, Visits(len(atoms))
        self.counts = np.zeros(0, dtype=np.int64)
        self.inside: list[Ints] = []
        self._neighbours: list[Ints] = []
        self._heights: list[Floats] = []

    def add(self, profiler: Profiler, positions: NDArray[Any]) -> None:
        """Add the next frames (F, N, 3) Å."""
        inside, neighbours = surroundings(profiler, positions, self.atoms, self.reach)
        self.stays.add(inside)
        above = np.array([face.heights(positions, profiler.cell, self.atoms) for face in profiler.faces])
        nearest = np.where(above > 0, above, np.inf).min(axis=0)
        self._heights.append(np.where(np.isfinite(nearest), nearest, above.max(axis=0)).astype(np.float32))
        counts = np.bincount(neighbours.astype(np.int64).ravel(), minlength=len(self.counts))
        counts[: len(self.counts)] += self.counts
        self.counts = counts
        self.inside.append(inside.sum(axis=1).astype(np.min_scalar_type(len(self.atoms))))
        self._neighbours.append(neighbours.astype(np.min_scalar_type(len(profiler.waters.oxygens))))

    @property
    def neighbours(self) -> Ints:
        """Number (T, K) of oxygens within reach of each ion."""
        return np.concatenate(self._neighbours)

    @property
    def heights(self) -> Floats:
        """Height (T, K) in Å above the nearest face."""
        return np.concatenate(self._heights).astype(float)

    def summary(self, step: float, blocks: int) -> dict[str, Any]:
        """Coordination number with its error and histogram; of each ion, its stays in the layer."""
        share, average = (
            averaged(series_average(sums / len(self.atoms), blocks))
            for sums in (np.concatenate(self.inside), self.neighbours.sum(axis=1, dtype=np.int64))
        )
        stays, counts = self.stays, self.counts
        return {
            "atoms": len(self.atoms),
            "indices": self.atoms.tolist(),
            "coordination": average,
            "coordination_within_A": self.reach,
            "coordination_shares": (counts / counts.sum()).tolist(),
            "in_first_layer": share,
            "stays": [
                {"share": float(one), "number": int(times), "mean_ps": number(length * step)}
                for one, times, length in zip(stays.share, stays.number, stays.length, strict=True)
            ],
        }


def _sums(frames: int, parameters: dict[str, Any], name: str, step: float, blocks: int) -> Dynamics:
    """Sums up to the requested lag, or to half the run, so that every lag has origins."""
    longest = max(1, min(round(parameters[name] / step), (frames - 1) // 2))
    every = longest if parameters["origins"] == "apart" else 1
    return Dynamics(frames, longest, every, blocks, name == DIPOLE)


def _lags(sums: Dynamics, step: float) -> Floats:
    return np.asarray(np.arange(sums.lags + 1) * step, dtype=float)


def _correlation(sums: Dynamics, step: float) -> dict[str, Floats]:
    value, error = sums.dipole_correlation()
    return {"lag_ps": _lags(sums, step), DIPOLE: value, f"se_{DIPOLE}": error.larger}


def _survival(sums: Dynamics, step: float) -> dict[str, Floats]:
    """Columns of P_surv: the published code's form first, then every other form by its name."""
    value, error = sums.survival()
    columns = {"lag_ps": _lags(sums, step), SURVIVAL: value, f"se_{SURVIVAL}": error.larger}
    for form, continuous in FORMS.items():
        for average, mean in AVERAGES.items():
            value, error = sums.survival(continuous, mean)
            columns |= {f"{form}_{average}": value, f"se_{form}_{average}": error.larger}
    return columns
