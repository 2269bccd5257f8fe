"""Structures that are equal except for the order of atoms, periodic images and a common shift."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from mlipbench_hpc.data.cells import placed
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Floats, Frames, concatenate

# Largest distance in Å between two atoms that count as the same.
TOLERANCE_A = 8e-4
# Largest difference of invariants, as positions rounded to 1e-3 Å cause it.
SIMILAR, CELL_SCALE = 1e-3, 0.03
# Å and eV. Difference of equal cells, of cells rounded to 1e-3 Å, and of energies of one structure.
SAME_CELL_A, TWICE_ROUNDED_A, SAME_ENERGY_EV = 1e-4, 2e-3, 1e-3
# Å. Length that replaces the period along an open direction in the invariants.
OPEN_A = 30.0
AT_ONCE = 256  # frames, whose phases take some 50 MB at 1000 atoms
WAVES = np.array(
    [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (2, 1, 0), (0, 2, 1), (1, 0, 2)]
)


def duplicates(frames: Frames) -> list[tuple[int, int]]:
    """(first, later) of each frame that repeats an earlier one, later ones ascending."""
    groups: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for index in np.flatnonzero(placed(frames)).tolist():
        groups[frames.formula(index), frames.pbc[index].tobytes()].append(index)
    first: dict[int, int] = {}
    for group in groups.values():
        for one, other in _alike(frames, group):
            if one in first or other in first or not _has_same_cell(frames, one, other):
                continue
            if _is_shifted(frames, one, other):
                first[other] = one
    return sorted(((one, other) for other, one in first.items()), key=lambda pair: pair[1])


def across(parts: Mapping[str, Frames]) -> str:
    """Sentence on the first structure that stands in the data twice; empty where none does.

    parts: frames by the name of their dataset. Isolated atoms, which no set holds, may be repeated.
    """
    names, frames = list(parts), concatenate(list(parts.values()))
    starts = np.cumsum([0] + [len(part) for part in parts.values()])
    alone = set(isolated_atoms(frames).tolist())
    same = next((pair for pair in duplicates(frames) if pair[0] not in alone), None)
    if same is None:
        return ""
    owners = [int(np.searchsorted(starts, index, side="right")) - 1 for index in same]
    where = [
        f"frame {index - starts[owner]} of {names[owner]}" for index, owner in zip(same, owners, strict=True)
    ]
    return f"{where[0]} and {where[1]} are the same structure; leave one out of its dataset (`leave_out`)"


def _alike(frames: Frames, group: list[int]) -> Iterator[tuple[int, int]]:
    """Pairs of frames whose invariants agree, the earlier first, in order."""
    if len(group) < 2:
        return
    chunks = [group[start : start + AT_ONCE] for start in range(0, len(group), AT_ONCE)]
    tree = cKDTree(np.concatenate([_invariants(frames, chunk) for chunk in chunks]))
    pairs = tree.query_pairs(SIMILAR, output_type="ndarray")
    for first, second in sorted((min(pair), max(pair)) for pair in pairs.tolist()):
        yield group[first], group[second]


def _has_same_cell(frames: Frames, one: int, other: int) -> bool:
    """True where two cells are equal to 1e-4 Å, or to 2e-3 Å with energies that do not tell them apart.

    Cells of an equation of state differ by more, or else their energies do.
    """
    if not frames.pbc[one].any():
        return True
    difference = float(np.abs(frames.cells[one] - frames.cells[other]).max())
    energies = float(abs(frames.energies[one] - frames.energies[other]))
    same = not energies > SAME_ENERGY_EV  # a frame may have none
    return difference < SAME_CELL_A or (difference < TWICE_ROUNDED_A and same)


def _shares(frames: Frames, index: int) -> tuple[Floats, Floats]:
    """Fractional positions (N, 3) and the vectors (3, 3) Å of their units, as rows.

    Along open directions they are relative to the mean.
    """
    own, pbc = frames.atoms_of(index), frames.pbc[index]
    positions = frames.positions[own]
    cell = np.array(frames.cells[index]) if pbc.any() else OPEN_A * np.eye(3)
    shares = positions @ np.linalg.inv(cell)
    return np.where(pbc, shares, shares - shares.mean(axis=0)), cell


def _invariants(frames: Frames, group: list[int]) -> Floats:
    """|Σ exp(2πi k·s)| per atom of each species, for some k: invariant under shifts, images and order.

    One row for each frame of a group (G,) of one composition. A periodic cell, scaled so that lengths
    rounded to 1e-3 Å differ by less than `SIMILAR`, follows them.
    """
    kinds = [frames.numbers[frames.atoms_of(index)] for index in group]
    orders = [own.argsort(kind="stable") for own in kinds]
    shares = np.array([_shares(frames, index)[0][order] for index, order in zip(group, orders, strict=True)])
    _, starts, counts = np.unique(kinds[0][orders[0]], return_index=True, return_counts=True)
    phases = np.exp(2j * np.pi * shares @ WAVES.T)
    waves = np.abs(np.add.reduceat(phases, starts, axis=1) / counts[:, None]).reshape(len(group), -1)
    cells = CELL_SCALE * frames.cells[group].reshape(len(group), 9) * frames.pbc[group[0]].any()
    return np.hstack([waves, cells])


def _is_shifted(frames: Frames, one: int, other: int) -> bool:
    """True where one shift moves all atoms of a frame onto those of another.

    Tried are shifts of the first atom of the rarest species onto each one of the other frame's.
    """
    kinds = frames.numbers[frames.atoms_of(one)], frames.numbers[frames.atoms_of(other)]
    (here, cell), (there, _) = _shares(frames, one), _shares(frames, other)
    present, counts = np.unique(kinds[0], return_counts=True)
    rarest = present[counts.argmin()]
    origin = here[np.flatnonzero(kinds[0] == rarest)[0]]
    pbc = frames.pbc[one]
    trees = {kind: _Tree(there[kinds[1] == kind], cell, pbc) for kind in present}
    for target in there[kinds[1] == rarest]:
        moved = here + (target - origin)
        if all(trees[kind].holds(moved[kinds[0] == kind]) for kind in present):
            return True
    return False


class _Tree:
    """Atoms of one species of a frame, in a tree for searches within the tolerance."""

    def __init__(self, shares: Floats, cell: Floats, pbc: NDArray[np.bool_]) -> None:
        self.pbc, self.cell = pbc, cell
        self.shares = self._wrapped(shares)
        self.tree = cKDTree(self.shares, boxsize=np.where(pbc, 1.0, 0.0))

    def _wrapped(self, shares: Floats) -> Floats:
        wrapped = np.array(shares)
        for _ in range(2):  # -1e-17 % 1 is 1.0, which the tree refuses
            wrapped[:, self.pbc] %= 1.0
        return wrapped

    def holds(self, shares: Floats) -> bool:
        """True where each of these positions has its own atom in the tree."""
        wanted = self._wrapped(shares)
        atoms = self.tree.query(wanted)[1]
        steps = wanted - self.shares[atoms]
        steps -= np.rint(steps) * self.pbc
        distances = np.linalg.norm(steps @ self.cell, axis=1)
        return bool((distances < TOLERANCE_A).all()) and len(np.unique(atoms)) == len(shares)
