"""Virtual environments: where they are, and what exactly is in them."""

import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from functools import cached_property
from pathlib import Path

from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.contract.key import digest
from mlipbench_hpc.runtime.own_lammps import OwnLammps
from mlipbench_hpc.runtime.trouble import Trouble


class EnvironmentMissing(Trouble):
    """An environment the campaign needs is not installed."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment that tasks run in."""

    name: str
    root: Path
    lammps: OwnLammps | None = None
    device = "cpu"  # What the locks hold; GPUs are for images.

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    @cached_property
    def _installed(self) -> list[Path]:
        folders = sorted(self.root.glob("lib/python3.*/site-packages/*.dist-info"))
        if not self.python.exists() or not folders:
            raise EnvironmentMissing(
                f"environment `{self.name}` is not in {self.root}: run `make setup ENVS={self.name}`"
            )
        return folders

    @cached_property
    def python_version(self) -> str:
        """From pyvenv.cfg, such as 3.11.7."""
        lines = (self.root / "pyvenv.cfg").read_text().splitlines()
        return dict(line.split(" = ", 1) for line in lines if " = " in line).get("version", "unknown")

    @cached_property
    def identity(self) -> str:
        """venv:sha256 of every installed file's recorded hash, the Python version and the platform.

        Scripts carry the environment's own path in their first line, so bin/ does not count: the same lock
        gives the same identity wherever it is installed.
        """
        recorded = [line for folder in self._installed for line in _recorded(folder / "RECORD")]
        own = "venv:" + digest([self.python_version, sys.platform, platform.machine(), sorted(recorded)])
        return f"{own}+{self.lammps.identity}" if self.lammps else own

    def packages(self) -> dict[str, str]:
        """Versions of the installed packages, by name."""
        headers = [HeaderParser().parsestr((folder / "METADATA").read_text()) for folder in self._installed]
        return {str(header["Name"]): str(header["Version"]) for header in headers}

    def check(self) -> None:
        """Nothing to do: its identity was read from what is installed."""

    def describe(self, store: Path) -> None:
        """Keep in the store what this identity means, for the report and for next year."""
        name = self.identity.removeprefix("venv:").replace(":", "-")
        path = store / "environments" / f"{name}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            record = {"name": self.name, "identity": self.identity, "python": self.python_version}
            write_json(path, record | {"packages": self.packages()})


def _recorded(record: Path) -> list[str]:
    """Lines `path,sha256=…,size` of a RECORD, without scripts, installer notes and compiled caches."""
    lines = record.read_text().splitlines() if record.exists() else [f"{record.parent.name},sha256=none,"]
    return [
        line
        for line in lines
        if ",sha256=" in line
        and not line.startswith("../")
        and not line.rpartition(",sha256=")[0].endswith(("INSTALLER", "REQUESTED", "direct_url.json"))
    ]


def locate(name: str, configured: Mapping[str, str], lammps: OwnLammps | None = None) -> Environment:
    """The environment a site names, or else the one beside the login environment."""
    beside = Path(sys.prefix).parent / name
    return Environment(name, Path(configured[name]).resolve() if name in configured else beside, lammps)
