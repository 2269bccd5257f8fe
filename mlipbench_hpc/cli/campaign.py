"""`mlipbench validate`, `unfold`, `environments` and `schema`: what needs a campaign's file and no task."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from mlipbench_hpc.cli.options import add_campaign_verb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlipbench_hpc.campaign.load import Validated
    from mlipbench_hpc.campaign.recorded import RecordedFiles
    from mlipbench_hpc.campaign.spec import Campaign
    from mlipbench_hpc.cli.session import Session, Subparsers


def add_verbs(verbs: Subparsers) -> None:
    """The four verbs."""
    text = "check a campaign and its data: every mistake at once, nothing is run"
    # It runs nothing, so that it needs no site; without one the models are judged for this machine.
    checked = add_campaign_verb(verbs, "validate", validate, text)
    checked.set_defaults(needs_site=False, opens_trajectories=True)
    text = "print the campaign with the entries that its studies make in their place"
    add_campaign_verb(verbs, "unfold", unfolded, text).set_defaults(needs_site=False)
    add_campaign_verb(verbs, "environments", environments, "the environments a campaign needs, one a line")
    text = "JSON Schema of campaigns or sites, for editors"
    schemas = verbs.add_parser("schema", help=text, description=text)
    schemas.add_argument("of", nargs="?", default="campaign", choices=["campaign", "local", "slurm", "pbs"])
    schemas.set_defaults(function=schema)


def validate(session: Session) -> int:
    """Say that the campaign is valid, and what its data hold."""
    from mlipbench_hpc.campaign.facts import stretches
    from mlipbench_hpc.cli.trajectories import NOT_OPENED
    from mlipbench_hpc.report.text import count

    campaign = session.validated.campaign
    _ = session.devices  # A model that the site's devices cannot compute is a mistake of the campaign.
    print(f"{session.path} is valid: campaign `{campaign.name}`")
    files = {name: facts for name, facts in session.validated.systems.items() if facts.sha256}
    for name, facts in files.items():
        print(f"  system {name}: {facts.describe()}")
        print_lines(f"    {line}" for line in facts.understood)
    for name, facts in session.validated.datasets.items():
        print(f"  dataset {name}: {facts.describe()}")
        print_lines(f"    {line}" for line in [*facts.understood, *stretches(facts)])
    for name, entry in campaign.trajectories.items():
        print(f"  trajectories {name}: {count(len(entry.files), 'file')} in the format {entry.format}")
        print_lines(held(session.validated.recorded[name], entry.frame_every))
    print_lines(studies(campaign))
    if campaign.trajectories and session.opener is None:
        print(f"  look at trajectories {', '.join(campaign.trajectories)}: {NOT_OPENED}")
    print_lines([*remarks(session.validated), *session.idle_gpus])
    return 0


def held(files: RecordedFiles, step: float) -> list[str]:
    """Content and warnings of each opened file of an entry; step: ps between frames."""
    lines = []
    for run in files.runs:
        if run.frames is not None:
            what = f"{run.frames} frames of {run.formula}, {run.frames * step:g} ps"
            lines.append(f"    {run.path.name}: {what}")
            lines += [f"    look at {run.path.name}: {warning}" for warning in run.warnings]
    return lines


def studies(campaign: Campaign) -> list[str]:
    """Number of entries that each study makes, one line each."""
    from mlipbench_hpc.campaign.unfold import unfold

    unfolded, lines = unfold({"studies": campaign.studies}), list[str]()
    for name, spec in campaign.studies.items():
        counts = [f"{section} {len(names)}" for section, names in unfolded.entries(name).items()]
        lines.append(f"  study {name}: {spec['kind']}; makes {', '.join(counts) or 'nothing of its own'}")
    return lines


def unfolded(session: Session) -> int:
    """Print it as YAML, with paths of files as they are written: relative to the campaign's folder."""
    from mlipbench_hpc.campaign.document import parse, written
    from mlipbench_hpc.campaign.load import load_campaign
    from mlipbench_hpc.campaign.unfold import unfold

    load_campaign(session.path)
    print(written(unfold(parse(session.path)[0]).plain()), end="")
    return 0


def remarks(validated: Validated) -> list[str]:
    """Remarks on data and splits that may mislead, one line each."""
    from mlipbench_hpc.campaign.splits import unlisted

    named = (("dataset", validated.datasets), ("system", validated.systems))
    lines = [
        f"  look at {kind} {name}: {remark}"
        for kind, known in named
        for name, facts in known.items()
        for remark in facts.remarks
    ]
    splits = {name: unlisted(split, validated.datasets) for name, split in validated.campaign.splits.items()}
    return lines + [f"  look at split {name}: {remark}" for name, remark in splits.items() if remark]


def print_lines(lines: Iterable[str]) -> None:
    """Each on a line of its own."""
    for line in lines:
        print(line)


def environments(session: Session) -> int:
    """Names only, from the file alone: the Makefile asks before any environment is set up."""
    from mlipbench_hpc.campaign.load import load_campaign
    from mlipbench_hpc.plan.expand import environments as needed

    campaign = load_campaign(session.path)
    print("\n".join(needed(campaign, session.architectures, session.potentials)))
    return 0


def schema(session: Session) -> int:
    """Print it as JSON."""
    from mlipbench_hpc.campaign.site import KINDS
    from mlipbench_hpc.campaign.study import json_schema

    chosen = session.options.of
    print(json.dumps(json_schema() if chosen == "campaign" else KINDS[chosen].model_json_schema(), indent=1))
    return 0
