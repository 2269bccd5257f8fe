"""Truth: members' own MD against the reference potential's, for each such study, and coverage over all."""

from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.section import Block, Content, Gallery, Points, Section
from mlipbench_hpc.report.studies import parts
from mlipbench_hpc.report.truth import judge, tables
from mlipbench_hpc.report.truth.check import checks
from mlipbench_hpc.report.truth.compact import compact
from mlipbench_hpc.report.truth.figures import drawings
from mlipbench_hpc.report.truth.join import joined
from mlipbench_hpc.report.truth.judge import Study
from mlipbench_hpc.report.truth.page import results as numbers
from mlipbench_hpc.report.truth.sentences import sentences
from mlipbench_hpc.studies.truth import STUDY

NOTHING = "No run of these studies is there yet."


def build(results: Results) -> Content:
    """Tables and figures of all such studies together; nothing in a campaign without any."""
    own = parts(results, STUDY.kind)
    if not own:
        return Content([])
    here = compact(Results(results.document, results.items))
    whole = joined({"here": here}, here["campaign_sha256"])
    every = [Study(part.name, part.spec, whole) for part in own]
    tests, rows, check = judge.primary(every), judge.covered(every), checks(every)
    lines = sentences(every, tests, rows, check)
    shown = [
        tables.primary(tests), tables.coverage(rows), tables.shared(rows), *tables.averages(every),
        tables.checks(check), tables.heights(every),
    ]  # fmt: skip
    blocks: list[Block] = [
        Points(lines),
        Gallery([one.figure() for one in drawings(every, rows)], NOTHING, wide=True),
        *(table for table in shown if table),
    ]
    content = numbers({}, every, tests, rows, check)
    content.pop("joined")
    return Content(blocks, {"truth": content}, [[lines[0], *lines[1:]]])


SECTION = Section("truth", STUDY.title, 34, build)
