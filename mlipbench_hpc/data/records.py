"""One frame of a user's file: atoms, and all numbers beside them."""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from mlipbench_hpc.data.frames import Floats, Ints

# Masses in u of the isotopes with a symbol of their own (IUPAC 2021).
ISOTOPES = {"D": 2.014101778, "T": 3.016049281}
GHOSTS = {"X", "Xx", "Bq", "Gh"}
# Names of masses in u, in any case of letters.
MASSES = ("mass", "masses", "atomic_mass", "atomic_masses")


class DataError(ValueError):
    """Error: a file cannot be read in its stated format."""


@dataclass(frozen=True)
class Record:
    """N atoms: numbers (N,), 0 for a ghost atom; positions (N, 3) and cell (3, 3), rows are lattice vectors,
    in the file's unit of length; pbc (3,); masses (N,) u, NaN for the element's own.

    values: numbers, vectors and words of the frame by name; columns: those of each atom, (N,) or (N, k).
    """

    numbers: Ints
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    masses: Floats
    values: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def label(self, name: str) -> Any:
        """Value or column of this name; None where there is none."""
        return self.values.get(name, self.columns.get(name))


def of_atoms(image: Atoms, values: Mapping[str, Any]) -> Record:
    """Record of a row of an ASE database; values: its key-value pairs and data."""
    results = dict(image.calc.results) if image.calc is not None else {}
    own = {name: value for name, value in results.items() if np.shape(value)[:1] == (len(image),)}
    arrays = {name: array for name, array in image.arrays.items() if name not in ("numbers", "positions")}
    masses = masses_of(arrays | mass_lists(values), len(image))
    frame = {name: value for name, value in results.items() if name not in own}
    return Record(
        numbers=image.numbers.astype(np.int64),
        positions=image.positions,
        cell=np.array(image.cell),
        pbc=np.array(image.pbc),
        masses=np.full(len(image), np.nan) if masses is None else masses,
        values={**image.info, **values, **frame},
        columns={**arrays, **own},
    )


def masses_of(columns: MutableMapping[str, NDArray[Any]], atoms: int) -> Floats | None:
    """Masses (N,) u of the columns with such a name, which are taken out; None where there are none.

    Raises DataError where two columns differ, or one is no number for each atom.
    """
    names = [name for name in columns if name.lower() in MASSES]
    arrays = [np.asarray(columns.pop(name)) for name in names]
    for name, array in zip(names, arrays, strict=True):
        if array.shape != (atoms,) or array.dtype.kind not in "fiu":
            raise DataError(
                f"`{name}` has shape {array.shape}, expected one number for each of {atoms} atoms"
            )
        if not np.array_equal(array, arrays[0]):
            raise DataError(f"`{names[0]}` and `{name}` give different masses: leave one out")
    return arrays[0].astype(float) if arrays else None


def mass_lists(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Lists of masses beside a frame; a single number there is the mass of the whole."""
    return {
        name: np.asarray(value)
        for name, value in values.items()
        if name.lower() in MASSES and np.ndim(value) == 1
    }


@cache
def element(word: str) -> tuple[int, float]:
    """Atomic number and mass (u, NaN for the element's own) of a species in the notations of files.

    `Cu`, `CU`, `Cu1` (a site), `H_w`, `29`, `D`, `T`; 0 for a ghost atom. Raises DataError for anything else.
    """
    if word in ISOTOPES:
        return 1, ISOTOPES[word]
    if word.isdigit() and int(word) <= max(atomic_numbers.values()):
        return int(word), np.nan
    match = re.fullmatch(r"([A-Za-z]{1,2})(?:\d+|[_+\-].*)?", word)
    symbol = match[1].capitalize() if match else word
    if symbol in GHOSTS:
        return 0, np.nan
    if symbol not in atomic_numbers:
        raise DataError(
            f"{word!r} is no element: write symbols of elements for names of atoms, such as O for OW"
        )
    return int(atomic_numbers[symbol]), np.nan


def number_of(record: Record, name: str) -> float:
    """Number of a label; NaN where the frame has none. Raises ValueError for anything else."""
    value = record.label(name)
    if value is None:
        return float("nan")
    if isinstance(value, bool | np.bool_):
        raise ValueError(f"`{name}` has no value")
    if isinstance(value, str) or np.size(value) != 1:
        raise ValueError(f"`{name}` is {str(value)[:40]!r}, expected one number")
    return float(np.ravel(value)[0])


def vectors_of(record: Record, name: str) -> Floats:
    """Vectors (N, 3) of a label; NaN where the frame has none. Raises ValueError for another shape."""
    value = record.label(name)
    count = len(record.numbers)
    if value is None:
        return np.full((count, 3), np.nan)
    array = np.asarray(value, dtype=float)
    if array.shape != (count, 3):
        raise ValueError(f"`{name}` has shape {array.shape}, expected {(count, 3)}")
    return array


def height_of(record: Record, name: str) -> float:
    """The z component of a frame's vector (3,) or (1, 3); NaN where it has none. Raises ValueError else."""
    value = record.label(name)
    if value is None:
        return float("nan")
    dipole = np.asarray(value, dtype=float)
    if dipole.shape not in ((3,), (1, 3)):
        raise ValueError(f"`{name}` has shape {dipole.shape}, expected (3,): a vector")
    return float(dipole.ravel()[2])


def word_of(record: Record, name: str | None) -> str:
    """A name that the frame carries, such as that of its trajectory; empty where it has none."""
    value = record.label(name) if name else None
    return "" if value is None else str(value)
