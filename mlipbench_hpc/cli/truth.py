"""`mlipbench compact` and `join`: results of studies of the kind `truth` from several stores, as one page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.cli.options import add_campaign_verb, add_part
from mlipbench_hpc.contract.task import InputFailure

if TYPE_CHECKING:
    from mlipbench_hpc.cli.session import Session, Subparsers

RESULTS = "results.json"


def add_verbs(verbs: Subparsers) -> None:
    """Both verbs."""
    text = (
        "write what a store has of a campaign's `truth` studies as numbers and block averages, to be joined"
    )
    parser = add_campaign_verb(verbs, "compact", compacted, text)
    parser.add_argument("--out", type=Path, required=True, help="the .json file to write")
    add_part(parser)
    text = "join compact results of a campaign, and write its page: NAME.md, results.json and figures"
    parser = add_campaign_verb(verbs, "join", joined, text)
    parser.add_argument("compact", type=Path, nargs="+", help="files that `compact` wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder for page, results.json and figures")
    parser.set_defaults(needs_site=False)


def compacted(session: Session) -> int:
    """Write the compact results of what is done."""
    from mlipbench_hpc.contract.folder import write_json
    from mlipbench_hpc.report.collect import collect, document, reported
    from mlipbench_hpc.report.truth.compact import compact

    seen, states = session.look()
    campaign = session.validated.campaign
    about = document(session.path, campaign, session.site, session.architectures)
    content = compact(collect(about, reported(session.plan, seen.failures, states), session.store))
    if not content["runs"] and not content["committees"]:
        raise InputFailure(f"{session.store.root}: no run or committee of {campaign.name} is done")
    write_json(session.options.out, content)
    runs = sum(len(replicas) for replicas in content["runs"].values())
    print(f"{session.options.out}: {runs} runs, {len(content['committees'])} committees")
    return 0


def joined(session: Session) -> int:
    """Write the page of all files together."""
    from mlipbench_hpc.contract.folder import write_bytes, write_json
    from mlipbench_hpc.report.text import count
    from mlipbench_hpc.report.truth import join
    from mlipbench_hpc.report.truth.compact import digest
    from mlipbench_hpc.report.truth.figures import NAMES
    from mlipbench_hpc.report.truth.page import page

    campaign, out = session.validated.campaign, session.options.out
    for name, times in Counter(path.name for path in session.options.compact).items():
        if times > 1:
            raise InputFailure(f"{name}: {times} files of this name, expected each file once, under its own")
    files = sorted(session.options.compact, key=lambda path: path.name)  # in whatever order they are given
    parts = {path.name: _read(path) for path in files}
    try:
        whole = join.joined(parts, digest(session.path.read_text(encoding="utf-8")), campaign)
    except join.NotJoinable as error:
        raise InputFailure(str(error)) from error
    text, numbers, drawn = page(campaign, whole)
    out.mkdir(parents=True, exist_ok=True)
    figures = {f"{name}.png" for name in NAMES}
    if folders := [name for name in (*figures, RESULTS, f"{campaign.name}.md") if (out / name).is_dir()]:
        raise InputFailure(f"{out / folders[0]}: is a folder, expected a file or nothing")
    for name in figures:
        (out / name).unlink(missing_ok=True)  # of an earlier page
    for one in drawn:
        write_bytes(out / f"{one.name}.png", one.png())
    write_json(out / RESULTS, numbers)
    write_bytes(out / f"{campaign.name}.md", text.encode())
    print(f"{out / f'{campaign.name}.md'}: {count(len(parts), 'part')} joined")
    return 0


def _read(path: Path) -> Any:
    """Content of a file. Raises InputFailure where it is none, or no JSON."""
    import json

    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise InputFailure(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputFailure(f"{path}: no JSON: {error}") from error


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")
