"""Numbers of the first layer: mean cos θ, height of the density's peak, density there."""

from functools import partial
from typing import Any

from mlipbench_hpc.analysis import layer
from mlipbench_hpc.analysis.blocks import jackknife
from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.profiles import Profiler, Samples
from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.worker.observables.profiles import block_sums
from mlipbench_hpc.worker.observing import Family, Finish, Produced, Run
from mlipbench_hpc.worker.profiles import layered
from mlipbench_hpc.worker.stretch import number

PART, ROOM = "profiles", "first_layer"


def of_layer(name: str, title: str, symbol: str, unit: str, order: int, definition: str = "") -> Observable:
    """A number of the first layer, which is not drawn."""
    return Observable(
        name, title, symbol, unit, definition=definition, path=(PART, ROOM, name), needs=("slab", "water"),
        blocks="jackknife over blocks", compared="interface", reweighted=True, order=order,
    )  # fmt: skip


OBSERVABLES = [
    of_layer(
        layer.COSINE, "⟨cos θ⟩ of the first layer", "⟨cos θ⟩", "", 60,
        "First layer: 0 < z ≤ 4.5 Å above the surface; ⟨cos θ⟩ is the mean over its molecules.",
    ),
    of_layer(layer.PEAK_HEIGHT, "height of the first peak", "z", "Å", 80),
    of_layer(layer.PEAK_DENSITY, "density at the first peak", "ρ", "g/cm³", 81),
]  # fmt: skip


def start(run: Run) -> Finish | None:
    """Asks for the profiles' sums where there is a surface."""
    if not run.interface.faces:
        return None
    return partial(finish, run.shared(block_sums))


def finish(sums: BlockSums) -> Produced:
    """The numbers, in no file."""
    return Produced({ROOM: first_layer(sums.profiler, sums.means)}, OBSERVABLES)


def first_layer(interface: Profiler, means: Samples) -> dict[str, dict[str, Any]]:
    """Mean and standard error (jackknife over blocks) of each number of the first layer; means (N, B)."""
    pairs = jackknife(layered(means), lambda profiles: layer.first_layer(interface.z, profiles))
    return {
        name: {"mean": number(mean), "se": number(error)}
        for name, mean, error in zip(layer.NAMES, *pairs, strict=True)
    }


FAMILY = Family(PART, 30, start)
