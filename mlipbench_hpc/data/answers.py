"""Labels of an electrode, beside the frames they belong to: labels.npz."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mlipbench_hpc.data.frames import Floats

NAME = "labels.npz"


@dataclass(frozen=True)
class Answers:
    """Labels beyond energy and forces, for F frames with A atoms in all (the frames of frames.npz).

    charges (A,) e: of every atom; those of the metal respond to the frame, others are the model's constants.
    potentials (F,) V: of the electrode, dE/dQ at fixed geometry. Its zero is the vacuum above the film, or
    the mean over the cell where electrostatics are three-periodic.
    dipoles (F,) e·Å along z, of the cell cut in the vacuum. walls (F,) Å: z of the reflecting wall under
    which a frame was sampled, NaN where there was none.
    parts (F, 3) e·Å, which add up to the dipoles: the molecules' Σμ_z, the ions' Σqz and that of the
    metal's charges, the latter two from the metal's mean height. The sum is exact; the coefficients of a fit
    of dipoles to P_z and Σqz have no physical meaning, because waters turn near ions: the two are collinear.
    NaN stands for values missing in a user's data, or in labels of an earlier version.
    """

    charges: Floats
    potentials: Floats
    dipoles: Floats
    walls: Floats
    parts: Floats

    @classmethod
    def of_dipoles(cls, dipoles: Floats, atoms: int) -> "Answers":
        """Answers of frames with so many atoms in all that have dipoles (F,) e·Å and nothing else."""
        unknown = np.full(len(dipoles), np.nan)
        parts = np.full((len(dipoles), 3), np.nan)
        return cls(np.full(atoms, np.nan), unknown, dipoles, unknown, parts)

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
            values = {"parts": np.full((len(archive["dipoles"]), 3), np.nan)} | dict(archive.items())
            return cls(**{field.name: values[field.name] for field in fields(cls)})

    @classmethod
    def concatenate(cls, parts: "list[Answers]") -> "Answers":
        """All parts, in order."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
