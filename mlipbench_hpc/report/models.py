"""Tables of committees: training, growth, errors."""

from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Member, Round, mean_and_deviation, rounds
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import number, plus_minus


def training(final: Round) -> Table:
    """One row for each member of one round."""
    names = sorted({name for member in final.trained for name in _numbers(member.train)})
    rows = [
        [
            str(member.number),
            number(member.structures),
            *(number(_numbers(member.train).get(name)) for name in names),
        ]
        for member in final.members
    ]
    header = ["member", "training structures", *(readable(name) for name in names)]
    return Table(f"Training of {final.committee}: {final.describe()}; no MD.", header, rows)


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
    return Table(f"Rounds of {committee}; no MD.", header, rows, words=3)


ENERGY_COLUMNS = [
    ("energy, meV/atom", "rmse_meV_per_atom", "std_meV_per_atom"),
    ("centred, meV/atom", "centred_rmse_meV_per_atom", "std_meV_per_atom"),
    ("energy, meV/structure", "rmse_meV", "std_meV"),
    ("centred, meV/structure", "centred_rmse_meV", "std_meV"),
]


def errors(final: Round, part: str) -> Table:
    """Errors on `validation` or `test`, a column for each member, their mean, and the spread of labels."""
    evaluated = [(member, member.errors(part)) for member in final.members]
    known = [errors for _, errors in evaluated if errors]
    species = list(known[0]["force"]["species"]) if known else []
    names = [name for name, _, _ in ENERGY_COLUMNS] + ["force, meV/Å"]
    names += [f"force on {symbol}, meV/Å" for symbol in species] + ["net force on water, meV/Å"]
    by_member = [_error_cells(values, species, "rmse") for _, values in evaluated]
    spread = _error_cells(known[0] if known else {}, species, "std")
    rows = [
        [name, *map(number, cells), plus_minus(*mean_and_deviation(list(cells))), number(sigma)]
        for name, cells, sigma in zip(names, zip(*by_member, strict=True), spread, strict=True)
    ]
    labels = f"σ of the {number(known[0]['frames'])} labels" if known else "σ of the labels"
    header = ["RMSE", *(f"member {member.number}" for member in final.members)]
    header += [f"mean ± std, M = {len(known)}", labels]
    caption = (
        f"RMSE of {final.committee} on the {part} set ({final.describe()}; no MD). "
        "Centred: mean error of each composition removed."
    )
    return Table(caption, header, rows)


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
    """What a member was trained with; {} when it is not done."""
    task = member.train.task if member.train else {}
    values: dict[str, Any] = task.get("parameters", {}).get("hyperparameters", {})
    return values
