"""A third party's observable: how high sodium ions stand above the surface."""

from mlipbench_hpc.data.framewise import Frame, Framewise
from mlipbench_hpc.data.observable import Observable

SODIUM = 11


def mean_height(frame: Frame) -> float:
    """Å above the upper surface, the mean over the ions of one frame."""
    return float(frame.heights[0, frame.numbers == SODIUM].mean())


OBSERVABLE = Framewise(
    Observable(
        "sodium_height",
        "Mean height of Na",
        "mean height of Na",
        "Å",
        definition="Mean height of Na above the surface layer.",
        needs=("slab", "Na"),
    ),
    mean_height,
)
