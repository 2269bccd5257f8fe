"""`mlipbench plan` and `status`: what the command line says before and while a campaign runs."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.runtime.trouble import Trouble

KEY_SHOWN = 12
SETTLED = ("done", "failed", "blocked")


def devices(session: Any) -> Mapping[str, str]:
    """What models compute on, by environment; raises CampaignError where one's architecture cannot."""
    from mlipbench_hpc.runtime.devices import checked_devices

    installed = session.architectures, session.potentials
    return checked_devices(session.path, session.validated.campaign, *installed, session.site)


def plan(session: Any) -> int:
    """The task graph, and what the rest of it may cost."""
    found = show_plan(session)
    if session.options.verbose:
        for item in session.plan:
            print(f"  {item.key[:KEY_SHOWN]}  {found[item.key]:8} {item.task.label}")
    return 0


def show_plan(session: Any) -> Any:
    """Print it; returns the state of every task."""
    from mlipbench_hpc.plan import again
    from mlipbench_hpc.plan import status as words
    from mlipbench_hpc.runtime.look import earlier

    seen, found = session.look()
    lines = words.table(session.plan, found) + words.summary(session.plan, seen, found, session.site)
    if any(state != "done" for state in found.values()):
        lines += again.lines(session.plan, found, earlier(session.store, session.plan))
    print("\n".join(lines), flush=True)
    return found


def status(session: Any) -> int:
    """Once, or with --watch until nothing can change any more."""
    while True:
        found = show_status(session)
        busy = any(state == "running" for state in found.values())
        if not session.options.watch or all(state in SETTLED for state in found.values()):
            return 0
        time.sleep(2 if busy else 5)
        session.__dict__.pop("plan", None)
        print("\x1b[2J\x1b[H" if sys.stdout.isatty() else "", end="")


def something_left(session: Any) -> bool:
    """Whether a driver could go on: not where all that is not done has failed or waits for what has."""
    session.__dict__.pop("plan", None)
    return any(state not in SETTLED for state in session.look()[1].values())


def show_status(session: Any) -> Any:
    """Print it, with what runs and what failed; returns the state of every task."""
    from mlipbench_hpc.plan import status as words
    from mlipbench_hpc.runtime.lock import holder

    seen, found = session.look()
    lock = holder(session.store.root)
    driver = f"driven by process {lock['pid']} on {lock['host']}" if lock else "no driver"
    lines = [f"{session.validated.campaign.name} in {session.store.root} ({driver})"]
    lines += words.table(session.plan, found) + words.summary(session.plan, seen, found, session.site)
    lines += words.committees(session.plan, found) + words.running(session.plan, seen)
    lines += words.failures(session.plan, seen, found)
    print("\n".join(lines), flush=True)
    return found


def is_yes(question: str) -> bool:
    """The answer typed at the terminal."""
    return input(question).strip().lower() in ("y", "yes")


def ask_beyond_budget(session: Any) -> None:
    """A yes from the terminal or `--yes`, where a site wants one. Raises Trouble without it."""
    from mlipbench_hpc.plan.status import over_budget

    limits = session.site.ask_beyond_core_hours, session.site.ask_beyond_gpu_hours
    if session.options.yes or limits == (None, None):
        return
    seen, found = session.look()
    if not (over := over_budget(session.plan, seen, found, session.site)):
        return
    if sys.stdin.isatty() and is_yes(f"{over}. Go on? [y/N] "):
        return
    raise Trouble(f"{over}: run again with --yes to go on")
