"""Runs of compact results as lines of a report, so that what withholds conclusions there does it here too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlipbench_hpc.data.observable import STATIONARITY
from mlipbench_hpc.report.collect import Item, Reported
from mlipbench_hpc.report.driving import DrivingPotential
from mlipbench_hpc.report.groups import Line, Run
from mlipbench_hpc.report.origins import Start
from mlipbench_hpc.report.stationary import withheld

DESCRIBED = ("name", "title", "symbol", "unit", "path", "species")
Runs = Sequence[dict[str, Any]]


def judged(analysis: Item, start: Start | None) -> dict[str, Any]:
    """What tests of stationarity and temperature need of an analysed run, for JSON."""
    temperatures = [own for own in analysis.observables.values() if own.unit == "K"]
    return {
        STATIONARITY: analysis.values.get(STATIONARITY, {}),
        "temperatures": [
            {name: getattr(own, name) for name in DESCRIBED} | {"values": _plain(analysis, own.name)}
            for own in temperatures
        ],
        "sampled": {"temperature_K": start.temperature, "times_ps": start.times_ps} if start else None,
    }


def _plain(analysis: Item, name: str) -> dict[str, Any]:
    return {key: own for key, own in analysis.statistics(name).items() if key != "histogram"}


def lines(every: Mapping[str, Runs], kelvin: float) -> dict[str, Line]:
    """Lines of runs of the same atoms, cell and temperature (K) by name, each the others' peer."""
    made = {name: _line(name, runs, kelvin) for name, runs in every.items() if runs}
    for own in made.values():
        own.peers.extend(made.values())
    return made


def reason(line: Line, number: str) -> str:
    """Reason why no conclusion is drawn from a number of a line, in words; empty without any."""
    tested = ("series", "skipped")
    untested = [run for run in line.runs if not any(map(run.analysis.values[STATIONARITY].get, tested))]
    if untested:
        return f"{line.name} is not tested for stationarity"
    own = withheld(line, number)
    return own.sentence if own else ""


def _line(name: str, runs: Runs, kelvin: float) -> Line:
    line = Line(name, DrivingPotential(name, reference=False), "", kelvin)
    for place, run in enumerate(runs):
        line.runs.append(_run(name, place, run))
        if sampled := run["judged"]["sampled"]:
            line.starts.append(
                Start("", 0.0, 0.0, "", float(sampled["temperature_K"]), dict(sampled["times_ps"]))
            )
    return line


def _run(name: str, place: int, run: dict[str, Any]) -> Run:
    """A run with the values of its analysis that are tested."""
    own = run["judged"]
    values: dict[str, Any] = {key: run.get(key) for key in ("analysed_ps", "equilibration_ps", "blocks")}
    values |= {STATIONARITY: own[STATIONARITY], "descriptors": own["temperatures"]}
    for described in own["temperatures"]:
        inner: dict[str, Any] = values
        for key in described["path"][:-1]:
            inner = inner.setdefault(key, {})
        inner[described["path"][-1]] = described["values"]
    subject = {"md": name, "replica": place}
    return Run(_item("md", subject, {"time_ps": run.get("time_ps")}), _item("analyse", subject, values), None)


def _item(verb: str, subject: dict[str, Any], values: dict[str, Any]) -> Item:
    return Item(Reported("", verb, "", subject, "", "done"), Path(), {"values": values})
