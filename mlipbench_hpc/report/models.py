"""Tables of committees side by side: training, growth, errors."""

import itertools
from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Member, Round, mean_and_deviation, rounds
from mlipbench_hpc.report.quality import FORCES, RMSE, over_members, percent
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
    caption = f"Training of each member as its training reports it, errors on the validation set ({about})."
    return Table(caption, header, rows)


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
        header += [f"{final.committee}, {over(len(own))}", f"σ of the labels, {frames}"]
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = (
        f"RMSE of the members' predictions against the labels of the {part} set ({about}), frames of every "
        "temperature and rattled ones together; beside them the standard deviation σ of those labels, "
        "of energies about the mean of their composition. Centred: mean error of each composition removed."
    )
    return Table(caption, header, rows, open=True)


def over(members: int) -> str:
    """Words for numbers that are averaged over so many members."""
    if members > 1:
        return f"mean ± std over {members} members"
    return "of 1 member, std over members not determined" if members else "no member evaluated"


def tails(finals: list[Round], part: str) -> Table | None:
    """Force errors beside their median and the part that few large ones carry; None where nothing is."""
    rows = [
        [final.committee, FORCES[kind], number(cells[0]["values"]), plus_minus(*over_members(cells, RMSE)),
         plus_minus(*over_members(cells, "median_meV_per_A")),
         percent(over_members(cells, "share_of_largest")[0])]
        for final in finals
        if (known := [errors for member in final.members if (errors := member.errors(part))])
        for kind in FORCES
        if (cells := [errors["force"][kind] for errors in known]) and cells[0]["values"]
    ]  # fmt: skip
    header = ["committee", "forces", "components", "RMSE, meV/Å", "median absolute error, meV/Å",
              "squared error in the largest 1 %"]  # fmt: skip
    about = "; ".join(f"{final.committee}: {final.describe()}" for final in finals)
    caption = (
        f"Force errors of the members against the labels of the {part} set, mean ± std over members "
        f"({about}), frames of every temperature and rattled ones together. A few large errors can carry the "
        "RMSE, so beside it stands the median absolute error of a component (0.67 RMSE for normal errors), "
        "and the part of Σ error² in the largest 1 % of the errors, at least one (8 % for normal errors)."
    )
    return Table(caption, header, rows, words=2) if rows else None


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
    caption = (
        f"RMSE of each member of {final.committee} against the labels of the {part} set "
        f"({final.describe()}), frames of every temperature and rattled ones together."
    )
    return Table(caption, header, rows, open=True)


def _error_names(species: list[str]) -> list[str]:
    names = [name for name, _, _ in ENERGY_COLUMNS] + ["force, meV/Å"]
    names += [f"force on {symbol}, meV/Å" for symbol in species]
    return [*names, "net force on water, meV/Å", "force on ions, meV/Å"]


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
        return [None] * (len(ENERGY_COLUMNS) + len(species) + 3)
    energy, force = values["energy"], values["force"]
    by_species = [force["species"].get(symbol, {}) for symbol in species]
    forces = [force["all"], *by_species, force["molecules"], force["ions"]]
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
