"""The reflecting wall by hand, in the engine ase; and what an md task makes of its start."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111
from ase.calculators.calculator import Calculator, all_changes
from committed import commit

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import InputFailure, Task
from mlipbench_hpc.data.answers import Answers
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.integrators import PS
from mlipbench_hpc.worker.engines.restart import pack
from mlipbench_hpc.worker.engines.start import Start
from mlipbench_hpc.worker.engines.system import System

INERT = {"kind": "nose-hoover-chain", "damping": 1e6, "length": 1}
LANGEVIN = {"kind": "langevin", "friction": 1e-20}
MD: dict[str, Any] = {"seed": 1, "replica": 0, "temperature": 300.0, "timestep": 0.001}


class Fall(Calculator):
    """Every atom is pulled down by `weight` eV/Å; E = Σ weight·z."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        forces = np.tile([0.0, 0.0, -self.weight], (len(self.atoms), 1))
        energy = self.weight * self.atoms.positions[:, 2].sum()
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}


def thrown(weight: float, thermostat: dict[str, Any], pbc: bool = True) -> AseEngine:
    """Two helium atoms under a wall at z = 9 Å; one at 8.05 Å flies upwards at 100 Å/ps, one lies fixed."""
    atoms = Atoms("He2", [[1.0, 1.0, 8.05], [3.0, 3.0, 2.0]], cell=[5.0, 5.0, 20.0], pbc=pbc)
    system = System.prepare(atoms, [1])
    wall = Wall.above(9.0, atoms.positions[:, 2], 20.0 if pbc else np.inf)
    engine = AseEngine(system, Fall(weight), MD | {"thermostat": thermostat}, wall)
    momenta = np.array([[20.0, 0.0, 100.0]]) / PS * 4.002602
    engine.restore(engine.state() | {"momenta": momenta})
    return engine


@pytest.mark.parametrize("thermostat", [INERT, LANGEVIN], ids=["chain", "langevin"])
@pytest.mark.parametrize("pbc", [True, False])
def test_a_free_atom_turns_at_the_wall(thermostat: dict[str, Any], pbc: bool) -> None:
    """0.1 Å a step: at 9.05 Å after ten steps, it is turned there and back at 8.05 Å after twenty."""
    engine = thrown(0.0, thermostat, pbc)
    heights, energies = [], [engine.conserved()]
    for _ in range(20):
        engine.advance(1)
        heights.append(engine.sample().positions[0, 2])
        energies.append(engine.conserved())
    np.testing.assert_allclose(heights[:10], 8.15 + 0.1 * np.arange(10), atol=1e-6)
    np.testing.assert_allclose(heights[10:], 8.95 - 0.1 * np.arange(10), atol=1e-6)
    np.testing.assert_allclose(engine.momenta()[0] / 4.002602 * PS, [20.0, 0.0, -100.0], atol=1e-6)
    assert np.ptp(energies) < 1e-9 * energies[0]


@pytest.mark.parametrize("thermostat", [INERT, LANGEVIN], ids=["chain", "langevin"])
def test_a_heavy_atom_turns_where_its_whole_step_s_velocity_does(thermostat: dict[str, Any]) -> None:
    """Under a constant force velocity Verlet keeps m v²/2 + F z at every step, and the wall does too."""
    engine, weight = thrown(0.5, thermostat), 0.5
    rest = []
    for _ in range(30):
        engine.advance(1)
        velocity = engine.momenta()[0, 2] / 4.002602
        rest.append(velocity**2 / 2 * 4.002602 + weight * engine.sample().positions[0, 2])
    assert engine.momenta()[0, 2] < 0
    assert np.ptp(rest) < 1e-9 * rest[0]


def test_only_what_is_above_and_moves_up_is_turned() -> None:
    wall = Wall.above(9.0, np.array([1.0, 8.9, 9.2]), 20.0)
    assert wall.reach == pytest.approx(6.0)  # half way to the image of the lowest atom, at 21 Å
    assert wall.clear(np.array([-4.9, 9.0]))
    assert not wall.clear(np.array([-5.1, 9.0]))
    assert not wall.clear(np.array([5.0, 9.1]))
    result = wall.passed(np.array([8.99, 9.01, 14.9, 15.1, 21.0, 29.01, -10.99, -11.01]))
    assert result.tolist() == [False, True, True, False, False, True, True, False]


def test_the_state_knows_nothing_of_the_wall_and_needs_not() -> None:
    through, fresh = thrown(0.5, INERT), thrown(0.5, INERT)
    through.advance(10)
    fresh.restore(through.state())
    for engine in (through, fresh):
        engine.advance(10)
    assert pack(fresh.state()) == pack(through.state())


@pytest.mark.parametrize(("height", "room"), [(4.0, "1.00"), (18.5, "2.50")])
def test_a_wall_needs_an_empty_place(height: float, room: str) -> None:
    with pytest.raises(InputFailure, match=rf"an atom is {room} Å above z = {height:g} Å"):
        Wall.above(height, np.array([1.0, 5.0, 9.0]), 20.0)


# What an md task makes of its start.


def slab(layers: int = 3) -> Atoms:
    """Gold, bottom at 1 Å, and a sodium atom above it."""
    atoms = fcc111("Au", (2, 2, layers), a=4.08, orthogonal=True, vacuum=0.0)
    atoms.positions[:, 2] += 1.0
    atoms.cell[2] = [0.0, 0.0, 30.0]
    atoms.pbc = True
    return atoms + Atoms("Na", positions=[[1.0, 1.0, 12.0]])


def start(root: Path, atoms: Atoms, values: dict[str, Any], walls: list[float] | None = None, **given: Any):
    store = Store(root / "store")
    store.create()
    count = len(walls or [0])
    Frames.from_atoms([atoms] * count).save(root / "frames.npz")
    files = {"frames.npz": (root / "frames.npz").read_bytes()}
    if walls:
        nothing = np.zeros(len(atoms) * count)
        Answers(nothing, np.zeros(count), np.zeros(count), np.array(walls), np.zeros((count, 3))).save(root)
        files["labels.npz"] = (root / "labels.npz").read_bytes()
    usual = {"start_frame": 0, "fixed_atoms": [], "fixed_layers": None, "wall": "start"}
    task = Task("md", 1, "tests", "0", usual | given, {"start": commit(store, "build", values, files)})
    return Start.of(Context(task, store.begin(task), store))


def test_the_wall_is_the_system_s_the_frame_s_or_the_task_s(tmp_path: Path) -> None:
    def height(number: int, *given: Any, **changes: Any) -> float | None:
        (folder := tmp_path / str(number)).mkdir()
        result = start(folder, slab(), *given, **changes).wall
        return result.height if result else None

    assert height(0, {"wall_A": 15.0}) == 15.0
    assert height(1, {"wall_A": 15.0}, wall="none") is None
    assert height(2, {"wall_A": 15.0}, wall=17.5) == 17.5
    assert height(3, {}) is None
    assert height(4, {"wall_A": 15.0}, walls=[14.0, 16.0], start_frame=1) == 16.0
    assert height(5, {}, walls=[14.0, np.nan], start_frame=1) is None


def test_a_wall_in_a_turned_cell_is_refused(tmp_path: Path) -> None:
    atoms = slab()
    atoms.rotate(90, "x", rotate_cell=True)
    with pytest.raises(InputFailure, match="has no meaning in this cell"):
        start(tmp_path, atoms, {"wall_A": 15.0})


def test_the_lowest_layers_stay_however_the_cell_is_cut(tmp_path: Path) -> None:
    """Atoms come from the bottom layer up, four in each; the slab may lie across the boundary."""
    for number, shift in enumerate((0.0, -3.0, 24.0)):
        atoms = slab()
        atoms.positions[:, 2] += shift
        atoms.wrap()
        (folder := tmp_path / str(number)).mkdir()
        result = start(folder, atoms, {}, fixed_layers={"count": 2, "metal": "Au"}, fixed_atoms=[0, 12])
        assert result.system.mobile.tolist() == [8, 9, 10, 11]
    (folder := tmp_path / "open").mkdir()
    atoms = slab()
    atoms.pbc = [True, True, False]
    result = start(folder, atoms, {}, fixed_layers={"count": 1, "metal": "Au"})
    assert result.system.mobile.tolist() == list(range(4, 13))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"count": 4, "metal": "Au"}, "fixed_layers: 4 asked for, the start has 3 of Au"),
        ({"count": 1, "metal": "Pt"}, "fixed_layers: 1 asked for, the start has 0 of Pt"),
    ],
)
def test_layers_that_are_not_there(tmp_path: Path, layers: dict[str, Any], message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        start(tmp_path, slab(), {}, fixed_layers=layers)


def test_a_metal_without_surface_has_no_lowest_layer(tmp_path: Path) -> None:
    atoms = slab(12)[:-1]
    with pytest.raises(InputFailure, match="fixed_layers: the metal fills the cell"):
        start(tmp_path, atoms, {}, fixed_layers={"count": 1, "metal": "Au"})
