"""Tasks without a usable result, and what that does to the report."""

from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Content, Section, Table
from mlipbench_hpc.report.text import count, listed

UNKNOWN = "whatever needs its results is missing too"


def build(results: Results) -> Content:
    """The table of those tasks, and a sentence for the verdict; nothing where every task is done."""
    absent = [item for item in results.items if not item.done]
    if not absent:
        return Content([])
    verbs = dict.fromkeys(item.reported.verb for item in absent)
    parts = [f"{sum(item.reported.verb == verb for item in absent)} {verb}" for verb in verbs]
    sentence = (
        f"This report is incomplete: {count(len(absent), 'task')} of {len(results.items)} "
        f"gave no usable result ({listed(parts)}); what that does is listed below."
    )
    return Content([table(results)], verdict=[[sentence]], warnings={"This report": _stale(results)})


def table(results: Results) -> Table:
    """Every task without a usable result, its last failure, and the consequence."""
    rows = [
        [
            item.reported.label,
            item.status,
            (item.reported.failure or {}).get("message", ""),
            verbs()[item.reported.verb].consequence if item.reported.verb in verbs() else UNKNOWN,
        ]
        for item in results.items
        if not item.done
    ]
    header = ["task", "status", "last failure", "what that does"]
    return Table("Tasks without a usable result.", header, rows, words=4)


def _stale(results: Results) -> list[str]:
    why = {
        "stale": "what they were made from has changed since",
        "changed": "they changed after their commit",
    }
    found = {
        status: [item.reported.label for item in results.items if item.status == status] for status in why
    }
    return [
        f"Left out because {why[one]}: {listed(names)}. Run again." for one, names in found.items() if names
    ]


SECTION = Section("missing", "Missing", 20, build)
