"""Profiles of every run with sampling and training bands, and the quality of reweighting."""

from mlipbench_hpc.report import uncertainty
from mlipbench_hpc.report.collect import Item, Results, reweighted
from mlipbench_hpc.report.draw.bands import of_run, place
from mlipbench_hpc.report.draw.drawing import Figure
from mlipbench_hpc.report.driving import about_run
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Gallery,
    Paragraph,
    Points,
    Section,
    cautions,
)
from mlipbench_hpc.report.sections.md import about, of_replicas
from mlipbench_hpc.report.text import count

NOTHING = "No profiles of this run."


def build(results: Results) -> Content:
    """Sentences on each run, then for each observable the figures of all runs side by side."""
    names = results.names("md")
    runs = [run for name in names for run in results.of("md", md=name) if run.done]
    if not runs:
        return Content([Paragraph("No MD run is complete.", "nothing")], warnings=_cautions(results))
    words = [
        f"{_name(run)} ({about_run(results, run)}): {' '.join(sentences)}"
        for run in runs
        if (sentences := uncertainty.words_of(results, run))
    ]
    tables = [table for run in runs if (table := uncertainty.members(results, run))]
    blocks: list[Block] = [Points(words)] if words else []
    blocks += [Folded("Reweighting of each run, by member", [*tables])] if tables else []
    return Content([*blocks, *_figures(results, runs)], warnings=_cautions(results))


def _name(run: Item) -> str:
    return f"{run.subject['md']}, replica {run.subject['replica']}"


def _figures(results: Results, runs: list[Item]) -> list[Block]:
    """One gallery for each observable, in which every run has its figure."""
    by_observable: dict[str, list[Figure]] = {}
    for run in runs:
        for figure in of_run(results, run):
            if figure is not None:
                by_observable.setdefault(figure.name.removeprefix(f"{place(run)}-"), []).append(figure)
    if not by_observable:
        return [Gallery([], NOTHING)]
    return [
        Folded(
            f"{figures[0].title.partition(',')[0]}: {count(len(figures), 'run')}", [Gallery(figures, NOTHING)]
        )
        for figures in by_observable.values()
    ]


def _cautions(results: Results) -> list[Caution]:
    """Warnings about reweighting; those repeated by convergence criteria of compared runs are left out."""
    compared = {line.name for group in groups(results) for line in group.drawn}
    every: list[Caution] = []
    for name in results.names("md"):
        sentences = [
            f"replica {run.subject['replica']}: {sentence}."
            for run in results.of("md", md=name)
            if (spread := reweighted(results, run))
            for sentence in spread.notes
        ]
        sentences = sentences if name in compared else uncertainty.of_md(results, name)
        sentences = of_replicas(results, name, sentences)
        every += cautions(name, about(results, name), sentences, Consequence.ERROR_UNKNOWN)
    return every


SECTION = Section("profiles", "Profiles and committee bands", 110, build)
