"""The formats that are read, their file endings, and the names that `--format` takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign import ase_files, dcd, dump, gromacs, h5md, netcdf, pdb, vasp, xyz
from mlipbench_hpc.worker.foreign.record import Content

PACKED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class Format:
    """endings: of files; title: what messages call it. None of them can carry code."""

    read: Callable[[Path], Content]
    title: str
    endings: tuple[str, ...]


FORMATS = {
    "xtc": Format(gromacs.xtc, "XTC", (".xtc",)),
    "trr": Format(gromacs.trr, "TRR", (".trr",)),
    "dcd": Format(dcd.content, "DCD", (".dcd",)),
    "netcdf": Format(netcdf.content, "NetCDF", (".nc", ".ncdf")),
    "xyz": Format(xyz.content, "XYZ", (".xyz",)),
    "extxyz": Format(xyz.content, "extended XYZ", (".extxyz",)),
    "dump": Format(dump.content, "LAMMPS dump", (".lammpstrj", ".lammpsdump", ".dump")),
    "pdb": Format(pdb.content, "PDB", (".pdb",)),
    "gro": Format(gromacs.gro, "GRO", (".gro",)),
    "h5md": Format(h5md.content, "H5MD", (".h5md", ".h5")),
    "xdatcar": Format(vasp.content, "XDATCAR", (".xdatcar",)),
    "traj": Format(ase_files.content, "ASE trajectory", (".traj",)),
}


def name_inside(path: Path) -> Path:
    """Without the ending of a compressed file."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


def known_format(path: Path) -> str | None:
    """By its ending or, for VASP, its name; None where these say nothing."""
    name = name_inside(path)
    if name.name.upper().startswith("XDATCAR"):
        return "xdatcar"
    return next((key for key, kind in FORMATS.items() if name.suffix.lower() in kind.endings), None)


def format_of(path: Path, requested: str) -> Format:
    """As requested, else by the name. Raises InputFailure where that says nothing."""
    if key := requested or known_format(path):
        return FORMATS[key]
    endings = ", ".join(ending for kind in FORMATS.values() for ending in kind.endings)
    raise InputFailure(
        f"{path}: received ending `{name_inside(path).suffix}`, expected one of {endings}, or XDATCAR; "
        f"pass --format with one of {', '.join(FORMATS)}"
    )
