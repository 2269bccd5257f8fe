"""The `mlipbench` command: the one file that knows every room."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import NotAStore, Store
from mlipbench_hpc.contract.printing import WhileRead
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.runtime import plan_verbs
from mlipbench_hpc.runtime.trouble import OUT_OF_TIME, WorkersLost

EXIT_REFUSED = 2
EXIT_UNFINISHED = 1
EXIT_STOPPED = 130


class Refused(Exception):
    """A command cannot be carried out as asked; the message says what to do."""


@dataclass(frozen=True)
class Session:
    """One command's view of a campaign, a site and a store. Rooms are imported when first needed."""

    path: Path
    options: argparse.Namespace

    @cached_property
    def site(self) -> Any:
        from mlipbench_hpc.campaign.site import find_site

        return find_site(self.options.site, needed=self.options.function not in BY_HAND.values())

    @property
    def root(self) -> Path:
        return Path(self.options.store or self.site.store).resolve()

    @cached_property
    def store(self) -> Store:
        store = Store(self.root)
        store.create()
        return store

    @cached_property
    def validated(self) -> Any:
        from mlipbench_hpc.campaign.load import validate

        return validate(self.path, cache=self.store.root / "facts")

    @cached_property
    def architectures(self) -> Any:
        from mlipbench_hpc.architectures.card import find

        return find()

    @cached_property
    def environments(self) -> Mapping[str, Any]:
        from mlipbench_hpc.plan.expand import environments
        from mlipbench_hpc.runtime.places import locate_all

        names = environments(self.validated.campaign, self.architectures)
        return locate_all(names, self.site, self.store.root / "facts")

    @cached_property
    def setting(self) -> Any:
        from mlipbench_hpc.contract.versions import verb_versions
        from mlipbench_hpc.plan.expand import Setting

        identities = {name: environment.identity for name, environment in self.environments.items()}
        held, threads = self.validated, self.site.threads_per_task
        facts = held.datasets, held.systems, self.architectures
        return Setting(*facts, identities, verb_versions(), threads, plan_verbs.devices(self))

    def expand(self, decisions: Mapping[str, bool]) -> list[Any]:
        from mlipbench_hpc.plan.expand import expand

        return expand(self.validated.campaign, self.setting, decisions)

    @cached_property
    def plan(self) -> list[Any]:
        """The task graph with every decision that is committed."""
        from mlipbench_hpc.runtime.look import settle

        return settle(self.store, self.expand)

    def look(self) -> tuple[Any, Any]:
        """What the store holds now, and the state of every task."""
        from mlipbench_hpc.plan.graph import states
        from mlipbench_hpc.runtime.look import snapshot

        seen = snapshot(self.store, [item.key for item in self.plan])
        return seen, states(self.plan, seen)

    def add_inputs(self) -> None:
        """Copy the user's data into the store, under their sha256."""
        for source, sha256 in self.validated.inputs:
            if self.store.add_input(source) != sha256:
                raise Refused(f"{source} changed while it was read: run the command again")

    def hold(self) -> AbstractContextManager[None]:
        """The store's lock; a scheduler is asked only where another host's driver was a job of it."""
        from mlipbench_hpc.runtime import lock

        def is_over(content: Mapping[str, Any]) -> bool:
            from mlipbench_hpc.runtime.submit import is_over

            return is_over(self.site, self.store, content)

        job = lock.own_job() if getattr(self.options, "submitted", False) else None
        return lock.hold(self.store.root, self.options.take_over, job, is_over)


def validate(session: Session) -> int:
    campaign = session.validated.campaign
    plan_verbs.devices(session)
    print(f"{session.path} is valid: campaign `{campaign.name}`")
    for name, facts in session.validated.datasets.items():
        print(f"  dataset {name}: {facts.describe()}")
    return 0


def run(session: Session) -> int:
    if session.options.submit:
        return submit(session)
    try:
        with session.hold():
            finished, out_of_time = drive(session)
    except WorkersLost:
        if session.look()[0].results:  # What is done is told, whatever became of the workers.
            report(session)
        raise
    if out_of_time and plan_verbs.something_left(session):
        return submit(session)
    report(session)
    if not finished:
        print(f"Not everything is done. What failed: {again(session, 'status')}; the same command goes on.")
    return 0 if finished else EXIT_UNFINISHED


def submit(session: Session) -> int:
    from mlipbench_hpc.runtime import submit as jobs

    plan_verbs.ask_beyond_budget(session)
    jobs.submit(session.site, session.store, session.options, say)
    return 0


def again(session: Session, *words: str) -> str:
    """The full command line of another verb on the same campaign, site and store."""
    options = session.options
    place = ["--site", options.site] + (["--store", options.store] if options.store else [])
    name = "mlipbench" if sys.argv[0].endswith(".py") else sys.argv[0]
    return shlex.join([name, *words, str(session.path), *place])


def drive(session: Session) -> tuple[bool, bool]:
    """Whether all is done, and whether its own job's time was over before."""
    from mlipbench_hpc.report.uncertainty import remarks
    from mlipbench_hpc.runtime import processes
    from mlipbench_hpc.runtime.code import stage
    from mlipbench_hpc.runtime.driver import Driver
    from mlipbench_hpc.runtime.staging import ready
    from mlipbench_hpc.runtime.submit import stop_at

    # The code is copied before keys are made from it: no edit in between can put new code under old keys.
    code = stage(session.store.root, session.architectures.values())
    session.add_inputs()
    plan_verbs.show_plan(session)
    plan_verbs.ask_beyond_budget(session)
    if left := processes.kill(processes.STORE, session.store.name):
        print(f"ended {left} processes that a dead driver had left", flush=True)
    environments = ready(session.environments, session.site.stage_images, session.store.root)
    driver = Driver(session.store, session.site, code, environments, session.expand, say, remarks)
    driver.stop_at = stop_at(session.options)
    return driver.run(), driver.stopping == OUT_OF_TIME


def say(line: str) -> None:
    print(line, flush=True)


def report(session: Session) -> int:
    from mlipbench_hpc.report.collect import document, reported
    from mlipbench_hpc.report.html import build_report

    session.__dict__.pop("plan", None)
    seen, found = session.look()
    campaign = session.validated.campaign
    out = session.store.root / "reports" / campaign.name
    if "done" not in found.values() and (out / "report.html").exists():
        raise Refused(
            f"no task of this plan is committed yet: the earlier report stays, {out / 'report.html'}"
        )
    page = build_report(
        document(session.path, campaign, session.site, session.architectures),
        reported(session.plan, seen.failures, found),
        session.store,
        out,
    )
    print(f"\n{page.with_name('summary.txt').read_text(encoding='utf-8')}\nreport: {page}")
    return 0


def environments(session: Session) -> int:
    """Names only, from the file alone: the Makefile asks before any engine is installed."""
    from mlipbench_hpc.campaign.load import load_campaign
    from mlipbench_hpc.plan.expand import environments as needed

    print("\n".join(needed(load_campaign(session.path), session.architectures)))
    return 0


def schema(session: Session) -> int:
    from mlipbench_hpc.campaign.site import KINDS
    from mlipbench_hpc.campaign.spec import Campaign

    of: Any = Campaign if session.options.of == "campaign" else KINDS[session.options.of]
    print(json.dumps(of.model_json_schema(), indent=1))
    return 0


def reweight(session: Session) -> int:
    from mlipbench_hpc.report.reweight_verb import run as reweighted

    return reweighted(session.options)


def analyse(session: Session) -> int:
    from mlipbench_hpc.runtime import analyse_verb

    if (out := analyse_verb.run(session)) is None:
        return EXIT_REFUSED
    from mlipbench_hpc.report.analysed import draw

    print(f"{out}: {', '.join(draw(out))}")
    doubts = analyse_verb.doubts(out)
    for line in doubts:
        print(f"warning: {line}", file=sys.stderr)
    return EXIT_UNFINISHED if doubts else 0


def structures(session: Session) -> int:
    from mlipbench_hpc.runtime.structure_verbs import run as made

    return 0 if made(session) else EXIT_REFUSED


BY_HAND = {"analyse": analyse, "build": structures, "label": structures, "reweight": reweight}
COMMANDS: dict[str, tuple[Callable[[Session], int], str]] = {
    "validate": (validate, "check a campaign and its data: every mistake at once, nothing is run"),
    "plan": (plan_verbs.plan, "show the task graph: what is done, what is to run, what it may cost"),
    "run": (run, "run what is missing, then write the report"),
    "status": (plan_verbs.status, "what is done, running and failed, read from the folders alone"),
    "report": (report, "write the report anew from committed tasks"),
    "environments": (environments, "the environments a campaign needs, one a line"),
}


def parser() -> argparse.ArgumentParser:
    from mlipbench_hpc.runtime import clean_verb, doctor_verb, image_verbs, task_verbs

    top = argparse.ArgumentParser(prog="mlipbench", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    for name, (function, text) in COMMANDS.items():
        _common(verbs.add_parser(name, help=text, description=text), function)
    _option(verbs, "plan", "-v", "--verbose", action="store_true", help="list every task")
    _option(verbs, "run", "--submit", action="store_true", help="drive from a small job of its own")
    _option(verbs, "run", "--submitted", action="store_true", help=argparse.SUPPRESS)
    _option(verbs, "run", "--yes", action="store_true", help="go on whatever it may cost")
    _option(verbs, "status", "--watch", action="store_true", help="again every few seconds until all is done")
    task_verbs.add_verbs(verbs, _place)
    image_verbs.add_verbs(verbs, _place)
    doctor_verb.add_verb(verbs)
    _by_hand(verbs)
    clean_verb.add_verb(verbs, _place)
    schemas = verbs.add_parser("schema", help="JSON Schema of campaigns or sites, for editors")
    schemas.add_argument("of", nargs="?", default="campaign", choices=["campaign", "local", "slurm", "pbs"])
    schemas.set_defaults(function=schema, campaign=Path())
    return top


def _by_hand(verbs: Any) -> None:
    from mlipbench_hpc.report import hand_verbs

    for name, (add_options, text) in hand_verbs.VERBS.items():
        one = verbs.add_parser(name, help=text, description=text)
        add_options(one)
        one.set_defaults(function=BY_HAND[name], campaign=Path())


def _option(verbs: Any, verb: str, *names: str, **settings: Any) -> None:
    verbs.choices[verb].add_argument(*names, **settings)


def _common(one: argparse.ArgumentParser, function: Callable[[Session], int]) -> None:
    one.add_argument("campaign", type=Path, help="the campaign's YAML file")
    one.set_defaults(function=function)
    _place(one)


def _place(one: argparse.ArgumentParser) -> None:
    one.add_argument("--site", default="local", help="a name in campaigns/sites, or a .yaml (default: local)")
    one.add_argument("--store", help="the store's folder (default: the site's)")
    one.add_argument(
        "--take-over", action="store_true", help="take the lock of a driver on another, dead host"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; nobody need read what is printed to its end."""
    with WhileRead():
        return carried_out(parser().parse_args(arguments))
    return EXIT_UNFINISHED


def carried_out(options: argparse.Namespace) -> int:
    """The exit code; mistakes of the user give 2 and words, never a traceback."""
    from mlipbench_hpc.architectures.card import CardError
    from mlipbench_hpc.campaign.problem import CampaignError
    from mlipbench_hpc.contract.verbs import VerbError
    from mlipbench_hpc.report.text import count
    from mlipbench_hpc.runtime.trouble import Trouble

    try:
        return int(options.function(Session(options.campaign, options)))
    except CampaignError as error:
        print(f"{error}\n{count(len(error.problems), 'mistake')}; nothing was run", file=sys.stderr)
    except (Refused, InputFailure, NotAStore, CardError, VerbError, Trouble) as error:
        print(str(error), file=sys.stderr)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"{error.filename or options.campaign}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return EXIT_STOPPED
    return EXIT_REFUSED


if __name__ == "__main__":
    sys.exit(main())
