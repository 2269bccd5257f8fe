"""Calibration of the spread of committees: α and its coverage."""

from mlipbench_hpc.report import uncertainty
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import final_round
from mlipbench_hpc.report.draw.coverage import coverage
from mlipbench_hpc.report.section import Block, Caution, Consequence, Content, Gallery, Section, cautions
from mlipbench_hpc.report.sections.models import about_committee
from mlipbench_hpc.report.text import listed

REFUSED = "No coverage: α is refused for every committee, for the reasons in the table."
NOTHING = "No committee of two or more members is evaluated"


def build(results: Results) -> Content:
    """The table of α, and the coverage of every calibrated committee."""
    names = results.names("committees")
    drawn = coverage([final for name in names if (final := final_round(results, name))])
    table = uncertainty.alphas(results)
    blocks: list[Block] = [table] if table else []
    blocks.append(Gallery([drawn] if drawn else [], REFUSED if table else _nothing(results), wide=True))
    warnings: list[Caution] = []
    for name in names:
        place, about = f"committee {name}", about_committee(results, name)
        warnings += cautions(place, about, uncertainty.of_committee(results, name), Consequence.WRONG)
        warnings += cautions(place, about, uncertainty.energy_offsets(results, name), Consequence.NOTE)
    return Content(blocks, warnings=warnings)


def _nothing(results: Results) -> str:
    """That no committee of the campaign's own is calibrated, and which studies calibrate theirs."""
    known = results.document.get("studies") or {}
    elsewhere = [
        name
        for name, study in known.items()
        if any(_calibrated(results, committee) for committee in study["entries"].get("committees", []))
    ]
    if not elsewhere:
        return f"{NOTHING}."
    return (
        f"{NOTHING} outside studies. Committees of {listed(elsewhere)} are: their α is in results.json, and "
        "in the section of a study that uses it."
    )


def _calibrated(results: Results, committee: str) -> bool:
    final = final_round(results, committee)
    return bool(final and final.calibration and final.calibration.done)


SECTION = Section("uncertainty", "Committee uncertainty", 80, build)
