"""Reweighting between committees beside the other committee's MD, for each such study."""

from mlipbench_hpc.report.crosscheck import checks, draw, numbers_of, sentences_of, table_of
from mlipbench_hpc.report.reweighting_check import Checked, checked, members, paper, sentence, skipped
from mlipbench_hpc.report.section import Block, Consequence, Content, Gallery, Points, cautions
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.reweighting_check import STUDY

NOTHING = "No figure: no case has both runs and the reweighting."


def _content(part: Part) -> Content:
    """Figures and tables of one study."""
    every = checked(part)
    pairs = [own.pair for own in every]
    figures = [draw(own.group, own.pair, drawn, part.name) for own in every if (drawn := checks(own.pair))]
    shown, beside = table_of(pairs), paper(part, every)
    blocks: list[Block] = [Gallery(figures, NOTHING, wide=True)]
    blocks += [Points(words)] if (words := sentences_of(pairs)) else []
    blocks += [one for one in (shown, beside) if one]
    numbers = {"checks": _numbers(every), "members": members(part)}
    warnings = cautions(part.name, f"Study {part.name}", skipped(part), Consequence.LIMITED)
    return Content(blocks, numbers, [[sentence(part, every)]], warnings)


def _numbers(every: list[Checked]) -> dict[str, list[dict[str, object]]]:
    """By case, over all its groups of equal atoms."""
    content: dict[str, list[dict[str, object]]] = {}
    for own in every:
        content.setdefault(own.case, []).extend(numbers_of([own.pair]))
    return content


SECTION = section(STUDY, 33, _content)
