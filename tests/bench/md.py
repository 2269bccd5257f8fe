"""CPU time of MD inside the suite over that of the bare ASE loop: `python tests/bench/md.py`.

The bare loop is ASE's Nosé-Hoover chain with the same calculator and nothing else; the suite records, watches
and checkpoints. Both make the same steps from the same momenta, in turn. In the mace environment the
calculator is a MACE with random weights on 64 water molecules, elsewhere Lennard-Jones argon.
"""

import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.calculator import Calculator
from ase.calculators.lj import LennardJones
from ase.md.nose_hoover_chain import NoseHooverChainNVT

from mlipbench_hpc.contract.folder import Store
from mlipbench_hpc.contract.task import Task
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.system import System, Thermometer
from mlipbench_hpc.worker.engines.trajectory import Recorder
from mlipbench_hpc.worker.md import Simulation

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.mace.evaluator import MaceEvaluator

SMALL = "--small" in sys.argv
PAIRS = 1 if SMALL else 5


def task_parameters(steps: int, temperature: float) -> dict[str, Any]:
    """Those of an md task: a frame every 10 fs, a checkpoint every 0.25 ps; nothing is unstable."""
    return {
        "seed": 0,
        "replica": 0,
        "temperature": temperature,
        "timestep": 0.0005,
        "steps": steps,
        "frame_every": 20,
        "checkpoint_every": 500,
        "thermostat": {"kind": "nose-hoover-chain", "damping": 0.1, "length": 3},
        "stability": {"conserved_energy": 1e9, "temperature": 1e9, "hydrogen_oxygen": None},
    }


def measure(atoms: Atoms, calculator: Calculator, steps: int, temperature: float = 300.0) -> dict[str, Any]:
    """Five pairs after a warm-up; `ratio` is the median of suite / bare, 1.05 is the bar."""
    parameters = task_parameters(steps, temperature)
    if {1, 8} <= set(atoms.numbers):
        parameters["stability"] |= {"hydrogen_oxygen": 5.0}
    bare(atoms, calculator, parameters | {"steps": max(5, steps // 20)})
    times = [
        (bare(atoms, calculator, parameters), suite(atoms, calculator, parameters)) for _ in range(PAIRS)
    ]
    return {
        "atoms": len(atoms),
        "steps": steps,
        "bare_ms_per_step": 1000 * statistics.median(b for b, _ in times) / steps,
        "suite_ms_per_step": 1000 * statistics.median(s for _, s in times) / steps,
        "ratios": [s / b for b, s in times],
        "ratio": statistics.median(s / b for b, s in times),
    }


def bare(atoms: Atoms, calculator: Calculator, parameters: dict[str, Any]) -> float:
    """CPU seconds of ASE's own loop."""
    start = AseEngine(System.prepare(atoms, []), calculator, parameters)
    alone = start.system.start.copy()
    alone.set_momenta(start.momenta())
    alone.calc = calculator
    calculator.reset()
    begin = time.process_time()
    NoseHooverChainNVT(
        alone,
        parameters["timestep"] * 1000 * units.fs,
        temperature_K=parameters["temperature"],
        tdamp=parameters["thermostat"]["damping"] * 1000 * units.fs,
        tchain=parameters["thermostat"]["length"],
    ).run(parameters["steps"])
    return time.process_time() - begin


def suite(atoms: Atoms, calculator: Calculator, parameters: dict[str, Any]) -> float:
    """CPU seconds of the md verb around the same steps, without loading the model."""
    calculator.reset()
    return simulate(atoms, lambda system: AseEngine(system, calculator, parameters), parameters)


def simulate(atoms: Atoms, engine: Callable[[System], Engine], parameters: dict[str, Any]) -> float:
    """CPU seconds of the md verb with an engine, without the gate before it."""
    with tempfile.TemporaryDirectory() as root:
        store = Store(Path(root))
        store.create()
        task = Task("md", 1, "bench", "0" * 64, parameters)
        context = Context(task, store.begin(task), store)
        begin = time.process_time()
        system = System.prepare(atoms, [])
        recorder = Recorder(context.folder, system, Thermometer.of(system), parameters["timestep"])
        ending = Simulation(context, engine(system), recorder, lambda _: None).run(None)
        recorder.close()
        spent = time.process_time() - begin
    assert ending.cause is None, ending.cause
    return spent


def argon() -> Atoms:
    """256 atoms."""
    return bulk("Ar", "fcc", a=5.4, cubic=True) * (4, 4, 4)


def water() -> Atoms:
    """64 molecules on a grid, each turned at random."""
    random, box = np.random.default_rng(0), Atoms(cell=[12.42] * 3, pbc=True)
    for site in np.ndindex(4, 4, 4):
        one = molecule("H2O")
        one.rotate(float(random.uniform(0, 360)), random.normal(size=3))
        one.translate(12.42 / 4 * np.array(site))
        box += one
    return box


def random_mace() -> "MaceEvaluator":
    """The mace card's default model, its random weights scaled down so that no atom is thrown out."""
    import torch

    import mlipbench_hpc.architectures.mace as package
    from mlipbench_hpc.architectures.card import load_card, merge
    from mlipbench_hpc.architectures.mace import adapter
    from mlipbench_hpc.architectures.mace.model import Blueprint, save_model

    torch.manual_seed(0)
    torch.set_num_threads(1)
    chosen = merge(load_card(Path(package.__file__).parent / "card.toml"), None, {})
    with tempfile.TemporaryDirectory() as folder:
        blueprint = Blueprint(chosen, [1, 8], [0.0, 0.0], 30.0, 0.02, 0.0)
        save_model(Path(folder), blueprint, blueprint.build())
        return adapter.load(Path(folder), chosen, "cpu", "float32")


def main() -> int:
    """Print the figures; 1 when the bar is missed."""
    if importlib.util.find_spec("mace"):
        result = measure(water(), random_mace().calculator(), steps=4 if SMALL else 150)
    else:
        pairs = LennardJones(sigma=3.4, epsilon=0.0104, rc=6.0)
        result = measure(argon(), pairs, steps=4 if SMALL else 200, temperature=80.0)
    print(json.dumps(result, indent=1))
    return int(result["ratio"] > 1.05)


if __name__ == "__main__":
    sys.exit(main())
