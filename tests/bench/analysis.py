"""What the analysis room costs, one thread: in copies of the trajectory's array, and in decodings of XTC."""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from interface import LX, LY, LZ, slab

from mlipbench_hpc.analysis.dynamics import GROUP, Dynamics
from mlipbench_hpc.analysis.fused import block_means, first_layer
from mlipbench_hpc.analysis.profiles import Profiler, pieces
from mlipbench_hpc.data.trajectory import Trajectory, header, numrecs, open_trajectory, record_type
from mlipbench_hpc.worker.by_hand import averaged
from mlipbench_hpc.worker.foreign import Foreign

FRAMES, WATERS, AT_ONCE, REPEATS = 20_000, 119, 520, 3
XTC_FRAMES = 4_000
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
        dynamics()
        alone, both, least = fastest(profiles), fastest(dynamics), fastest(products(made, trajectory))
        return {
            "profiles_over_copy": alone / copy,
            "dynamics_over_copy": both / copy,
            "dipole_floor_over_copy": least / copy,
            "all_less_floor_over_copy": (alone + both - least) / copy,
            "xtc_over_decoding": from_xtc(Path(folder), trajectory),
        }


def products(made: Profiler, trajectory: Trajectory) -> Callable[[], object]:
    """The scalar products alone that C_dip is made of, of the molecules that are ever in the layer."""
    present = int(first_layer(made, trajectory.positions[:AT_ONCE])[0].any(axis=0).sum())
    rows = GROUP + round(DIPOLE_PS / FRAME_PS)
    vectors = np.random.default_rng(0).normal(size=(rows, 3 * present))
    return lambda: [vectors[:GROUP] @ vectors.T for _ in range(FRAMES // GROUP)]


def from_xtc(folder: Path, trajectory: Trajectory) -> float:
    """All that `mlipbench analyse` makes of an XTC, over decoding it alone."""
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    path, cell = folder / "t.xtc", np.asarray(trajectory.cells[0])
    with XTCFile(str(path), "w") as file:
        for k in range(XTC_FRAMES):
            file.write(
                0.1 * trajectory.positions[k].astype("f4"), 0.1 * cell.astype("f4"), k, FRAME_PS * k, 1000
            )
    source = Foreign(path, "XTC", trajectory.numbers, cell, True, XTC_FRAMES, False, None)
    asked = {
        "skip": 0, "blocks": 10, "surface": "Au", "bin": 0.1, "ions": [], "frame_every": None,
        "dipole_correlation": DIPOLE_PS, "survival": SURVIVAL_PS, "origins": "all", "coordination": 3.2,
    }  # fmt: skip

    def decode() -> None:
        with XTCFile(str(path)) as file:
            for _ in file:
                pass

    averaged(asked, source, XTC_FRAMES)
    return fastest(lambda: averaged(asked, source, XTC_FRAMES)) / fastest(decode)


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
