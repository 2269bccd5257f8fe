"""DP by JAX: deepmd-kit's own numbers, what every evaluator must obey, and MD that it drives.

The models in dp_models were trained and evaluated by deepmd-kit (tests/support/dp_models.py): `interface`, in
float32 with embedding nets of the neighbour alone, on gold with 36 waters and no, one and two sodium ions;
`water`, in float64 with nets of both ends. Two frames of each have cells shorter than twice the cutoff.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from driving import same_bits
from water_engines import water_engine, water_parameters, water_system

import mlipbench_hpc.architectures.dp as package
from mlipbench_hpc.architectures.card import Card, load_card
from mlipbench_hpc.architectures.dp_in_jax import adapter
from mlipbench_hpc.architectures.dp_in_jax.blueprint import FILE
from mlipbench_hpc.architectures.dp_in_jax.evaluator import DpInJax
from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.architectures.shared import probes
from mlipbench_hpc.architectures.testing import KernelConformance, water
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.jax_md import JaxMdEngine
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity

KEPT = Path(__file__).with_name("dp_models")
CHAIN = {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}
LANGEVIN = {"kind": "langevin", "friction": 5.0}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def engine(model: DpInJax, name: str, thermostat: dict[str, Any] = CHAIN) -> Engine:
    """Eight waters in 6.4 Å."""
    if name == "ase":
        return water_engine(model.calculator(), thermostat, lammps=False)
    forces = adapter.jax_md(KEPT / "water", {}, [1, 8], model)
    return JaxMdEngine(water_system(), forces, water_parameters(thermostat))


@DTYPES
@pytest.mark.parametrize("name", ["interface", "water"])
def test_energies_and_forces_are_those_of_deepmd_kit(name: str, dtype: str) -> None:
    """In float64 to 1e-12; in float32 as near as deepmd-kit's own without compression, 1e-5."""
    kept = Frames.load(KEPT / name / probes.NAME)
    energies, forces = adapter.load(KEPT / name, {}, "cpu", dtype).evaluate(kept, 2)
    scale = np.sqrt(np.mean(kept.forces**2))
    assert scale > 0.1
    apart = np.abs(forces - kept.forces).max() / scale
    if dtype == "float64":
        np.testing.assert_allclose(energies, kept.energies, rtol=1e-12)
        assert apart < 1e-11
    else:
        assert (np.abs(energies - kept.energies) / kept.sizes).max() < 5e-7
        assert apart < 1e-5


class TestDpInJax(KernelConformance):
    adapter = adapter
    small: ClassVar[dict[str, Any]] = {}
    title = "DP by JAX"
    elements = "H, O, Na"

    @classmethod
    def card(cls) -> Card:
        return load_card(Path(package.__file__).with_name("card.toml")).by("jax")

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls) -> dict[str, Path]:
        return dict.fromkeys(cls.card().dtypes, KEPT / "water")

    def test_gradient_of_gold_and_ions(self) -> None:
        """Every force of the frame with two ions, along one random direction of all atoms."""
        model = adapter.load(KEPT / "interface", {}, "cpu", "float64")
        frame = Frames.load(KEPT / "interface" / probes.NAME).select([2])
        shift = np.random.default_rng(0).normal(size=frame.positions.shape)
        moved = [replace(frame, positions=frame.positions + step * shift) for step in (-1e-4, 1e-4)]
        (low, _), (high, _) = (model.evaluate(one, 1) for one in moved)
        slope = -float((model.evaluate(frame, 1)[1] * shift).sum())
        assert (high[0] - low[0]) / 2e-4 == pytest.approx(slope, rel=1e-5)

    def test_a_film_equals_one_with_enough_vacuum(self, model: Evaluator) -> None:
        frames = water(1, seed=26)
        tall = frames.cells[0] * [[1], [1], [5]]
        thin = replace(frames, pbc=np.array([[True, True, False]]))
        vacuum = replace(frames, cells=tall[None])
        for values, expected in zip(model.evaluate(thin, 1), model.evaluate(vacuum, 1), strict=True):
            np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)

    def test_a_neighbour_that_crosses_the_cutoff_changes_nothing(self, model: Evaluator) -> None:
        """Energy and forces are continuous there, although the number of filled places is not."""
        lone = replace(water(1, molecules=1, seed=14), cells=40.0 * np.eye(3)[None])
        bond, values = lone.positions[1] - lone.positions[0], []
        for distance in (3.9999, 4.0001):
            places = lone.positions.copy()
            places[2] = places[0] - distance * bond / np.linalg.norm(bond)
            values.append(model.evaluate(replace(lone, positions=places), 1))
        (energies, forces), (others, same) = values
        assert energies == pytest.approx(others, abs=1e-9)
        np.testing.assert_allclose(same, forces, rtol=0, atol=1e-7)

    @DTYPES
    @pytest.mark.parametrize("name", ["jax-md", "ase"])
    @pytest.mark.parametrize("thermostat", [CHAIN, LANGEVIN], ids=["chain", "langevin"])
    def test_a_restart_of_md_gives_the_same_bits(
        self, dtype: str, name: str, thermostat: dict[str, Any]
    ) -> None:
        """Long enough for a new list of neighbours in JAX-MD, which conserves energy meanwhile."""
        model = adapter.load(KEPT / "water", {}, "cpu", dtype)
        through, fresh = (engine(model, name, thermostat) for _ in range(2))
        start = through.conserved()
        same_bits(through, fresh, (1, 5), 24 if name == "jax-md" else 6)
        assert abs(through.conserved() - start) / 24 < 1e-3

    @DTYPES
    def test_engines_take_the_same_way(self, dtype: str) -> None:
        model = adapter.load(KEPT / "water", {}, "cpu", dtype)
        engines = [engine(model, name) for name in ("ase", "jax-md")]
        gate = Parity(model, engines[0].system, "any", TOLERANCES[dtype])
        for driven in engines:
            gate.check(driven)
            driven.advance(10)
        ase, jax_md = (driven.sample().positions for driven in engines)
        assert np.abs(ase - engines[0].system.start.positions).max() > 0.02
        np.testing.assert_allclose(jax_md, ase, rtol=0, atol=1e-6 if dtype == "float32" else 1e-10)

    def test_md_of_an_element_that_the_model_does_not_know_is_refused(self, model: DpInJax) -> None:
        with pytest.raises(InputFailure, match="H, O, Na: it does not know Au"):
            adapter.jax_md(KEPT / "water", {}, [1, 8, 79], model)


MANY = (
    r"DP by JAX: an atom has \d Na within 4 Å, and the model has places for 0 \(sel\), .* raise .* sel_factor"
)


def test_more_neighbours_than_deepmd_kit_has_places_for_are_refused() -> None:
    """No frame of the training held sodium: deepmd-kit would leave every such neighbour out."""
    model = adapter.load(KEPT / "water", {}, "cpu", "float64")
    frames = water(1, seed=15)
    salt = replace(frames, numbers=np.where(np.arange(18) == 4, 11, frames.numbers))
    atoms = salt.atoms(0)
    with pytest.raises(TaskFailure, match=MANY):
        model.evaluate(salt, 1)
    with pytest.raises(TaskFailure, match=MANY):
        model.calculator().answer(atoms)
    with pytest.raises(TaskFailure, match=MANY):
        adapter.jax_md(KEPT / "water", {}, [1, 8, 11], model).arrange(atoms, 4.4)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Files of which a test may change some."""
    shutil.copytree(KEPT / "water", tmp_path / "kernel")
    return tmp_path / "kernel"


def test_weights_of_another_model_are_refused(copy: Path) -> None:
    """A thousandth of one layer is too much."""
    with np.load(copy / FILE) as archive:
        weights = dict(archive)
    weights["embedding.1.weight"] = 1.001 * weights["embedding.1.weight"]
    with (copy / FILE).open("wb") as stream:
        np.savez(stream, **weights)
    with pytest.raises(TaskFailure, match=r"does not compute this model: on 3 frames .* leave `kernel` out"):
        adapter.load(copy, {}, "cpu", "float64")
