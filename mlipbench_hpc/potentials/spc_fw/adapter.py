"""Flexible SPC water: Wu, Tepper, Voth, J. Chem. Phys. 124, 024503 (2006), doi:10.1063/1.2136877."""

from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.potentials.shared.labeller import LammpsLabeller
from mlipbench_hpc.potentials.shared.lammps_potential import LammpsPotential


class SpcFw(LammpsPotential):
    """Water and nothing else; sampling with a coarse mesh, labels with a fine one."""

    name = "spc-fw"
    elements = (8, 1)
    kspace = "pppm"
    sampling_accuracy = 1e-4
    label_accuracy = 1e-6


def labeller(parameters: Mapping[str, Any]) -> LammpsLabeller:
    """Labeller in LAMMPS."""
    return LammpsLabeller(SpcFw, parameters)
