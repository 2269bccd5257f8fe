"""The image of `reference` works: LAMMPS labels a box of water, and forces are minus the gradient."""

from acceptance import Arrays, gradient, versions

from mlipbench_hpc.worker.builders.water import water_box
from mlipbench_hpc.worker.labelers.box import Box
from mlipbench_hpc.worker.labelers.spc_fw import Engine

versions()
frames = water_box(molecules=16, density=0.9, seed=3)
engine = Engine(Box.of(frames, 0), Engine.label_accuracy)


def label(positions: Arrays) -> tuple[float, Arrays]:
    energy, forces = engine.label(positions)
    return float(energy), forces


gradient(label, frames.positions, 2e-3)
