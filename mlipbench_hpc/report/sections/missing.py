"""Tasks without a usable result, and the consequences for the report."""

from mlipbench_hpc.contract.verbs import verbs
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Consequence, Content, Section, Table, cautions
from mlipbench_hpc.report.text import count, listed

UNKNOWN = "results that depend on this task are missing too"


def build(results: Results) -> Content:
    """Table of those tasks, and a sentence for the verdict; nothing where every task is done."""
    # A task that several entries share has an item for each of them.
    tasks = list({item.reported.key: item for item in results.items}.values())
    absent = [item for item in tasks if not item.done]
    if not absent:
        return Content([])
    verbs = dict.fromkeys(item.reported.verb for item in absent)
    parts = [f"{sum(item.reported.verb == verb for item in absent)} {verb}" for verb in verbs]
    sentence = (
        f"This report is incomplete: {count(len(absent), 'task')} of {len(tasks)} without a usable "
        f"result ({listed(parts)}); consequences are listed under Missing."
    )
    return Content(
        [table(results)],
        verdict=[[sentence]],
        warnings=cautions("this report", "This report", _stale(results), Consequence.LIMITED),
    )


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
    header = ["task", "status", "last failure", "consequence"]
    return Table("Tasks without a usable result.", header, rows, words=4)


def _stale(results: Results) -> list[str]:
    why = {
        "stale": "their inputs changed since",
        "changed": "they changed after their commit",
    }
    excluded = {
        status: [item.reported.label for item in results.items if item.status == status] for status in why
    }
    return [
        f"Excluded because {why[status]}: {listed(names)}. Run the campaign again."
        for status, names in excluded.items()
        if names
    ]


SECTION = Section("missing", "Missing", 20, build)
