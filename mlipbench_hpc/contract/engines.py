"""The table of MD engines: what integrates, where its module is, and what it can.

Cards name the engines that run an architecture or a reference potential; the first is the default. Another
engine is one module in worker/engines/, which defines

    def engine(system: System, potential: DrivingPotential, parameters, wall: Wall | None) -> Engine

(parameters: those of an md task; types in worker/engines/), and one entry here.
"""

from dataclasses import dataclass

CHAIN, LANGEVIN = "nose-hoover-chain", "langevin"


@dataclass(frozen=True)
class EngineEntry:
    """One row of the table. packages: what an environment must hold for it. thermostats: what it can control
    the temperature with, as campaigns name them.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    thermostats: tuple[str, ...]


ENGINES = {
    entry.name: entry
    for entry in (
        EngineEntry("ase", "mlipbench_hpc.worker.engines.ase", ("ase",), (CHAIN, LANGEVIN)),
        EngineEntry("lammps", "mlipbench_hpc.worker.engines.lammps", ("lammps",), (CHAIN,)),
        EngineEntry("jax-md", "mlipbench_hpc.worker.engines.jax_md", ("jax", "jax_md"), (CHAIN, LANGEVIN)),
    )
}
