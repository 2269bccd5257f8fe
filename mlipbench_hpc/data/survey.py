"""Survey of a user's frames as they were read, in a few lines that a person can check."""

from collections.abc import Iterator

import numpy as np

from mlipbench_hpc.data.consistency import displacement
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.labels import periodicities
from mlipbench_hpc.data.read import Source
from mlipbench_hpc.data.relations import Relations

FEWEST_FRAMES = 8
PAIRS = 100
# Ratio of typical distances, and share of pairs in which the successive frames are the nearer ones.
ALIKE, NEARER = 0.7, 0.9


def survey(source: Source, relations: Relations) -> list[str]:
    """Lines about extent, periodicity, cells, labels and their ranges."""
    return list(_lines(source, relations))


def _lines(source: Source, relations: Relations) -> Iterator[str]:
    frames = source.frames
    if source.extent:
        yield source.extent
    kinds = ", ".join(f"{count} {words}" for words, count in periodicities(frames).items())
    yield f"{kinds}{_edges(relations.frames)}" if kinds else "isolated atoms alone"
    if source.names:
        yield "numbers and vectors in it: " + ", ".join(
            f"{name} ({count})" for name, count in sorted(source.names.items())
        )
    if source.varying:
        yield f"differs between frames, and is told to no model: {source.varying}"
    if len(alone := isolated_atoms(frames)):
        atoms = ", ".join(sorted({frames.formula(index) for index in alone.tolist()}))
        yield f"{len(alone)} frames of isolated atoms ({atoms}): reference energies, not trained on"
    if frames.masses is not None:
        masses = frames.masses[~np.isnan(frames.masses)]
        span = f"{masses.min():.4g} to {masses.max():.4g} u"
        yield f"masses of its own for {len(masses)} atoms, {span}: used in MD"
    yield from _labels(relations)


def in_time(frames: Frames) -> list[str]:
    """Warning where successive frames are much more alike than distant ones, without named trajectories."""
    if frames.groups is not None or len(frames) < FEWEST_FRAMES:
        return []
    near, far = (_distances(frames, step) for step in (1, len(frames) // 2))
    if not len(near) or not len(far) or (near[:, None] < far).mean() < NEARER:
        return []
    typical = float(np.median(near)), float(np.median(far))
    if typical[0] > ALIKE * typical[1]:
        return []
    return [
        f"successive frames lie {typical[0]:.2g} Å apart, distant ones {typical[1]:.2g} Å (root mean "
        "square): they follow one another in time, and sets drawn at random take neighbours of training "
        "frames: use `group_by`"
    ]


def _distances(frames: Frames, step: int) -> Floats:
    """Root mean square displacements in Å of pairs `step` frames apart, with equal atoms and cell."""
    pairs = np.unique(np.linspace(0, len(frames) - 1 - step, PAIRS).astype(int)).tolist()
    moves = [displacement(frames, index, index + step) for index in pairs]
    return np.array([np.sqrt((move**2).sum(axis=1).mean()) for move in moves if move is not None])


def _edges(frames: Frames) -> str:
    lengths = np.linalg.norm(frames.cells[frames.pbc.any(axis=1)], axis=2)
    if not len(lengths):
        return ""
    edges = " x ".join(
        f"{low:.4g}" if high - low < 1e-6 else f"{low:.4g} to {high:.4g}"
        for low, high in zip(lengths.min(axis=0), lengths.max(axis=0), strict=True)
    )
    return f"; cell {edges} Å"


def _labels(relations: Relations) -> Iterator[str]:
    frames = relations.frames
    if not len(frames) or not np.isfinite(frames.energies).all() or not np.isfinite(frames.forces).all():
        return
    energies = frames.energies / frames.sizes
    forces = np.abs(frames.forces).max(initial=0.0)
    yield (
        f"energy {energies.min():.6g} to {energies.max():.6g} eV/atom, force components up to {forces:.4g} "
        f"eV/Å (σ {frames.forces.std():.4g})"
    )
    fit = relations.consistency
    if fit and abs(fit.correlation) > 0.9:
        yield f"energies change by {fit.slope:.3g} of the work of the forces ({fit.pairs} neighbouring pairs)"
