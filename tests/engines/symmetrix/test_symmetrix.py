"""MACE by symmetrix: what every evaluator must obey, its agreement with mace-torch, and MD that it drives."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from driving import same_bits
from water_engines import water_engine

import mlipbench_hpc.architectures.mace as package
from mlipbench_hpc.architectures.card import Card, load_card, merge
from mlipbench_hpc.architectures.interface import KernelJob
from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator
from mlipbench_hpc.architectures.mace.model import Blueprint, save_model
from mlipbench_hpc.architectures.mace_symmetrix import adapter, library
from mlipbench_hpc.architectures.mace_symmetrix.evaluator import KERNEL, MODEL
from mlipbench_hpc.architectures.testing import Conformance, KernelConformance, water
from mlipbench_hpc.contract.task import InputFailure, TaskFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity

CARD = load_card(Path(package.__file__).with_name("card.toml"))
SMALL = {"r_max": 3.0, "num_channels": 4, "radial_MLP": [8], "num_radial_basis": 4}
CHAIN = {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}
LANGEVIN = {"kind": "langevin", "friction": 5.0}
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])
Prepared = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Function from dtype and hyperparameters to the folder of a kernel, and what `prepare` returned.

    The model has random weights, and forces of some tenths of eV/Å; it lies in `model` of the folder.
    """

    def prepare(
        dtype: str, frames: Frames | None = None, numbers: tuple[int, ...] = (1, 8), **changes: Any
    ) -> tuple[Path, dict[str, Any]]:
        folder = tmp_path_factory.mktemp(dtype)
        chosen = merge(CARD, "tiny-l3", {**SMALL, **changes})
        torch.manual_seed(0)
        energies = [-13.5, -432.25, -5.0, -3.0][: len(numbers)]
        blueprint = Blueprint(chosen, list(numbers), energies, 10.0, 0.5, 0.1)
        (folder / "model").mkdir()
        save_model(folder / "model", blueprint, blueprint.build())
        job = KernelJob(folder, folder / "model", chosen, frames or water(3, seed=21), dtype, "g++")
        return folder, adapter.prepare(job)

    return prepare


class TestSymmetrix(KernelConformance):
    adapter = adapter
    small: ClassVar[dict[str, Any]] = SMALL
    sums: ClassVar[float] = 1e-9
    title = "MACE by symmetrix"

    @classmethod
    def card(cls) -> Card:
        return CARD.by("symmetrix")

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, prepared: Prepared) -> dict[str, Path]:
        return {dtype: prepared(dtype)[0] for dtype in cls.card().dtypes}

    def test_vectors_as_messages(self, prepared: Prepared) -> None:
        model = adapter.load(prepared("float64", max_L=1)[0], {}, "cpu", "float64")
        Conformance.test_forces_are_minus_the_gradient_of_the_energy(self, model)  # type: ignore[arg-type]
        Conformance.test_rotation_turns_the_forces(self, model)  # type: ignore[arg-type]

    def test_a_structure_that_is_not_periodic_is_as_by_mace_torch(self, trained: dict[str, Path]) -> None:
        """A cluster, some of whose coordinates are negative, without a cell; and a film along one axis."""
        frames, folder = water(2, seed=16), trained["float64"]
        cluster = replace(
            frames, positions=frames.positions - 4.0, cells=0 * frames.cells, pbc=np.zeros((2, 3), bool)
        )
        film = replace(frames, pbc=np.tile([True, True, False], (2, 1)))
        own, other = MaceEvaluator(folder / "model", "cpu", "float64"), self.load(trained, "float64")
        for some in (cluster, film):
            for one, same in zip(own.evaluate(some, 1), other.evaluate(some, 1), strict=True):
                np.testing.assert_allclose(same, one, rtol=0, atol=2e-5)

    def test_elements_may_be_absent_and_come_back(self, prepared: Prepared) -> None:
        """Radial functions are tabulated for the elements that are there; orders of frames do not matter."""
        plain = water(3, seed=17)
        salt = replace(plain, numbers=np.where(np.arange(54) % 18 == 4, 11, plain.numbers))
        gold = replace(salt, numbers=np.where(np.arange(54) % 9 == 0, 79, salt.numbers))
        folder, _ = prepared("float64", gold, (1, 8, 11, 79))
        own, other = (
            MaceEvaluator(folder / "model", "cpu", "float64"),
            adapter.load(folder, {}, "cpu", "float64"),
        )
        for some in (plain, gold, salt, plain):
            for one, same in zip(own.evaluate(some, 1), other.evaluate(some, 1), strict=True):
                np.testing.assert_allclose(same, one, rtol=0, atol=2e-5)

    def test_an_atom_without_neighbours_has_its_own_energy(self, trained: dict[str, Path]) -> None:
        lone = water(1, molecules=1).select([0])
        lone = replace(
            lone, numbers=lone.numbers[:1], positions=lone.positions[:1], forces=lone.forces[:1],
            offsets=np.array([0, 1]), cells=20.0 * np.eye(3)[None],
        )  # fmt: skip
        own = MaceEvaluator(trained["float64"] / "model", "cpu", "float64").evaluate(lone, 1)
        energies, forces = self.load(trained, "float64").evaluate(lone, 1)
        assert energies == pytest.approx(own[0], abs=1e-9)
        np.testing.assert_allclose(forces, np.zeros((1, 3)), atol=1e-12)

    @DTYPES
    def test_it_agrees_with_float64_at_least_as_mace_torch_does(self, prepared: Prepared, dtype: str) -> None:
        frames = water(6, seed=22)
        folder, values = prepared(dtype, frames, num_channels=16)
        reference = MaceEvaluator(folder / "model", "cpu", "float64").evaluate(frames, 1)
        single = MaceEvaluator(folder / "model", "cpu", "float32").evaluate(frames, 1)
        force = np.abs(single[1] - reference[1]).max() / np.sqrt(np.mean(reference[1] ** 2))
        assert values["probes"] == 6
        assert values["force_deviation_of_rms"] <= force
        assert values["energy_deviation_eV_per_atom"] <= np.abs(single[0] - reference[0]).max() / 18

    @DTYPES
    @pytest.mark.parametrize("thermostat", [CHAIN, LANGEVIN], ids=["chain", "langevin"])
    def test_a_restart_of_md_gives_the_same_bits(
        self, trained: dict[str, Path], dtype: str, thermostat: dict[str, Any]
    ) -> None:
        through, fresh = (
            water_engine(self.load(trained, dtype).calculator(), thermostat, lammps=False) for _ in range(2)
        )
        start = through.conserved()
        same_bits(through, fresh, (1, 5), 6)
        assert abs(through.conserved() - start) / 24 < 2e-4

    def test_md_is_that_of_mace_torch(self, trained: dict[str, Path]) -> None:
        own = MaceEvaluator(trained["float64"] / "model", "cpu", "float64")
        engines = [
            water_engine(one.calculator(), CHAIN, False) for one in (own, self.load(trained, "float64"))
        ]
        Parity(own, engines[0].system, "ase", TOLERANCES["float64"]).check(engines[1])
        for engine in engines:
            engine.advance(20)
        paths = [engine.sample().positions for engine in engines]
        assert np.abs(paths[0] - engines[0].system.start.positions).max() > 0.05
        np.testing.assert_allclose(paths[1], paths[0], rtol=0, atol=1e-5)


@pytest.fixture
def copy(prepared: Prepared, tmp_path: Path) -> Path:
    """A kernel's folder of which a test may change files."""
    shutil.copytree(prepared("float64")[0], tmp_path / "kernel")
    return tmp_path / "kernel"


def test_a_kernel_of_another_model_is_refused(copy: Path) -> None:
    """Weights that are a thousandth larger give forces that differ by as much: 200 times the limit."""
    data = json.loads((copy / MODEL).read_text())
    data["readout_2_weights_2"] = [1.001 * weight for weight in data["readout_2_weights_2"]]
    (copy / MODEL).write_text(json.dumps(data))
    with pytest.raises(TaskFailure, match=r"does not compute this model: on 3 frames .* leave `kernel` out"):
        adapter.load(copy, {}, "cpu", "float64")


def test_a_kernel_that_is_not_there_is_not_replaced_by_another_way(copy: Path) -> None:
    (copy / KERNEL).unlink()
    with pytest.raises(InputFailure, match="holds no compiled kernel"):
        adapter.load(copy, {}, "cpu", "float64")


def test_a_kernel_of_another_precision_is_refused(copy: Path) -> None:
    with pytest.raises(InputFailure, match="in float64, not in float32"):
        adapter.load(copy, {}, "cpu", "float32")


def test_what_the_compiler_says_is_passed_on(copy: Path) -> None:
    job = KernelJob(copy, copy / "model", {}, water(1), "float64", "false")
    with pytest.raises(TaskFailure, match="false did not compile the kernel"):
        adapter.prepare(job)


def test_a_processor_without_the_instructions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text("flags\t\t: fpu sse4_2 avx2\n")
    monkeypatch.setattr(library, "CPUINFO", tmp_path / "cpuinfo")
    with pytest.raises(TaskFailure, match="lacks bmi2, fma"):
        library.native()
