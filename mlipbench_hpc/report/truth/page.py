"""The page of joined results in Markdown: question, protocol, figures, tables, what is resolved, limits."""

from dataclasses import asdict
from typing import Any, cast

import numpy as np

from mlipbench_hpc.campaign.spec import Campaign, RunProtocol
from mlipbench_hpc.potentials.card import cards
from mlipbench_hpc.report.numbers import as_json
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import listed, number
from mlipbench_hpc.report.truth import judge, reweighting, tables
from mlipbench_hpc.report.truth.check import Checked, checks
from mlipbench_hpc.report.truth.compact import specs
from mlipbench_hpc.report.truth.figures import Drawing, drawings
from mlipbench_hpc.report.truth.judge import Compact, Study
from mlipbench_hpc.report.truth.sentences import sentences

DEFINITIONS = (
    "cos θ: of a water's bisector, from its oxygen to between its hydrogens, with the outward normal "
    "(hydrogens toward the metal are negative). First layer: waters up to 4.5 Å above the surface. P_z: sum "
    "of cos θ over all intact waters, without ions and metal. Truth: the reference potential's own runs. "
    "σ: standard deviation between the members of a committee. α: by how much errors of energies exceed σ on "
    "held-out frames (Eq. S11 of arXiv:2602.22931), carried over to averages, which is what is tried here."
)


def studies_of(campaign: Campaign, compact: Compact) -> list[Study]:
    """Studies of the kind `truth` of a campaign, with the joined results."""
    own = specs({"studies": campaign.studies})
    return [Study(name, spec, compact) for name, spec in own.items()]


def page(campaign: Campaign, compact: Compact) -> tuple[str, dict[str, Any], list[Drawing]]:
    """Markdown, content of results.json, and figures, which the page shows as NAME.png."""
    every = studies_of(campaign, compact)
    tests, rows, check = judge.primary(every), judge.covered(every), checks(every)
    drawn = drawings(every, rows)
    lines = sentences(every, tests, rows, check)
    shown = [
        *tables.averages(every), tables.checks(check), tables.heights(every),
        tables.temperatures(every),
        reweighting.table(every), tables.others(every, _others(campaign, every)), tables.ions(compact),
        tables.errors(compact), tables.cost(compact),
    ]  # fmt: skip
    parts = [
        f"# {campaign.name}",
        "## Question",
        campaign.description.strip(),
        "## Protocol",
        DEFINITIONS,
        *_protocol(campaign, every),
        "## What is resolved, and what is not",
        *(f"- {_cell(line)}" for line in lines),
        *(f"![{own.title}]({own.name}.png)\n\n{own.caption}" for own in drawn),
        "## Primary table",
        markdown(tables.primary(tests)),
        "## Does the band cover the truth?",
        *([markdown(table)] if (table := tables.coverage(rows)) else ["No independent committees ran."]),
        *([markdown(table)] if (table := tables.shared(rows)) else []),
        "## Numbers",
        *(markdown(own) for own in shown if own),
        *_limits(every),
        *_twice(compact),
        f"Written by mlipbench {compact['mlipbench']} from the campaign whose content has sha256 "
        f"{compact['campaign_sha256'][:16]}… and compact results of its parts.",
    ]
    text = "\n\n".join(part for part in parts if part)
    return text.replace("\n\n- ", "\n- ") + "\n", results(compact, every, tests, rows, check), drawn


def _others(campaign: Campaign, every: list[Study]) -> list[str]:
    """Runs of the reference potential that no study names."""
    named = {study.spec.reference for study in every}
    named |= {study.spec.check.run for study in every if study.spec.check}
    return [name for name, run in campaign.md.items() if run.potential and name not in named]


def _protocol(campaign: Campaign, every: list[Study]) -> list[str]:
    """What ran, studies of one protocol together, and what the reference potentials are."""
    alike: dict[tuple[int, str], list[Study]] = {}
    for study in every:
        words = f"{_own_runs(study.spec.md)}; truth: {_runs(campaign, study.spec.reference)}"
        alike.setdefault((study.spec.members, words), []).append(study)
    lines = []
    for (members, words), studies in alike.items():
        names = listed([study.name for study in studies])
        committees = dict.fromkeys(name for study in studies for name in study.spec.committees)
        lines.append(f"- {names}: {members} members each of {listed(list(committees))}, {words}.")
    pairs = dict.fromkeys((own.spec.reference, own.spec.check.run) for own in every if own.spec.check)
    lines += [f"- Check of {name}: {_runs(campaign, run)}." for name, run in pairs]
    known = dict.fromkeys(str(campaign.md[study.spec.reference].potential) for study in every)
    return lines + [f"- {name}: {cards()[name].description}" for name in known]


def _own_runs(md: RunProtocol) -> str:
    """`each 60.0 ps of own MD at 1.50 fs and 300 K, 10.5 ps dropped, hydrogen of 4.00 u`."""
    held = [f"{own.atoms} at {number(own.height)} Å by {number(own.spring)} eV/Å²" for own in md.restraints]
    words = f"each {number(md.length)} ps of own MD at {number(md.timestep * 1e3)} fs and "
    words += f"{number(md.temperature)} K, {number(_begun(md))} ps dropped"
    words += f", hydrogen of {number(md.hydrogen_mass)} u" if md.hydrogen_mass else ""
    return words + (f", heights restrained ({listed(held)})" if held else "")


def _runs(campaign: Campaign, name: str) -> str:
    """`4 runs of 99.0 ps at 1.50 fs of electrode, 10.5 ps dropped`."""
    run = campaign.md[name]
    length, step = number(run.length), number(run.timestep * 1e3)
    words = f"{run.replicas} runs of {length} ps at {step} fs of {run.potential}"
    return f"{words}, {number(_begun(run))} ps dropped"


def _begun(run: RunProtocol) -> float:
    """Length that is dropped, ps."""
    return run.length / 10 if run.equilibration is None else run.equilibration


def _limits(every: list[Study]) -> list[str]:
    """What could change the answer, as the campaign says."""
    lines = dict.fromkeys(line for study in every for line in study.spec.limits)
    return ["## What could change it", *(f"- {line}" for line in lines)] if lines else []


def _twice(compact: Compact) -> list[str]:
    """Entries that several parts hold with other numbers, of which the first counted."""
    if not compact.get("twice"):
        return []
    return [
        "## Joined",
        f"Several parts hold these with other numbers; of runs the first counts: {listed(compact['twice'])}.",
    ]


def markdown(table: Table) -> str:
    """A table in Markdown, its caption above."""
    rows = [table.header, ["---"] * len(table.header), *table.rows]
    return "\n".join(
        [table.caption, "", *("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def results(
    compact: Compact,
    every: list[Study],
    tests: list[judge.Judgement],
    rows: list[judge.Covered],
    check: list[Checked],
) -> dict[str, Any]:
    """All numbers of the page and the joined compact results, for JSON."""
    content = {
        "primary": [
            {
                "study": test.study, "of": test.committee, "against": test.against, "number": test.number,
                "verdict": test.verdict, "withheld": test.withheld, "p_holm": test.p,
                **(_comparison(test) if test.comparison else {}),
            }
            for test in tests
        ],
        "coverage": {row.number: asdict(row) for row in rows},
        "checks": [asdict(row) | {"verdict": row.verdict} for row in check],
        "gates": {study.name: study.gate or "open" for study in every if study.spec.gate},
        "averages": {study.name: _averages(study) for study in every},
        "joined": compact,
    }  # fmt: skip
    return cast(dict[str, Any], as_json(content))


def _comparison(test: judge.Judgement) -> dict[str, Any]:
    own = test.comparison
    return (
        {} if own is None else {"difference": own.difference, "error": own.error, "p": own.p, "dof": own.dof}
    )


def _averages(study: Study) -> dict[str, Any]:
    own: dict[str, Any] = {study.spec.reference: {}}
    for name in study.spec.numbers:
        truth = study.reference(name)
        own[study.spec.reference][name] = asdict(truth) if truth else None
        for committee in study.spec.committees:
            one = study.own(committee, name)
            values = {"mean": one.mean, "sampling": one.sampling, "sigma": one.sigma} if one else None
            own.setdefault(committee, {"alpha": study.alpha(committee) or np.nan})[name] = values
    return own
