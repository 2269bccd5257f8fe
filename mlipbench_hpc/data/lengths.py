"""Unit of positions from bonds of H, which have nearly one length each in all molecules."""

from collections import defaultdict

import numpy as np

from mlipbench_hpc.data.cells import placed
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.stretches import KNOWN, Neighbours

# Frames in which bonds are sought, evenly over the data, and the number of bonds that is judged.
MOST_FRAMES, FEWEST = 24, 10
# Limits of the median length in units of the known one, and of a twentieth of all on the nearer side. Bohr
# is 0.529 Å: lengths in Bohr read as Å are 1.89 times too long, those in Å read as Bohr 0.529 times as long.
LONG, LONG_SHORTEST = (1.7, 2.1), 1.5
SHORT, SHORT_LONGEST = (0.45, 0.61), 0.75
TWENTIETH = 0.05


def contradiction(frames: Frames) -> tuple[str, str] | None:
    """Received and expected length of bonds of H in words, where positions are surely in another unit.

    Judged are the bonds of each composition, and those of all frames together. A bond is that of an H whose
    nearest atom of all is O, N or C.
    """
    tables = defaultdict[str, list[Floats]](list)
    hydrogens = np.bincount(frames.frame_of_atom()[frames.numbers == 1], minlength=len(frames))
    usable = np.flatnonzero(placed(frames) & (frames.sizes > 1) & (hydrogens > 0)).tolist()
    for index in dict.fromkeys(np.linspace(0, len(usable) - 1, MOST_FRAMES).astype(int).tolist()):
        if usable:
            lengths = _lengths(frames, usable[index])
            tables[frames.formula(usable[index])].append(lengths)
    parts = [np.concatenate(own) for own in tables.values()]
    every = [np.concatenate(parts), *parts] if parts else []
    return next((words for lengths in every if (words := _judgement(lengths)) is not None), None)


def _lengths(frames: Frames, index: int) -> Floats:
    """Length (B,) of each bond of H in units of the known one."""
    near = Neighbours(frames, index)
    nearest = (near.ends[0] == 1) & (near.length == near.shortest[near.first])
    parts = [near.length[nearest & (near.ends[1] == end)] / KNOWN[end][0] for end in KNOWN]
    return np.concatenate(parts)


def _judgement(lengths: Floats) -> tuple[str, str] | None:
    """Words on bonds (B,) in units of the known length that are those of another unit."""
    if len(lengths) < FEWEST:
        return None
    median = float(np.median(lengths))
    low, high = (float(np.quantile(lengths, share)) for share in (TWENTIETH, 1.0 - TWENTIETH))
    received = f"bonds of H {median:.2f} times their known lengths ({len(lengths)} bonds)"
    if LONG[0] < median < LONG[1] and low > LONG_SHORTEST:
        return (
            received,
            "0.9 to 1.2: the file has positions in Bohr (units: {position: Bohr}), or its cell too",
        )
    if SHORT[0] < median < SHORT[1] and high < SHORT_LONGEST:
        return received, "0.9 to 1.2: positions are said to be in Bohr, and are in Å"
    return None
