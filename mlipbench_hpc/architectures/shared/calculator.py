"""Base class of every architecture's ASE calculator; an adapter computes energy and forces."""

from collections.abc import Sequence

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from mlipbench_hpc.data.frames import Floats


class EnergyAndForces(Calculator):
    """Energy and forces for MD, and nothing else: a subclass computes them for one structure."""

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 (ase.calculators: so declared)

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def energy_and_forces(self, atoms: Atoms) -> tuple[float, Floats]:
        """Energy eV and forces (N, 3) eV/Å; raises InputFailure for an unknown element."""
        raise NotImplementedError

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] | None = None,
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Fill results; errors of energy_and_forces are raised."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert self.atoms is not None
        energy, forces = self.energy_and_forces(self.atoms)
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}
