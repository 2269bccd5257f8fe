"""CPU time of MD through the engine lammps: `python tests/bench/lammps_md.py`.

With a pair style of LAMMPS's own, over one bare `run` of the same LAMMPS: argon whose atoms see so far that a
step takes about 4 ms; the reference potential under its wall, over the same without wall or suite; in the
deepmd environment, gold of ASE's EMT, which a DP of the card's default size has learnt. In the mace
environment, where LAMMPS asks the model at each step: the speed over that of the engine ase, 64 water
molecules.
"""

import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT
from md import PAIRS, SMALL, random_mace, simulate, task_parameters, water

from mlipbench_hpc.architectures.interface import LammpsStyle, TrainingJob
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.potentials.electrode.adapter import Electrode, labeller
from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.shared.wall import Wall
from mlipbench_hpc.worker.builders.slab import interface
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Asked, Native
from mlipbench_hpc.worker.engines.system import System

ARGON = LammpsStyle(("pair_style lj/cut 14.0", "pair_coeff * * 0.0104 3.4", "pair_modify shift yes"))
NIGHT_S = 12 * 3600.0


def native(atoms: Atoms, style: LammpsStyle, steps: int) -> dict[str, Any]:
    """Five pairs after a warm-up; `ratio` is the median of suite / bare, 1.05 is the bar."""
    return over_bare(atoms, lambda _: style, None, steps, 80.0)


def reference(steps: int) -> dict[str, Any]:
    """The same of the reference potential: 4x4x3 gold, 40 waters, 2 Na, free of the builder's contacts.

    `ns_a_night`: what 12 hours of one core at this speed give.
    """
    frames, values = interface((4, 4, 3), 40, 2, 4.08, 0.997, 15.0, 1)
    relaxing = Electrode(Box.of(frames, 0), Electrode.sampling_accuracy)
    relaxing.minimise(frames.positions, np.zeros(0, dtype=np.int64))
    atoms = frames.atoms(0)
    atoms.positions = relaxing.positions()
    relaxing.close()
    wall = Wall.above(values["wall_A"], atoms.positions[:, 2], float(atoms.cell[2, 2]))
    result = over_bare(atoms, labeller({"electrostatics": "slab-corrected"}).lammps, wall, steps, 300.0)
    picoseconds = 1000 * NIGHT_S / result["suite_ms_per_step"] * task_parameters(steps, 300.0)["timestep"]
    return result | {"ns_a_night": picoseconds / 1000}


def over_bare(
    atoms: Atoms, style: Callable[[Atoms], LammpsStyle], wall: Wall | None, steps: int, temperature: float
) -> dict[str, Any]:
    """The suite over one `run`, in turn."""
    parameters = task_parameters(steps, temperature)

    def engine(system: System, wall: Wall | None = None) -> LammpsEngine:
        return LammpsEngine(system, Native(system, style(system.start)), parameters, wall)

    def bare() -> float:
        """One `run` of a LAMMPS made in the same way, which has energies computed as often as the suite."""
        begin = time.process_time()
        process = engine(System.prepare(atoms, [])).process
        process.commands_list([f"thermo {parameters['frame_every']}", f"run {steps} pre no post no"])
        return time.process_time() - begin

    bare()
    times = [(bare(), simulate(atoms, lambda system: engine(system, wall), parameters)) for _ in range(PAIRS)]
    return {
        "atoms": len(atoms),
        "bare_ms_per_step": 1000 * statistics.median(b for b, _ in times) / steps,
        "suite_ms_per_step": 1000 * statistics.median(s for _, s in times) / steps,
        "ratios": [s / b for b, s in times],
        "ratio": statistics.median(s / b for b, s in times),
    }


def argon() -> Atoms:
    """2048 atoms."""
    return bulk("Ar", "fcc", a=5.4, cubic=True) * (8, 8, 8)


def gold() -> Atoms:
    """144 atoms."""
    return bulk("Au", "fcc", a=4.06, cubic=True) * (3, 3, 4)


def gold_dp(folder: Path) -> LammpsStyle:
    """A DP of the card's default size after eight passes over eight rattled frames."""
    import mlipbench_hpc.architectures.dp as package
    from mlipbench_hpc.architectures.card import load_card, merge
    from mlipbench_hpc.architectures.dp import adapter

    images = [gold() for _ in range(8)]
    for index, image in enumerate(images):
        image.rattle(0.1, seed=index)
        image.calc = EMT()
    energies = np.array([image.get_potential_energy() for image in images])
    frames = Frames.from_atoms(images, energies, np.concatenate([image.get_forces() for image in images]))
    chosen = merge(load_card(Path(package.__file__).parent / "card.toml"), None, {"epochs": 8})
    job = TrainingJob(
        folder=folder, train=frames, validation=frames, reference_energies={79: 0.0}, hyperparameters=chosen,
        seed=0, device="cpu", dtype="float32", threads=1, resume=None, save=lambda epoch, files: None,
        report=lambda row: None,
    )  # fmt: skip
    adapter.train(job)
    return adapter.lammps(folder, chosen, [79])


class Silent(Calculator):
    """A model that takes no time: what is left is the engine's own."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces"]

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": 0.0, "free_energy": 0.0, "forces": np.zeros((len(self.atoms), 3))}


def asked(steps: int) -> dict[str, Any]:
    """`direct` are five pairs, ASE's time over LAMMPS's; they scatter by more than the engines differ.

    Both call the same model, so `speed_over_ase`, whose bar is 1, takes its time from those and adds each
    engine's own, measured with a model that takes none.
    """
    atoms, parameters, calculator = water(), task_parameters(steps, 300.0), random_mace().calculator()

    def ms_per_step(engine: Callable[[System, Calculator], Engine], model: Calculator, steps: int) -> float:
        model.reset()
        given = parameters | {"steps": steps}
        return 1000 * simulate(atoms, lambda system: engine(system, model), given) / steps

    def ase(system: System, model: Calculator) -> Engine:
        return AseEngine(system, model, parameters)

    def lammps(system: System, model: Calculator) -> Engine:
        return LammpsEngine(system, Asked(system, model), parameters)

    both = (ase, lammps)
    ms_per_step(ase, calculator, 10)
    pairs = [[ms_per_step(engine, calculator, steps) for engine in both] for _ in range(PAIRS)]
    own = [[ms_per_step(engine, Silent(), 20 * steps) for engine in both] for _ in range(PAIRS)]
    ase_own, lammps_own = (statistics.median(pair[column] for pair in own) for column in (0, 1))
    ase_ms = statistics.median(pair[0] for pair in pairs)
    return {
        "atoms": len(atoms),
        "ase_ms_per_step": ase_ms,
        "direct": [pair[0] / pair[1] for pair in pairs],
        "ase_own_ms_per_step": ase_own,
        "lammps_own_ms_per_step": lammps_own,
        "speed_over_ase": ase_ms / (ase_ms - ase_own + lammps_own),
    }


def main() -> int:
    """Print the figures; 1 when the bar is missed."""
    if importlib.util.find_spec("mace"):
        result = asked(steps=4 if SMALL else 100)
        missed = result["speed_over_ase"] < 1.0
    elif importlib.util.find_spec("deepmd"):
        with tempfile.TemporaryDirectory() as folder:
            result = native(gold(), gold_dp(Path(folder)), steps=20 if SMALL else 200)
        missed = result["ratio"] > 1.05
    else:
        steps = 20 if SMALL else 1000
        charged = {f"reference_{name}": value for name, value in reference(steps).items()}
        result = native(argon(), ARGON, steps) | charged
        missed = max(result["ratio"], result["reference_ratio"]) > 1.05
    print(json.dumps(result, indent=1))
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
