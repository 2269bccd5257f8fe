"""How the first layer of one MD run moves: what `analyse` writes of waters and ions on a surface."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.analysis.blocks import block_average
from mlipbench_hpc.analysis.dynamics import Dynamics, visits
from mlipbench_hpc.analysis.fused import first_layer
from mlipbench_hpc.analysis.geometry import minimum_image
from mlipbench_hpc.analysis.profiles import Profiler
from mlipbench_hpc.analysis.slab import interfacial
from mlipbench_hpc.contract.folder import write_bytes
from mlipbench_hpc.data.frames import Floats, Ints
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.profiles import profiler, watched
from mlipbench_hpc.worker.stretch import ROUNDING_PS, Notes, Stretch, as_csv, number

DIPOLE, SURVIVAL = "dipole_correlation", "survival"
ION = "concentration-"
FORMS = {"continuous": True, "intermittent": False}
AVERAGES = {"mean_of_ratios": True, "ratio_of_sums": False}
Inside = NDArray[np.bool_]


def write_dynamics(context: Context, stretch: Stretch, notes: Notes) -> dict[str, Any]:
    """Writes dipole_correlation.csv and survival.csv; returns what result.json says of waters and ions."""
    asked = context.parameters["dynamics"]
    try:
        made = profiler(stretch, context.parameters["profiles"])
        step = spacing(stretch.trajectory.times[stretch.chosen])
    except ValueError as reason:
        return {"skipped": str(reason)}
    if not made.faces:
        return {"skipped": "there is no surface, so no first layer"}
    both = [_sums(context, len(stretch), asked, name, step) for name in (DIPOLE, SURVIVAL)]
    ions = {name.removeprefix(ION): Ions(atoms, asked["coordination"]) for name, atoms in made.ions.items()}
    for positions in watched(context, stretch):
        inside, directions = first_layer(made, positions)
        for one in both:
            one.add(inside, directions)
        for species in ions.values():
            species.add(made, positions)
    write_bytes(context.folder / f"{DIPOLE}.csv", as_csv(_correlation(both[0], step)))
    write_bytes(context.folder / f"{SURVIVAL}.csv", as_csv(_survival(both[1], step)))
    for name, one in ((DIPOLE, both[0]), (SURVIVAL, both[1])):
        if one.lags * step < asked[name] - step:
            notes.say(f"{name}: lags end at {one.lags * step:.4g} ps, half of what is analysed")
    blocks = context.parameters["blocks"]
    return {
        "names": [DIPOLE, SURVIVAL],
        "frame_ps": step,
        "origins": asked["origins"],
        "ions": {name: species.summary(step, blocks) for name, species in ions.items()},
    }


def spacing(times: Floats) -> float:
    """Time between frames (T,) in ps. Raises ValueError unless all are equally far apart."""
    steps = np.diff(times)
    if len(steps) == 0 or not np.ptp(steps) < 2 * ROUNDING_PS + 1e-6 * steps[0] or steps[0] <= 0:
        raise ValueError("its frames are not equally far apart in time, so there are no lags")
    return float((times[-1] - times[0]) / len(steps))


class Ions:
    """One species: who is in the first layer, and how many oxygens are within a distance (Å) of each."""

    def __init__(self, atoms: Ints, reach: float) -> None:
        self.atoms, self.reach = atoms, reach
        self.inside: list[Inside] = []
        self.neighbours: list[Floats] = []

    def add(self, made: Profiler, positions: NDArray[Any]) -> None:
        """The next frames (F, N, 3) Å."""
        heights = [face.heights(positions, made.cell, self.atoms) for face in made.faces]
        self.inside.append(np.any([interfacial(one) for one in heights], axis=0))
        self.neighbours.append(np.column_stack(list(self._coordination(made, np.asarray(positions, float)))))

    def _coordination(self, made: Profiler, positions: Floats) -> Iterator[Floats]:
        for atom in self.atoms:
            vectors = positions[:, made.waters.oxygens] - positions[:, atom, None]
            squares = np.square(minimum_image(vectors, made.cell)).sum(axis=-1)
            yield (squares <= self.reach**2).sum(axis=1).astype(float)

    def summary(self, step: float, blocks: int) -> dict[str, Any]:
        """Coordination number with its block error and histogram; of each ion, its stays in the layer."""
        inside, neighbours = np.concatenate(self.inside), np.concatenate(self.neighbours)
        average, stays = block_average(neighbours.mean(axis=1), blocks), visits(inside)
        share = block_average(inside.mean(axis=1), blocks)
        counts = np.bincount(neighbours.astype(np.int64).ravel())
        return {
            "atoms": len(self.atoms),
            "coordination": {"mean": number(average.mean), "se": number(average.standard_error)},
            "coordination_within_A": self.reach,
            "coordination_shares": (counts / counts.sum()).tolist(),
            "in_first_layer": {"mean": number(share.mean), "se": number(share.standard_error)},
            "stays": [
                {"share": float(one), "number": int(times), "mean_ps": number(length * step)}
                for one, times, length in zip(stays.share, stays.number, stays.length, strict=True)
            ],
        }


def _sums(context: Context, frames: int, asked: dict[str, Any], name: str, step: float) -> Dynamics:
    """Up to the lag that is asked for, or to half the run, so that every lag has origins."""
    longest = max(1, min(round(asked[name] / step), (frames - 1) // 2))
    every = longest if asked["origins"] == "apart" else 1
    return Dynamics(frames, longest, every, context.parameters["blocks"], name == DIPOLE)


def _lags(sums: Dynamics, step: float) -> Floats:
    return np.asarray(np.arange(sums.lags + 1) * step, dtype=float)


def _correlation(sums: Dynamics, step: float) -> dict[str, Floats]:
    value, error = sums.dipole_correlation()
    return {"lag_ps": _lags(sums, step), DIPOLE: value, f"se_{DIPOLE}": error}


def _survival(sums: Dynamics, step: float) -> dict[str, Floats]:
    """The published code's form first, then every other one by its name."""
    value, error = sums.survival()
    found = {"lag_ps": _lags(sums, step), SURVIVAL: value, f"se_{SURVIVAL}": error}
    for form, continuous in FORMS.items():
        for average, mean in AVERAGES.items():
            value, error = sums.survival(continuous, mean)
            found |= {f"{form}_{average}": value, f"se_{form}_{average}": error}
    return found
