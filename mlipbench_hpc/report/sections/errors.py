"""Errors of every committee on held-out frames."""

from mlipbench_hpc.report import models
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.draw.parity import parity
from mlipbench_hpc.report.section import Block, Content, Folded, Gallery, Section

VALIDATION = "Errors on the validation set (monitored during training, not fitted)"
NOTHING = "No parity plots: no member is evaluated."


def build(results: Results) -> Content:
    """Tables of errors on the test and validation sets, and parity plots."""
    finals = [final for name in results.names("committees") if (final := final_round(results, name))]
    blocks: list[Block] = []
    for final in finals:
        blocks += [models.errors(final, "test"), Folded(VALIDATION, [models.errors(final, "validation")])]
    figures = [figure for final in finals for figure in parity(final)]
    return Content([*blocks, Gallery(figures, NOTHING)])


SECTION = Section("errors", "Errors", 70, build)
