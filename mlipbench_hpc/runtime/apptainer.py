"""Apptainer through spython, which knows its command lines; this adds what spython leaves open.

spython 0.3.14 calls a program named `singularity`, in this process's own environment, and prints what that
says only when it ends. Here the program is `apptainer`, as root of a user namespace of its own (no privilege,
no /etc/subuid), and whoever builds runs the argv list: in an emptied environment, into a log.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import spython.main  # noqa: F401 gives the client its verbs
from spython.main.base import Client

from mlipbench_hpc.runtime.trouble import Trouble

START = ("unshare", "--map-root-user", "apptainer")
Run = Callable[[list[str]], None]


class NotInspected(Trouble):
    """Apptainer does not read an image; the message holds what it said."""


class Apptainer(Client):  # type: ignore[misc]  # spython carries no types
    """A client of spython; run: starts an argv list and raises when that fails."""

    def __init__(self, run: Run | None = None) -> None:
        super().__init__()
        self.run_argv = run

    def _init_command(self, action: str, flags: list[str] | None = None) -> list[str]:
        """The beginning of every command line."""
        return [*START, *(flags or []), action]

    def _run_command(self, cmd: list[str], **_ignored: object) -> None:
        """Run the command that `build` ends with."""
        assert self.run_argv, "only a client with a `run` builds"
        self.run_argv(cmd)


def definition_in(image: Path) -> str:
    """The definition that Apptainer finds inside an image; raises NotInspected."""
    description: dict[str, Any] = Apptainer().inspect(str(image), quiet=True)
    if "attributes" not in description:
        raise NotInspected(f"apptainer inspect {image}: {' '.join(description['message'])}")
    return str(description["attributes"]["deffile"])
