"""`mlipbench clean [--obsolete CAMPAIGN…]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mlipbench_hpc.cli.options import KEY_SHOWN, add_lock, add_place, is_yes
from mlipbench_hpc.runtime.trouble import Trouble

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers


def add_verbs(verbs: Subparsers) -> None:
    """The verb."""
    text = "remove dead attempts from a store; with --obsolete also results that no named campaign needs"
    parser = verbs.add_parser("clean", help=text, description=text)
    parser.add_argument(
        "--obsolete",
        nargs="+",
        type=Path,
        metavar="CAMPAIGN",
        help="list committed results that none of these campaigns needs on this site, then remove them",
    )
    parser.add_argument("--yes", action="store_true", help="remove what --obsolete lists without asking")
    parser.set_defaults(function=run)
    add_place(parser)
    add_lock(parser)


def run(session: Session) -> int:
    """Carry it out. Raises Trouble where there is no store, or nobody to confirm."""
    from mlipbench_hpc.runtime.clean import remove_dead

    if not session.root.is_dir():
        raise Trouble(f"{session.root} is no store: nothing to clean")
    # All campaigns are read before the store is touched: a mistake in one must not make its results obsolete.
    campaigns = [type(session)(path, session.options) for path in session.options.obsolete or ()]
    needed = {item.key for campaign in campaigns for item in campaign.plan}
    with session.lock():
        results, freed = _remove_obsolete(session, needed) if campaigns else (0, 0)
        folders, size = remove_dead(session.store)
    left = (
        f"{results} obsolete results, {freed / 1e6:.1f} MB" if campaigns else "committed tasks are untouched"
    )
    print(f"removed {folders} dead attempts and leftovers, {size / 1e6:.1f} MB; {left}")
    return 0


def _remove_obsolete(session: Session, needed: set[str]) -> tuple[int, int]:
    """(number, bytes) of the committed results removed, after they were listed and confirmed."""
    from mlipbench_hpc.runtime.clean import obsolete

    results = obsolete(session.store, needed)
    for result in results:
        print(f"  {result.key[:KEY_SHOWN]}  {result.size / 1e6:9.1f} MB  {result.label}")
    size = sum(result.size for result in results)
    names = ", ".join(map(str, session.options.obsolete))
    what = f"{len(results)} committed results ({size / 1e6:.1f} MB) are needed by none of {names}"
    print(f"{what} on site `{session.site.name}`", flush=True)
    if results and not session.options.yes:
        if not sys.stdin.isatty():
            raise Trouble("nothing was removed: run again with --yes to remove them")
        if not is_yes("Remove them? [y/N] "):
            return 0, 0
    for result in results:
        session.store.set_aside(result.key)  # One rename; what is aside counts as a dead attempt.
    return len(results), size
