"""What the analysis room costs: in copies of the trajectory's array, decodings of XTC, and MB.

CPU time of one thread; of two the wall time beside one's.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from interface import LAYERS, LZ, TOP, water

from mlipbench_hpc.analysis.dynamics import GROUP
from mlipbench_hpc.analysis.fused import first_layer
from mlipbench_hpc.analysis.onepass import BlockSums, block_means, block_sums, feed
from mlipbench_hpc.analysis.profiles import Profiler, pieces
from mlipbench_hpc.analysis.resampling import Weights, bootstrap
from mlipbench_hpc.data.trajectory import Trajectory, header, numrecs, open_trajectory, record_type
from mlipbench_hpc.worker.analyse_files import averaged
from mlipbench_hpc.worker.dynamics import Motion
from mlipbench_hpc.worker.foreign.gromacs import xtc
from mlipbench_hpc.worker.foreign.trajectory import Foreign

SMALL = "--small" in sys.argv
FRAMES, XTC_FRAMES, REPEATS = (2_000, 200, 1) if SMALL else (200_000, 20_000, 3)
WATERS, AT_ONCE, FEW_FRAMES, WIDTH = 119, 520, 20, 12.0
BLOCKS, MEMBERS, TOPOLOGY = 10, 5, "first.xyz"
MLIPBENCH = Path(__file__).parents[2] / ".venvs" / "login" / "bin" / "mlipbench"
FRAME_PS, DIPOLE_PS = 0.01, 2.5
REQUEST = {"dipole_correlation": DIPOLE_PS, "survival": 5.0, "origins": "all", "coordination": 3.2}


def interface() -> Atoms:
    """Gold, water and three ions, 387 atoms; waters are 3 Å apart, so that each keeps its hydrogens."""
    gold = [(4.0 * i, 4.0 * j, z) for z in LAYERS for i in range(3) for j in range(3)]
    waters = [
        water(
            np.array([3.0 * (i % 4), 3.0 * (i // 4 % 4), TOP + height]), np.array([np.sqrt(1 - c * c), 0, c])
        )
        for i, (height, c) in enumerate(
            zip(np.linspace(2.0, 24.0, WATERS), np.linspace(-0.9, 0.9, WATERS), strict=True)
        )
    ]
    ions = [(1.5, 1.5, TOP + 3.0), (4.5, 4.5, TOP + 5.0), (7.5, 1.5, TOP + 8.0)]
    return Atoms(
        f"Au{len(gold)}(OH2){WATERS}Na3", np.concatenate([gold, *waters, ions]), cell=(WIDTH, WIDTH, LZ)
    )


def written(folder: Path, count: int = FRAMES) -> Path:
    """A trajectory in our own format, in which everything jitters."""
    generator, frame = np.random.default_rng(0), interface()
    path, start = folder / "trajectory.nc", header(frame.numbers)
    write(folder / TOPOLOGY, Atoms(frame.numbers, frame.positions))
    with path.open("wb") as stream:
        stream.write(start[:4] + numrecs(count) + start[8:])
        for part in pieces(count, 1000):
            records = np.zeros(part.stop - part.start, record_type(len(frame)))
            records["time"] = FRAME_PS * np.arange(part.start, part.stop)
            records["cell_lengths"], records["cell_angles"] = (WIDTH, WIDTH, LZ), 90.0
            noise = generator.normal(scale=0.02, size=records["coordinates"].shape)
            records["coordinates"] = frame.positions + noise
            stream.write(records.tobytes())
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
        # First, for a process that begins counts the memory of the one that started it.
        commands = whole_command(Path(folder))
        trajectory = open_trajectory(written(Path(folder)))
        first = np.asarray(trajectory.positions[0], dtype=float)
        profiler = Profiler.of(trajectory.numbers, first, trajectory.cells[0], 79, 0.1)
        copy = fastest(lambda: trajectory.positions.astype("=f4"))
        works = {
            "profiles": lambda: block_means(profiler, parts(trajectory), FRAMES, BLOCKS),
            "analyse": lambda: analyse(profiler, trajectory),
            "analyse_with_ions": lambda: analyse(profiler, trajectory, ions=True),
            "reweighting": lambda: reweighting(profiler, trajectory),
            "dipole_floor": products(profiler, trajectory),
        }
        for work in works.values():
            work()  # compiles
        numbers = {f"{name}_over_copy": fastest(work) / copy for name, work in works.items()}
        floor, every = numbers["dipole_floor_over_copy"], ("analyse_over_copy", "reweighting_over_copy")
        return {
            **numbers,
            "all_less_floor_over_copy": sum(numbers[name] for name in every) - floor,
            "two_threads_over_one": wall_time(profiler, trajectory, 2) / wall_time(profiler, trajectory, 1),
            "xtc_over_decoding": from_xtc(Path(folder), trajectory),
            **commands,
        }


def parts(trajectory: Trajectory) -> Iterator[np.ndarray]:
    """All frames, some at a time."""
    return (trajectory.positions[part] for part in pieces(FRAMES, AT_ONCE))


def analyse(profiler: Profiler, trajectory: Trajectory, threads: int = 1, ions: bool = False) -> None:
    """In one reading: profiles, P_z, C_dip, both forms of P_surv; `ions`: and their neighbours and stays."""
    sums = BlockSums(profiler, np.ones((1, FRAMES)), BLOCKS)
    moving = profiler if ions else replace(profiler, ions={})
    motion = Motion(moving, REQUEST, FRAMES, FRAME_PS, BLOCKS)
    feed(parts(trajectory), [sums.add, motion.add], threads)


def wall_time(profiler: Profiler, trajectory: Trajectory, threads: int) -> float:
    """Seconds of wall time, the least of some."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        analyse(profiler, trajectory, threads)
        times.append(time.perf_counter() - start)
    return min(times)


def reweighting(profiler: Profiler, trajectory: Trajectory) -> None:
    """CEA of all members, with its bootstrap."""
    h = np.random.default_rng(1).normal(size=(MEMBERS, FRAMES))
    weights = Weights.of(FRAMES, BLOCKS, np.arange(FRAMES), h)
    for sums in block_sums(profiler, parts(trajectory), weights.rows, BLOCKS)[0].values():
        bootstrap(weights, sums)


def products(profiler: Profiler, trajectory: Trajectory) -> Callable[[], object]:
    """The scalar products alone that C_dip is made of, of the molecules that are ever in the layer."""
    present = int(first_layer(profiler, trajectory.positions[:AT_ONCE])[0].any(axis=0).sum())
    rows = GROUP + round(DIPOLE_PS / FRAME_PS)
    vectors = np.random.default_rng(0).normal(size=(rows, 3 * present))

    def multiply() -> None:
        for _ in range(FRAMES // GROUP):
            vectors[:GROUP] @ vectors.T

    return multiply


def from_xtc(folder: Path, trajectory: Trajectory) -> float:
    """All that `mlipbench analyse` makes of an XTC, over decoding it alone."""
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    path, cell = folder / "t.xtc", np.asarray(trajectory.cells[0])
    with XTCFile(str(path), "w") as file:
        for k in range(XTC_FRAMES):
            file.write(
                0.1 * trajectory.positions[k].astype("f4"), 0.1 * cell.astype("f4"), k, FRAME_PS * k, 1000
            )
    every = np.ones(XTC_FRAMES, dtype=bool)
    times = FRAME_PS * np.arange(XTC_FRAMES)
    atoms = np.ones(len(trajectory.numbers), dtype=bool)
    source = Foreign([xtc(path)], trajectory.numbers, atoms, cell, True, every, times)
    request = {
        "skip": 0, "blocks": 10, "surface": ["Au"], "bin": 0.1, "ions": [], "frame_every": None, "threads": 1,
        "layer_atoms": [], "face": "", "assignment": "frames", **REQUEST,
    }  # fmt: skip

    def decode() -> None:
        with XTCFile(str(path)) as file:
            for _ in file:
                pass

    averaged(request, source, XTC_FRAMES)
    return fastest(lambda: averaged(request, source, XTC_FRAMES)) / fastest(decode)


def whole_command(folder: Path) -> dict[str, float]:
    """`mlipbench analyse`: seconds until it says what is in few frames, its peak memory with many."""
    seconds, low = measured(written(folder, FEW_FRAMES))
    _, high = measured(written(folder))
    return {"start_s": seconds, "peak_MB": high, "peak_growth_MB": high - low}


def measured(trajectory: Path) -> tuple[float, float]:
    """Seconds until the first line of one command, the least of some, and MB of the largest process in it."""
    folder = trajectory.parent
    options = {"--surface": "Au", "--topology": folder / TOPOLOGY, "--out": folder / "out"}
    command = [
        str(MLIPBENCH),
        "analyse",
        str(trajectory),
        *(str(word) for pair in options.items() for word in pair),
    ]
    waits = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            waits.append(time.perf_counter() - start)
            process.stdout.read()
        assert process.returncode == 0, command
    return min(waits), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
