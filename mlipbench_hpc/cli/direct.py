"""`mlipbench build`, `label`, `analyse` and `reweight`: the worker's programs on files, without a campaign.

Light to import, for every command builds these options.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers

EXIT_DOUBTFUL, EXIT_REFUSED = 1, 2


def add_verbs(verbs: Subparsers) -> None:
    """All four."""
    for name, (add_options, function, text) in VERBS.items():
        parser = verbs.add_parser(name, help=text, description=text)
        add_options(parser)
        parser.set_defaults(function=function, needs_site=False)


def structures(session: Session) -> int:
    """`build` and `label`."""
    from mlipbench_hpc.cli.structures import run

    return 0 if run(session) else EXIT_REFUSED


def analyse(session: Session) -> int:
    """Files first, then figures of them; 1 where the numbers are hardly those of an interface."""
    from mlipbench_hpc.cli.analyse import doubts, run

    if (out := run(session)) is None:
        return EXIT_REFUSED
    from mlipbench_hpc.report.analysed import draw

    print(f"{out}: {', '.join(draw(out))}")
    lines = doubts(out)
    for line in lines:
        print(f"warning: {line}", file=sys.stderr)
    return EXIT_DOUBTFUL if lines else 0


def reweight(session: Session) -> int:
    """Members' averages from arrays of energies."""
    from mlipbench_hpc.cli.reweight import run

    return run(session.options)


# As in worker/foreign/formats.py, which cannot be imported here; a test compares them.
TRAJECTORIES = (
    "xtc",
    "trr",
    "dcd",
    "netcdf",
    "xyz",
    "extxyz",
    "dump",
    "pdb",
    "gro",
    "h5md",
    "xdatcar",
    "traj",
)


def add_reweight(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlipbench reweight`."""
    parser.add_argument(
        "--driver",
        type=Path,
        required=True,
        help="energies (frames,) eV of the driving member, or of the mean",
    )
    parser.add_argument(
        "--members", type=Path, nargs="+", required=True, metavar="E.npy",
        help="energies (frames,) eV of every committee member, on the same frames",
    )  # fmt: skip
    parser.add_argument(
        "--observable", type=Path, required=True, help="(frames, bins) or (frames,) values, any unit"
    )
    parser.add_argument("--temperature", type=float, required=True, help="K")
    parser.add_argument("--alpha", type=float, help="calibration factor of the committee's spread (Eq. S11)")
    parser.add_argument("--blocks", type=int, default=10, help="blocks of the bootstrap (default: 10)")
    parser.add_argument("--frame-every", type=float, metavar="PS", help="ps between frames: advice in ns too")
    parser.add_argument(
        "--tolerance", type=float, metavar="X",
        help="2·SE that counts as resolved, in the observable's unit (default: 5 %% of its largest average)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path(), help="folder for reweight.json (default: here)")


def add_analyse(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlipbench analyse`."""
    parser.add_argument(
        "trajectory", type=Path, nargs="+",
        help="XTC, TRR, DCD, NetCDF, H5MD, dump, (ext)xyz, PDB, GRO, XDATCAR, .traj, packed (.gz) or not; "
        "several files: one run in the order of time, overlap is left out",
    )  # fmt: skip
    parser.add_argument(
        "--format", default="", choices=TRAJECTORIES, help="of the trajectory, where its name does not say it"
    )
    parser.add_argument(
        "--topology", type=Path, help="a file that names the atoms, where the trajectory does not"
    )
    parser.add_argument("--cell", type=float, nargs="+", metavar="X", help="A B C [α β γ] in Å and degrees")
    parser.add_argument(
        "--surface", required=True, nargs="+", metavar="Au", help="the element of the slab, or its elements"
    )
    parser.add_argument(
        "--layer-atoms", type=int, nargs="+", default=[], metavar="I",
        help="atoms that are z = 0, counted from 0 (default: the uppermost layer at least half occupied)",
    )  # fmt: skip
    parser.add_argument(
        "--face", default="", choices=["upper", "lower", "both"],
        help="whose heights are taken, upper: water above it along z (default: those that water touches)",
    )  # fmt: skip
    parser.add_argument(
        "--assignment", default="frames", choices=["frames", "frozen"],
        help="who is water: seen in each frame, or as in the first, bonds of at most 1.3 Å (default: frames)",
    )  # fmt: skip
    parser.add_argument(
        "--ions", nargs="+", default=[], metavar="Na", help="default: all that is not water or slab"
    )
    parser.add_argument(
        "--elements", nargs="+", default=[], metavar="NAME=Symbol", help="what atom names or types are: 3=Na"
    )
    parser.add_argument(
        "--bin", type=float, default=0.1, help="width of bins along z in Å; it divides 4.5 Å (default: 0.1)"
    )
    parser.add_argument("--blocks", type=int, default=10, help="blocks for standard errors (default: 10)")
    parser.add_argument(
        "--skip", type=int, default=0, help="frames of equilibration to leave out (default: 0)"
    )
    for name, default, unit, text in (
        ("--frame-every", None, "PS", "ps between frames (default: what the file says)"),
        ("--dipole-correlation", 2.5, "PS", "longest lag of C_dip (default: 2.5)"),
        ("--survival", 5.0, "PS", "longest lag of P_surv (default: 5)"),
        ("--coordination", 3.2, "X", "an oxygen within X Å is an ion's neighbour (default: 3.2)"),
    ):
        parser.add_argument(name, type=float, default=default, metavar=unit, help=text)
    parser.add_argument(
        "--origins", choices=["all", "apart"], default="all",
        help="of lags: every frame, or as far apart as the longest lag (default: all)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=1, help="2: two passes side by side (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("analysis"), help="folder to write (default: analysis)"
    )
    parser.add_argument(
        "--site", default="local", help="where the environment `analysis` is (default: local)"
    )


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"received {text}, expected a whole number, 0 or more")
    return int(text)


def add_build(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlipbench build`."""
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument(
        "--slab", type=int, nargs=3, metavar=("N", "M", "L"),
        help="Au(111) of N x M atoms (M even) in L layers under a film of water; the paper: 6 4 4",
    )  # fmt: skip
    kind.add_argument("--water-box", type=int, metavar="MOLECULES", help="a periodic cube of water")
    kind.add_argument(
        "--structure", type=Path, metavar="X.extxyz", help="a given one: checked, its wall found"
    )
    parser.add_argument("--waters", type=int, help="molecules of the film")
    parser.add_argument("--ions", type=int, help="Na+ in the film (default: 0)")
    for name, unit, text in (
        ("--density", "X", "of the water, g/cm³ (default: 0.997)"),
        ("--vacuum", "X", "Å from the wall, 3 Å above the film, to the next image (default: 15)"),
        ("--lattice-constant", "X", "of the gold, Å (default: 4.08)"),
    ):
        parser.add_argument(name, type=float, metavar=unit, help=text)
    parser.add_argument(
        "--seed", type=_seed, help="of where molecules and ions are and how they turn (default: 0)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("structure"), help="folder to write (default: structure)"
    )
    parser.add_argument(
        "--site", default="local", help="where the environment `analysis` is (default: local)"
    )


def add_label(parser: argparse.ArgumentParser) -> None:
    """The arguments of `mlipbench label`."""
    parser.add_argument("frames", type=Path, help="structures; labels in them are left alone")
    parser.add_argument(
        "--potential", required=True, metavar="NAME", help="the reference potential that labels them"
    )
    parser.add_argument(
        "--format", default="extxyz", choices=["extxyz", "ase-db", "deepmd-npy"], help="default: extxyz"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("labelled"), help="folder to write (default: labelled)"
    )
    parser.add_argument(
        "--site", default="local", help="where the environment of the potential is (default: local)"
    )


VERBS = {
    "build": (
        add_build,
        structures,
        "Au(111) under water with Na+, a water box, or a structure of your own, checked",
    ),
    "label": (add_label, structures, "energies and forces of given frames by a reference potential"),
    "analyse": (
        add_analyse,
        analyse,
        "profiles, P_z, C_dip and P_surv of any program's trajectory",
    ),
    "reweight": (
        add_reweight,
        reweight,
        "averages of every committee member, from arrays of energies",
    ),
}
