"""campaigns/paper.yaml with stand-ins for its files, of small cells."""

import hashlib
from pathlib import Path

from interface_frames import write_npy, write_trajectory

PAPER = Path(__file__).parents[2] / "campaigns/paper.yaml"


def write_paper(folder: Path, name: str = "paper.yaml") -> Path:
    """The campaign in `folder`, its files beside it; returns its path."""
    text = PAPER.read_text().replace("../data/", "").replace(64 * "0", paper_files(folder))
    (folder / name).write_text(text)
    return folder / name


def paper_files(folder: Path) -> str:
    """The paper's numbers of frames; sha256 of the foundation model's file."""
    write_npy(folder / "mixed", "Au", "Na", dict.fromkeys(range(5), 700))
    sizes = {"neutral": (0, 1200), "three-ions": (3, 2600)}
    sizes |= {"test-neutral": (0, 2690), "test-three-ions": (3, 2463)}
    for name, (ions, amount) in sizes.items():
        write_npy(folder / name, "Au", "Na", {ions: amount})
    for number in (1, 2, 3):
        write_trajectory(folder / f"dft-md-{number}.xyz", "Au", 40, number)
    (folder / "esen-sm-conserving-all-oc25.pt").write_bytes(b"stand-in")
    return hashlib.sha256(b"stand-in").hexdigest()
