"""Interfacial dynamics: C_dip and P_surv by model and number of ions, for each such study."""

from mlipbench_hpc.report.draw.dynamics import functions
from mlipbench_hpc.report.dynamics import change_numbers, motions, numbers, paper, sentence, table
from mlipbench_hpc.report.section import Block, Content, Gallery
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.dynamics import STUDY

NOTHING = "No dynamics: no run of this study has a first layer of water that was followed."


def _content(part: Part) -> Content:
    """Figure and tables of one study."""
    every = motions(part)
    figure, beside = functions(part.name, every), paper(part, every)
    blocks: list[Block] = [
        Gallery([figure] if figure else [], NOTHING, wide=True),
        table(part, every),
        *([beside] if beside else []),
    ]
    return Content(
        blocks, {"runs": numbers(every), "changes": change_numbers(every)}, [[sentence(part, every)]]
    )


SECTION = section(STUDY, 33, _content)
