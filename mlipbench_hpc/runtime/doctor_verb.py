"""`mlipbench doctor [SITE]` on the command line; the doctor itself is imported when called."""

from pathlib import Path
from typing import Any


def add_verb(verbs: Any) -> None:
    """`doctor` on the command line."""
    text = "try a site: its scheduler, nodes, network, filesystem and images"
    one = verbs.add_parser("doctor", help=text, description=text)
    one.add_argument("site", nargs="?", default="local", help="a name in campaigns/sites, or a .yaml")
    one.add_argument("--store", help="the store's folder (default: the site's)")
    one.add_argument("--wait", type=float, default=900.0, help="s that a probe job may wait (default: 900)")
    one.set_defaults(function=run, campaign=Path())


def run(session: Any) -> int:
    """Carry it out; 1 when something is wrong."""
    from mlipbench_hpc.runtime.doctor import Doctor

    doctor = Doctor(session.site, session.store, session.options.wait, lambda line: print(line, flush=True))
    return 0 if doctor.run() else 1
