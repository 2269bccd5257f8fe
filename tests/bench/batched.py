"""Evaluation by the suite beside the architecture's own in batches: `python tests/bench/batched.py`.

In an engine's environment: energies and forces of frames of the quickstart's size, from positions on. Own is
what the architecture's library does (for DP-MP, which has none, its program over several frames at once), at
the best of SIZES frames in a batch; then it and the suite, at a campaign's default, take turns. CPU time of
one thread; what compiles has compiled before.
"""

import importlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from costs import DTYPE, QUICKSTART, architecture, frames_of, spent, train
from md import SMALL

import mlipbench_hpc.architectures as architectures
from mlipbench_hpc.architectures.card import load_card, merge
from mlipbench_hpc.data.frames import Frames

DEFAULT = 8  # `evaluation: {batch_size}` of a campaign.
SIZES, FRAMES, PAIRS = ((1, 2), 4, 1) if SMALL else ((1, 2, 4, 8, 16), 32, 5)
Own = Callable[[Any, Frames, int], object]


def parts(count: int, size: int) -> list[slice]:
    """Batches of at most `size`."""
    return [slice(start, start + size) for start in range(0, count, size)]


def deepmd_kit(evaluator: Any, frames: Frames, size: int) -> object:
    """DeepPot on frames of one composition."""
    types = np.searchsorted(evaluator.record.numbers, frames.numbers[frames.atoms_of(0)])
    places, cells = frames.positions.reshape(len(frames), -1), frames.cells.reshape(len(frames), 9)
    return [
        evaluator.potential.eval(places[part], cells[part], types)[:2] for part in parts(len(frames), size)
    ]


def mace_torch(evaluator: Any, frames: Frames, size: int) -> object:
    """mace-torch's graphs, data loader and model."""
    from mlipbench_hpc.architectures.mace.mace_torch import data, tools
    from mlipbench_hpc.architectures.shared.torch_dtype import width

    table = tools.AtomicNumberTable(list(evaluator.known))
    with width(evaluator.dtype):
        graphs = [
            data.AtomicData.from_config(
                data.config_from_atoms(frames.atoms(index)), z_table=table, cutoff=evaluator.cutoff
            )
            for index in range(len(frames))
        ]
        loader = tools.torch_geometric.dataloader.DataLoader(graphs, batch_size=size, shuffle=False)
        return [evaluator.model(batch.to_dict(), training=False)["forces"].detach() for batch in loader]


def tensorpotential(evaluator: Any, frames: Frames, size: int) -> object:
    """tensorpotential's batches, padded to one size, and the compiled model."""
    from ase.data import chemical_symbols
    from tensorpotential.data.databuilder import GeometricalDataBuilder, construct_batches

    symbols = {chemical_symbols[number]: kind for kind, number in enumerate(evaluator.record.numbers)}
    builder = GeometricalDataBuilder(symbols, evaluator.record.cutoff)
    images = [frames.atoms(index) for index in range(len(frames))]
    batches = construct_batches(images, [builder], size, max_n_buckets=1, verbose=False)
    evaluator.program.use(evaluator.weights)
    return [evaluator.program.compute(batch) for batch in batches]


def fairchem_core(evaluator: Any, frames: Frames, size: int) -> object:
    """fairchem-core's batches and its own search for neighbours."""
    from fairchem.core.datasets.atomic_data import AtomicData, atomicdata_list_to_batch

    from mlipbench_hpc.architectures.esen.graphs import DATASET

    items = [AtomicData.from_ase(frames.atoms(index), task_name=DATASET) for index in range(len(frames))]
    backbone = evaluator.model.backbone
    backbone.otf_graph = True
    try:
        batches = [atomicdata_list_to_batch(items[part]) for part in parts(len(items), size)]
        return [evaluator.model(batch)["forces"]["forces"].detach() for batch in batches]
    finally:
        backbone.otf_graph = False


def vectorized(evaluator: Any, frames: Frames, size: int) -> object:
    """Several frames at once, in arrays that hold any of them."""
    from mlipbench_hpc.architectures.dp_mp.graphs import graphs, pad, stack, union
    from mlipbench_hpc.architectures.dp_mp.model import COMPUTE_BATCH

    cutoff = evaluator.record.cutoff
    items = list(graphs(frames, evaluator.record.numbers, cutoff))
    shape = union(items).ceiling()
    padded = [pad(item, shape, cutoff) for item in items]
    stacks = [stack(padded[part], evaluator.dtype) for part in parts(len(items), size)]
    return [np.asarray(COMPUTE_BATCH(*evaluator.parameters, arrays)[1]) for arrays in stacks]


OWN: dict[str, Own] = {
    "dp": deepmd_kit, "mace": mace_torch, "grace_1l": tensorpotential, "esen": fairchem_core,
    "dp_mp": vectorized,
}  # fmt: skip


def measure(name: str, folder: Path) -> dict[str, Any]:
    """suite_over_own: throughput of the suite over that of its own at the best size, median of pairs."""
    adapter = importlib.import_module(f"mlipbench_hpc.architectures.{name}.adapter")
    card = load_card(Path(architectures.__file__).parent / name / "card.toml")
    chosen = merge(card, "tiny", {"epochs": 3})
    train(adapter, folder, frames_of(QUICKSTART), chosen)
    evaluator, frames = adapter.load(folder, chosen, "cpu", DTYPE), frames_of(QUICKSTART, FRAMES)
    own = OWN[name]
    times = {size: least(lambda size=size: own(evaluator, frames, size)) for size in SIZES}
    best = min(times, key=times.__getitem__)
    evaluator.evaluate(frames, DEFAULT)
    pairs = [
        (spent(lambda: own(evaluator, frames, best)), spent(lambda: evaluator.evaluate(frames, DEFAULT)))
        for _ in range(PAIRS)
    ]
    return {
        "own_ms_a_frame": {size: 1e3 * seconds / FRAMES for size, seconds in times.items()},
        "own_best_size": best,
        "suite_ms_a_frame": 1e3 * statistics.median(suite for _, suite in pairs) / FRAMES,
        "suite_over_own": statistics.median(other / suite for other, suite in pairs),
    }


def least(work: Callable[[], object]) -> float:
    """CPU seconds, the least of two after one that may compile."""
    work()
    return min(spent(work) for _ in range(2))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(architecture(), Path(folder)), indent=1))
