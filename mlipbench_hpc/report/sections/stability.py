"""Stability: MD with models of little training data, for each such study."""

from mlipbench_hpc.report.draw.stability import energies, profiles
from mlipbench_hpc.report.groups import Group
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Folded,
    Gallery,
    cautions,
)
from mlipbench_hpc.report.sections import md
from mlipbench_hpc.report.stability import (
    Repeats,
    compared,
    deviations,
    paper,
    reference_of,
    repeats,
    sentence,
    table,
)
from mlipbench_hpc.report.studies import Part, section
from mlipbench_hpc.studies.stability import STUDY

NOTHING = "No profiles: no stable run has any."


def _content(part: Part) -> Content:
    """Failures, profiles of the stable runs beside the reference's, energies of all runs."""
    every, groups = repeats(part), compared(part)
    figures = [figure for group in groups for figure in profiles(part, group, every)]
    energy, beside = energies(part, every), paper(part, every)
    blocks: list[Block] = [
        Gallery(figures, NOTHING, wide=True),
        table(part, every),
        *([beside] if beside else []),
        *([Folded("Potential energy of every run", [Gallery([energy], "", wide=True)])] if energy else []),
        Folded("Every run", [md.table(part.results)]),
    ]
    distances = {group.title: deviations(part, group, every) for group in groups}
    numbers = {"runs": _by_model(every), "rms_from_reference": distances}
    return Content(blocks, numbers, [[sentence(part, every)]], _cautions(part, groups))


def _by_model(every: list[Repeats]) -> dict[str, dict[str, object]]:
    numbers: dict[str, dict[str, object]] = {}
    for own in every:
        numbers.setdefault(own.model, {})[str(own.size)] = own.numbers()
    return numbers


def _cautions(part: Part, groups: list[Group]) -> list[Caution]:
    """A warning where the reference is of other atoms, another cell or temperature than the runs."""
    alone = [group for group in groups if not reference_of(part, group)]
    if part.spec.reference is None or not alone:
        return []
    about = f"Study {part.name}"
    words = [
        f"{group.title} has no profiles of the reference {part.spec.reference}: it has not run, or is of "
        "other atoms, another cell or temperature."
        for group in alone
    ]
    return cautions(part.name, about, words, Consequence.LIMITED)


SECTION = section(STUDY, 31, _content)
