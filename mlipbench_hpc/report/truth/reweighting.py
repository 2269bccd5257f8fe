"""Members' own runs beside reweighting from each of them: does the spread come out alike?"""

from collections import Counter
from typing import Any

from mlipbench_hpc.analysis.reweighting import UNUSABLE
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import NOTHING, listed, number
from mlipbench_hpc.report.truth.judge import COSINE, Study
from mlipbench_hpc.report.truth.tables import WORDS

SHOWN = (COSINE, "total_orientation")
CAPTION = (
    "Reweighting beside own runs: σ over the members from their own runs, and from each run's frames "
    "reweighted to the other members, lowest to highest, of runs whose reweighting may be used. Verdicts: "
    "of all runs that were reweighted."
)


def table(every: list[Study]) -> Table | None:
    """One row for each committee and number whose runs were reweighted; None without any."""
    rows = [
        [study.name, committee, WORDS[name], *cells]
        for study in every
        for committee in study.spec.committees
        for name in SHOWN
        if (cells := _cells(study, committee, name))
    ]
    header = ["study", "committee", "number", "σ of own runs", "σ by reweighting", "runs", "verdicts"]
    return Table(CAPTION, header, rows, words=3, open=True) if rows else None


def _cells(study: Study, committee: str, name: str) -> list[str]:
    """σ of own runs and by reweighting, number of usable and of all runs, verdicts; [] without any."""
    reweighted = [own for run in study.members(committee) if (own := run.get("reweight"))]
    if not reweighted:
        return []
    usable = [own for own in reweighted if own["verdict"] not in UNUSABLE]
    spreads = [sigma for own in usable if (sigma := _sigma(own, name)) is not None]
    own_runs, ends = study.own(committee, name), (min(spreads), max(spreads)) if spreads else ()
    verdicts = Counter(str(own["verdict"]) for own in reweighted)
    return [
        number(own_runs.sigma, 2) if own_runs else NOTHING,
        " to ".join(number(end, 2) for end in ends) or NOTHING,
        f"{len(usable)} of {len(reweighted)}",
        listed([f"{word}: {times}" for word, times in verdicts.items()]),
    ]


def _sigma(own: dict[str, Any], name: str) -> float | None:
    value = (own["scalars"].get(name) or {}).get("sigma")
    return None if value is None else float(value)
