"""MD driven by DP inside LAMMPS: the evaluator's numbers, the same bits after a restart, energy conserved."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from driving import same_bits

from mlipbench_hpc.architectures.dp import adapter
from mlipbench_hpc.architectures.testing import REFERENCE, Conformance, harmonic, water
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Native
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity
from mlipbench_hpc.worker.engines.system import System

BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])
PARAMETERS = {
    "seed": 1,
    "replica": 0,
    "temperature": 300.0,
    "timestep": 0.0005,
    "thermostat": {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3},
}


class Small(Conformance):
    adapter = adapter
    small: ClassVar[dict[str, Any]] = {
        "rcut": 3.0, "neuron": [4, 8], "axis_neuron": 2, "fitting_neuron": [8, 8], "epochs": 8,
    }  # fmt: skip


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of models by dtype, which learnt harmonic O-H bonds; they know Na too and never saw any."""
    folders = {dtype: tmp_path_factory.mktemp(dtype) / "model" for dtype in ("float32", "float64")}
    frames = [harmonic(water(count, molecules=2, seed=seed)) for count, seed in ((8, 1), (2, 2))]
    for dtype, folder in folders.items():
        job = Small.job(folder, dtype=dtype, train=frames[0], validation=frames[1])
        adapter.train(replace(job, reference_energies={**REFERENCE, 11: 0.0}))
    return folders


def system(molecules: int = 2, fixed: list[int] | None = None, pbc: Any = True) -> System:
    """Water in a sheared cell; no sodium."""
    atoms = harmonic(water(1, molecules=molecules, seed=3)).atoms(0)
    atoms.pbc = pbc
    return System.prepare(atoms, fixed or [])


def native(folder: Path, where: System, seed: int = 1) -> LammpsEngine:
    numbers = np.unique(where.start.numbers).tolist()
    return LammpsEngine(
        where, Native(where, adapter.lammps(folder, {}, numbers)), PARAMETERS | {"seed": seed}
    )


@BOTH
@pytest.mark.parametrize("pbc", [[True] * 3, [True, True, False], [False] * 3])
def test_lammps_computes_what_the_evaluator_does(models: Any, dtype: str, pbc: list[bool]) -> None:
    where = system(pbc=pbc)
    evaluator = adapter.load(models[dtype], {}, "cpu", dtype)
    engine = native(models[dtype], where)
    Parity(evaluator, where, "lammps", TOLERANCES[dtype]).check(engine)
    assert np.abs(engine.answer().forces).max() > 1e-2


def test_lammps_computes_embedding_nets_of_both_ends(tmp_path: Path) -> None:
    """`type_one_side: false`, the nets of the paper, with an element that no frame holds."""
    job = Small.job(tmp_path / "model", hyperparameters=Small.hyperparameters(type_one_side=False))
    adapter.train(replace(job, reference_energies={**REFERENCE, 11: 0.0}))
    where, evaluator = system(), adapter.load(job.folder, {}, "cpu", "float64")
    Parity(evaluator, where, "lammps", TOLERANCES["float64"]).check(native(job.folder, where))


def test_a_frame_with_one_of_its_elements_only(models: Any) -> None:
    """LAMMPS's one atom type is then not the model's first."""
    start = system().start[[0, 3]]
    assert start.symbols.get_chemical_formula() == "O2"
    where = System.prepare(start, [])
    evaluator = adapter.load(models["float64"], {}, "cpu", "float64")
    engine = native(models["float64"], where)
    Parity(evaluator, where, "lammps", TOLERANCES["float64"]).check(engine)
    assert engine.answer().energy == pytest.approx(2 * REFERENCE[8], abs=5.0)


def test_an_element_that_the_model_does_not_know_is_refused(models: Any) -> None:
    with pytest.raises(InputFailure, match="H, O, Na: it does not know Au"):
        adapter.lammps(models["float64"], {}, [1, 8, 79])


@BOTH
def test_a_restart_gives_the_same_bits(models: Any, dtype: str) -> None:
    """Long enough for lists of neighbours to be made anew, and however steps are cut into runs."""
    where = system(molecules=6, fixed=[0, 1, 2])
    through, fresh = native(models[dtype], where), native(models[dtype], where, seed=2)
    same_bits(through, fresh, (1, 30, 29), 40)


def test_both_engines_take_the_same_way(models: Any) -> None:
    where = system()
    evaluator = adapter.load(models["float64"], {}, "cpu", "float64")
    both: list[Engine] = [
        native(models["float64"], where),
        AseEngine(where, evaluator.calculator(), PARAMETERS),
    ]
    start = both[0].conserved()
    for engine in both:
        engine.advance(20)
    one, other = (engine.sample() for engine in both)
    np.testing.assert_allclose(one.positions, other.positions, atol=2e-4)
    assert np.abs(one.positions - where.start.positions).max() > 0.02
    assert one.conserved == pytest.approx(start, abs=6e-3)
    assert one.conserved == pytest.approx(other.conserved, abs=2e-4)
