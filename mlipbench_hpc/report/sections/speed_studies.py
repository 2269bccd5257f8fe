"""Speed of MD by model and engine, for each such study."""

from mlipbench_hpc.report.draw.speed import accuracy_and_cost, per_day, scaling
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Gallery,
    Points,
    cautions,
)
from mlipbench_hpc.report.sections import speed
from mlipbench_hpc.report.speed_ratios import Cost, costs, paper, sentence, summary, table, unlike
from mlipbench_hpc.report.speeds import Timed
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.report.text import listed
from mlipbench_hpc.studies.speed import STUDY

NOTHING = "No figure: no speed is measured."


def _content(part: Part) -> Content:
    """Figures and tables of one study, all sizes and conditions below a click."""
    every = costs(part)
    entries = [cost.entry for cost in every]
    about, beside = speed.about(entries), paper(part, every)
    drawn = (
        per_day(part.name, every, about),
        accuracy_and_cost(part.results, entries, part.name),
        scaling(entries, about, part.name),
    )
    doubts = _doubts(entries)
    details: list[Block] = [speed.speeds(entries), speed.conditions(entries), speed.packages(entries)]
    blocks: list[Block] = [
        *(
            [Points([f"{listed(own)}: {words}" for words, own in doubts.items()], warnings=True)]
            * bool(doubts)
        ),
        Gallery([figure for figure in drawn if figure], NOTHING),
        *([table(part, every)] if every else []),
        *([beside] if beside else []),
        *([Folded("Every size, its conditions and versions", details)] if every else []),
    ]
    numbers = {"speeds": {cost.entry.name: cost.numbers() for cost in every}}
    verdict = [[sentence(part, every, len({name for own in doubts.values() for name in own}))]]
    return Content(blocks, numbers, verdict, _cautions(part, every), summary(part, every))


def _doubts(entries: list[Timed]) -> dict[str, list[str]]:
    """What shows that other work ran beside timings, with the timings of which it is said."""
    every: dict[str, list[str]] = {}
    for entry in entries:
        for words in speed.disturbed(entry):
            every.setdefault(words, []).append(entry.name)
    return every


def _cautions(part: Part, every: list[Cost]) -> list[Caution]:
    own = cautions(part.name, f"Study {part.name}", unlike(every), Consequence.LIMITED)
    return [*own, *speed.warnings([cost.entry for cost in every])]


SECTION = section(STUDY, 30, _content, name="speed_studies")
