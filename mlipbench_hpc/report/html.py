"""Put the page, its figures and results.json together: one function, `build_report`."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlipbench_hpc.contract.folder import Store, write_bytes, write_json
from mlipbench_hpc.report import (
    comparison,
    convergence,
    crosscheck,
    dipoles,
    models,
    plain,
    sampling,
    tables,
    uncertainty,
    words,
)
from mlipbench_hpc.report.collect import Reported, Results, collect
from mlipbench_hpc.report.committees import Round, final_round
from mlipbench_hpc.report.drawing import Figure
from mlipbench_hpc.report.figures import figures
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.numbers import as_json, numbers, timing
from mlipbench_hpc.report.overlay import section

PAGE, SUMMARY = "report.html", "summary.txt"
HERE = Path(__file__).parent


def build_report(document: dict[str, Any], tasks: list[Reported], store: Store, out: Path) -> Path:
    """Write report.html, summary.txt, results.json and figures/*.{pdf,csv} into `out`; returns the page.

    document: {"name", "description", "yaml" (the campaign's text), "campaign" (validated, plain
    JSON), "site", "mlipbench" (version), "architectures" (by name: "citation", "restart")}. Reads committed
    folders only; whatever is missing is named on the page.
    """
    results = collect(document, tasks, store)
    drawn = figures(results)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    _sweep(out / "figures", {f"{figure.name}{suffix}" for figure in drawn for suffix in (".pdf", ".csv")})
    for figure in drawn:
        write_bytes(out / "figures" / f"{figure.name}.pdf", figure.pdf)
        write_bytes(out / "figures" / f"{figure.name}.csv", figure.csv())
    write_json(out / "results.json", as_json(everything(results, drawn)))
    write_bytes(out / SUMMARY, plain.summary(results).encode())
    write_bytes(out / PAGE, page(results, drawn).encode())
    return out / PAGE


def _sweep(folder: Path, wanted: set[str]) -> None:
    """Take away figures of an earlier report that this one does not have."""
    for path in folder.iterdir():
        if path.suffix in (".pdf", ".csv") and path.name not in wanted:
            path.unlink()


def everything(results: Results, drawn: list[Figure]) -> dict[str, Any]:
    """The content of results.json: all numbers, and under `timing` whatever equal runs need not share."""
    return numbers(results) | {
        "verdict": [" ".join(paragraph) for paragraph in words.verdict(results)],
        "warnings": [f"{about}: {one}" for about, own in words.warnings(results).items() for one in own],
        "figures": {figure.name: figure.columns for figure in drawn},
        "timing": timing(results),
    }


def page(results: Results, drawn: list[Figure]) -> str:
    """The HTML, self-contained."""
    # autoescape stays on; only the SVG that this package drew and its own style sheet are marked as safe
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_section: dict[str, list[dict[str, Any]]] = {}
    for figure in drawn:
        by_section.setdefault(figure.section, []).append(
            {"name": figure.name, "caption": figure.caption, "svg": Markup(figure.svg)}  # noqa: S704
        )
    return environment.get_template(PAGE).render(
        document=results.document,
        site=json.dumps(results.document["site"], indent=1, ensure_ascii=False),
        criteria=convergence.CRITERIA,
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),  # noqa: S704
        figures=by_section,
        verdict=words.verdict(results),
        warnings=words.warnings(results),
        **_tables(results),
    )


def _tables(results: Results) -> dict[str, Any]:
    finals = {name: final_round(results, name) for name in results.names("committees")}
    return {
        "comparisons": [_comparison(group) for group in groups(results)],
        "missing": tables.missing(results),
        "asked": tables.asked(results),
        "data": tables.data(results),
        "sampling": sampling.table(results),
        "dipoles": dipoles.table(results),
        "splits": tables.splits(results),
        "visibility": uncertainty.visibility(results),
        "alphas": uncertainty.alphas(results),
        "runs": uncertainty.runs(results),
        "committees": [_committee(results, name, final) for name, final in finals.items() if final],
        "absent": [name for name, final in finals.items() if final is None],
        "md": [tables.md(results, name) for name in results.names("md")],
        "timings": tables.timings(results),
        "provenance": tables.provenance(results),
        "versions": tables.versions(results),
    }


def _comparison(group: Group) -> dict[str, Any]:
    return {
        "title": group.title,
        "place": section(group),
        "converged": convergence.converged(group),
        "agreements": comparison.agreements(group),
        "table": comparison.table(group),
        "checks": crosscheck.sentences(group),
        "checked": crosscheck.table(group),
    }


def _committee(results: Results, name: str, final: Round) -> dict[str, Any]:
    spec = results.asked("committees", name)
    chosen = results.asked("models", spec["model"])
    return {
        "name": name,
        "model": spec["model"],
        "architecture": chosen["architecture"],
        "restart": results.document["architectures"][chosen["architecture"]]["restart"],
        "preset": chosen.get("preset"),
        "dtype": chosen.get("dtype"),
        "about": final.describe(),
        "hyperparameters": next((found for m in final.trained if (found := models.hyperparameters(m))), {}),
        "training": models.training(final),
        "growth": models.growth(results, name),
        "test": models.errors(final, "test"),
        "validation": models.errors(final, "validation"),
    }
