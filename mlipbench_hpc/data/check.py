"""Checks of frames before anything is trained on them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlipbench_hpc.data import lengths
from mlipbench_hpc.data.cells import RULE, placed, valid
from mlipbench_hpc.data.duplicates import duplicates
from mlipbench_hpc.data.frames import Floats, Frames

SHOWN = 5
CLOSEST_A = 0.3
OTHER_UNIT = "positions are in another unit"


@dataclass(frozen=True)
class DataProblem:
    """One mistake in one frame; frame None stands for further such frames or for the whole file."""

    frame: int | None
    message: str
    received: str = ""
    expected: str = ""

    def __str__(self) -> str:
        where = "" if self.frame is None else f"frame {self.frame}: "
        received = f"; received {self.received}" if self.received else ""
        return f"{where}{self.message}{received}" + (f"; expected {self.expected}" if self.expected else "")


def check_frames(frames: Frames, largest_force: float) -> list[DataProblem]:
    """Mistakes in labelled frames; the first five frames of each kind are named, the rest counted.

    largest_force in eV/Å, per component.
    """
    kinds = (
        _empty,
        _ghosts,
        _energies,
        _forces,
        _absurd_forces(largest_force),
        _positions,
        _masses,
        _cells,
        _close_atoms,
        _other_lengths,
        _duplicates,
    )
    return [problem for kind in kinds for problem in _first(list(kind(frames)))]


def check_structure(frames: Frames) -> list[DataProblem]:
    """Mistakes in a structure without labels."""
    kinds = (_empty, _ghosts, _masses, _positions, _cells, _close_atoms, _other_lengths)
    return [problem for kind in kinds for problem in _first(list(kind(frames)))]


def check_structures(frames: Frames) -> list[DataProblem]:
    """Mistakes in many structures without labels."""
    return check_structure(frames) + _first(list(_duplicates(frames)))


def _first(problems: list[DataProblem]) -> list[DataProblem]:
    rest = len(problems) - SHOWN
    if rest <= 0:
        return problems
    return [*problems[:SHOWN], DataProblem(None, f"… and {rest} more frames with the same mistake")]


def _empty(frames: Frames) -> Iterator[DataProblem]:
    for index in np.flatnonzero(frames.sizes == 0):
        yield DataProblem(int(index), "no atom in it")


def _ghosts(frames: Frames) -> Iterator[DataProblem]:
    """Basis functions or markers without a nucleus, which a model would learn as an element."""
    for index, count in _per_frame(frames, np.asarray(frames.numbers == 0)):
        yield DataProblem(
            index, "ghost atom (X)", f"{count} such atoms", "atoms of an element; take them out"
        )


def _masses(frames: Frames) -> Iterator[DataProblem]:
    if frames.masses is not None:
        bad = np.asarray(~(np.isnan(frames.masses) | ((frames.masses > 0.5) & (frames.masses < 1e4))))
        for index, count in _per_frame(frames, bad):
            yield DataProblem(index, "mass out of range", f"{count} such atoms", "0.5 to 10,000 u")


def _energies(frames: Frames) -> Iterator[DataProblem]:
    for index in np.flatnonzero(~np.isfinite(frames.energies)):
        value = float(frames.energies[index])
        missing = "energy label missing or not a number" if np.isnan(value) else "energy label is infinite"
        yield DataProblem(int(index), missing, str(value), "a finite energy under the name given in `labels`")


def _forces(frames: Frames) -> Iterator[DataProblem]:
    bad = np.asarray(~np.isfinite(frames.forces).all(axis=1))
    for index, count in _per_frame(frames, bad):
        received = f"{count} of {frames.sizes[index]} atoms without finite forces"
        yield DataProblem(
            index, "force label missing or not a number", received, "three finite components per atom"
        )


def _absurd_forces(largest: float) -> Callable[[Frames], Iterator[DataProblem]]:
    def check(frames: Frames) -> Iterator[DataProblem]:
        size = np.nan_to_num(np.abs(frames.forces), nan=0.0, posinf=0.0).max(axis=1, initial=0.0)
        for index, _count in _per_frame(frames, np.asarray(size > largest)):
            worst = float(size[frames.atoms_of(index)].max())
            yield DataProblem(
                index, "absurd force component", f"{worst:.4g} eV/Å", f"at most {largest:g} eV/Å"
            )

    return check


def _positions(frames: Frames) -> Iterator[DataProblem]:
    bad = np.asarray(~np.isfinite(frames.positions).all(axis=1))
    for index, count in _per_frame(frames, bad):
        yield DataProblem(index, "position is not a number", f"{count} such atoms", "finite positions")


def _per_frame(frames: Frames, bad_atoms: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(frame, number of bad atoms) of every frame with at least one bad atom."""
    counts = np.bincount(frames.frame_of_atom()[bad_atoms], minlength=len(frames))
    for index in np.flatnonzero(counts):
        yield int(index), int(counts[index])


def _cells(frames: Frames) -> Iterator[DataProblem]:
    for index in np.flatnonzero(~valid(frames)).tolist():
        received = np.array2string(frames.cells[index], separator=",").replace("\n", "")
        flags = "".join("FT"[int(flag)] for flag in frames.pbc[index])
        yield DataProblem(index, "periodic cell without volume", f"{received}, pbc {flags}", RULE)


def _close_atoms(frames: Frames) -> Iterator[DataProblem]:
    for index in np.flatnonzero(placed(frames) & (frames.sizes > 1)).tolist():
        positions = frames.positions[frames.atoms_of(index)]
        distance, pair = closest_pair(positions, frames.cells[index], frames.pbc[index])
        if distance < CLOSEST_A:
            received = f"{distance:.3f} Å between atoms {pair[0]} and {pair[1]}"
            expected = f"at least {CLOSEST_A} Å: check the unit of positions, or leave the frame out"
            yield DataProblem(index, "atoms on top of each other", received, expected)


def _other_lengths(frames: Frames) -> Iterator[DataProblem]:
    """Positions in another unit of length than stated."""
    if words := lengths.contradiction(frames):
        yield DataProblem(None, OTHER_UNIT, *words)


def closest_pair(positions: Floats, cell: Floats, pbc: NDArray[np.bool_]) -> tuple[float, tuple[int, int]]:
    """Distance (Å, minimum image) and indices of the closest two atoms; (inf, (-1, -1)) if none are near.

    positions (N, 3) Å, cell (3, 3) Å. Candidates come from a tree on the fractional torus, whose radius
    bounds |Δs| ≤ |Δr|·‖cell⁻¹‖₂; cells thinner than twice the limit are outside its reach.
    """
    from ase.geometry import complete_cell
    from scipy.spatial import cKDTree

    whole = np.array(complete_cell(np.where(pbc[:, None], cell, 0.0)), dtype=np.float64)
    inverse = np.linalg.inv(whole)
    fractional = positions @ inverse
    fractional[:, pbc] %= 1.0
    fractional[:, pbc] %= 1.0  # -1e-17 % 1 is 1.0, which the tree refuses
    tree = cKDTree(fractional, boxsize=np.where(pbc, 1.0, 0.0))
    pairs = tree.query_pairs(CLOSEST_A * float(np.linalg.norm(inverse, 2)), output_type="ndarray")
    if not len(pairs):
        return float("inf"), (-1, -1)
    steps = fractional[pairs[:, 0]] - fractional[pairs[:, 1]]
    steps[:, pbc] -= np.round(steps[:, pbc])
    distances = np.linalg.norm(steps @ whole, axis=1)
    best = int(distances.argmin())
    return float(distances[best]), (int(pairs[best, 0]), int(pairs[best, 1]))


def _duplicates(frames: Frames) -> Iterator[DataProblem]:
    for first, other in duplicates(frames):
        expected = "each structure once, else it can be in training and test at the same time"
        yield DataProblem(other, f"the same structure as frame {first}", "", expected)
