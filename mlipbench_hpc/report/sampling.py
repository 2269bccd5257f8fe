"""Correlation of the frames of generated datasets, and their number of independent frames."""

from collections.abc import Iterator
from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import count, listed, number

CORRELATED = 2.0
Rows = list[dict[str, Any]]


def _runs(results: Results, dataset: str) -> Iterator[tuple[Item, dict[str, Any]]]:
    """Sampling runs of a dataset at each of their temperatures, with the results of their tasks."""
    for item in [*results.of("label", dataset=dataset), *results.of("label", sample=dataset)]:
        for row in item.values.get("sampling", []):
            yield item, row


def rows_of(results: Results, dataset: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Sampling runs of a dataset in the order of its frames, in words, with the results of their tasks."""
    generated = results.document["campaign"].get("datasets", {}).get(dataset, {}).get("generate")
    for item, row in _runs(results, dataset) if generated else ():
        start = f", start {item.subject['start']}" if item.subject.get("start") else ""
        words = f"{dataset}: {_system(results, dataset, item)}{start} at {number(row['temperature_K'])} K"
        yield words, row


def table(results: Results) -> Table | None:
    """One row for each temperature of each sampling run; None where nothing was sampled."""
    rows = [
        [name, _system(results, name, item), number(item.subject.get("start", 0)),
         *(number(row[key]) for key in ("temperature_K", "frames", "every_ps", "statistical_inefficiency")),
         number(_worth([row])), _slowest(row) + " alone" * _alone(row)]
        for name in results.names("datasets")
        for item, row in _runs(results, name)
    ]  # fmt: skip
    header = ["dataset", "system", "start", "temperature, K", "frames", "every, ps",
              "statistical inefficiency", "independent frames", "slowest quantity"]  # fmt: skip
    caption = (
        "Sampling of the frames, each run of the reference potential by itself. Statistical inefficiency: "
        "number of frames per independent frame, from the autocorrelation of the slowest of potential "
        "energy, P_z and the ions' heights along the run, before frames are rattled. Potential energy "
        "alone: the others are not known in every frame of the run, and frames may be less independent than "
        "stated. From labelled frames only, no model involved."
    )
    return Table(caption, header, rows, words=2) if rows else None


def _system(results: Results, dataset: str, item: Item) -> str:
    recipe = results.asked("datasets", dataset)["generate"]
    return str(item.subject.get("of") or recipe["system"] or recipe["systems"][0])


def numbers(results: Results) -> dict[str, Rows]:
    """Numbers of `table` by dataset, with the system and start of each row."""
    by_dataset = {
        name: [{**item.subject, **row} for item, row in _runs(results, name)]
        for name in results.names("datasets")
    }
    return {name: rows for name, rows in by_dataset.items() if rows}


def warnings(results: Results, dataset: str) -> list[str]:
    """Sentences on correlated frames, and on runs that are judged by their energy alone.

    Runs at one temperature are judged together: one run's statistical inefficiency, of some tens of frames,
    is itself uncertain.
    """
    return _correlated(results, dataset) + _energy_alone(results, dataset)


def _energy_alone(results: Results, dataset: str) -> list[str]:
    """Sentence on runs without the slow quantities that other runs of the dataset have."""
    rows = list(_runs(results, dataset))
    alone = [(item, row) for item, row in rows if _alone(row)]
    if not alone or len(alone) == len(rows):
        return []
    runs = [f"{_system(results, dataset, item)} at {number(row['temperature_K'])} K" for item, row in alone]
    frames = _frames([row for _, row in alone])
    return [
        f"independence of the frames of {listed(list(dict.fromkeys(runs)))} is judged by the potential "
        "energy alone, because P_z and ions' heights are not known in every frame: fewer than "
        f"{number(_worth([row for _, row in alone]))} of these {count(frames, 'frame')} may be independent; "
        "increase `every`."
    ]


def _alone(row: dict[str, Any]) -> bool:
    """True where only the energy of a run is known in every frame."""
    return len(row.get("inefficiencies", [])) < 2


def _correlated(results: Results, dataset: str) -> list[str]:
    """One sentence on the temperatures at which frames are correlated."""
    by_temperature: dict[float, Rows] = {}
    for _, row in _runs(results, dataset):
        by_temperature.setdefault(row["temperature_K"], []).append(row)
    low = {
        temperature: f"{number(_worth(rows))} of {number(_frames(rows))} frames at {number(temperature)} K"
        for temperature, rows in by_temperature.items()
        if _frames(rows) > CORRELATED * _worth(rows)
    }
    if not low:
        return []
    names = (_slowest(row) for temperature in low for row in by_temperature[temperature])
    slowest = list(dict.fromkeys(names))
    every = by_temperature[next(iter(low))][0]["every_ps"]
    return [
        f"frames every {number(every)} ps are correlated: {listed(list(low.values()))} are independent, by "
        f"the autocorrelation of the slowest quantity ({listed(slowest)}); increase `every` or `starts` of "
        "the dataset."
    ]


def about(results: Results, dataset: str) -> str:
    """Number of sampled frames in words, where the campaign sampled them."""
    frames = _frames([row for _, row in _runs(results, dataset)])
    sampled = f"{count(frames, 'sampled frame')}; " if frames else ""
    return f"{sampled}labelled frames alone"


def _slowest(row: dict[str, Any]) -> str:
    return str(row.get("slowest", "potential energy"))


def _frames(rows: Rows) -> int:
    return sum(int(row["frames"]) for row in rows)


def _worth(rows: Rows) -> float:
    """Number of independent frames of all rows together."""
    return float(sum(row["frames"] / row["statistical_inefficiency"] for row in rows))
