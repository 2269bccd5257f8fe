"""`mlipbench build` and `mlipbench label`: structures, and labels of given frames, without a campaign."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mlipbench_hpc.architectures.card import did_you_mean
from mlipbench_hpc.campaign.complaints import mistakes
from mlipbench_hpc.campaign.facts import built_facts
from mlipbench_hpc.campaign.problem import Mistake
from mlipbench_hpc.campaign.sources import check_system
from mlipbench_hpc.campaign.spec import System
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.plan import sources
from mlipbench_hpc.potentials.card import InstalledPotential
from mlipbench_hpc.runtime.directly import start

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session

OF_SLABS = {"waters": "", "ions": "", "lattice_constant": " Å", "vacuum": " Å"}
OF_BOTH, SEED = {"density": " g/cm3"}, {"seed": ""}
FLAGS = {"size": "--slab", "molecules": "--water-box"}


def run(session: Session) -> bool:
    """True where the structures were written; if not, the reason was printed on stderr."""
    request: dict[str, Any]
    if session.options.verb == "build":
        environment, request, packages = "analysis", build_request(session.options), {}
    else:
        potential = _potential(session)
        environment, packages = potential.card.environment, {potential.module: potential.folder}
        request = label_request(session.options, potential)
    request |= {"verb": session.options.verb, "out": str(session.options.out)}
    return start(session.site.environments, environment, "structures", request, packages=packages)


def build_request(options: argparse.Namespace) -> dict[str, Any]:
    """The parameters of a campaign's `build` task, or InputFailure with every mistake."""
    if options.structure:
        _only(options, OF_SLABS | OF_BOTH | SEED, "--slab or --water-box")
        _exists(options.structure, "--structure")
        return {"kind": "structure", "source": str(options.structure)}
    if options.water_box is not None:
        _only(options, OF_SLABS, "--slab")
        document = {"water_box": {"molecules": options.water_box, **_options(options, OF_BOTH)}}
    else:
        document = {"slab": {"size": options.slab, **_options(options, OF_SLABS | OF_BOTH | SEED)}}
    system = _system(document)
    facts = built_facts(system)
    assert facts is not None
    return sources.build(system, facts, 0 if system.slab else options.seed or 0)[0]


def _potential(session: Session) -> InstalledPotential:
    """The reference potential of that name, or InputFailure."""
    name, known = session.options.potential, session.potentials
    if name not in known:
        hint = did_you_mean(name, known)
        expected = f"one of {', '.join(sorted(known))}{hint}"
        raise InputFailure(f"--potential: received {name}, expected {expected}\nnothing was run")
    return known[name]


def label_request(options: argparse.Namespace, potential: InstalledPotential) -> dict[str, Any]:
    """Request to label a file, with the options of the potential at their defaults, or InputFailure."""
    _exists(options.frames, "")
    request = {"source": str(options.frames), "format": options.format, "module": potential.module}
    return potential.card.with_options("label", request | {"potential": potential.name}, {})


def _options(options: argparse.Namespace, units: dict[str, str]) -> dict[str, Any]:
    """Options on the command line in a campaign's words: quantities with their unit."""
    values = {name: (getattr(options, name), unit) for name, unit in units.items()}
    return {name: f"{v!r}{unit}" if unit else v for name, (v, unit) in values.items() if v is not None}


def _system(document: dict[str, Any]) -> System:
    try:
        system = System.model_validate(document)
    except ValidationError as error:
        raise _refused(mistakes(error, System, document)) from error
    if wrong := list(check_system((), system)):
        raise _refused(wrong)
    return system


def _refused(wrong: list[Mistake]) -> InputFailure:
    """Mistakes in a system, with the option of each instead of its place in a campaign."""
    return InputFailure("\n".join([*map(_message, wrong), "nothing was run"]))


def _message(mistake: Mistake) -> str:
    names = [part for part in mistake.place if isinstance(part, str)]
    flag = FLAGS.get(names[-1], f"--{names[-1].replace('_', '-')}")
    received = f"; received {mistake.received}" if mistake.received else ""
    return f"{flag}: {mistake.message}{received}" + (
        f"; expected {mistake.expected}" if mistake.expected else ""
    )


def _only(options: argparse.Namespace, names: dict[str, str], where: str) -> None:
    if strange := [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) is not None]:
        raise InputFailure(f"{', '.join(strange)}: only with {where}\nnothing was run")


def _exists(path: Path, flag: str) -> None:
    if not path.exists():
        raise InputFailure(f"{flag}{': ' if flag else ''}{path}: no such file or folder\nnothing was run")
