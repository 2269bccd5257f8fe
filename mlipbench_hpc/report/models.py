"""Tables of committees side by side: training, growth, errors."""

import itertools
from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Member, Round, mean_and_deviation, rounds
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import number, plus_minus


def training(finals: list[Round]) -> Table:
    """Training table, one row for each member; a dash where an architecture does not state a number."""
    names = sorted({name for final in finals for member in final.trained for name in _numbers(member.train)})
    rows = [
        [final.committee, str(member.number), number(member.structures),
         *(number(_numbers(member.train).get(name)) for name in names)]
        for final in finals
        for member in final.members
    ]  # fmt: skip
    header = ["committee", "member", "training structures", *(readable(name) for name in names)]
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    return Table(f"Training of each member ({about}), as its training reports them.", header, rows)


def readable(name: str) -> str:
    """A JSON name with its unit set apart: `time_ps` becomes `time, ps`."""
    for suffix, unit in (
        ("_meV_per_atom", "meV/atom"), ("_meV_per_A", "meV/Å"),
        ("_eV_per_A", "eV/Å"), ("_ps", "ps"), ("_K", "K"),
    ):  # fmt: skip
        if name.endswith(suffix):
            return f"{name.removesuffix(suffix).replace('_', ' ').replace('rmse', 'RMSE')}, {unit}"
    return name.replace("_", " ")


def growth(results: Results, committee: str) -> Table | None:
    """One row for each round of a committee that grows; None for others."""
    planned = rounds(results, committee)
    if not any(stage.decision for stage in planned):
        return None
    rows = []
    for stage in planned:
        decision = stage.decision.values if stage.decision else {}
        error = number(decision.get("force_rmse_meV_per_A"))
        rows.append([str(stage.number), decision.get("reason", "not decided yet"), stage.describe(), error])
    header = ["round", "decision", "committee", "mean validation force RMSE, meV/Å"]
    return Table(f"Rounds of {committee}: errors on the validation set.", header, rows, words=3)


ENERGY_COLUMNS = [
    ("energy, meV/atom", "rmse_meV_per_atom", "std_meV_per_atom"),
    ("centred, meV/atom", "centred_rmse_meV_per_atom", "std_meV_per_atom"),
    ("energy, meV/structure", "rmse_meV", "std_meV"),
    ("centred, meV/structure", "centred_rmse_meV", "std_meV"),
]


def errors(finals: list[Round], part: str) -> Table:
    """Errors on `validation` or `test`, a column for each committee, beside it the spread of the labels."""
    known = [
        (final, [errors for member in final.members if (errors := member.errors(part))]) for final in finals
    ]
    species = list(
        dict.fromkeys(symbol for _, own in known for errors in own for symbol in errors["force"]["species"])
    )
    columns = [_committee_columns(own, species) for _, own in known]
    rows = [
        [name, *cells] for name, *cells in zip(_error_names(species), *itertools.chain(*columns), strict=True)
    ]
    header = ["RMSE"]
    for final, own in known:
        frames = f"{number(own[0]['frames'])} frames" if own else "no frames"
        header += [f"{final.committee}, mean ± std over {len(own)} members", f"σ of the labels, {frames}"]
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = (
        f"Errors against the labels of the {part} set ({about}); beside them the standard deviation σ "
        "of those labels. "
        "Centred: mean error of each composition removed."
    )
    return Table(caption, header, rows)


def members_errors(final: Round, part: str) -> Table:
    """Errors of each member of one committee."""
    evaluated = [(member, errors) for member in final.members if (errors := member.errors(part))]
    species = list(evaluated[0][1]["force"]["species"]) if evaluated else []
    by_member = [map(number, _error_cells(errors, species, "rmse")) for _, errors in evaluated]
    rows = (
        [[name, *cells] for name, *cells in zip(_error_names(species), *by_member, strict=True)]
        if evaluated
        else []
    )
    header = ["RMSE", *(f"member {member.number}" for member, _ in evaluated)]
    caption = f"Errors of {final.committee} against the labels of the {part} set ({final.describe()})."
    return Table(caption, header, rows, open=True)


def _error_names(species: list[str]) -> list[str]:
    names = [name for name, _, _ in ENERGY_COLUMNS] + ["force, meV/Å"]
    return names + [f"force on {symbol}, meV/Å" for symbol in species] + ["net force on water, meV/Å"]


def _committee_columns(evaluated: list[dict[str, Any]], species: list[str]) -> tuple[list[str], list[str]]:
    """Mean ± standard deviation over the members, and σ of the labels, in the order of the rows."""
    by_member = [_error_cells(errors, species, "rmse") for errors in evaluated]
    spread = _error_cells(evaluated[0] if evaluated else {}, species, "std")
    means = [
        plus_minus(*mean_and_deviation([cells[place] for cells in by_member])) for place in range(len(spread))
    ]
    return means, [number(sigma) for sigma in spread]


def _error_cells(values: dict[str, Any], species: list[str], kind: str) -> list[float | None]:
    if not values:
        return [None] * (len(ENERGY_COLUMNS) + len(species) + 2)
    energy, force = values["energy"], values["force"]
    forces = [force["all"], *(force["species"].get(symbol, {}) for symbol in species), force["molecules"]]
    names = [rmse if kind == "rmse" else std for _, rmse, std in ENERGY_COLUMNS]
    return [energy[name] for name in names] + [cell.get(f"{kind}_meV_per_A") for cell in forces]


def _numbers(item: Item | None) -> dict[str, float]:
    """The scalar numbers among a training's values."""
    values = item.values if item else {}
    return {
        name: value for name, value in values.items() if isinstance(value, int | float) and name != "frames"
    }


def hyperparameters(member: Member) -> dict[str, Any]:
    """Hyperparameters that a member was trained with; {} when it is not done."""
    task = member.train.task if member.train else {}
    values: dict[str, Any] = task.get("parameters", {}).get("hyperparameters", {})
    return values
