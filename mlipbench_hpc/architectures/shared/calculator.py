"""The ASE calculator of every architecture; its evaluator computes energy and forces."""

from collections.abc import Callable, Sequence

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from mlipbench_hpc.data.frames import Floats


class EnergyAndForces(Calculator):
    """Energy and forces for MD, and nothing else.

    answer: of one structure its energy eV and forces (N, 3) eV/Å; its errors are raised.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ase.calculators: so declared)

    def __init__(self, answer: Callable[[Atoms], tuple[float, Floats]]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.answer = answer

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] | None = None,
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill results."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert self.atoms is not None
        # Neighbour lists drop pairs without a distance, which would leave the energy of isolated atoms.
        whole = bool(np.isfinite(self.atoms.positions).all())
        energy, forces = self.answer(self.atoms) if whole else (np.nan, np.full((len(self.atoms), 3), np.nan))
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
