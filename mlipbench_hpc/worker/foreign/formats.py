"""Formats of trajectories, their file endings, and the names that `--format` takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.foreign import ase_files, dcd, dump, gromacs, h5md, netcdf, pdb, vasp, xyz
from mlipbench_hpc.worker.foreign.record import Content

PACKED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True)
class Format:
    """File format; endings: of files; title: its name in messages. No format can contain code."""

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
    """Name without the ending of a compressed file."""
    return path.with_suffix("") if path.suffix.lower() in PACKED else path


def known_format(path: Path) -> str | None:
    """Format by the ending or, for VASP, the name of a file; None for unknown ones."""
    name = name_inside(path)
    if name.name.upper().startswith("XDATCAR"):
        return "xdatcar"
    return next((key for key, kind in FORMATS.items() if name.suffix.lower() in kind.endings), None)


def format_of(path: Path, requested: str) -> Format:
    """Requested format, else the one by the name. Raises InputFailure for an unknown name."""
    if key := requested or known_format(path):
        return FORMATS[key]
    endings = ", ".join(ending for kind in FORMATS.values() for ending in kind.endings)
    raise InputFailure(
        f"{path}: received ending `{name_inside(path).suffix}`, expected one of {endings}, or XDATCAR; "
        f"pass --format with one of {', '.join(FORMATS)}"
    )
