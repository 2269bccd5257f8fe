"""`mlipbench run` and `report`: drive a campaign over its store, and write what came out."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import TYPE_CHECKING

from mlipbench_hpc.cli.options import add_campaign_verb, add_lock, add_part
from mlipbench_hpc.cli.plan import ask_beyond_budget, is_something_left, show_plan
from mlipbench_hpc.runtime.trouble import OUT_OF_TIME, Trouble, WorkersLost

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers

EXIT_UNFINISHED = 1


def add_verbs(verbs: Subparsers) -> None:
    """Both verbs."""
    parser = add_campaign_verb(verbs, "run", run, "run what is missing, then write the report")
    parser.set_defaults(opens_trajectories=True)
    add_lock(parser)
    parser.add_argument("--submit", action="store_true", help="drive from a small job of its own")
    parser.add_argument("--submitted", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--yes", action="store_true", help="go on whatever it may cost")
    add_part(parser)
    add_part(add_campaign_verb(verbs, "report", report, "write the report anew from committed tasks"))


def run(session: Session) -> int:
    """Until everything is done, or nothing can go on; 1 where something is not done."""
    if session.options.submit:
        return submit(session)
    try:
        with session.lock():
            is_finished, is_out_of_time = drive(session)
    except WorkersLost:
        if session.look()[0].results:  # They are reported, whatever became of the workers.
            report(session)
        raise
    if is_out_of_time and is_something_left(session):
        return submit(session)
    report(session)
    if not is_finished:
        status = command_line(session, "status")
        print(f"Not everything is done: {status} says what failed or waits; the same command goes on.")
    return 0 if is_finished else EXIT_UNFINISHED


def submit(session: Session) -> int:
    """The driver as a job of its own."""
    from mlipbench_hpc.runtime import submit as jobs

    ask_beyond_budget(session)
    jobs.submit(session.site, session.store, session.options, say)
    return 0


def command_line(session: Session, verb: str) -> str:
    """The full command line of another verb on the same campaign, site and store."""
    options = session.options
    place = ["--site", options.site] + (["--store", options.store] if options.store else [])
    place += ["--part", options.part] if options.part else []
    name = "mlipbench" if sys.argv[0].endswith(".py") else sys.argv[0]
    return shlex.join([name, verb, str(session.path), *place])


def drive(session: Session) -> tuple[bool, bool]:
    """Drive the campaign; returns whether all is done, and whether the driver's own job was out of time."""
    from mlipbench_hpc.report.uncertainty import remarks
    from mlipbench_hpc.runtime import processes
    from mlipbench_hpc.runtime.code import stage
    from mlipbench_hpc.runtime.display import display
    from mlipbench_hpc.runtime.driver import Driver
    from mlipbench_hpc.runtime.staging import ready
    from mlipbench_hpc.runtime.submit import stop_at

    # The code is copied before keys are made from it: no edit in between can put new code under old keys.
    code = stage(session.store.root, session.adapters)
    session.add_inputs()
    show_plan(session)
    ask_beyond_budget(session)
    if ended := processes.kill(processes.STORE, session.store.name):
        print(f"ended {ended} processes that a dead driver had left", flush=True)
    environments = ready(session.environments, session.site.stage_images, session.store.root)
    with display(sys.stdout) as shown:
        driver = Driver(session.store, session.site, code, environments, session.expand, shown, remarks)
        driver.stop_at = stop_at(session.options)
        return driver.run(), driver.stopping == OUT_OF_TIME


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def report(session: Session) -> int:
    """Write the report. Raises Trouble where an earlier one would be replaced by an empty one."""
    from mlipbench_hpc.report.collect import document, reported
    from mlipbench_hpc.report.html import build_report

    session.forget_plan()
    seen, states = session.look()
    campaign = session.validated.campaign
    part = f"-{session.options.part}" if session.options.part else ""
    out = session.store.root / "reports" / f"{campaign.name}{part}"
    if "done" not in states.values() and (out / "report.html").exists():
        raise Trouble(
            f"no task of this plan is committed yet: the earlier report stays, {out / 'report.html'}"
        )
    page = build_report(
        document(session.path, campaign, session.site, session.architectures),
        reported(session.plan, seen.failures, states),
        session.store,
        out,
    )
    print(f"\n{page.with_name('summary.txt').read_text(encoding='utf-8')}\nreport: {page}")
    return 0
