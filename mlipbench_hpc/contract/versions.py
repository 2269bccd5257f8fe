"""Which version each verb is at: verbs.lock, beside the package's sources."""

import json
from pathlib import Path

LOCK = Path(__file__).parent.parent / "verbs.lock"


def versions() -> dict[str, int]:
    """Version by verb. A verb's version rises when its numbers may change; it is part of every key."""
    return {verb: entry["version"] for verb, entry in json.loads(LOCK.read_text()).items()}
