"""Relations between the labels and the positions of frames, each computed when it is first asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlipbench_hpc.data.bonds import Bonds, bonds
from mlipbench_hpc.data.consistency import Consistency, consistency
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Frames


@dataclass(frozen=True)
class Relations:
    """The frames of a file that are no isolated atoms. places: index of each in the file."""

    frames: Frames
    places: list[int]

    @classmethod
    def of(cls, frames: Frames) -> "Relations":
        """Relations of all frames of a file but those of isolated atoms."""
        bound = np.setdiff1d(np.arange(len(frames)), isolated_atoms(frames))
        return cls(frames.select(bound), bound.tolist())

    @cached_property
    def consistency(self) -> Consistency | None:
        """Energy differences and the forces' work between near frames; labels are finite."""
        return consistency(self.frames)

    @cached_property
    def bonds(self) -> Bonds | None:
        """Forces along bonds; labels are finite."""
        return bonds(self.frames)
