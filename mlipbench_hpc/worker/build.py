"""build: a structure of this suite's builders, or the user's frames in our units and one format."""

from typing import Any

from mlipbench_hpc.data.summary import summary
from mlipbench_hpc.worker.builders import given, join, slab, water
from mlipbench_hpc.worker.context import Context

KINDS = {
    "water_box": water.build,
    "slab": slab.build,
    "structure": given.structure,
    "structures": given.unlabelled,
    "import": given.labelled,
    "join": join.build,
}


def run(context: Context) -> dict[str, Any]:
    """Write frames.npz: one unlabelled frame of a system, or a dataset; returns its summary.

    A system with vacuum also has `wall_A`, the z of the reflecting wall at the film's vacuum side.
    """
    frames, values = KINDS[context.parameters["kind"]](context)
    frames.save(context.folder / "frames.npz")
    return summary(frames) | values
