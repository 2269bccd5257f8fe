"""Sites that run images, and where an image lies."""

import json
from pathlib import Path

import running


def site(images: Path, runtime: str = "apptainer") -> str:
    """The text of a site that runs in these images."""
    return f"{running.SITE}runtime: {runtime}\nimages: {images}\n"


def image_in(folder: Path) -> Path:
    """The file that the lock names for `analysis`."""
    entries = json.loads((folder / "images.lock").read_text())["images"]
    return folder / next(entry["file"] for entry in entries if entry["environment"] == "analysis")
