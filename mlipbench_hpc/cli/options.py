"""Options that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers

KEY_SHOWN = 12


def add_campaign_verb(
    verbs: Subparsers, name: str, function: Callable[[Session], int], text: str
) -> argparse.ArgumentParser:
    """A verb that takes a campaign, with the options of its place."""
    parser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument("campaign", type=Path, help="the campaign's YAML file")
    parser.set_defaults(function=function)
    add_place(parser)
    return parser


def add_place(parser: argparse.ArgumentParser) -> None:
    """Where a campaign runs: site and store."""
    text = "a name in campaigns/sites, or a .yaml (default: local)"
    parser.add_argument("--site", default="local", help=text)
    parser.add_argument("--store", help="the store's folder (default: the site's)")


def add_part(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a part of the campaign."""
    text = "one of the campaign's `parts` with all that it needs, in place of the whole"
    parser.add_argument("--part", default=None, metavar="NAME", help=text)


def add_lock(parser: argparse.ArgumentParser) -> None:
    """Add the options of verbs that lock the store."""
    text = "take the store's lock from a driver on a host that no longer runs"
    parser.add_argument("--take-over", action="store_true", help=text)


def is_yes(question: str) -> bool:
    """The answer typed at the terminal."""
    return input(question).strip().lower() in ("y", "yes")
