"""Sites that run images, where an image lies, and all numbers of a run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import running


def site(images: Path, runtime: str = "apptainer") -> str:
    """The text of a site that runs in these images."""
    return f"{running.SITE}runtime: {runtime}\nimages: {images}\n"


def image_in(folder: Path) -> Path:
    """The file that the lock names for `analysis`."""
    entries = json.loads((folder / "images.lock").read_text())["images"]
    return folder / next(entry["file"] for entry in entries if entry["environment"] == "analysis")


def contents(folder: Path) -> dict[str, Any]:
    """Every number of every committed task by label; npz as arrays, since their deflate is the system's."""
    result: dict[str, Any] = {}
    for path in (folder / "store" / "tasks").glob("*/result.json"):
        label = json.loads((path.parent / "task.json").read_text())["label"]
        result[label] = json.loads(path.read_text())["values"]
        for file in sorted(path.parent.glob("*.npz")):
            arrays = dict(np.load(file))
            result[label, file.name] = {name: (a.dtype.str, a.tobytes()) for name, a in arrays.items()}
        for file in sorted(path.parent.glob("*.nc")):
            result[label, file.name] = file.read_bytes()
    return result
