"""What the campaign's tasks left in the store, as plain values: no figures, no words."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np

from mlipbench_hpc.contract.folder import Store, read_json
from mlipbench_hpc.data.frames import Floats

Status = Literal["done", "missing", "failed", "stale"]
RESULTS_SCHEMA = 1
TOLD_BY_INTERRUPTIONS = ("segments",)


@dataclass(frozen=True)
class Reported:
    """One planned task as the report is told of it.

    subject: what it is about, one of {system[, start]}, {sample, of, start}, {dataset}, {split, train},
    {committee, round[, member, train]}, {md, replica, committee}. failure:
    {"kind", "message"} of the last failed attempt, or None.
    """

    label: str
    verb: str
    key: str
    subject: dict[str, Any]
    environment: str
    status: Status
    failure: dict[str, str] | None = None


@dataclass(frozen=True)
class Item:
    """A reported task with what it committed; `result` and `task` are empty where nothing counts as done."""

    reported: Reported
    folder: Path
    result: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether its numbers may be used."""
        return bool(self.result)

    @property
    def status(self) -> Status:
        """The status told, or `missing` where the store does not hold what was said to be done."""
        return "missing" if self.reported.status == "done" and not self.done else self.reported.status

    @property
    def subject(self) -> dict[str, Any]:
        """What the task is about."""
        return self.reported.subject

    @property
    def values(self) -> dict[str, Any]:
        """The values of its result; empty when it is not done."""
        found: dict[str, Any] = self.result.get("values", {})
        return found

    def table(self, name: str) -> dict[str, Floats]:
        """The columns of a CSV output, each (rows,), NaN where a cell is empty; {} when it cannot be read."""
        if not self.done:
            return {}
        try:
            with (self.folder / name).open(newline="", encoding="utf-8") as stream:
                header, *rows = csv.reader(stream)
            return {key: np.array([_cell(row[i]) for row in rows]) for i, key in enumerate(header)}
        except (OSError, ValueError, IndexError):
            return {}

    def arrays(self, name: str) -> dict[str, Any]:
        """The arrays of an .npz output; {} when it cannot be read."""
        if not self.done:
            return {}
        try:
            with np.load(self.folder / name, allow_pickle=False) as archive:
                return dict(archive)
        except (OSError, ValueError, KeyError):
            return {}


@dataclass(frozen=True)
class Results:
    """All items of one campaign, and `document`: name, description, yaml, campaign, site, mlipbench."""

    document: dict[str, Any]
    items: list[Item]

    def of(self, verb: str, **subject: Any) -> list[Item]:
        """The items of one verb whose subject holds all of `subject`, in the order of the plan."""
        return [
            item
            for item in self.items
            if item.reported.verb == verb and all(item.subject.get(k) == v for k, v in subject.items())
        ]

    def names(self, kind: str) -> list[str]:
        """Names asked for in the campaign under `kind` (datasets, committees, md, …), in its order."""
        return list(self.document["campaign"].get(kind) or {})

    def asked(self, kind: str, name: str) -> dict[str, Any]:
        """What the campaign says about one of them."""
        found: dict[str, Any] = self.document["campaign"][kind][name]
        return found


def collect(document: dict[str, Any], tasks: list[Reported], store: Store) -> Results:
    """Read the committed folders of the tasks that are done; anything else is an empty item."""
    return Results(document, [_item(task, store) for task in tasks])


def _item(reported: Reported, store: Store) -> Item:
    folder = store.task(reported.key)
    result = store.result(reported.key) if reported.status == "done" else None
    if result is None:
        return Item(reported, folder)
    return Item(reported, folder, result, read_json(folder / "task.json") or {})


def _cell(text: str) -> float:
    return float(text) if text.strip() else float("nan")


@dataclass(frozen=True)
class Member:
    """One model of a committee: its training and evaluation."""

    number: int
    train: Item | None
    evaluate: Item | None
    structures: int | None

    @property
    def trained(self) -> bool:
        """Whether there is a model."""
        return self.train is not None and self.train.done

    def errors(self, part: str) -> dict[str, Any]:
        """Errors on `validation` or `test`; {} when not evaluated."""
        found: dict[str, Any] = self.evaluate.values.get(part, {}) if self.evaluate else {}
        return found


@dataclass(frozen=True)
class Round:
    """One round of a committee (a committee that does not grow has one, number 0).

    only: in words, to which frames its training sets are restricted; "" for none.
    """

    committee: str
    number: int
    members: list[Member]
    decision: Item | None
    calibration: Item | None
    only: str = ""

    @property
    def trained(self) -> list[Member]:
        """Members with a model."""
        return [member for member in self.members if member.trained]

    @property
    def structures(self) -> list[int]:
        """The different sizes of the members' training sets."""
        return sorted({member.structures for member in self.members if member.structures is not None})

    def describe(self) -> str:
        """What must stand beside each number of this committee."""
        sizes = " or ".join(str(size) for size in self.structures) or "unknown many"
        trained, asked = len(self.trained), len(self.members)
        size = f"M = {asked}" if trained == asked else f"M = {trained} of {asked} asked"
        return f"{size}, {sizes} training structures each" + (f", {self.only}" if self.only else "")


def rounds(results: Results, committee: str) -> list[Round]:
    """The planned rounds of a committee, first to last."""
    planned = results.of("train", committee=committee)
    numbers = sorted({int(item.subject.get("round", 0)) for item in planned})
    return [_round(results, committee, number) for number in numbers]


def final_round(results: Results, committee: str) -> Round | None:
    """The last round that has a model, or the first one planned; None when nothing is planned."""
    planned = rounds(results, committee)
    begun = [one for one in planned if one.trained]
    return begun[-1] if begun else next(iter(planned), None)


def _round(results: Results, committee: str, number: int) -> Round:
    members = [
        Member(
            number=int(train.subject["member"]),
            train=train,
            evaluate=next(
                iter(
                    results.of("evaluate", committee=committee, round=number, member=train.subject["member"])
                ),
                None,
            ),
            structures=train.subject.get("train") or _training_structures(results, train),
        )
        for train in results.of("train", committee=committee, round=number)
    ]
    decision, calibration = (
        next(iter(results.of(verb, committee=committee, round=number)), None)
        for verb in ("decide", "calibrate")
    )
    split = results.asked("committees", committee)["split"]
    return Round(committee, number, members, decision, calibration, only(results, split))


def only(results: Results, split: str) -> str:
    """Which frames a split draws from, such as `only Na2` or `only without Na`; "" for all."""
    asked = results.asked("splits", split).get("only") or {}
    words = [f"{symbol}{count}" if count else f"without {symbol}" for symbol, count in asked.items()]
    return f"only {' and '.join(words)}" if words else ""


def _training_structures(results: Results, train: Item) -> int | None:
    """The size of a member's training set, from the split it consumed."""
    key = train.task.get("upstream", {}).get("split")
    split = next((item for item in results.items if item.reported.key == key and item.done), None)
    try:
        return len(split_of(split)["members"][train.subject["member"]]) if split else None
    except (KeyError, IndexError):
        return None


def split_of(item: Item) -> dict[str, Any]:
    """split.json of a split task, {} where there is none."""
    found = read_json(item.folder / "split.json") if item.done else None
    return found if isinstance(found, dict) else {}


def mean_and_deviation(values: list[float | None]) -> tuple[float | None, float | None]:
    """Mean over the known values, and their standard deviation with ddof = 1 where there are two."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None, stdev(known) if len(known) > 1 else None


def numbers(results: Results) -> dict[str, Any]:
    """Every number of the report except the figures' and what two equal runs need not share."""
    document = results.document
    return {
        "schema": RESULTS_SCHEMA,
        "mlipbench": document["mlipbench"],
        "campaign": {
            "name": document["name"],
            "description": document["description"],
            "asked": document["campaign"],
        },
        "systems": {
            item.subject["system"]: item.values for item in results.items if "system" in item.subject
        },
        "datasets": {
            item.subject["dataset"]: item.values for item in results.items if "dataset" in item.subject
        },
        "splits": {item.reported.label: item.values | _split_numbers(item) for item in results.of("split")},
        "committees": {name: _committee_numbers(results, name) for name in results.names("committees")},
        "md": {name: _md_numbers(results, name) for name in results.names("md")},
        "tasks": {item.reported.label: _task_numbers(item) for item in results.items},
    }


def _split_numbers(item: Item) -> dict[str, Any]:
    found = split_of(item)
    sizes = {name: len(found[name]) for name in ("validation", "test") if name in found}
    return sizes | {
        "train": [len(member) for member in found.get("members", [])],
        "reference_energies_eV": found.get("reference_energies", {}),
    }


def _committee_numbers(results: Results, name: str) -> dict[str, Any]:
    return {
        "asked": results.asked("committees", name),
        "visibility": next((item.values for item in results.of("visibility", committee=name)), None),
        "rounds": {str(one.number): _round_numbers(one) for one in rounds(results, name)},
    }


def _round_numbers(one: Round) -> dict[str, Any]:
    return {
        "members_asked": len(one.members),
        "members_trained": len(one.trained),
        "decision": one.decision.values if one.decision else None,
        "calibration": one.calibration.values if one.calibration else None,
        "members": {
            str(member.number): {
                "training_structures": member.structures,
                "train": member.train.values if member.train else {},
                "evaluate": member.evaluate.values if member.evaluate else {},
            }
            for member in one.members
        },
    }


def _md_numbers(results: Results, name: str) -> dict[str, Any]:
    committee = results.asked("md", name)["committee"]
    final = final_round(results, committee)
    return {
        "committee": committee,
        "members_trained": len(final.trained) if final else 0,
        "training_structures": final.structures if final else [],
        "replicas": {
            str(item.subject["replica"]): {
                "md": {
                    name: value for name, value in item.values.items() if name not in TOLD_BY_INTERRUPTIONS
                },
                "analyse": next((a.values for a in analyses(results, item)), {}),
                "reweight": reweighting.values if (reweighting := reweighted(results, item)) else {},
            }
            for item in results.of("md", md=name)
        },
    }


def analyses(results: Results, md: Item) -> list[Item]:
    """The analysis of one MD run."""
    return results.of("analyse", md=md.subject["md"], replica=md.subject["replica"])


def reweighted(results: Results, md: Item) -> Item | None:
    """What the other members would have given in one MD run; None where that is not done."""
    found = results.of("reweight", md=md.subject["md"], replica=md.subject["replica"])
    return next((item for item in found if item.done), None)


def _task_numbers(item: Item) -> dict[str, Any]:
    told = item.reported
    return {
        "verb": told.verb,
        "key": told.key,
        "environment": told.environment,
        "identity": item.task.get("identity"),
        "status": item.status,
        "failure": None if item.done else told.failure,
    }


def timing(results: Results) -> dict[str, Any]:
    """By task: all that two equal runs need not share (times, hosts, attempts, files that record them)."""
    return {
        "note": "everything here may differ between two equal runs; nothing outside may",
        "site": results.document["site"],
        "tasks": {
            item.reported.label: {
                name: item.result.get(name)
                for name in ("attempt", "timing", "versions", "manifest", "outputs")
            }
            for item in results.items
            if item.done
        },
    }


def as_json(value: Any) -> Any:
    """`value` with every float that is not finite as None, so that strict JSON can hold it."""
    text = json.dumps(value, default=_plain)
    return json.loads(text, parse_constant=lambda _: None)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
