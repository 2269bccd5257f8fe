"""README.md of an exported committee: what it is, where it comes from, how it is used, its licences."""

from __future__ import annotations

from importlib.metadata import version
from statistics import fmean
from typing import TYPE_CHECKING, Any

from mlipbench_hpc.cli.export import kernel_of, specification
from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.contract.key import file_digest, plain_files
from mlipbench_hpc.report.text import NOTHING, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlipbench_hpc.architectures.card import InstalledArchitecture
    from mlipbench_hpc.cli.export import Round
    from mlipbench_hpc.cli.session import Session

LAMMPS, STRUCTURE = "in.lammps", "structure.data"


def readme(session: Session, final: Round, architecture: InstalledArchitecture, folder: Path) -> str:
    """The text; `folder` holds everything else."""
    record = read_json(folder / "handout.json")
    campaign = session.validated.campaign.name
    parts = [
        [f"# Committee {final.committee} of the campaign {campaign}"],
        list(_identity(session, final, architecture, record)),
        ["## Use", "", *_use(folder, record)],
        ["## Training data and errors", "", *_data(session, final), "", *_errors(session, final)],
        ["## Uncertainty", "", _alpha(session, final)],
        ["## Files", "", *_files(session, final, folder)],
        ["## Cite", "", *(f"- {work}" for work in architecture.card.citation)],
        ["## Licences", "", *_licences(session, final, record)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _identity(
    session: Session, final: Round, architecture: InstalledArchitecture, record: dict[str, Any]
) -> Iterator[str]:
    model = session.validated.campaign.models[specification(session, final).model]
    card = architecture.card
    hyperparameters = final.train[0].task.parameters["hyperparameters"]
    cutoff = hyperparameters.get(card.receptive_field["cutoff"])
    yield "| | |"
    yield "|---|---|"
    yield f"| architecture | {card.name}, preset {model.preset or card.default_preset} |"
    yield f"| members | {len(final.train)} |"
    yield f"| elements | {', '.join(record['elements'])} |"
    yield f"| cutoff | {number(cutoff)} Å |"
    yield "| units | energy eV, force eV/Å, length Å, time ps, temperature K, mass u |"
    yield f"| trained in | {record['dtype']} |"
    yield f"| made with | {', '.join(record['needs'])}, Python 3.11 |"
    if kernel := kernel_of(session, final):
        yield (
            f"| computed by | kernel {kernel} in the campaign, whose errors and energies stand here; these "
            f"files compute by {card.name}'s own program, with other roundings |"
        )
    yield f"| by | mlipbench-hpc {version('mlipbench-hpc')} |"


def _use(folder: Path, record: dict[str, Any]) -> list[str]:
    lines = [
        "In an environment with the packages above, in this folder:",
        "",
        "```",
        "python committee.py              # members' energies of check.extxyz, compared with the campaign's",
        "python committee.py my.extxyz    # energies, and how far members' forces differ, of your structures",
    ]
    if (folder / LAMMPS).exists():
        lines.append("lmp -in in.lammps                # some steps of MD from structure.data")
    lines += ["```", "", "From Python: `from committee import calculator, committee`.", ""]
    return [*lines, *(f"- {note}" for note in record["notes"])]


def _data(session: Session, final: Round) -> Iterator[str]:
    campaign = session.validated.campaign
    split = campaign.splits[specification(session, final).split]
    dataset, facts = campaign.datasets[split.dataset], session.validated.datasets[split.dataset]
    sizes = _values(session, final.evaluate[0].task.upstream["split"])
    adopted = final.train[0].task.verb == "adopt"
    yield f"- dataset {split.dataset}: {facts.describe()}"
    source = dataset.generate or dataset.label
    if source:
        yield f"- labels: reference potential {source.potential}, which stands in for DFT"
    training = "the members are files of the user's, whose training data this campaign does not know"
    training = training if adopted else f"{sizes['train']} training frames for each member"
    yield (
        f"- split {specification(session, final).split}: {training}, "
        f"{sizes['validation']} for validation, {sizes['test']} for tests"
    )


def _errors(session: Session, final: Round) -> Iterator[str]:
    """Test errors, as means over the members."""
    tests = [_values(session, item.key)["test"] for item in final.evaluate]
    forces = [test["force"]["all"] for test in tests]
    rmse, spread = (_mean([cell[name] for cell in forces]) for name in ("rmse_meV_per_A", "std_meV_per_A"))
    energy = _mean([test["energy"]["centred_rmse_meV_per_atom"] for test in tests])
    yield f"Force RMSE on the test frames {rmse} meV/Å (standard deviation of the labels {spread} meV/Å);"
    yield f"energy RMSE after removal of the mean error of each composition {energy} meV/atom."


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return number(fmean(known)) if known else NOTHING


def _alpha(session: Session, final: Round) -> str:
    if final.calibrate is None:
        return "A single model: there is no spread of members, and no calibration factor α."
    estimate = _values(session, final.calibrate.key)["centred"]
    if "refused" in estimate:
        return f"There is no calibration factor α: {estimate['why']}."
    low, high = estimate["interval"]
    text = (
        f"Calibration factor α = {number(estimate['alpha'])} ({number(low)} to {number(high)}): errors of "
        "the committee's mean energy are α times the standard deviation over the members (ddof = 1), on "
        "held-out frames, mean errors of each composition removed (arXiv:2602.22931, Eq. S11)."
    )
    return (
        f"{text} It is not to be used for a band: {estimate['withheld']}." if estimate["withheld"] else text
    )


def _files(session: Session, final: Round, folder: Path) -> Iterator[str]:
    yield "| file | sha256 |"
    yield "|---|---|"
    names = sorted((path.relative_to(folder).as_posix(), path) for path in plain_files(folder))
    for name, path in names:
        yield f"| {name} | {file_digest(path)} |"
    yield ""
    yield "| member | key of its training |"
    yield "|---|---|"
    for member, item in enumerate(final.train):
        yield f"| {member} | {item.key} |"


def _licences(session: Session, final: Round, record: dict[str, Any]) -> Iterator[str]:
    yield f"- code that reads these files: {record['licence']}"
    yield (
        "- the models: made from the training data named above; whoever owns these data says under which "
        "terms the models may be passed on. mlipbench-hpc (MIT) claims no right in them."
    )


def _values(session: Session, key: str) -> dict[str, Any]:
    """Values of a committed task."""
    result = session.store.result(key)
    assert result is not None, "its state is done"
    values: dict[str, Any] = result["values"]
    return values
