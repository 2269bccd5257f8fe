"""Two faces with water, each by itself: by hand, and as the mean of both."""

from pathlib import Path

import numpy as np
import pytest
from interface import CELL, LX, LY, LZ, TOP, slab, water

from mlipbench_hpc.analysis.onepass import BlockSums
from mlipbench_hpc.analysis.profiles import WATER_G_PER_CM3, Profiler
from mlipbench_hpc.worker.observables.faces import by_face, tell_unlike
from mlipbench_hpc.worker.stretch import Notes

BOTTOM = 1.0 + LZ
WATER = WATER_G_PER_CM3 / (LX * LY * 0.1)


def two_faces() -> tuple[Profiler, BlockSums]:
    """Two waters above the upper face, cos θ 0.5 and -0.2, one under the lower, cos θ 0.8 to its normal."""
    above = slab([2.05, 3.05], [0.5, -0.2], [])
    below = water(np.array([3.0, 3.0, BOTTOM - 2.55]), np.array([0.6, 0.0, -0.8]))
    numbers = np.concatenate([above.numbers, [8, 1, 1]])
    frames = np.repeat(np.concatenate([above.positions, below])[None], 4, axis=0)
    profiler = Profiler.of(numbers, frames, CELL, 79, 0.1)
    sums = BlockSums(profiler, np.ones((1, 4)), 2)
    sums.add(frames)
    return profiler, sums


def test_each_face_has_its_own_waters_and_its_own_normal(tmp_path: Path) -> None:
    profiler, sums = two_faces()
    assert profiler.apart == pytest.approx(BOTTOM - TOP)
    values = by_face(tmp_path, profiler, sums.face_averages, Notes())
    assert values["upper"]["total_orientation"]["mean"] == pytest.approx(0.5 - 0.2)
    assert values["lower"]["total_orientation"]["mean"] == pytest.approx(0.8)
    assert values["upper"]["first_layer"]["cosine"]["mean"] == pytest.approx(0.15)
    assert values["lower"]["first_layer"]["cosine"]["mean"] == pytest.approx(0.8)
    assert sums.dipole == pytest.approx([0.3 - 0.8] * 4)  # along the upper face's normal
    z = profiler.z
    for side, heights, cosines in (("upper", [2.05, 3.05], [0.5, -0.2]), ("lower", [2.55], [0.8])):
        table = np.genfromtxt(tmp_path / f"profiles-{side}.csv", delimiter=",", names=True)
        layer = (z > 0) & (z < 4.5)
        expected = np.zeros((2, len(z)))
        for height, cosine in zip(heights, cosines, strict=True):
            expected[:, np.abs(z - height).argmin()] += WATER, WATER * cosine
        np.testing.assert_allclose(table["density_g_per_cm3"][layer], expected[0, layer], atol=1e-5)
        np.testing.assert_allclose(table["orientation_g_per_cm3"][layer], expected[1, layer], atol=1e-5)


def test_the_profile_of_both_is_their_mean() -> None:
    _, sums = two_faces()
    for name, both in sums.averages.means.items():
        np.testing.assert_allclose(both, np.mean([own.means[name] for own in sums.face_averages], axis=0))


def test_one_face_has_nothing_beside_it(tmp_path: Path) -> None:
    frame = slab([2.05, 3.05], [0.5, -0.2], [])
    profiler = Profiler.of(frame.numbers, frame.positions, CELL, 79, 0.1)
    sums = BlockSums(profiler, np.ones((1, 2)), 2)
    sums.add(np.repeat(frame.positions[None], 2, axis=0))
    assert by_face(tmp_path, profiler, sums.face_averages, Notes()) == {}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lower", "se", "said"), [(2.30, 0.02, True), (2.30, 0.2, False), (2.12, 0.0, False)]
)
def test_first_peaks_of_two_faces_that_differ_are_said(lower: float, se: float, said: bool) -> None:
    """Peaks at 2.05 and `lower` Å: more than 0.1 Å apart, and than two standard errors."""
    profiler, _ = two_faces()
    values = {
        side: {"first_layer": {"peak_z_A": {"mean": mean, "se": se}}}
        for side, mean in (("upper", 2.05), ("lower", lower))
    }
    notes = Notes()
    tell_unlike(profiler, values, notes)
    assert len(notes.warnings) == said
    if said:
        assert "2.05 Å above the upper face and 2.30 Å above the lower" in notes.warnings[0]
