"""`python -m mlipbench_hpc.worker.recorded_files request.json`: trajectories, opened before a run."""

import hashlib
import sys
import warnings
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import composition
from mlipbench_hpc.worker.record import cut_short, opened


def main(arguments: list[str]) -> int:
    """Write opened.json into request["out"]: what each of request["files"] is, or what is wrong with it."""
    sys.unraisablehook = lambda _: None  # MDAnalysis readers of broken files raise once more in __del__
    request = read_json(Path(arguments[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MDAnalysis, on masses and the like, which are not used here
        write_json(Path(request["out"]) / "opened.json", [content(given) for given in request["files"]])
    return 0


def content(given: dict[str, Any]) -> dict[str, Any]:
    """Content of a file, or under `wrong` why it is refused.

    formula, frames; warnings of the reader; first: sha256 of the positions in the first frame.
    given: the parameters of its `record` task, with the files' own paths.
    """
    topology = Path(given["topology"]) if given["topology"] else None
    try:
        with opened(given, Path(given["trajectory"]), topology) as source:
            piece = next(source.pieces(1), None)
            return {
                "formula": composition(source.numbers),
                "frames": source.expected,
                "warnings": [*source.warnings, *cut_short(source)],
                "first": hashlib.sha256(piece.positions.tobytes()).hexdigest() if piece else "",
            }
    except InputFailure as error:
        return {"wrong": str(error)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
