"""What `plan` says a model costs, over what it costs here: `python tests/bench/costs.py`.

In an engine's environment, of the first architecture there: core-seconds of a training step, of energies and
forces of a frame, and of a step of MD, each measured as CPU time of one thread and laid beside the card's
law; models from tiny to the paper's. A ratio is the larger of the two over the other. The interface is gold,
water and sodium as it is built, its labels are random numbers and nothing is learnt: only time is looked at.
"""

import importlib
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from md import SMALL, simulate, task_parameters

import mlipbench_hpc.architectures as architectures
from mlipbench_hpc.architectures import law
from mlipbench_hpc.architectures.card import Card, load_card, merge
from mlipbench_hpc.architectures.interface import TrainingJob
from mlipbench_hpc.data.density import local_density, sphere
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.worker.builders.slab import interface
from mlipbench_hpc.worker.engines.ase import AseEngine
from mlipbench_hpc.worker.engines.interface import Engine
from mlipbench_hpc.worker.engines.lammps import LammpsEngine
from mlipbench_hpc.worker.engines.lammps_forces import Native
from mlipbench_hpc.worker.engines.system import System

# The paper says the receptive field and body order; widths of DP are those of deepmd-kit's examples.
MODELS: dict[str, dict[str, dict[str, Any]]] = {
    "mace": {
        "tiny": {},
        "small": {},
        "paper": {
            "r_max": 5.0, "num_channels": 64, "max_L": 2, "max_ell": 3, "correlation": 3,
            "radial_MLP": [64, 64, 64],
        },
    },
    "dp": {
        "tiny": {},
        "small": {},
        "paper": {"rcut": 6.0, "neuron": [25, 50, 100], "axis_neuron": 16, "fitting_neuron": [240, 240, 240]},
    },
}  # fmt: skip
# By the package that no other environment has; JAX is part of others too.
PACKAGES = {
    "mace": "mace", "deepmd": "dp", "tensorpotential": "grace_1l", "fairchem": "esen", "jax": "dp_mp",
}  # fmt: skip
# Gold atoms, waters and ions: the quickstart's with 158 atoms, the paper's with 384.
QUICKSTART = ((4, 4, 3), 36, 2)
LARGE = ((6, 4, 4), 95, 3)
CASES = (
    ("tiny", QUICKSTART),
    ("small", QUICKSTART),
    ("paper", QUICKSTART),
    ("paper", LARGE),
)
STEPS, DTYPE = 2, "float32"
# Three at least: the first two are left out, while engines compile.
EPOCHS = {"tiny": 3 if SMALL else 10, "small": 6, "paper": 3}
# ps: so short that atoms stay where they are, whatever an untrained model thinks of them.
TIMESTEP = 1e-7


def architecture() -> str:
    """Folder of the architecture that this environment is made for; of two, the first."""
    return next(name for package, name in PACKAGES.items() if importlib.util.find_spec(package))


def frames_of(system: tuple[tuple[int, int, int], int, int], count: int = STEPS + 1) -> Frames:
    """Frames of one interface, slightly shaken."""
    size, waters, ions = system
    built = interface(size, waters, ions, 4.08, 0.997, 15.0, 1)[0].atoms(0)
    random, images = np.random.default_rng(0), []
    for _ in range(count):
        images.append(built.copy())
        images[-1].positions += random.normal(scale=0.02, size=built.positions.shape)
    return Frames.from_atoms(
        images, random.normal(size=len(images)), random.normal(size=(len(images) * len(built), 3))
    )


def spent(work: Callable[[], object]) -> float:
    """CPU seconds."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def train(adapter: Any, folder: Path, frames: Frames, chosen: dict[str, Any]) -> float:
    """CPU seconds of an epoch: the least of those after the second."""
    marks: list[float] = []
    job = TrainingJob(
        folder=folder, train=frames.select(range(STEPS)), validation=frames.select([STEPS]),
        reference_energies=dict.fromkeys(frames.species(), 0.0), hyperparameters=chosen, seed=0, device="cpu",
        dtype=DTYPE, threads=1, resume=None, save=lambda epoch, files: None,
        report=lambda row: marks.append(time.process_time()),
    )  # fmt: skip
    adapter.train(job)
    return float(np.diff(marks)[1:].min())


def molecular_dynamics(
    adapter: Any, engine: str, folder: Path, atoms: Atoms, chosen: dict[str, Any]
) -> float:
    """CPU seconds of a step, without what a run costs before its first."""
    evaluator, numbers = adapter.load(folder, chosen, "cpu", DTYPE), sorted(set(atoms.numbers.tolist()))

    def driver(system: System) -> Engine:
        if engine == "ase":
            return AseEngine(system, evaluator.calculator(), parameters)
        return LammpsEngine(
            system, Native(system, adapter.lammps(folder, chosen, numbers, evaluator)), parameters
        )

    times = {}
    for steps in (1, 1, 25) if engine == "lammps" else (1, 1, 4):
        parameters = task_parameters(steps, 300.0) | {"timestep": TIMESTEP}
        times[steps] = simulate(atoms, driver, parameters)
    return (times[max(times)] - times[1]) / (max(times) - 1)


def measured(adapter: Any, engine: str, frames: Frames, chosen: dict[str, Any]) -> dict[str, float]:
    """CPU seconds of an epoch, of energies and forces of one frame, and of a step of MD."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        epoch = train(adapter, folder, frames, chosen)
        evaluator = adapter.load(folder, chosen, "cpu", DTYPE)
        one = frames.select([0])
        evaluate = min(spent(lambda: evaluator.evaluate(one, 1)) for _ in range(4))
        step = molecular_dynamics(adapter, engine, folder, frames.atoms(0), chosen)
    return {"epoch": epoch, "evaluate": evaluate, "md": step}


def planned(card: Card, engine: str, frames: Frames, chosen: dict[str, Any]) -> dict[str, float]:
    """The same by the card's laws."""
    variables = {
        "atoms": float(frames.sizes.mean()),
        "neighbours": local_density(frames) * sphere(chosen[card.receptive_field["cutoff"]]),
        "species": len(frames.species()),
        "number_bytes": 4,
    }
    law_s = law.seconds(card.cost, variables, chosen)
    epoch = STEPS * law_s["train"] + law_s["evaluate"]
    return {"epoch": epoch, "evaluate": law_s["evaluate"], "md": law_s[f"md_{engine}"]}


def table(name: str, cases: Any) -> list[dict[str, Any]]:
    """One row for each model, system and kind of work."""
    card = load_card(Path(architectures.__file__).parent / name / "card.toml")
    adapter = importlib.import_module(f"mlipbench_hpc.architectures.{name}.adapter")
    engine, rows = card.engines[0], list[dict[str, Any]]()
    for model, system in cases:
        preset = model if model in card.presets else None
        chosen = merge(card, preset, {**MODELS.get(name, {}).get(model, {}), "epochs": EPOCHS[model]})
        frames = frames_of(system)
        law_s = planned(card, engine, frames, chosen)
        for work, seconds in measured(adapter, engine, frames, chosen).items():
            row = {"model": f"{name} {model}", "atoms": int(frames.sizes[0]), "work": work}
            ratio = law_s[work] / seconds
            rows.append(row | {"measured_s": seconds, "planned_s": law_s[work], "ratio": ratio})
    return rows


def main() -> dict[str, Any]:
    """The table, and of each kind of work the ratio that is farthest from one."""
    name = architecture()
    rows = table(name, CASES[:1] if SMALL or name not in MODELS else CASES)
    worst = {
        f"{work}_off_by": max(max(row["ratio"], 1 / row["ratio"]) for row in rows if row["work"] == work)
        for work in ("epoch", "evaluate", "md")
    }
    return {"table": rows, **worst}


if __name__ == "__main__":
    figures = main()
    for row in figures["table"]:
        print("  ".join(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    print(json.dumps(figures, indent=1))
