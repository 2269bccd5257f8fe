"""The user's trajectories, opened in the environment that has their readers before anything runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.runtime.directly import start
from mlipbench_hpc.runtime.environments import locate

if TYPE_CHECKING:
    from mlipbench_hpc.campaign.recorded import Opener

ENVIRONMENT = "analysis"
NOT_OPENED = (
    f"not opened, because `{ENVIRONMENT}`, the environment of their readers, is not set up here: a mistake "
    f"in them shows when the campaign runs (`make setup ENVS={ENVIRONMENT}` opens them now)"
)


def opener(environments: Mapping[str, str]) -> Opener | None:
    """What opens trajectories in the site's environment; None where it is not set up."""
    if not locate(ENVIRONMENT, environments).python.exists():
        return None

    def contents(files: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """What each file holds; where the process ends at once, each by itself."""
        with tempfile.TemporaryDirectory(prefix="mlipbench-") as out:
            if start(environments, ENVIRONMENT, "recorded_files", {"files": list(files), "out": out}):
                answers: list[dict[str, Any]] = read_json(Path(out) / "opened.json")
                return answers
        if len(files) == 1:
            return [{"wrong": "the process that reads it ended (its own words stand above)"}]
        return [contents([one])[0] for one in files]

    return contents
