"""Errors of a model on cases solved by hand."""

from typing import Any

import numpy as np
import pytest

from mlipbench_hpc.analysis.errors import model_errors
from mlipbench_hpc.data.frames import Frames


def water(count: int, shift: float = 0.0) -> tuple[list[int], np.ndarray]:
    """`count` molecules 4 Å apart along x: numbers and positions (3 count, 3) Å."""
    one = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    return [8, 1, 1] * count, np.concatenate([one + np.array([shift + 4.0 * i, 0, 0]) for i in range(count)])


def frames(parts: list[tuple[list[int], np.ndarray]], energies: list[float], forces: np.ndarray) -> Frames:
    return Frames(
        offsets=np.cumsum([0] + [len(numbers) for numbers, _ in parts]),
        numbers=np.concatenate([numbers for numbers, _ in parts]),
        positions=np.concatenate([positions for _, positions in parts]),
        cells=np.repeat(np.diag([20.0, 10.0, 10.0])[None], len(parts), axis=0),
        pbc=np.ones((len(parts), 3), dtype=bool),
        energies=np.array(energies),
        forces=forces,
    )


def two_compositions() -> tuple[Frames, np.ndarray, np.ndarray]:
    """Two frames of one molecule, two of two; energy errors 10, 20 and -30, -50 meV."""
    parts = [water(1), water(1), water(2), water(2)]
    reference = frames(parts, [1.0, 1.2, 2.0, 2.6], np.zeros((18, 3)))
    return reference, reference.energies + np.array([0.01, 0.02, -0.03, -0.05]), np.zeros((18, 3))


def test_energy_rmse_by_hand() -> None:
    result = model_errors(*two_compositions())["energy"]
    assert result["rmse_meV"] == pytest.approx(np.sqrt((10**2 + 20**2 + 30**2 + 50**2) / 4))
    per_atom = [10 / 3, 20 / 3, 30 / 6, 50 / 6]
    assert result["rmse_meV_per_atom"] == pytest.approx(np.sqrt(sum(x * x for x in per_atom) / 4))
    # less the means 15 and -40: residuals 5, 5, 10, 10
    assert result["centred_rmse_meV"] == pytest.approx(np.sqrt((25 + 25 + 100 + 100) / 4))
    assert result["centred_rmse_meV_per_atom"] == pytest.approx(
        np.sqrt(2 * (5 / 3) ** 2 / 4 + 2 * (10 / 6) ** 2 / 4)
    )
    # labels about their composition's mean: 100, 100, 300, 300
    assert result["std_meV"] == pytest.approx(np.sqrt((2 * 100**2 + 2 * 300**2) / 4))
    assert result["compositions"] == 2


def test_single_frame_of_a_composition_is_not_centred_to_zero() -> None:
    reference, energies, _ = two_compositions()
    alone = reference.select([0])
    result = model_errors(alone, energies[:1], np.zeros((3, 3)))["energy"]
    assert result["rmse_meV"] == pytest.approx(10)
    assert result["centred_rmse_meV"] is None
    assert result["std_meV_per_atom"] is None


def test_forces_by_species_and_net() -> None:
    """O errs by +3 along x, its two H by -1 and -2: the net force of the molecule is exact."""
    labels = np.array([[0.0, 0, 0.4], [0.1, 0, 0], [-0.1, 0, 0]])
    reference = frames([water(1)], [0.0], labels)
    result = model_errors(reference, np.zeros(1), labels + np.array([[3.0, 0, 0], [-1, 0, 0], [-2, 0, 0]]))[
        "force"
    ]
    assert result["all"]["rmse_meV_per_A"] == pytest.approx(1000 * np.sqrt((9 + 1 + 4) / 9))
    assert result["all"]["std_meV_per_A"] == pytest.approx(1000 * labels.std())
    assert result["species"]["O"] == {
        "atoms": 1,
        "rmse_meV_per_A": pytest.approx(1000 * np.sqrt(3)),
        "std_meV_per_A": pytest.approx(1000 * labels[0].std()),
    }
    assert result["species"]["H"]["rmse_meV_per_A"] == pytest.approx(1000 * np.sqrt(5 / 6))
    assert result["molecules"]["rmse_meV_per_A"] == pytest.approx(0, abs=1e-9)
    assert result["molecules"]["std_meV_per_A"] == pytest.approx(1000 * np.std([0, 0, 0.4]))


def test_molecules_across_the_boundary_are_whole() -> None:
    numbers, positions = water(3, shift=-0.1)
    positions %= [20.0, 10.0, 10.0]
    result = model_errors(
        frames([(numbers, positions)], [0.0], np.ones((9, 3))), np.zeros(1), np.ones((9, 3))
    )
    assert result["force"]["molecules"]["molecules"] == 3


def test_broken_molecules_leave_and_are_counted() -> None:
    """One H of the second molecule goes 3 Å away, one of the third over to the first: the fourth is left."""
    numbers, positions = water(4)
    positions[5] += [0, 0, 3.0]
    positions[8] = positions[0] + [0, 0, 1.0]
    reference = frames([(numbers, positions)], [0.0], np.zeros((12, 3)))
    result = model_errors(reference, np.zeros(1), np.zeros((12, 3)))["force"]["molecules"]
    assert (result["molecules"], result["oxygens_left_out"]) == (1, 3)


def test_what_is_undefined_is_none() -> None:
    numbers = [79, 79]
    reference = frames([(numbers, np.array([[0.0, 0, 0], [2.9, 0, 0]]))], [np.nan], np.zeros((2, 3)))
    result = model_errors(reference, np.zeros(1), np.zeros((2, 3)))
    assert result["energy"]["rmse_meV"] is None
    assert result["force"]["molecules"] == {
        "molecules": 0, "oxygens_left_out": 0, "rmse_meV_per_A": None, "std_meV_per_A": None,
    }  # fmt: skip
    assert result["force"]["all"]["rmse_meV_per_A"] == 0.0


def test_predictions_that_are_not_finite_are_counted() -> None:
    reference, energies, forces = two_compositions()
    energies[1], forces[4] = np.inf, np.nan
    result = model_errors(reference, energies, forces)
    assert result["not_finite"] == 2
    assert result["energy"]["rmse_meV"] is None
    assert result["force"]["all"]["rmse_meV_per_A"] is None
    assert result["force"]["all"]["std_meV_per_A"] == 0.0


@pytest.mark.parametrize(
    ("energies", "forces"), [(np.zeros(3), np.zeros((18, 3))), (np.zeros(4), np.zeros((17, 3)))]
)
def test_shapes_are_refused(energies: Any, forces: Any) -> None:
    with pytest.raises(ValueError, match="expected energies"):
        model_errors(two_compositions()[0], energies, forces)
