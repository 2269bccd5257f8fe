"""Profiles of every run with sampling and training bands, and the quality of reweighting."""

from mlipbench_hpc.report import uncertainty
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.draw.bands import of_run
from mlipbench_hpc.report.driving import about_run
from mlipbench_hpc.report.section import Block, Content, Gallery, Heading, Paragraph, Section
from mlipbench_hpc.report.sections.md import about

NOTHING = "No profiles of this run."


def build(results: Results) -> Content:
    """For each run that is done: words, table of members, figures."""
    names = results.names("md")
    runs = [run for name in names for run in results.of("md", md=name) if run.done]
    blocks = [block for run in runs for block in _run(results, run)]
    nothing: list[Block] = [Paragraph("No MD run is complete.", "nothing")]
    warnings = {about(results, name): uncertainty.of_md(results, name) for name in names}
    return Content(blocks or nothing, warnings=warnings)


def _run(results: Results, run: Item) -> list[Block]:
    words = [f"{about_run(results, run)}.", *uncertainty.words_of(results, run)]
    members = uncertainty.members(results, run)
    return [
        Heading(f"{run.subject['md']}, replica {run.subject['replica']}"),
        Paragraph(" ".join(words)),
        *([members] if members else []),
        Gallery([figure for figure in of_run(results, run) if figure], NOTHING),
    ]


SECTION = Section("profiles", "Profiles and committee bands", 110, build)
