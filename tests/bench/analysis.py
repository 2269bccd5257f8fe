"""What the analysis room costs, as multiples of copying the trajectory's array once; one thread."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from interface import LX, LY, LZ, slab

from mlipbench_hpc.analysis.dynamics import Dynamics
from mlipbench_hpc.analysis.fused import block_means, first_layer
from mlipbench_hpc.analysis.profiles import Profiler, pieces
from mlipbench_hpc.data.trajectory import header, numrecs, open_trajectory, record_type

FRAMES, WATERS, AT_ONCE, REPEATS = 20_000, 119, 520, 3
FRAME_PS, DIPOLE_PS, SURVIVAL_PS = 0.01, 2.5, 5.0


def written(folder: Path) -> Path:
    """A trajectory in our own format: gold, water and three ions, 387 atoms, everything jitters."""
    generator = np.random.default_rng(0)
    ions = [(1.0, 1.0, 3.0), (4.0, 4.0, 5.0), (7.0, 2.0, 8.0)]
    frame = slab(np.linspace(2.0, 24.0, WATERS).tolist(), np.linspace(-0.9, 0.9, WATERS).tolist(), ions)
    records = np.zeros(FRAMES, record_type(len(frame.numbers)))
    records["time"] = FRAME_PS * np.arange(FRAMES)
    records["cell_lengths"], records["cell_angles"] = (LX, LY, LZ), 90.0
    for part in pieces(FRAMES, 1000):
        size = (part.stop - part.start, *frame.positions.shape)
        records["coordinates"][part] = frame.positions + generator.normal(scale=0.02, size=size)
    start = header(frame.numbers)
    path = folder / "trajectory.nc"
    path.write_bytes(start[:4] + numrecs(FRAMES) + start[8:] + records.tobytes())
    return path


def fastest(work: Callable[[], object]) -> float:
    """CPU seconds, the least of some repeats."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        trajectory = open_trajectory(written(Path(folder)))
        first = np.asarray(trajectory.positions[0], dtype=float)
        made = Profiler.of(trajectory.numbers, first, trajectory.cells[0], 79, 0.1)

        def profiles() -> None:
            parts = (trajectory.positions[part] for part in pieces(FRAMES, AT_ONCE))
            block_means(made, parts, FRAMES, 10)

        def dynamics() -> None:
            both = [
                Dynamics(FRAMES, round(lag / FRAME_PS), dipole=lag == DIPOLE_PS)
                for lag in (DIPOLE_PS, SURVIVAL_PS)
            ]
            for part in pieces(FRAMES, AT_ONCE):
                inside, directions = first_layer(made, trajectory.positions[part])
                for one in both:
                    one.add(inside, directions)

        copy = fastest(lambda: trajectory.positions.astype("=f4"))
        profiles()  # compiles
        return {
            "profiles_over_copy": fastest(profiles) / copy,
            "dynamics_over_copy": fastest(dynamics) / copy,
        }


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
