"""Radial distributions of every run."""

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.runs import distributions, radial
from mlipbench_hpc.report.section import Content, Gallery, Section

NOTHING = "No radial distributions: no run is analysed."


def build(results: Results) -> Content:
    """g(r) of every requested pair of elements."""
    drawn = [radial(results, observable) for observable in distributions(results)]
    return Content([Gallery([figure for figure in drawn if figure], NOTHING, wide=True)])


SECTION = Section("structure", "Structure", 100, build)
