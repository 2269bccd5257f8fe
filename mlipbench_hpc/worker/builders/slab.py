"""Au(111) under a water film with Na+, and vacuum above."""

import numpy as np

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.builders.water import turned, water_volume
from mlipbench_hpc.worker.context import Context

CONTACT_A = 2.0
ION_DISTANCE_A = 4.5
WALL_GAP_A = 3.0
ASKED = ("size", "waters", "ions", "lattice_constant", "density", "vacuum", "seed")


def build(context: Context) -> tuple[Frames, dict[str, float]]:
    """Interface by the task's parameters, and `wall_A`, the height of its reflecting wall."""
    return interface(**{name: context.parameters[name] for name in ASKED})


def interface(
    size: tuple[int, int, int],
    waters: int,
    ions: int,
    lattice_constant: float,
    density: float,
    vacuum: float,
    seed: int,
) -> tuple[Frames, dict[str, float]]:
    """One unlabelled frame, and {"wall_A": z of the wall}; lengths in Å, density in g/cm³.

    Atoms in this order: gold from the bottom layer up, O, H, H of each molecule, Na. The cell is orthorhombic
    and periodic in three directions; normal along z; the bottom layer lies at z = vacuum/2. The film begins
    2 Å above the top layer, with the thickness of its molecules at `density`; the wall stands 3 Å above the
    film, and `vacuum` is the empty distance between the wall and the next image of the slab.
    """
    from ase import Atoms

    gold, edges, top = _gold(size, lattice_constant, vacuum / 2)
    thickness = water_volume(waters, density) / (edges[0] * edges[1])
    wall = top + CONTACT_A + thickness + WALL_GAP_A
    edges[2] = wall + vacuum / 2
    generator = np.random.Generator(np.random.PCG64(seed))
    sites = _film(waters + ions, edges, top + CONTACT_A, thickness, generator)
    chosen = _ion_sites(sites, top, edges, ions, generator)
    placed = np.concatenate([gold, sites[chosen]])
    for site in np.delete(sites, chosen, axis=0):
        placed = np.concatenate([placed, turned(site, placed, edges, generator)])
    bare = len(gold)
    positions = np.concatenate([gold, placed[bare + ions :], placed[bare : bare + ions]])
    symbols = f"Au{bare}(OH2){waters}" + f"Na{ions}" * (ions > 0)
    return Frames.from_atoms([Atoms(symbols, positions=positions, cell=edges, pbc=True)]), {"wall_A": wall}


def _gold(size: tuple[int, int, int], lattice_constant: float, bottom: float) -> tuple[Floats, Floats, float]:
    """Positions (n·m·layers, 3) Å, edges (3,) Å of the cell (the last one is 0 here), z of the top layer."""
    from ase.build import fcc111

    slab = fcc111("Au", tuple(size), a=lattice_constant, orthogonal=True, vacuum=0.0)
    positions = np.asarray(slab.positions, dtype=float)
    positions[:, 2] += bottom - positions[:, 2].min()
    edges = np.array([slab.cell[0, 0], slab.cell[1, 1], 0.0])
    return positions, edges, float(positions[:, 2].max())


def _film(
    count: int, edges: Floats, bottom: float, thickness: float, generator: np.random.Generator
) -> Floats:
    """Sites (count, 3) Å of the widest grid that fills the film, in random order within each layer.

    The top layer of sites may stay incomplete.
    """
    lengths = np.array([edges[0], edges[1], thickness])
    most = np.maximum(1, (lengths // 1.5).astype(int))
    shapes = [s for s in np.ndindex(*most) if np.prod(np.add(s, 1)) >= count]
    if not shapes:
        raise InputFailure(f"slab: no room for {count} molecules and ions in {thickness:.1f} Å of film")
    best = np.add(max(shapes, key=lambda s: float((lengths / np.add(s, 1)).min())), 1)
    grid = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n for n in best], indexing="ij"), axis=-1)
    sites = grid.reshape(-1, 3) * lengths + [0.0, 0.0, bottom]
    order = np.lexsort((generator.random(len(sites)), sites[:, 2]))
    return np.asarray(sites[order[:count]])


def _ion_sites(
    sites: Floats, top: float, edges: Floats, ions: int, generator: np.random.Generator
) -> list[int]:
    """Sites of ions: one at random at least 4.5 Å above the top layer, then always the farthest of the rest.

    Ions of one charge that start side by side would be frames outside any ensemble, and models fuse them.
    """
    far = generator.permutation(np.flatnonzero(sites[:, 2] - top >= ION_DISTANCE_A))
    if len(far) < ions:
        raise InputFailure(
            f"slab: {len(far)} sites {ION_DISTANCE_A} Å away from the metal for {ions} ions; add waters"
        )
    chosen = far[:1].tolist() if ions else []
    while len(chosen) < ions:
        apart = sites[far][:, None] - sites[chosen]
        nearest = np.linalg.norm(apart - edges * np.rint(apart / edges), axis=2).min(axis=1)
        chosen.append(int(far[nearest.argmax()]))
    return sorted(chosen)
