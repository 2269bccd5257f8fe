"""Radial distributions of every run."""

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.runs import distributions, radial
from mlipbench_hpc.report.driving import about_md
from mlipbench_hpc.report.section import Content, Gallery, Section

NOTHING = "No radial distributions: no run is analysed."


def build(results: Results) -> Content:
    """g(r) of every requested pair of elements."""
    drawn = [
        radial(results, name, observable, about_md(results, name))
        for name in results.names("md")
        for observable in distributions(results, name)
    ]
    return Content([Gallery([figure for figure in drawn if figure], NOTHING)])


SECTION = Section("structure", "Structure", 100, build)
