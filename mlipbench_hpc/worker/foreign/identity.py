"""Identity of atoms: ids are unique, and the atoms of every frame are those of the first."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Ints


class Identity:
    """Comparison of each frame of one file with its first."""

    def __init__(self, path: Path) -> None:
        self.path, self.frame = path, -1
        self.atoms = 0
        self.ids: Ints | None = None
        self.labels: tuple[str | int, ...] | None = None

    def ordered(
        self, positions: NDArray[np.floating], ids: Ints | None, labels: tuple[str | int, ...] | None
    ) -> NDArray[np.floating]:
        """Positions (N, 3) of the next frame by id; InputFailure where its atoms are not the first's."""
        self.frame += 1
        if ids is not None:
            order = order_of(self.path, self.frame, ids)
            positions, ids = positions[order], ids[order]
            labels = labels and tuple(labels[index] for index in order)
        if self.frame == 0:
            self.atoms, self.ids, self.labels = len(positions), ids, labels
        self._compare(len(positions), ids, labels)
        return positions

    def _compare(self, atoms: int, ids: Ints | None, labels: tuple[str | int, ...] | None) -> None:
        where = f"{self.path}: frame {self.frame}"
        if atoms != self.atoms:
            raise InputFailure(f"{where} has {atoms} atoms, the first {self.atoms}")
        if (ids is None) != (self.ids is None):
            raise InputFailure(f"{where} {'lacks' if ids is None else 'has'} ids, unlike the first")
        if ids is not None and self.ids is not None and not np.array_equal(ids, self.ids):
            other = int(np.setxor1d(ids, self.ids)[0])
            has = "has" if other in ids else "lacks"
            raise InputFailure(
                f"{where} {has} an atom of id {other}, unlike the first: atoms cannot be followed"
            )
        if labels != self.labels:
            raise InputFailure(f"{where} has other species, or in another order, than the first")


def order_of(path: Path, frame: int, ids: Ints) -> Ints:
    """Indices (N,) that sort ids (N,); InputFailure where an id occurs twice."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    if (twice := np.flatnonzero(ordered[1:] == ordered[:-1])).size:
        raise InputFailure(
            f"{path}: frame {frame} holds id {ordered[twice[0]]} twice, so atoms cannot be identified; "
            "write unique ids"
        )
    return np.asarray(order)
