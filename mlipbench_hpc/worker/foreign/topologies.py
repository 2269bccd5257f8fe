"""Names of atoms from a second file, in its order; MDAnalysis and ASE read what our readers do not."""

import warnings
from pathlib import Path

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign import ase_files, pdb
from mlipbench_hpc.worker.foreign.formats import FORMATS, known_format, name_inside
from mlipbench_hpc.worker.foreign.record import Labels

EXPECTED = "a PDB, GRO, PSF, POSCAR, CIF, .traj or (ext)xyz"
# Formats that hold no names.
NAMELESS = ("xtc", "trr", "dcd", "netcdf", "h5md")
# Read as trajectories, because MDAnalysis does not know them, or not all their dialects; so is PDB.
HERE = ("xyz", "extxyz", "dump", "xdatcar")
VASP, VASP_ENDINGS = ("POSCAR", "CONTCAR"), (".poscar", ".vasp")


def labels_of(path: Path) -> Labels:
    """Names (N,) in the order of the file, those of dumps by id. Raises InputFailure."""
    key, name = known_format(path), name_inside(path)
    if key in NAMELESS:
        raise InputFailure(f"{path}: {FORMATS[key].title} names no atoms; as --topology expected {EXPECTED}")
    if key in HERE:
        return FORMATS[key].read(path).labels
    if key == "pdb":
        return pdb.topology(path)
    if key == "traj":
        return ase_files.content(path).labels
    if name.name.upper().startswith(VASP) or name.suffix.lower() in VASP_ENDINGS:
        return _ase(path, "vasp")
    if name.suffix.lower() == ".cif":
        return _ase(path, "cif")
    return _mdanalysis(path)


def _ase(path: Path, kind: str) -> Labels:
    from ase import Atoms
    from ase.io import read

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms = read(path, format=kind)
        assert isinstance(atoms, Atoms)
        return Labels(tuple(atoms.get_chemical_symbols()), "species")
    except Exception as error:
        raise InputFailure(f"{path}: ASE cannot read it as {kind.upper()}: {error}") from error


def _mdanalysis(path: Path) -> Labels:
    import MDAnalysis

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms = MDAnalysis.Universe(str(path), to_guess=()).atoms
    except Exception as error:
        raise InputFailure(f"{path}: MDAnalysis cannot read it as a topology: {error}") from error
    types = tuple(str(value) for value in getattr(atoms, "types", ()))
    for attribute in ("elements", "names"):
        names = tuple(str(value) for value in getattr(atoms, attribute, ()))
        if names and all(names):
            names = tuple(name.title() for name in names) if attribute == "elements" else names
            return Labels(names, attribute)
    return Labels(types=types if all(types) else ())
