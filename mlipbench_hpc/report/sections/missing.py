"""Tasks without a usable result, and the consequences for the report."""

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Content, Section, Table
from mlipbench_hpc.report.text import count, listed

CONSEQUENCES = {
    "build": "no dataset or structure, nor anything derived from it",
    "label": "no dataset, nor anything trained on it",
    "dipole": "no relation between P_z and slab dipole for these data",
    "split": "no committee on this split",
    "train": "the committee is smaller than requested, or its MD has no driving member",
    "evaluate": "no errors of this member; means are over the others",
    "decide": "no decision on another round",
    "md": "no energies, temperatures or structure of this run",
    "analyse": "no averages, radial distributions or profiles of this run",
    "visibility": "unknown whether this model resolves the surface charge",
    "calibrate": "no α for this committee, and no reweighting of its MD",
    "reevaluate": "no reweighting of this run to the other members",
    "reweight": "no training band for this run",
}
UNKNOWN = "results that depend on this task are missing too"


def build(results: Results) -> Content:
    """The table of those tasks, and a sentence for the verdict; nothing where every task is done."""
    absent = [item for item in results.items if not item.done]
    if not absent:
        return Content([])
    verbs = dict.fromkeys(item.reported.verb for item in absent)
    parts = [f"{sum(item.reported.verb == verb for item in absent)} {verb}" for verb in verbs]
    sentence = (
        f"This report is incomplete: {count(len(absent), 'task')} of {len(results.items)} without a usable "
        f"result ({listed(parts)}); consequences are listed under Missing."
    )
    return Content([table(results)], verdict=[[sentence]], warnings={"This report": _stale(results)})


def table(results: Results) -> Table:
    """Every task without a usable result, its last failure, and the consequence."""
    rows = [
        [
            item.reported.label,
            item.status,
            (item.reported.failure or {}).get("message", ""),
            CONSEQUENCES.get(item.reported.verb, UNKNOWN),
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
