"""Data efficiency: errors against the number of training structures, for each such study."""

from mlipbench_hpc.report import models
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.data_efficiency import paper, points, sentence, table
from mlipbench_hpc.report.draw.sizes import errors
from mlipbench_hpc.report.section import Block, Content, Folded, Gallery
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.data_efficiency import STUDY

NOTHING = "No errors: no member is evaluated."


def _content(part: Part) -> Content:
    """Figure and tables of one study, its training below a click."""
    every, results = points(part), part.results
    figure, beside = errors(part.name, every), paper(part, every)
    finals = [final for name in results.names("committees") if (final := final_round(results, name))]
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        table(part, every),
        *([beside] if beside else []),
        Folded("Training of each member", [models.training(finals)]),
    ]
    numbers: dict[str, dict[str, object]] = {}
    for point in every:
        numbers.setdefault(point.model, {})[str(point.size)] = point.numbers()
    return Content(blocks, {"errors": numbers}, [[sentence(part, every)]])


SECTION = section(STUDY, 30, _content)
