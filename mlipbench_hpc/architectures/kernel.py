"""Kernels: other programs that compute an architecture's trained models, as its card lists them.

    [kernels.NAME]
    module = "mace_symmetrix"     # its adapter's package, beside the architecture's or a full name
    environment = "symmetrix"     # in which that is imported
    engines = ["ase"]             # in which it runs MD
    devices = ["cpu"]
    restart = "bitwise"           # of MD, as the architecture's claim
    citation = ["work"]
    compiler = "g++"              # program that compiles it for a model, if any; its version stands in keys
    needs = {max_ell = 3}         # values of hyperparameters without which it computes nothing, if any
    prepared_in = "mace"          # environment of its task, where that is another one

    [kernels.NAME.cost]           # core-seconds (see law.py): start, kernel (its task), evaluate, md_ENGINE

A model with `kernel: NAME` is trained as ever. A task `kernel` then makes of each member what the adapter of
the kernel loads (see interface.py), and evaluation and MD use that in the architecture's place.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.architectures.law import Laws, complaints

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import InstalledArchitecture
    from mlipbench_hpc.architectures.hyperparameters import Hyperparameter

# Tasks see only what the system itself installs (runtime/container.py).
PATH = "/usr/bin:/bin"
LAWS = ("start", "kernel", "evaluate")
# Between the names of an architecture and of a kernel.
BY = "/"
Problem = tuple[str, str]


@dataclass(frozen=True)
class Kernel:
    """One entry of `kernels` of a card, as above."""

    module: str
    environment: str
    engines: tuple[str, ...]
    devices: tuple[str, ...]
    restart: str | float
    citation: tuple[str, ...]
    cost: Laws
    compiler: str = ""
    needs: Mapping[str, Any] = field(default_factory=dict)
    prepared_in: str = ""

    @property
    def preparing(self) -> str:
        """Environment of the task that makes what it loads."""
        return self.prepared_in or self.environment

    def package(self, architecture: str) -> str:
        """Full name of its adapter's package; architecture: that of the architecture's."""
        beside, dot, _ = architecture.rpartition(".")
        return self.module if "." in self.module else f"{beside}{dot}{self.module}"

    def unfit(self, hyperparameters: Mapping[str, Any]) -> list[str]:
        """Hyperparameters whose values it does not compute."""
        return [name for name, value in self.needs.items() if hyperparameters[name] != value]

    @property
    def needed(self) -> str:
        """Values that it needs, in words."""
        return ", ".join(f"{name} {value}" for name, value in self.needs.items())


def kernels_of(data: Mapping[str, Any]) -> dict[str, Kernel]:
    """Kernels of a parsed card.toml, by name."""
    return {name: _kernel(table) for name, table in data.get("kernels", {}).items()}


def _kernel(table: Mapping[str, Any]) -> Kernel:
    plain: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return Kernel(**plain)


def wrong_keys(kernels: Any) -> list[Problem]:
    """Missing and unknown keys, as (dotted path, message)."""
    if not isinstance(kernels, dict) or not all(isinstance(table, dict) for table in kernels.values()):
        return [("kernels", f"expected a table for each kernel, received {kernels!r}")]
    known, wrong = {item.name for item in fields(Kernel)}, list[Problem]()
    optional = {
        item.name for item in fields(Kernel) if (item.default, item.default_factory) != (MISSING, MISSING)
    }
    for name, table in kernels.items():
        wrong += [(f"kernels.{name}.{key}", "unknown key") for key in sorted(set(table) - known)]
        wrong += [(f"kernels.{name}.{key}", "is missing") for key in sorted(known - optional - set(table))]
    return wrong


def wrong_values(
    kernels: Mapping[str, Kernel],
    settings: "Mapping[str, Hyperparameter]",
    presets: Mapping[str, Mapping[str, Any]],
) -> list[Problem]:
    """Needs that no model can have, and laws that cannot be read, as (dotted path, message)."""
    wrong = list[Problem]()
    for name, kernel in kernels.items():
        for setting, value in kernel.needs.items():
            known = settings.get(setting)
            complaint = known.complaint(value) if known else "no such hyperparameter"
            wrong += [(f"kernels.{name}.needs.{setting}", complaint)] if complaint else []
        laws = complaints(kernel.cost, kernel.engines, presets, LAWS)
        wrong += [(f"kernels.{name}.cost.{law}", message) for law, message in laws]
    return wrong


def computing(
    architectures: "Mapping[str, InstalledArchitecture]", name: str
) -> "InstalledArchitecture | None":
    """The architecture, or the kernel as `architecture/kernel`, of that name; None where there is none."""
    base, _, kernel = name.partition(BY)
    installed = architectures.get(base)
    if installed is None or (kernel and kernel not in installed.card.kernels):
        return None
    return installed.by(kernel or None)


def compiler_version(program: str) -> str:
    """First line of what a compiler of the system says of itself. Raises OSError where there is none."""
    environ = {"PATH": PATH, "LC_ALL": "C"}
    ran = subprocess.run([program, "--version"], env=environ, capture_output=True, text=True, check=False)
    lines = ran.stdout.splitlines()
    if ran.returncode or not lines:
        raise OSError(f"{program} --version ended with exit code {ran.returncode}")
    return lines[0].strip()
