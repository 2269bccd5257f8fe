"""What an electrode answered, beside the frames it belongs to: labels.npz."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mlipbench_hpc.data.frames import Floats

NAME = "labels.npz"


@dataclass(frozen=True)
class Answers:
    """Labels beyond energy and forces, for F frames with A atoms in all (the frames of frames.npz).

    charges (A,) e: of every atom; those of the metal are the electrode's answer, the others the model's own.
    potentials (F,) V: of the electrode, dE/dQ at fixed geometry; its zero is the mean over the cell.
    dipoles (F,) e·Å along z, of the cell cut in the vacuum. walls (F,) Å: z of the reflecting wall under
    which a frame was sampled, NaN where there was none. What a user's data do not say is NaN.
    """

    charges: Floats
    potentials: Floats
    dipoles: Floats
    walls: Floats

    @classmethod
    def of_dipoles(cls, dipoles: Floats, atoms: int) -> "Answers":
        """What frames of so many atoms in all say that have dipoles (F,) e·Å and nothing else."""
        unknown = np.full(len(dipoles), np.nan)
        return cls(np.full(atoms, np.nan), unknown, dipoles, unknown)

    def save(self, folder: Path) -> None:
        """Write labels.npz."""
        with (folder / NAME).open("wb") as stream:
            np.savez(stream, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, folder: Path) -> "Answers | None":
        """Read labels.npz, or None where a dataset has none; pickles are refused."""
        if not (folder / NAME).exists():
            return None
        with np.load(folder / NAME, allow_pickle=False) as archive:
            return cls(**{field.name: archive[field.name] for field in fields(cls)})

    @classmethod
    def concatenate(cls, parts: "list[Answers]") -> "Answers":
        """All parts, in order."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
