"""`mlipbench export CAMPAIGN COMMITTEE`: a trained committee as a folder that is used without campaigns."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.cli.options import add_campaign_verb
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from mlipbench_hpc.architectures.card import InstalledArchitecture
    from mlipbench_hpc.campaign.spec import Committee
    from mlipbench_hpc.cli.session import Session, Subparsers
    from mlipbench_hpc.plan.graph import Planned, State

EXIT_REFUSED = 2
# Test frames that come with the models, to see that they compute elsewhere what they did here.
CHECKED = 3


@dataclass(frozen=True)
class Round:
    """The last round of a committee: its tasks, by member. train: those that leave a model, a user's file
    among them. calibrate: None for a single model.
    """

    committee: str
    train: list[Planned]
    evaluate: list[Planned]
    calibrate: Planned | None

    @property
    def tasks(self) -> list[Planned]:
        """Tasks whose results are exported."""
        return [*self.train, *self.evaluate, *([self.calibrate] if self.calibrate else [])]


def add_verbs(verbs: Subparsers) -> None:
    """The verb."""
    text = "a trained committee's model files with an ASE script, a LAMMPS input and a README, to take home"
    parser = add_campaign_verb(verbs, "export", export, text)
    parser.add_argument("committee", help="its name in the campaign")
    parser.add_argument("--out", type=Path, help="folder to make (default: the committee's name)")


def export(session: Session) -> int:
    """Write the folder; under its name it is complete or absent."""
    from mlipbench_hpc.cli.handout import readme
    from mlipbench_hpc.contract.folder import rename_into, write_bytes
    from mlipbench_hpc.runtime.directly import start

    options = session.options
    out = (options.out or Path(options.committee)).resolve()
    if out.exists():
        raise InputFailure(f"{out} exists: name a new folder with --out; nothing was written")
    final = last_round(session)
    architecture = architecture_of(session, final)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    request = request_of(session, final, architecture) | {"out": str(temporary)}
    packages, environment = {architecture.module: architecture.folder}, architecture.card.environment
    try:
        if not start(session.site.environments, environment, "handout", request, packages=packages):
            return EXIT_REFUSED
        write_bytes(temporary / "README.md", readme(session, final, architecture, temporary).encode())
        rename_into(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"{out}: {len(final.train)} members; README.md says how they are used")
    return 0


def last_round(session: Session) -> Round:
    """Tasks of the committee's last round; raises InputFailure or Trouble where one is not done."""
    name, known = session.options.committee, session.validated.campaign.committees
    if name not in known:
        from mlipbench_hpc.architectures.card import did_you_mean

        names = ", ".join(known) or "none"
        hint = did_you_mean(name, known)
        raise InputFailure(f"no committee {name} in {session.path}: there are {names}{hint}")
    final = of_plan(session.plan, name)
    require_done(final, session.look_at_outputs()[1], session)
    return final


def of_plan(plan: list[Planned], committee: str) -> Round:
    """Tasks of the last round that no decision can prune any more."""
    tasks = [
        (int(subject["round"]), int(subject.get("member", 0)), item)
        for item in plan
        for subject in item.subjects
        if subject.get("committee") == committee and "round" in subject and not item.maybe
    ]
    last = max(number for number, _, _ in tasks)
    own = sorted((member, item.task.verb, item.key, item) for number, member, item in tasks if number == last)
    by_verb: dict[str, list[Planned]] = {}
    for _, verb, _, item in own:
        by_verb.setdefault(verb, []).append(item)
    calibrate = by_verb.get("calibrate", [None])[0]
    return Round(committee, by_verb.get("train") or by_verb["adopt"], by_verb["evaluate"], calibrate)


def require_done(final: Round, states: dict[str, State], session: Session) -> None:
    """Raise Trouble that names what is missing."""
    missing = [item.task.label for item in final.tasks if states[item.key] != "done"]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Trouble(
            f"committee {final.committee} is not complete: {missing[0]}{more} not done; "
            f"mlipbench run {session.path} goes on; nothing was written"
        )


def specification(session: Session, final: Round) -> Committee:
    """Entry of the campaign."""
    return session.validated.campaign.committees[final.committee]


def architecture_of(session: Session, final: Round) -> InstalledArchitecture:
    """Architecture of the committee's model."""
    model = session.validated.campaign.models[specification(session, final).model]
    return session.architectures[model.architecture]


def kernel_of(session: Session, final: Round) -> str | None:
    """What computed the committee in the place of its architecture's own program."""
    return session.validated.campaign.models[specification(session, final).model].kernel


def request_of(session: Session, final: Round, architecture: InstalledArchitecture) -> dict[str, Any]:
    """Request to worker/handout.py, but for its folder."""
    from mlipbench_hpc.architectures.hyperparameters import complete

    store, first = session.store, final.evaluate[0].task
    split = json.loads((store.task(first.upstream["split"]) / "split.json").read_text(encoding="utf-8"))
    hyperparameters = complete(architecture.card.hyperparameters, first.parameters["hyperparameters"])
    return {
        "module": architecture.module,
        "models": [str(store.task(item.key)) for item in final.train],
        "hyperparameters": hyperparameters,
        "numbers": sorted(int(number) for number in split["reference_energies"]),
        "dtype": first.parameters["dtype"],
        "kernel": kernel_of(session, final),
        "frames": str(store.task(first.upstream["frames"]) / "frames.npz"),
        "indices": split["test"][:CHECKED],
        "predictions": [str(store.task(item.key) / "predictions-test.npz") for item in final.evaluate],
        **conditions(session, final),
    }


def conditions(session: Session, final: Round) -> dict[str, float]:
    """Temperature (K) and timestep (ps) of the first run of the committee, else those of a run by default."""
    from mlipbench_hpc.campaign.spec import MolecularDynamics

    runs = [run for run in session.validated.campaign.md.values() if run.committee == final.committee]
    fields = MolecularDynamics.model_fields
    return {
        name: getattr(runs[0], name) if runs else fields[name].default for name in ("temperature", "timestep")
    }
