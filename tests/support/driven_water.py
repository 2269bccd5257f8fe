"""Tests of MD in ASE and LAMMPS that suites of architectures inherit: restarts to the bit, equal engines."""

from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from driving import same_bits
from water_engines import water_engine

from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.parity import TOLERANCES, Parity

CHAIN = {"kind": "nose-hoover-chain", "damping": 0.05, "length": 3}
LANGEVIN = {"kind": "langevin", "friction": 5.0}
BOTH = pytest.mark.parametrize("dtype", ["float32", "float64"])
Model = tuple[Path, dict[str, Any]]


class DrivenWater:
    """Inherit it with `adapter`, beside a fixture `model`: the folder of a float64 model, hyperparameters."""

    adapter: ClassVar[ModuleType]

    def engine(
        self, model: Model, dtype: str, thermostat: dict[str, Any], lammps: bool = False
    ) -> AseEngine | LammpsEngine:
        return water_engine(self.adapter.load(*model, "cpu", dtype).calculator(), thermostat, lammps)

    @BOTH
    @pytest.mark.parametrize(
        ("thermostat", "lammps"),
        [(CHAIN, False), (LANGEVIN, False), (CHAIN, True)],
        ids=["ase chain", "ase langevin", "lammps chain"],
    )
    def test_a_restart_gives_the_same_bits(
        self, model: Model, dtype: str, thermostat: dict[str, Any], lammps: bool
    ) -> None:
        through, fresh = (self.engine(model, dtype, thermostat, lammps) for _ in range(2))
        start = through.conserved()
        same_bits(through, fresh, (1, 5), 6)
        assert abs(through.conserved() - start) / 24 < 2e-4

    @BOTH
    def test_engines_see_what_the_evaluator_computes(self, model: Model, dtype: str) -> None:
        engines = [self.engine(model, dtype, CHAIN, lammps) for lammps in (False, True)]
        gate = Parity(self.adapter.load(*model, "cpu", dtype), engines[0].system, "any", TOLERANCES[dtype])
        for driven in engines:
            gate.check(driven)
            driven.advance(10)
        paths = [driven.sample().positions for driven in engines]
        np.testing.assert_allclose(paths[0], paths[1], rtol=0, atol=1e-4)
