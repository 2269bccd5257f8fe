"""The arguments of the commands that need no campaign: light to import, for every command builds them."""

import argparse
from pathlib import Path


def add_reweight(one: argparse.ArgumentParser) -> None:
    """The arguments of `mlipbench reweight`."""
    one.add_argument("--driver", type=Path, required=True, help="energies (frames,) eV of what drove the MD")
    one.add_argument(
        "--members", type=Path, nargs="+", required=True, metavar="E.npy",
        help="energies (frames,) eV of every committee member, the driver among them, on the same frames",
    )  # fmt: skip
    one.add_argument("--observable", type=Path, required=True, help="(frames, bins) values, any unit")
    one.add_argument("--temperature", type=float, required=True, help="K")
    one.add_argument("--alpha", type=float, help="calibration factor of the committee's spread (Eq. S11)")
    one.add_argument("--blocks", type=int, default=10, help="blocks of the bootstrap (default: 10)")
    one.add_argument("--frame-every", type=float, metavar="PS", help="ps between frames: advice in ns too")
    one.add_argument(
        "--tolerance", type=float, metavar="X",
        help="2·SE that counts as resolved, in the observable's unit (default: 5 %% of its largest average)",
    )  # fmt: skip
    one.add_argument("--out", type=Path, default=Path(), help="folder for reweight.json (default: here)")


VERBS = {"reweight": (add_reweight, "what every committee member would have given, from arrays of energies")}
