"""The deepmd-npy layout: type.raw and type_map.raw, and set.* folders of arrays."""

from pathlib import Path

import numpy as np

from mlipbench_hpc.data.frames import Floats, Frames, Ints, concatenate
from mlipbench_hpc.data.records import DataError, element
from mlipbench_hpc.data.sniff import sniff

# Inputs that no model here has: temperature or charge of a frame or an atom, spins.
UNUSED = ("fparam", "aparam", "spin")
Read = tuple[Frames, Floats, set[str]]


def read_deepmd(path: Path, ignore: tuple[str, ...]) -> Read:
    """Frames of all systems in or below a folder, dipoles' z components (F,), and names of their types.

    All in the file's units. ignore: names of arrays that are left out although they hold values.

    Types are named as species of extended XYZ are: `D` is H of 2.014 u, as where ASE reads CIF. Raises
    DataError naming the cause.
    """
    if not path.is_dir():
        raise DataError(f"{path}: this is {sniff(path)}, not a folder in the deepmd-npy layout")
    systems = sorted(places.parent for places in path.rglob("type.raw"))
    if not systems:
        raise DataError(f"{path}: no type.raw in or below it: not the deepmd-npy layout")
    parts = [_deepmd_set(system, part, ignore) for system in systems for part in _sets(system)]
    frames, dipoles, names = zip(*parts, strict=True)
    return concatenate(list(frames)), np.concatenate(dipoles), set().union(*names)


def _require_used(part: Path, ignore: tuple[str, ...]) -> None:
    """Refuse arrays that decide the labels and that no model here uses as input."""
    for name in UNUSED:
        if (part / f"{name}.npy").exists() and name not in ignore:
            raise DataError(
                f"{part / name}.npy: no model here uses it: remove the frames that need it, or state "
                f"`ignore: [{name}]`"
            )


def _sets(system: Path) -> list[Path]:
    sets = sorted(path for path in system.glob("set.*") if path.is_dir())
    if not sets:
        raise DataError(f"{system}: no set.* folder in it")
    if any((part / "real_atom_types.npy").exists() for part in sets):
        raise DataError(f"{system}: mixed types are not read; convert to one folder per composition")
    return sets


def _deepmd_set(system: Path, part: Path, ignore: tuple[str, ...]) -> Read:
    """One set.*: coord (F, 3N) Å, box (F, 9) Å, energy (F,), force (F, 3N), dipole (F, 3); no virials."""
    _require_used(part, ignore)
    words = _species(system)
    numbers, masses = _atoms(system, words)
    width = 3 * len(numbers)
    positions = _array(part / "coord.npy", width)
    count = len(positions)
    periodic = not (system / "nopbc").exists()
    box = _array(part / "box.npy", 9, count) if periodic else np.zeros((count, 9))
    energies = _array(part / "energy.npy", 1, count, optional=True)
    forces = _array(part / "force.npy", width, count, optional=True)
    dipoles = _array(part / "dipole.npy", 3, count, optional=True)
    frames = Frames(
        offsets=np.arange(count + 1, dtype=np.int64) * len(numbers),
        numbers=np.tile(numbers, count),
        positions=positions.reshape(-1, 3),
        cells=box.reshape(-1, 3, 3),
        pbc=np.full((count, 3), periodic),
        energies=energies.reshape(-1),
        forces=forces.reshape(-1, 3),
        masses=None if np.isnan(masses).all() else np.tile(masses, count),
    )
    return frames, dipoles[:, 2], set(words)


def _species(system: Path) -> list[str]:
    """Name of each atom's type."""
    names = system / "type_map.raw"
    if not names.is_file():
        raise DataError(
            f"{system}: type_map.raw is missing, so its types have no names: write it, one symbol for each "
            "type number of type.raw in their order, such as `O H`"
        )
    try:
        symbols = names.read_text().split()
        types = [int(word) for word in (system / "type.raw").read_text().split()]
    except ValueError as error:
        raise DataError(f"{system / 'type.raw'}: {error}; expected one type number for each atom") from error
    if not types:
        raise DataError(f"{system / 'type.raw'}: it is empty; expected one type number for each atom")
    if beyond := sorted({kind for kind in types if not 0 <= kind < len(symbols)}):
        raise DataError(
            f"{system}: type.raw holds type {beyond[0]}, but type_map.raw names {len(symbols)} types from 0 "
            f"on ({' '.join(symbols)}): add the name of the type, or take the type_map.raw of these data"
        )
    return [symbols[index] for index in types]


def _atoms(system: Path, words: list[str]) -> tuple[Ints, Floats]:
    """Atomic numbers (N,), 0 for a ghost atom, and masses (N,) u, NaN for the element's own."""
    try:
        pairs = [element(word) for word in words]
    except DataError as error:
        raise DataError(f"{system / 'type_map.raw'}: {error}") from error
    return np.array([number for number, _ in pairs], dtype=np.int64), np.array([mass for _, mass in pairs])


def _array(path: Path, width: int, count: int | None = None, optional: bool = False) -> Floats:
    """Array (count, width) of an .npy file, pickles refused; NaN when it is optional and absent."""
    if optional and not path.exists():
        return np.full((count or 0, width), np.nan)
    try:
        array = np.asarray(np.load(path, allow_pickle=False), dtype=float)
        array = array.reshape(len(array), -1)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: not readable as a numeric .npy array: {error}") from error
    if array.shape[1] != width or (count is not None and len(array) != count):
        raise DataError(f"{path}: received shape {array.shape}, expected ({count or 'frames'}, {width})")
    return array
