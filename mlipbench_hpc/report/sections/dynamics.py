"""Interfacial dynamics: C_dip and P_surv by model and number of ions, for each such study."""

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.draw.dynamics import functions
from mlipbench_hpc.report.dynamics import motions, numbers, paper, sentence, table
from mlipbench_hpc.report.section import Block, Content, Gallery, Section
from mlipbench_hpc.report.studies import Part, parts, together
from mlipbench_hpc.studies.dynamics import STUDY

NOTHING = "No dynamics: no run of this study has a first layer of water that was followed."


def build(results: Results) -> Content:
    """Figure and tables of each study."""
    return together("dynamics", [(part, _content(part)) for part in parts(results, STUDY.kind)])


def _content(part: Part) -> Content:
    every = motions(part)
    figure, beside = functions(part.name, every), paper(part, every)
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        table(part, every),
        *([beside] if beside else []),
    ]
    return Content(blocks, {"runs": numbers(every)}, [[sentence(part, every)]])


SECTION = Section("dynamics", STUDY.title, 33, build)
