"""Errors of every committee on held-out frames."""

from mlipbench_hpc.report import models, quality
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.draw.parity import parity_plots
from mlipbench_hpc.report.section import Block, Content, Folded, Gallery, Section

VALIDATION = "Errors on the validation set (monitored during training, not fitted)"
MEMBERS = "Errors of each member on the test set"
NOTHING = "No parity plots: no member is evaluated."


def build(results: Results) -> Content:
    """Tables of errors on the test and validation sets, and parity plots, all committees side by side."""
    finals = [final for name in results.names("committees") if (final := final_round(results, name))]
    if not finals:
        return Content([Gallery([], NOTHING)])
    members: list[Block] = [models.members_errors(final, "test") for final in finals]
    judged = quality.strata_errors(results, finals)
    blocks: list[Block] = [
        *([judged] if judged else []),
        models.errors(finals, "test"),
        *([tails] if (tails := models.tails(finals, "test")) else []),
        Folded(MEMBERS, members),
        Folded(VALIDATION, [models.errors(finals, "validation")]),
    ]
    return Content([*blocks, Gallery(parity_plots(finals), NOTHING, wide=True)])


SECTION = Section("errors", "Errors", 70, build)
