"""`mlipbench plan` and `status`: the task graph before and while a campaign runs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from mlipbench_hpc.cli.campaign import remarks
from mlipbench_hpc.cli.options import KEY_SHOWN, add_campaign_verb, add_part, is_yes
from mlipbench_hpc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from mlipbench_hpc.campaign.load import Validated
    from mlipbench_hpc.cli.session import Session, Subparsers
    from mlipbench_hpc.plan.graph import State

# Of a member's training frames: from here on members are much alike (α corrects for that).
MUCH = 0.5
SETTLED = ("done", "failed", "blocked")


def add_verbs(verbs: Subparsers) -> None:
    """Both verbs."""
    text = "show the task graph: what is done, what is to run, what it may cost"
    parser = add_campaign_verb(verbs, "plan", plan, text)
    parser.add_argument("-v", "--verbose", action="store_true", help="list every task")
    add_part(parser)
    text = "what is done, running and failed, read from the folders alone"
    parser = add_campaign_verb(verbs, "status", status, text)
    parser.add_argument("--watch", action="store_true", help="again every few seconds until all is done")
    add_part(parser)


def plan(session: Session) -> int:
    """The task graph, and what the rest of it may cost."""
    states = show_plan(session)
    if session.options.verbose:
        for item in session.plan:
            print(f"  {item.key[:KEY_SHOWN]}  {states[item.key]:8} {item.task.label}")
    return 0


def show_plan(session: Session) -> dict[str, State]:
    """Print it; returns the state of every task."""
    from mlipbench_hpc.plan import again
    from mlipbench_hpc.plan import status as words
    from mlipbench_hpc.runtime.look import earlier

    seen, states = session.look_at_outputs()
    lines = words.table(session.plan, states) + words.summary(session.plan, seen, states, session.site)
    lines += words.changes(session.plan, seen)
    if any(state != "done" for state in states.values()):
        lines += again.lines(session.plan, states, earlier(session.store, session.plan))
    lines += alike(session.validated)
    print("\n".join(lines + remarks(session.validated) + session.idle_gpus), flush=True)
    return states


def alike(validated: Validated) -> list[str]:
    """A line on training frames that members share, of splits where it is half of them or more."""
    from mlipbench_hpc.campaign.splits import common_frames

    every = validated.campaign.splits.items()
    shares = {name: common_frames(split, validated.datasets) or 0.0 for name, split in every}
    by_share: dict[str, list[str]] = {}
    for name, share in sorted(shares.items(), key=lambda pair: -pair[1]):
        if share >= MUCH:
            by_share.setdefault(f"{100 * share:.0f} %", []).append(name)
    parts = [f"{share} of {', '.join(names)}" for share, names in by_share.items()]
    return [f"training frames common to two members, on average: {'; '.join(parts)}"] if parts else []


def status(session: Session) -> int:
    """Once, or with --watch until nothing can change any more."""
    while True:
        states = show_status(session)
        is_busy = any(state == "running" for state in states.values())
        if not session.options.watch or all(state in SETTLED for state in states.values()):
            return 0
        time.sleep(2 if is_busy else 5)
        session.forget_plan()
        print("\x1b[2J\x1b[H" if sys.stdout.isatty() else "", end="")


def is_something_left(session: Session) -> bool:
    """True where a driver could go on: not where every task left has failed or waits for one that has."""
    session.forget_plan()
    return any(state not in SETTLED for state in session.look()[1].values())


def show_status(session: Session) -> dict[str, State]:
    """Print it, with what runs and what failed; returns the state of every task."""
    from mlipbench_hpc.plan import status as words
    from mlipbench_hpc.runtime.lock import holder
    from mlipbench_hpc.runtime.look import notices

    seen, states = session.look_at_outputs()
    lock = holder(session.store.root)
    driver = f"driven by process {lock['pid']} on {lock['host']}" if lock else "no driver"
    lines = [f"{session.validated.campaign.name} in {session.store.root} ({driver})"]
    lines += words.table(session.plan, states) + words.summary(session.plan, seen, states, session.site)
    lines += [f"  scheduler: {line}" for line in notices(session.store)]
    lines += words.committees(session.plan, states) + words.running(session.plan, seen)
    lines += words.failures(session.plan, seen, states) + words.changes(session.plan, seen)
    print("\n".join(lines), flush=True)
    return states


def ask_beyond_budget(session: Session) -> None:
    """A yes from the terminal or `--yes`, where a site wants one. Raises Trouble without it."""
    from mlipbench_hpc.plan.status import over_budget

    limits = session.site.ask_beyond_core_hours, session.site.ask_beyond_gpu_hours
    if session.options.yes or limits == (None, None):
        return
    seen, states = session.look()
    if not (over := over_budget(session.plan, seen, states, session.site)):
        return
    if sys.stdin.isatty() and is_yes(f"{over}. Go on? [y/N] "):
        return
    raise Trouble(f"{over}: run again with --yes to go on")
