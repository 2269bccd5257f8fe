"""`python -m mlipbench_hpc.worker.structures request.json`: worker of `mlipbench build` and `label`."""

import io
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mlipbench_hpc.contract.folder import read_json, write_bytes, write_json
from mlipbench_hpc.contract.printing import WhileRead
from mlipbench_hpc.contract.task import EXIT_OF_FAILURE, InputFailure
from mlipbench_hpc.data.answers import NAME
from mlipbench_hpc.data.check import check_frames, check_structure
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.data.read import DataError, read_structures
from mlipbench_hpc.data.summary import summary
from mlipbench_hpc.worker.builders import given, slab, water

STRUCTURE, LABELLED = "structure.extxyz", "labelled.extxyz"
TELL_EVERY_S = 10.0


def main(arguments: list[str]) -> int:
    """Run the request; returns 0, or 65 after one sentence on stderr."""
    request = read_json(Path(arguments[0])) or {}
    try:
        lines = {"build": build, "label": label}[request["verb"]](request, Path(request["out"]))
    except (InputFailure, DataError) as error:
        print(str(error), file=sys.stderr)
        return EXIT_OF_FAILURE["input"]
    with WhileRead():
        print("\n".join(lines))
    return 0


def build(request: dict[str, Any], out: Path) -> list[str]:
    """Write structure.extxyz and build.json (its summary, and `wall_A`); returns lines to print.

    request: the parameters of a campaign's task; `source` is the user's file where `kind` is `structure`.
    """
    frames, values = _structure(request)
    write_bytes(out / STRUCTURE, extxyz(frames))
    known = {name: value for name, value in summary(frames).items() if value is not None}
    write_json(out / "build.json", known | values)
    edges = " x ".join(f"{edge:.2f}" for edge in np.linalg.norm(frames.cells[0], axis=1))
    lines = [f"{out / STRUCTURE}: {frames.sizes[0]} atoms, {frames.formula(0)}, in a cell of {edges} Å"]
    return lines + [f"reflecting wall at z = {height:.2f} Å" for height in values.values()]


def _structure(request: dict[str, Any]) -> tuple[Frames, dict[str, float]]:
    if request["kind"] == "structure":
        return given.checked(Path(request["source"]))
    if request["kind"] == "water_box":
        return water.water_box(request["molecules"], request["density"], request["seed"]), {}
    return slab.interface(**{name: request[name] for name in slab.ASKED})


def label(request: dict[str, Any], out: Path) -> list[str]:
    """Write labelled.extxyz and label.json; returns lines to print.

    Also labels.npz where the potential answers more than energies and forces. request: `source` (a file or
    folder), its `format`, the name of the `potential`, the `module` of its adapter, and its options.
    """
    from mlipbench_hpc.worker.labelling import labeller
    from mlipbench_hpc.worker.sampling import LARGEST_FORCE, label_all

    source = Path(request["source"])
    frames = read_structures(source, request["format"], None).frames
    if wrong := check_structure(frames):
        raise InputFailure(f"{source}: " + "; ".join(map(str, wrong)))
    no_walls = np.full(len(frames), np.nan)
    try:
        frames, answers = label_all(labeller(request["module"], request), frames, no_walls, Teller().tell)
    except InputFailure as error:
        raise InputFailure(f"{source}: {error}") from error
    write_bytes(out / LABELLED, extxyz(frames))
    write_json(out / "label.json", summary(frames) | {"potential": request["potential"]})
    (out / NAME).unlink(missing_ok=True)  # left from an earlier labelling into this folder
    lines = [
        f"{out / LABELLED}: {len(frames)} frame{'s' * (len(frames) > 1)} with energies (eV) and forces (eV/Å)"
    ]
    if answers:
        answers.save(out)
        lines.append(f"{out / NAME}: charges of all atoms, potentials, dipoles along z")
    return lines + [f"look at {problem}" for problem in check_frames(frames, LARGEST_FORCE)]


def extxyz(frames: Frames) -> bytes:
    """Extended XYZ of all frames, with energies in eV and forces in eV/Å where there are any."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io.extxyz import write_xyz

    images = []
    for index in range(len(frames)):
        image, own = frames.atoms(index), frames.atoms_of(index)
        if np.isfinite(frames.energies[index]):
            labels: dict[str, float | Floats] = {
                "energy": frames.energies[index],
                "forces": frames.forces[own],
            }
            image.calc = SinglePointCalculator(image, **labels)
        images.append(image)
    text = io.StringIO()
    write_xyz(text, images)
    return text.getvalue().encode()


class Teller:
    """Printer of a labelling's progress, from time to time."""

    def __init__(self) -> None:
        self.last_line = time.monotonic()

    def tell(self, done: int, total: int) -> None:
        """Print progress if it is due; done: number of labelled frames of `total`."""
        if time.monotonic() - self.last_line > TELL_EVERY_S:
            self.last_line = time.monotonic()
            with WhileRead():
                print(f"{done} of {total} frames")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
