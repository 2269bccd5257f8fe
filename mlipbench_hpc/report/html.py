"""Put the page, its figures and results.json together: one function, `build_report`."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mlipbench_hpc.contract.folder import Store, write_bytes, write_json
from mlipbench_hpc.report import studies
from mlipbench_hpc.report.cautions import blocks, kinds
from mlipbench_hpc.report.collect import Reported, Results, collect
from mlipbench_hpc.report.draw.drawing import STYLE
from mlipbench_hpc.report.numbers import as_json
from mlipbench_hpc.report.plain import summary
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Paragraph,
    Points,
    Section,
    all_figures,
    all_sections,
    cautions,
    together,
)
from mlipbench_hpc.report.text import count

PAGE, SUMMARY = "report.html", "summary.txt"
HERE = Path(__file__).parent
FIRST = "overview"
RESULTS_SCHEMA = 1
Built = list[tuple[Section, Content]]


def build_report(document: dict[str, Any], tasks: list[Reported], store: Store, out: Path) -> Path:
    """Write report.html, summary.txt, results.json and figures/*.{pdf,csv} into `out`; returns the page.

    document: {"name", "description", "yaml" (the campaign's text), "campaign" (validated, plain
    JSON), "site", "mlipbench" (version), "architectures" (by name: "citation", "restart")}. Reads committed
    folders only; whatever is missing is named on the page.
    """
    results = collect(document, tasks, store)
    built = build(results)
    figures = all_figures(content for _, content in built)
    (out / "figures").mkdir(parents=True, exist_ok=True)
    _sweep(out / "figures", {f"{figure.name}{suffix}" for figure in figures for suffix in (".pdf", ".csv")})
    for figure in figures:
        write_bytes(out / "figures" / f"{figure.name}.pdf", figure.pdf)
        write_bytes(out / "figures" / f"{figure.name}.csv", figure.csv())
    write_json(out / "results.json", as_json(numbers(results, built)))
    write_bytes(out / SUMMARY, summary(document["name"], [content for _, content in built]).encode())
    write_bytes(out / PAGE, page(results, built).encode())
    return out / PAGE


def build(results: Results) -> Built:
    """Every section with its content, in the order of the page; their figures are drawn."""
    own = studies.own(results)
    with mpl.rc_context(STYLE):
        return [(section, _content(section, own)) for section in all_sections()]


def _content(section: Section, results: Results) -> Content:
    """Content of a section; a section of another package that fails becomes a warning that names it."""
    try:
        return section.build(results)
    except Exception as error:
        if section.build.__module__.partition(".")[0] == __package__.partition(".")[0]:
            raise
        sentence = f"the section could not be built: {type(error).__name__}: {error}"
        about = f"section {section.name}"
        return Content(
            [Paragraph(sentence)], warnings=cautions(about, about, [sentence], Consequence.LIMITED)
        )


def _sweep(folder: Path, wanted: set[str]) -> None:
    """Remove figures of an earlier report that this one does not have."""
    for path in folder.iterdir():
        if path.suffix in (".pdf", ".csv") and path.name not in wanted:
            path.unlink()


def numbers(results: Results, built: Built) -> dict[str, Any]:
    """Content of results.json: numbers of the sections, and verdict, warnings and figures of all."""
    contents = [content for _, content in built]
    own = {
        "schema": RESULTS_SCHEMA,
        "mlipbench": results.document["mlipbench"],
        "verdict": [" ".join(paragraph) for paragraph in verdict(contents)],
        "warnings": [f"{caution.about}: {caution.sentence}" for caution in _cautions(contents)],
        "figures": {figure.name: figure.columns for figure in all_figures(contents)},
    }
    return together([Content([], own), *contents])


def verdict(contents: list[Content]) -> list[list[str]]:
    """Verdict of all sections: paragraphs, each a sentence or two and the points below it."""
    return [paragraph for content in contents for paragraph in content.verdict]


def _verdict(contents: list[Content]) -> list[Block]:
    """Sentences, and folded the points below them."""
    blocks: list[Block] = []
    for sentence, *points in verdict(contents):
        blocks.append(Paragraph(sentence))
        blocks += [Folded(count(len(points), "reason"), [Points(points)])] if points else []
    return blocks


def _cautions(contents: list[Content]) -> list[Caution]:
    """All warnings, most consequential first; equal ones once."""
    return [caution for kind in kinds(contents) for caution in kind.cautions]


def page(results: Results, built: Built) -> str:
    """HTML of the page, self-contained."""
    # autoescape stays on; only the SVG that this package drew and its own style sheet are marked as safe
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    contents = [content for _, content in built]
    of_all = Content(blocks(kinds(contents)))
    gathered = Section("warnings", "Warnings", 5, lambda _: of_all), of_all
    own = Content(_verdict([content for section, content in built if section.name != FIRST]))
    judged = Section("verdict", "Verdict by system and committee", 6, lambda _: own), own
    shown = [(section, content.blocks) for section, content in [*built, gathered, judged] if content.blocks]
    return environment.get_template(PAGE).render(
        document=results.document,
        style=Markup((HERE / "report.css").read_text(encoding="utf-8")),  # noqa: S704
        markup=Markup,
        first=FIRST,
        sections=sorted(shown, key=lambda pair: pair[0].order),
    )
