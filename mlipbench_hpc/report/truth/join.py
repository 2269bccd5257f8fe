"""Compact results of several stores joined into one: each run, committee and task once."""

from collections.abc import Mapping
from typing import Any

from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.report.truth.compact import SCHEMA
from mlipbench_hpc.report.truth.cost import total
from mlipbench_hpc.report.truth.schema import mistakes

SHARED = ("schema", "campaign", "campaign_sha256")
MOST = 20  # mistakes of a file that are told
CONTENT = ("mlipbench", "runs", "ions", "committees", "store", "cost")


class NotJoinable(ValueError):
    """Compact results that do not belong together, or are none; the message names the file."""


def joined(parts: Mapping[str, Any], sha256: str, campaign: Campaign | None = None) -> dict[str, Any]:
    """One compact result of all `parts`, by file name; of equal entries the first counts.

    sha256: of the campaign, which is asked for its names. Committees are lists: of one that several stores
    trained, models and α of each. `twice`: entries that several parts hold with other numbers. Raises
    NotJoinable for no parts, for parts of another campaign or schema, of runs that the campaign has not, or
    with anything else than compact results.
    """
    if not parts:
        raise NotJoinable("no compact results: name at least one file")
    for name, part in parts.items():
        _check(name, part, sha256)
        if campaign:
            _known(name, part, campaign)
    first = next(iter(parts.values()))
    twice: list[str] = []
    runs, ions, committees = dict[str, Any](), dict[str, Any](), dict[str, list[Any]]()
    for name, part in parts.items():
        for run, replicas in part["runs"].items():
            _add(runs.setdefault(run, {}), replicas, f"{name}: run {run}, replica", twice)
        _add(ions, part["ions"], f"{name}: ions of", twice)
        for committee, own in part["committees"].items():
            _train(committees.setdefault(committee, []), own, f"{name}: committee {committee}", twice)
    head = {key: first[key] for key in (*SHARED, "mlipbench")}
    content = {"runs": runs, "ions": ions, "committees": committees, "twice": twice}
    return head | content | {"cost": total(list(parts.values()))}


def _check(name: str, part: Any, sha256: str) -> None:
    if not isinstance(part, dict) or not {*SHARED, *CONTENT} <= set(part):
        raise NotJoinable(f"{name}: no compact results, expected a file that `mlipbench compact` wrote")
    if part["schema"] != SCHEMA:
        raise NotJoinable(f"{name}: schema {part['schema']}, expected {SCHEMA}: write it anew")
    if wrong := mistakes(part):
        more = [f"{len(wrong) - MOST} more mistakes"] * (len(wrong) > MOST)
        raise NotJoinable("\n".join(f"{name}: {own}" for own in [*wrong[:MOST], *more]))
    if part["campaign_sha256"] != sha256:
        raise NotJoinable(
            f"{name}: results of campaign `{part['campaign']}` with another content than this file's "
            "(comments, description and limits are free): join them with the file of then, or write them anew"
        )


def _known(name: str, part: Mapping[str, Any], campaign: Campaign) -> None:
    """Raise NotJoinable for runs, replicas and committees that the campaign does not have."""
    for section, known in (("runs", campaign.md), ("ions", campaign.md), ("committees", campaign.committees)):
        if strange := sorted(set(part[section]) - set(known)):
            raise NotJoinable(f"{name}: {section}: received {strange[0]}, expected names of the campaign")
    for run, own in part["runs"].items():
        every = [str(replica) for replica in range(campaign.md[run].replicas)]
        if strange := sorted(set(own) - set(every)):
            raise NotJoinable(
                f"{name}: runs.{run}: received replica {strange[0]}, expected {', '.join(every)}"
            )


def _add(known: dict[str, Any], more: Mapping[str, Any], what: str, twice: list[str]) -> None:
    for name, own in more.items():
        if name in known and known[name] != own:
            twice.append(f"{what} {name}")
        known.setdefault(name, own)


def _train(known: list[Any], own: Any, what: str, twice: list[str]) -> None:
    """Add a committee, unless another part has the same models; of these the one with more of them and α."""
    for place, other in enumerate(known):
        shared = set(own["models"]) & set(other["models"])
        if not shared or any(own["models"][member] != other["models"][member] for member in shared):
            continue
        if own["calibrated"] and other["calibrated"] and own["alpha"] != other["alpha"]:
            twice.append(f"{what}, calibrated again")
        known[place] = max(other, own, key=lambda one: (one["calibrated"], len(one["models"])))
        return
    if known:
        twice.append(f"{what}, trained again: α and errors are those of the models that ran")
    known.append(own)
