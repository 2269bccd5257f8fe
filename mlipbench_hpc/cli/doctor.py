"""`mlipbench doctor [SITE]`; the doctor itself is imported when called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers


def add_verbs(verbs: Subparsers) -> None:
    """The verb."""
    text = "try a site: its scheduler, nodes, network, filesystem and images"
    parser = verbs.add_parser("doctor", help=text, description=text)
    parser.add_argument("site", nargs="?", default="local", help="a name in campaigns/sites, or a .yaml")
    parser.add_argument("--store", help="the store's folder (default: the site's)")
    parser.add_argument("--wait", type=float, default=900.0, help="s a probe job may wait (default: 900)")
    parser.set_defaults(function=run)


def run(session: Session) -> int:
    """Carry it out; 1 when something is wrong."""
    from mlipbench_hpc.runtime.doctor import Doctor

    doctor = Doctor(session.site, session.store, session.options.wait, lambda line: print(line, flush=True))
    return 0 if doctor.run() else 1
