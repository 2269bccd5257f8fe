"""Thermostats: kinetic temperatures of every species in several engines, for each such study."""

from mlipbench_hpc.report.draw.thermostats import temperatures
from mlipbench_hpc.report.section import Block, Content, Folded, Gallery
from mlipbench_hpc.report.sections import md
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.report.thermostats import kinetics, sentence, table
from mlipbench_hpc.studies.thermostats import STUDY

NOTHING = "No temperatures: no run is done."


def _content(part: Part) -> Content:
    """Temperatures over time, and their means and variances beside those of NVT."""
    every, figure = kinetics(part), temperatures(part)
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        table(part, every),
        Folded("Every run", [md.table(part.results)]),
    ]
    numbers: dict[str, dict[str, object]] = {}
    for own in every:
        numbers.setdefault(own.case, {})[own.temperature.whose] = own.numbers()
    return Content(blocks, {"temperatures": numbers}, [[sentence(part, every)]])


SECTION = section(STUDY, 32, _content)
