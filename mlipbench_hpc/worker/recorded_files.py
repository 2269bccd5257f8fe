"""`python -m mlipbench_hpc.worker.recorded_files request.json`: trajectories, opened before a run."""

import sys
import warnings
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import read_json, write_json
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.worker.record import opened


def main(arguments: list[str]) -> int:
    """Write wrong.json into request["out"]: for each of request["files"] what is wrong with it, or ""."""
    sys.unraisablehook = lambda _: None  # MDAnalysis readers of broken files raise once more in __del__
    request = read_json(Path(arguments[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MDAnalysis, on masses and the like, which are not used here
        write_json(Path(request["out"]) / "wrong.json", [wrong_with(given) for given in request["files"]])
    return 0


def wrong_with(given: dict[str, Any]) -> str:
    """Why a file is refused; empty where it is not.

    given: the parameters of its `record` task, with the files' own paths.
    """
    topology = Path(given["topology"]) if given["topology"] else None
    try:
        with opened(given, Path(given["trajectory"]), topology) as source:
            next(source.pieces(1), None)
    except InputFailure as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
