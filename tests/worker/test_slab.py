"""The interface builder against lattice geometry, and structures that the user brings."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.contract.task import EXIT_COMMITTED, EXIT_OF_FAILURE, InputFailure, Task
from mlipbench_hpc.worker.__main__ import attempt
from mlipbench_hpc.worker.builders.slab import interface


@pytest.mark.parametrize(
    ("size", "waters", "ions", "vacuum"),
    [((6, 4, 4), 95, 3, 15.0), ((4, 4, 4), 36, 0, 15.0), ((4, 4, 3), 40, 2, 20.0), ((2, 2, 1), 7, 1, 12.0)],
)
def test_interfaces_have_the_atoms_and_the_geometry_asked_for(
    size: tuple[int, int, int], waters: int, ions: int, vacuum: float
):
    frames, values = interface(size, waters, ions, 4.20, 0.997, vacuum, 5)
    image, wall = frames.atoms(0), values["wall_A"]
    n, m, layers = size
    gold = n * m * layers
    assert frames.numbers.tolist() == [79] * gold + [8, 1, 1] * waters + [11] * ions
    assert frames.pbc.all()
    area = image.cell[0, 0] * image.cell[1, 1]
    assert area == pytest.approx(n * m * 4.20**2 * 3**0.5 / 4)
    heights = frames.positions[:gold, 2].reshape(layers, n * m)
    assert np.ptp(heights, axis=1) == pytest.approx(np.zeros(layers))
    assert np.diff(heights[:, 0]) == pytest.approx([4.20 / 3**0.5] * (layers - 1))
    film, top = frames.positions[gold:, 2], heights[-1, 0]
    assert film.min() > top + 1.0
    assert film.max() < wall
    assert image.cell[2, 2] - wall + heights[0, 0] == pytest.approx(vacuum)
    volume = area * (wall - 3.0 - (top + 2.0))
    assert waters * 18.01528 * 1.66053907 / volume == pytest.approx(0.997, rel=1e-3)
    assert (frames.positions[frames.numbers == 11, 2] > top + 4.4).all()
    molecule = np.r_[np.zeros(gold, int) - 1, np.repeat(np.arange(waters), 3), waters + np.arange(ions)]
    distances = image.get_all_distances(mic=True)
    same = (molecule[:, None] == molecule) & (molecule >= 0)
    same[:gold, :gold] = True
    assert distances[~same].min() > 1.2
    oxygens = np.flatnonzero(frames.numbers == 8)
    assert distances[oxygens, oxygens + 1] == pytest.approx(np.full(waters, 1.012))
    assert distances[oxygens + 1, oxygens + 2] == pytest.approx(
        np.full(waters, 2 * 1.012 * np.sin(np.radians(113.24 / 2)))
    )


def test_the_paper_s_cell():
    """6x4x4 at 4.20 Å: 17.8191 x 10.2879 Å, 183.3203 Å², 384 atoms; three ions are 0.016365 e/Å²."""
    frames, _ = interface((6, 4, 4), 95, 3, 4.20, 0.997, 15.0, 0)
    edges = frames.cells[0].diagonal()
    assert edges[:2] == pytest.approx([17.8191, 10.2879], abs=5e-5)
    assert edges[0] * edges[1] == pytest.approx(183.3203, abs=5e-5)
    assert 3 / (edges[0] * edges[1]) == pytest.approx(0.016365, abs=5e-7)
    assert len(frames.numbers) == 384


@pytest.mark.parametrize("seed", range(8))
def test_ions_start_far_apart(seed: int):
    """On 11.5 x 10.0 Å of surface two points can lie 7.6 Å apart in the plane."""
    image = interface((4, 4, 3), 36, 2, 4.08, 0.997, 15.0, seed)[0].atoms(0)
    assert image.get_distance(-1, -2, mic=True) > 5.0


def test_interfaces_are_seeded_and_refuse_what_has_no_room():
    def positions(seed: int) -> Any:
        return interface((4, 4, 2), 30, 2, 4.08, 0.997, 15.0, seed)[0].positions

    assert np.array_equal(positions(1), positions(1))
    assert not np.allclose(positions(1)[-2:], positions(2)[-2:])
    with pytest.raises(InputFailure, match=r"0 sites 4\.5 Å away"):
        interface((4, 4, 2), 8, 1, 4.08, 0.997, 15.0, 0)
    with pytest.raises(InputFailure, match="lower the density"):
        interface((4, 4, 2), 60, 0, 4.08, 3.0, 15.0, 0)


def built(folder: Path, image: Atoms | list[Atoms]) -> dict[str, Any]:
    """Values of the build task of a structure file, or its failure."""
    store = Store(folder / "store")
    store.create()
    write(folder / "own.xyz", image, format="extxyz")
    inputs = {"data": store.add_input(folder / "own.xyz")}
    task = Task("build", 1, "tests", "0", {"kind": "structure", "format": "extxyz"}, inputs=inputs)
    attempted = store.begin(task)
    code = attempt(attempted, None, commit=True)
    if code == EXIT_COMMITTED:
        return dict((store.result(task.key) or {})["values"])
    assert code == EXIT_OF_FAILURE["input"]
    return dict(read_json(attempted / "failure.json"))


def test_a_structure_of_the_user_s_has_its_wall_over_the_film_if_there_is_vacuum(tmp_path: Path):
    heights = [22.0, 24.0, 1.0, 5.0]  # cut by the cell's border: the film ends at 5 Å
    film = Atoms("Au2ONa", [[0, 0, z] for z in heights], cell=[9, 9, 25.0], pbc=True)
    values = built(tmp_path, film)
    assert values["compositions"] == {"Au2Na1O1": 1}
    assert values["wall_A"] == pytest.approx(8.0)
    film.cell[2, 2] = 10.0
    film.positions[:, 2] = [0.0, 2.0, 4.0, 6.0]
    assert "wall_A" not in built(tmp_path, film)


def test_bad_structures_are_input_failures(tmp_path: Path):
    sound = Atoms("Au2", [[0, 0, 0], [2.9, 0, 0]], cell=[9, 9, 25.0], pbc=True)
    assert "more than one frame" in built(tmp_path, [sound, sound])["message"]
    sound.positions[1] = [0.1, 0, 0]
    assert "on top of each other" in built(tmp_path, sound)["message"]
