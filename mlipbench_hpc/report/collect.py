"""Results of the campaign's tasks in the store, indexed: plain values, no figures, no sentences."""

import csv
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

import mlipbench_hpc
from mlipbench_hpc.architectures.card import Card, InstalledArchitecture
from mlipbench_hpc.campaign.site import Site
from mlipbench_hpc.campaign.spec import Campaign
from mlipbench_hpc.campaign.unfold import unfold
from mlipbench_hpc.contract.folder import SMALL_BYTES, Store, damaged, read_json
from mlipbench_hpc.data.frames import Floats
from mlipbench_hpc.data.observable import Observable, by_name
from mlipbench_hpc.plan.graph import Planned, State

Status = Literal["done", "missing", "failed", "stale", "changed"]
SHOWN: dict[State, Status] = {"done": "done", "failed": "failed", "stale": "stale"}
Index = dict[tuple[Any, ...], list["Item"]]
# Several figures read profiles and curves; thermo.csv is long and read for one figure only.
CACHED_BYTES = 262_144
# Reads a trajectory of the user, which stands where a run stands.
RECORD = "record"


@dataclass(frozen=True)
class Reported:
    """One planned task, as the report receives it.

    subject: identity of the task, such as {system[, start]}, {sample, of, start}, {dataset}, {frames},
    {split, train}, {committee, round[, member, train]}, {md, replica, committee}. failure:
    {"kind", "message"} of the last failed attempt, or None.
    """

    label: str
    verb: str
    key: str
    subject: dict[str, Any]
    environment: str
    status: Status
    failure: dict[str, str] | None = None


def document(
    path: Path, campaign: Campaign, site: Site, architectures: Mapping[str, InstalledArchitecture]
) -> dict[str, Any]:
    """The campaign's file and specification, the site, and the version of this suite.

    With the citation and restart of the cards of all architectures in use, and by study its kind and the
    names of the entries that it made.
    """
    unfolded = unfold({"studies": campaign.studies})
    models = campaign.models.values()
    cards = {model.architecture: architectures[model.architecture].card for model in models}
    cards |= {model.evaluator: cards[model.architecture].by(model.kernel) for model in models}
    return {
        "name": campaign.name,
        "description": campaign.description,
        "yaml": path.read_text(encoding="utf-8"),
        "campaign": _specification(campaign),
        "site": site.model_dump(mode="json"),
        "mlipbench": version(mlipbench_hpc.__name__),
        "architectures": {name: _card(cards[name]) for name in sorted(cards)},
        "studies": {
            name: {"kind": asked["kind"], "entries": unfolded.entries(name)}
            for name, asked in campaign.studies.items()
        },
    }


def _specification(campaign: Campaign) -> dict[str, Any]:
    """The campaign as plain values; the user's trajectories stand among the runs, by nobody's committee."""
    content = campaign.model_dump(mode="json")
    content["md"] |= {
        name: {
            "committee": None, "potential": None, "recorded": spec, "start": None, "length": None,
            "temperature": spec["temperature"], "replicas": len(spec["files"]),
        }
        for name, spec in content["trajectories"].items()
    }  # fmt: skip
    return content


def _card(card: Card) -> dict[str, Any]:
    return {"citation": card.notices, "restart": card.restart.describe()}


def reported(
    plan: Iterable[Planned], failures: Mapping[str, Any], states: Mapping[str, State]
) -> list[Reported]:
    """The tasks of the plan for the report; states: by key, failures: the last one of each key."""

    def in_words(item: Planned, subject: Mapping[str, Any]) -> Reported:
        state = SHOWN.get(states[item.key], "missing")
        task, failure = item.task, failures.get(item.key)
        verb = "md" if task.verb == RECORD else task.verb
        return Reported(task.label, verb, item.key, dict(subject), task.environment, state, failure)

    wanted = [item for item in plan if states[item.key] != "maybe"]
    return [in_words(item, subject) for item in wanted for subject in item.subjects]


@dataclass(frozen=True)
class Item:
    """Reported task with its committed folder; `result` and `task` are empty where it is not done.

    memory: values of functions decorated with `remembered`.
    """

    reported: Reported
    folder: Path
    result: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, dict[str, Floats]] = field(default_factory=dict, init=False, repr=False, compare=False)
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def done(self) -> bool:
        """True where the task has a result whose numbers may be used."""
        return bool(self.result)

    @property
    def status(self) -> Status:
        """Status of the task; `missing` where it counts as done and the store lacks its result."""
        return "missing" if self.reported.status == "done" and not self.done else self.reported.status

    @property
    def subject(self) -> dict[str, Any]:
        """Subject of the task, see `Reported`."""
        return self.reported.subject

    @property
    def values(self) -> dict[str, Any]:
        """Values of its result; empty when it is not done."""
        values: dict[str, Any] = self.result.get("values", {})
        return values

    @cached_property
    def observables(self) -> dict[str, Observable]:
        """Observables that its result describes, by name, in the order of the report."""
        return by_name(self.values.get("descriptors", []))

    @property
    def notes(self) -> list[str]:
        """Warnings of the worker; one that begins with the name of an observable has its title instead."""
        titles = {name: observable.title for name, observable in self.observables.items()}
        parts = [sentence.partition(": ") for sentence in self.values.get("warnings", [])]
        return ["".join([titles.get(name, name), *rest]) for name, *rest in parts]

    def statistics(self, name: str) -> dict[str, Any]:
        """Values of an observable that is a single number, such as mean and se; {} where there is none."""
        observable, values = self.observables.get(name), self.values
        if observable is None or not observable.path:
            return {}
        for key in observable.path:
            values = values.get(key) or {}
        return values

    def table(self, name: str, *wanted: str) -> dict[str, Floats]:
        """Columns of a CSV output, each (rows,), NaN where a cell is empty; {} when it cannot be read.

        Those `wanted` that it has, which is faster of a long file, or all.
        """
        if not self.done or name not in self.result.get("outputs", {}):
            return {}
        if name in self.tables:
            return self.tables[name]
        columns = read_table(self.folder / name, *wanted)
        if not wanted and self.result["outputs"][name]["bytes"] < CACHED_BYTES:
            self.tables[name] = columns
        return columns

    def arrays(self, name: str, *wanted: str) -> dict[str, Any]:
        """Arrays of an .npz output, those `wanted` that it has, or all; {} when it cannot be read."""
        if not self.done:
            return {}
        try:
            with np.load(self.folder / name, allow_pickle=False) as archive:
                return {own: archive[own] for own in archive.files if not wanted or own in wanted}
        except (OSError, ValueError, KeyError, BadZipFile):
            return {}


@dataclass(frozen=True)
class Results:
    """All items of one campaign, and `document`: name, description, yaml, campaign, site, mlipbench.

    chosen: by section of the campaign, the names that the report is to show; all where a section is left out.
    indices: items by verb, names in their subject, and the values of these names.
    memory: values of functions decorated with `remembered`.
    """

    document: dict[str, Any]
    items: list[Item]
    chosen: Mapping[str, Collection[str]] = field(default_factory=dict, repr=False)
    indices: dict[tuple[str, ...], Index] = field(default_factory=dict, init=False, repr=False)
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def of(self, verb: str, **subject: Any) -> list[Item]:
        """Items of one verb whose subject contains all of `subject`, in the order of the plan."""
        names = sorted(subject)
        values = (verb, *(subject[name] for name in names))
        return list(self._index("verb", *names).get(values, ()))

    def with_key(self, key: str | None) -> list[Item]:
        """Items of one task: several where it has several subjects, [] where it was not planned."""
        return list(self._index("key").get((key,), ()))

    def _index(self, attribute: Literal["verb", "key"], *names: str) -> Index:
        """Items by an attribute of their task and the values of `names` in their subject.

        One pass over the items at the first question of a kind; a report asks some ten kinds.
        """
        kind = (attribute, *names)
        if kind not in self.indices:
            index: Index = {}
            for item in self.items:
                values = getattr(item.reported, attribute), *map(item.subject.get, names)
                index.setdefault(values, []).append(item)
            self.indices[kind] = index
        return self.indices[kind]

    def names(self, kind: str) -> list[str]:
        """Names in the campaign's section `kind` (datasets, committees, md, …), in its order; chosen ones."""
        every = list(self.document["campaign"].get(kind) or {})
        return [name for name in every if name in self.chosen[kind]] if kind in self.chosen else every

    def asked(self, kind: str, name: str) -> dict[str, Any]:
        """Entry of the campaign under `kind` and `name`."""
        specification: dict[str, Any] = self.document["campaign"][kind][name]
        return specification


def collect(document: dict[str, Any], tasks: list[Reported], store: Store) -> Results:
    """Read the committed folders of the tasks that are done; anything else is an empty item.

    So is a folder that was changed since its commit, so far as its small files tell.
    """
    return Results(document, [_item(task, store) for task in tasks])


def _item(reported: Reported, store: Store) -> Item:
    folder = store.task(reported.key)
    result = store.result(reported.key) if reported.status == "done" else None
    if result is not None and damaged(folder, SMALL_BYTES):
        reported, result = replace(reported, status="changed"), None
    if result is None:
        return Item(reported, folder)
    return Item(reported, folder, result, read_json(folder / "task.json") or {})


def read_table(path: Path, *wanted: str) -> dict[str, Floats]:
    """Columns of a CSV file, each (rows,), NaN where a cell is empty; {} when it cannot be read.

    Those `wanted` that it has, or all.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.reader(stream)
            header = next(rows)
            places = [place for place, key in enumerate(header) if not wanted or key in wanted]
            if (columns := _full_columns(path, places, stream.readline())) is None:
                stream.seek(0)
                cells = list(rows)[1:]
                columns = [np.array([_cell(row[place]) for row in cells]) for place in places]
        return {header[place]: column for place, column in zip(places, columns, strict=True)}
    except (OSError, StopIteration, ValueError, IndexError):
        return {}


def _full_columns(path: Path, places: list[int], first: str) -> list[Floats] | None:
    """Columns at `places` of a file with a number in every cell, faster than cell by cell; None of others.

    first: its first line below the header.
    """
    if not first.strip() or not places:
        return None
    try:
        table = np.loadtxt(
            path, delimiter=",", skiprows=1, usecols=places, ndmin=2, comments=None, encoding="utf-8"
        )
    except ValueError:
        return None
    return [np.ascontiguousarray(column) for column in table.T]


def _cell(text: str) -> float:
    return float(text) if text.strip() else float("nan")


def analyses(results: Results, md: Item) -> list[Item]:
    """Analysis of one MD run."""
    return results.of("analyse", md=md.subject["md"], replica=md.subject["replica"])


def reweighted(results: Results, md: Item) -> Item | None:
    """Reweighting of one MD run to the other members; None where it is not done."""
    items = results.of("reweight", md=md.subject["md"], replica=md.subject["replica"])
    return next((item for item in items if item.done), None)
