"""The image of `reference` works: LAMMPS labels a box of water, and forces are minus the gradient."""

from acceptance import Arrays, gradient, packages

from mlipbench_hpc.potentials.shared.box import Box
from mlipbench_hpc.potentials.spc_fw.adapter import SpcFw
from mlipbench_hpc.worker.builders.water import water_box

packages()
frames = water_box(molecules=16, density=0.9, seed=3)
potential = SpcFw(Box.of(frames, 0), SpcFw.label_accuracy)


def label(positions: Arrays) -> tuple[float, Arrays]:
    energy, forces = potential.label(positions)
    return float(energy), forces


gradient(label, frames.positions, 2e-3)
