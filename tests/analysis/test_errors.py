"""Errors of a model on cases solved by hand."""

from typing import Any

import numpy as np
import pytest

from mlipbench_hpc.analysis.errors import force_errors, model_errors, strata_errors
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
        "ratio": pytest.approx(np.sqrt(3) / labels[0].std()),
        "values": 3,
        "median_meV_per_A": 0.0,
        "share_of_largest": pytest.approx(1.0),
    }
    assert result["species"]["H"]["rmse_meV_per_A"] == pytest.approx(1000 * np.sqrt(5 / 6))
    assert result["molecules"]["rmse_meV_per_A"] == pytest.approx(0, abs=1e-9)
    assert result["molecules"]["std_meV_per_A"] == pytest.approx(1000 * np.std([0, 0, 0.4]))


def test_few_large_errors_that_carry_the_rmse_are_seen_beside_the_median() -> None:
    """102 components err by 0.1 eV/Å, six by 20: the largest 1 % are two, their part 800 of 2401.02."""
    errors = np.full(108, 0.1)
    errors[::18] = -20.0
    parts = [water(4) for _ in range(3)]
    reference = frames(parts, [0.0] * 3, np.zeros((36, 3)))
    result = force_errors(reference, errors.reshape(36, 3))["all"]
    assert result["rmse_meV_per_A"] == pytest.approx(1000 * np.sqrt(2401.02 / 108))
    assert result["median_meV_per_A"] == pytest.approx(100.0)
    assert result["share_of_largest"] == pytest.approx(800 / 2401.02)
    assert force_errors(reference, np.zeros((36, 3)))["all"]["share_of_largest"] is None


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


def electrolyte() -> tuple[Frames, np.ndarray]:
    """Two molecules, one Na and one Au; errors of forces that are known atom by atom.

    Net labels along x: 1 and -1 eV/Å on the molecules, 2 on Na. Errors of the first molecule add up to
    (0.3, 0, 0), those of the second cancel; Na errs by (0, 0, 0.6), Au by 5.
    """
    numbers, positions = water(2)
    labels, errors = np.zeros((8, 3)), np.zeros((8, 3))
    labels[[0, 3, 6], 0] = [1.0, -1.0, 2.0]
    errors[:6, 0] = [0.5, -0.1, -0.1, 3.0, -1.0, -2.0]
    errors[6, 2], errors[7] = 0.6, 5.0
    positions = np.concatenate([positions, [[12.0, 0, 0], [12.0, 5.0, 5.0]]])
    return frames([([*numbers, 11, 79], positions)], [0.0], labels), labels + errors


def test_net_forces_of_molecules_and_forces_on_ions_by_hand() -> None:
    errors = force_errors(*electrolyte(), slab=(79,))
    # six components of net forces: one errs by 0.3; labels 1 and -1, else 0
    assert errors["molecules"]["rmse_meV_per_A"] == pytest.approx(1000 * np.sqrt(0.09 / 6))
    assert errors["molecules"]["std_meV_per_A"] == pytest.approx(1000 * np.sqrt(2 / 6))
    assert errors["molecules"]["ratio"] == pytest.approx(np.sqrt(0.045))
    assert (errors["molecules"]["molecules"], errors["molecules"]["values"]) == (2, 6)
    # three components of the ion: one errs by 0.6; labels 2, 0, 0 about their mean 2/3
    assert errors["ions"]["rmse_meV_per_A"] == pytest.approx(1000 * np.sqrt(0.36 / 3))
    assert errors["ions"]["std_meV_per_A"] == pytest.approx(1000 * np.sqrt(8 / 9))
    assert errors["ions"]["ratio"] == pytest.approx(np.sqrt(0.12 * 9 / 8))
    assert (errors["ions"]["atoms"], errors["ions"]["values"]) == (1, 3)
    assert errors["all"]["values"] == 24


def test_atoms_of_the_slab_and_of_dry_frames_are_no_ions() -> None:
    reference, forces = electrolyte()
    assert force_errors(reference, forces)["ions"]["atoms"] == 2, "gold is an ion where it is not the slab's"
    dry = frames([([78, 78], np.array([[0.0, 0, 0], [2.8, 0, 0]]))], [0.0], np.zeros((2, 3)))
    assert force_errors(dry, np.zeros((2, 3)), slab=(79,))["ions"]["atoms"] == 0


def test_errors_by_temperature_and_composition_without_rattled_frames() -> None:
    """Net forces err by 0.1 and 0.3 at 300 K, by 9 in a rattled frame, by 7 at an unstated temperature."""
    parts = [water(1), water(2), water(1), water(1)]
    reference = frames(parts, [0.0] * 4, np.zeros((15, 3)))
    forces = np.zeros((15, 3))
    forces[[0, 3, 6, 9, 12], 0] = [0.1, 0.3, 0.3, 9.0, 7.0]
    temperatures, rattled = np.array([300.0, 300.0, 300.0, np.nan]), np.array([False, False, True, False])
    strata = strata_errors(reference, forces, temperatures, rattled)
    where = [(own["temperature_K"], own["composition"], own["frames"]) for own in strata]
    assert where == [(None, None, 1), (300.0, None, 2), (300.0, "H2O1", 1), (300.0, "H4O2", 1)]
    errors = [own["force"]["molecules"]["rmse_meV_per_A"] for own in strata]
    squares = [49 / 3, (0.01 + 0.09 + 0.09) / 9, 0.01 / 3, 0.18 / 6]
    assert errors == pytest.approx([1000 * np.sqrt(square) for square in squares])


def test_what_is_undefined_is_none() -> None:
    numbers = [79, 79]
    reference = frames([(numbers, np.array([[0.0, 0, 0], [2.9, 0, 0]]))], [np.nan], np.zeros((2, 3)))
    result = model_errors(reference, np.zeros(1), np.zeros((2, 3)))
    assert result["energy"]["rmse_meV"] is None
    assert result["force"]["molecules"] == {
        "molecules": 0, "oxygens_left_out": 0, "rmse_meV_per_A": None, "std_meV_per_A": None, "ratio": None,
        "values": 0, "median_meV_per_A": None, "share_of_largest": None,
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
