"""Survey of a user's frames as they were read, in a few lines that a person can check."""

from collections.abc import Iterator

import numpy as np

from mlipbench_hpc.data.consistency import consistency, displacement
from mlipbench_hpc.data.energies import isolated_atoms
from mlipbench_hpc.data.frames import Frames, Ints
from mlipbench_hpc.data.labels import periodicities
from mlipbench_hpc.data.read import Source

FEWEST_FRAMES = 8
PAIRS = 100
ALIKE = 0.7


def survey(source: Source) -> list[str]:
    """Lines about extent, periodicity, cells, labels and their ranges."""
    return list(_lines(source))


def _lines(source: Source) -> Iterator[str]:
    frames = source.frames
    if source.extent:
        yield source.extent
    kinds = ", ".join(f"{count} {words}" for words, count in periodicities(frames).items())
    yield f"{kinds}{_edges(frames.select(_bound(frames)))}" if kinds else "isolated atoms alone"
    if source.names:
        yield "numbers and vectors in it: " + ", ".join(
            f"{name} ({count})" for name, count in sorted(source.names.items())
        )
    if len(alone := isolated_atoms(frames)):
        atoms = ", ".join(sorted({frames.formula(index) for index in alone.tolist()}))
        yield f"{len(alone)} frames of isolated atoms ({atoms}): reference energies, not trained on"
    if frames.masses is not None:
        masses = frames.masses[~np.isnan(frames.masses)]
        span = f"{masses.min():.4g} to {masses.max():.4g} u"
        yield f"masses of its own for {len(masses)} atoms, {span}: used in MD"
    yield from _labels(frames.select(_bound(frames)))


def in_time(frames: Frames) -> list[str]:
    """Warning where successive frames are much more alike than distant ones, without named trajectories."""
    if frames.groups is not None or len(frames) < FEWEST_FRAMES:
        return []
    near, far = (_typical_distance(frames, step) for step in (1, len(frames) // 2))
    if near is None or far is None or near > ALIKE * far:
        return []
    return [
        f"successive frames lie {near:.2g} Å apart, distant ones {far:.2g} Å (root mean square): they follow "
        "one another in time, and sets drawn at random take neighbours of training frames: use `group_by`"
    ]


def _typical_distance(frames: Frames, step: int) -> float | None:
    """Median root mean square displacement in Å of pairs of frames `step` apart; None without any pair."""
    pairs = np.unique(np.linspace(0, len(frames) - 1 - step, PAIRS).astype(int))
    steps = [
        moved for index in pairs if (moved := displacement(frames, int(index), int(index) + step)) is not None
    ]
    return float(np.median([np.sqrt((move**2).sum(axis=1).mean()) for move in steps])) if steps else None


def _bound(frames: Frames) -> Ints:
    """Indices of the frames that are no isolated atom."""
    return np.setdiff1d(np.arange(len(frames)), isolated_atoms(frames))


def _edges(frames: Frames) -> str:
    lengths = np.linalg.norm(frames.cells[frames.pbc.any(axis=1)], axis=2)
    if not len(lengths):
        return ""
    edges = " x ".join(
        f"{low:.4g}" if high - low < 1e-6 else f"{low:.4g} to {high:.4g}"
        for low, high in zip(lengths.min(axis=0), lengths.max(axis=0), strict=True)
    )
    return f"; cell {edges} Å"


def _labels(frames: Frames) -> Iterator[str]:
    if not len(frames) or not np.isfinite(frames.energies).all() or not np.isfinite(frames.forces).all():
        return
    energies = frames.energies / frames.sizes
    forces = np.abs(frames.forces).max(initial=0.0)
    yield (
        f"energy {energies.min():.6g} to {energies.max():.6g} eV/atom, force components up to {forces:.4g} "
        f"eV/Å (σ {frames.forces.std():.4g})"
    )
    fit = consistency(frames)
    if fit and abs(fit.correlation) > 0.9:
        yield f"energies change by {fit.slope:.3g} of the work of the forces ({fit.pairs} neighbouring pairs)"
