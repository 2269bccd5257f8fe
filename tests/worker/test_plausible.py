"""Positions that cannot be those of atoms, wherever they stand in a piece of frames."""

from pathlib import Path

import numpy as np
import pytest

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign.plausible import check_positions
from mlipbench_hpc.worker.foreign.record import Piece


def piece(dtype: str) -> np.ndarray:
    """Five frames of seven atoms; neighbours in x alone, or in x and y, are no coincidence."""
    positions = np.random.default_rng(0).uniform(0, 10, size=(5, 7, 3)).astype(dtype)
    positions[:, 1, 0] = positions[:, 0, 0]
    positions[:, 4, :2] = positions[:, 3, :2]
    return positions


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_positions_of_atoms(dtype: str) -> None:
    check_positions(Path("t"), Piece(piece(dtype), None), 7, 0)
    positions = piece(dtype)
    positions[3, 6] = 3e38  # finite, though a sum of two is not in float32
    check_positions(Path("t"), Piece(positions, None), 7, 0)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 3, 1), (4, 6, 2)])
def test_no_number_anywhere(dtype: str, value: float, place: tuple[int, int, int]) -> None:
    positions = piece(dtype)
    positions[place] = value
    with pytest.raises(InputFailure, match=f"frame {10 + place[0]} holds positions that are not finite"):
        check_positions(Path("t"), Piece(positions, None), 7, 10)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
def test_two_atoms_at_a_point(dtype: str) -> None:
    positions = piece(dtype)
    positions[4, 6] = positions[4, 5]
    with pytest.raises(
        InputFailure, match="in frame 14 2 atoms coincide with another atom, the first is atom 6"
    ):
        check_positions(Path("t"), Piece(positions, None), 7, 10)
