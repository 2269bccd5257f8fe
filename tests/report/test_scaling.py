"""The work of a report grows as its number of runs, counted in look-ups instead of seconds."""

from pathlib import Path
from typing import Any

import pytest
from profiled import analysed, reweighted

from mlipbench_hpc.report import collect
from mlipbench_hpc.report.collect import Item, Reported, Results
from mlipbench_hpc.report.html import build, numbers, page

FEW, MANY = 24, 96


def item(verb: str, subject: dict[str, Any], values: dict[str, Any]) -> Item:
    label = " ".join([verb, *map(str, subject.values())])
    result = {"values": values, "outputs": {}, "versions": {}}
    return Item(Reported(label, verb, label, subject, "analysis", "done"), Path("nowhere"), result)


def results(names: int, replicas: int) -> Results:
    """One committee of four, and `names` entries of `md`, each with so many analysed replicas."""
    asked = {"committee": "mace", "potential": None, "temperature": 300.0, "length": 2.0}
    campaign = {
        "splits": {"main": {"dataset": "none"}}, "models": {"tiny": {"architecture": "mace"}},
        "committees": {"mace": {"model": "tiny", "split": "main"}},
        "md": {f"run{number}": asked for number in range(names)},
        "analysis": {"profiles": {"metal": "Au"}, "blocks": 10},
    }  # fmt: skip
    items = [
        item("train", {"committee": "mace", "round": 0, "member": member, "train": 108}, {"epochs": 40})
        for member in range(4)
    ]
    own = analysed()
    spread = reweighted(own)[0]
    for name in campaign["md"]:
        for replica in range(replicas):
            subject = {"md": name, "replica": replica, "committee": "mace"}
            items.append(item("md", subject, {"outcome": "completed", "time_ps": 2.0}))
            items.append(item("analyse", subject, own[0]))
            items.append(item("reweight", subject, spread))
    document = {"name": "many", "description": "", "yaml": "", "site": {}, "mlipbench": "0"}
    document |= {"architectures": {"mace": {"citation": [], "restart": "training bitwise and MD bitwise"}}}
    return Results(document | {"campaign": campaign}, items)


def lookups(monkeypatch: pytest.MonkeyPatch, reported: Results) -> int:
    """How often the report reads what a task is about, or what it gave."""
    counted = [0]

    def counting(name: str) -> property:
        getter = getattr(Item, name).fget

        def get(self: Item) -> Any:
            counted[0] += 1
            return getter(self)

        return property(get)

    with monkeypatch.context() as patched:
        for name in ("subject", "values"):
            patched.setattr(Item, name, counting(name))
        built = build(reported)
        numbers(reported, built)
        page(reported, built)
    return counted[0]


@pytest.mark.parametrize("replicas", [True, False], ids=["replicas", "entries of md"])
def test_four_times_the_runs_are_four_times_the_work(monkeypatch: pytest.MonkeyPatch, replicas: bool) -> None:
    few, many = (
        lookups(monkeypatch, results(1, runs) if replicas else results(runs, 1)) for runs in (FEW, MANY)
    )
    assert few > 10 * FEW
    assert many <= 1.05 * MANY / FEW * few


def test_a_table_is_read_once(campaign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = collect.read_table
    monkeypatch.setattr(collect, "read_table", lambda path: reads.append(path.name) or read(path))
    run = collect.collect(campaign.document, campaign.tasks, campaign.store).of("analyse")[0]
    assert run.table("rdf.csv") is run.table("rdf.csv")
    assert run.table("absent.csv") == {}
    assert reads == ["rdf.csv"]
