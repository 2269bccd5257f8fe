"""Training of every committee: sizes, growth, learning curves; its errors in the verdict."""

from dataclasses import asdict
from typing import Any

from mlipbench_hpc.report import models, quality
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import Round, evaluator_of, final_round, mean_and_deviation, rounds
from mlipbench_hpc.report.draw.learning import force_curves, loss_curves
from mlipbench_hpc.report.section import (
    Block,
    Caution,
    Consequence,
    Content,
    Definitions,
    Folded,
    Gallery,
    Paragraph,
    Section,
    Table,
    cautions,
)
from mlipbench_hpc.report.text import NOTHING, count, number, plus_minus

NOTHING_TRAINED = "No learning curves: no member is trained."


def build(results: Results) -> Content:
    """Tables and learning curves of every committee; its errors in the verdict."""
    names = results.names("committees")
    planned = {name: final for name in names if (final := final_round(results, name))}
    blocks: list[Block] = [_committees(results, planned)] if planned else []
    blocks += [table for name in planned for table in [models.growth(results, name)] if table]
    blocks += [models.training(list(planned.values()))] if planned else []
    blocks += [
        Folded(f"Hyperparameters of {name}", [Definitions(values)]) for name, values in _used(planned).items()
    ]
    absent = [name for name in names if name not in planned]
    blocks += [Paragraph(f"Committee {name}: no task is planned.", "nothing") for name in absent]
    drawn = [draw(list(planned.values())) for draw in (loss_curves, force_curves)]
    blocks.append(Gallery([figure for figure in drawn if figure], NOTHING_TRAINED, wide=True))
    numbers = {name: numbers_of(results, name) for name in names}
    verdict = [[sentence] for name in names for sentence in _verdict(results, name)]
    return Content(blocks, {"committees": numbers}, verdict, warnings(results))


def _committees(results: Results, planned: dict[str, Round]) -> Table:
    """One row for each committee: model, size, training sets, and the architecture's claim on restarts."""
    rows = []
    for name, final in planned.items():
        model = results.asked("committees", name)["model"]
        chosen = results.asked("models", model)
        evaluator = evaluator_of(chosen)
        claim = results.document["architectures"][evaluator]["restart"]
        own = [evaluator, chosen.get("preset") or NOTHING, chosen.get("dtype") or NOTHING]
        rows.append([name, model, *own, final.describe(), claim])
    header = [
        "committee",
        "model",
        "architecture",
        "preset",
        "dtype",
        "size, training",
        "restart on one CPU thread",
    ]
    caption = "Committees, and the training set of each member; restart: what the architecture's card claims."
    return Table(caption, header, rows, words=len(header))


def _used(planned: dict[str, Round]) -> dict[str, dict[str, Any]]:
    """Hyperparameters of each committee, from its first trained member."""
    by_name = {
        name: next((values for m in final.trained if (values := models.hyperparameters(m))), {})
        for name, final in planned.items()
    }
    return {name: values for name, values in by_name.items() if values}


def numbers_of(results: Results, name: str) -> dict[str, Any]:
    """Numbers of one entry for results.json."""
    final = final_round(results, name)
    judgement = quality.judgement(results, final) if final else None
    return {
        "judgement": asdict(judgement) if judgement else None,
        "asked": results.asked("committees", name),
        "visibility": next((item.values for item in results.of("visibility", committee=name)), None),
        "rounds": {str(stage.number): _of_round(stage) for stage in rounds(results, name)},
    }


def _of_round(stage: Round) -> dict[str, Any]:
    return {
        "members_asked": len(stage.members),
        "members_trained": len(stage.trained),
        "decision": stage.decision.values if stage.decision else None,
        "calibration": stage.calibration.values if stage.calibration else None,
        "members": {
            str(member.number): {
                "training_structures": member.structures,
                "train": member.train.values if member.train else {},
                "evaluate": member.evaluate.values if member.evaluate else {},
            }
            for member in stage.members
        },
    }


def _verdict(results: Results, name: str) -> list[str]:
    final = final_round(results, name)
    if final is None or not final.trained:
        return [f"No member of the committee {name} is trained: no errors, and no MD driven by it."]
    return [f"Committee {name}: {final.describe()}. {_single(final)}{_errors(results, final)}"]


def _single(final: Round) -> str:
    """Sentence on a committee that is one model of the user's; empty for others."""
    if not final.adopted or len(final.members) > 1:
        return ""
    return "One model, used as it is: there is no spread of members, and no α. "


def _errors(results: Results, final: Round) -> str:
    known = [member.errors("test") for member in final.members if member.errors("test")]
    if not known:
        return "No member is evaluated yet."
    cells = [values["force"]["all"] for values in known]
    force, deviation = mean_and_deviation([cell["rmse_meV_per_A"] for cell in cells])
    if force is None:
        return "Predictions on the test set are not finite: lower the learning rate or train in float64."
    judgement = quality.judgement(results, final)
    return (
        f"Force RMSE on all {count(known[0]['frames'], 'test frame')} "
        f"{plus_minus(force, deviation)} meV/Å{_tail(cells)}{_energies(known)}. "
        f"{judgement.sentence(_advice(final)) if judgement else ''}"
    ).rstrip()


def _advice(final: Round) -> str:
    return quality.OTHERWISE if final.adopted else quality.MORE


def _tail(cells: list[dict[str, Any]]) -> str:
    """Median of the force errors and what the largest carry, in parentheses; empty where it is not known."""
    median, share = (
        mean_and_deviation([cell.get(name) for cell in cells])[0]
        for name in ("median_meV_per_A", "share_of_largest")
    )
    if median is None or share is None:
        return ""
    return (
        f" (median absolute error {number(median)} meV/Å; the largest 1\u00a0% of the components carry "
        f"{100 * share:.0f}\u00a0% of the squared error)"
    )


def _energies(known: list[dict[str, Any]]) -> str:
    raw, centred = (
        mean_and_deviation([values["energy"][name] for values in known])
        for name in ("rmse_meV_per_atom", "centred_rmse_meV_per_atom")
    )
    if raw[0] is None:
        return ""
    less = f", {plus_minus(*centred)} after removal of the mean error of each composition"
    return f"; energy RMSE {plus_minus(*raw)} meV/atom{less * (centred[0] is not None)}"


def warnings(results: Results) -> list[Caution]:
    """Warnings about the training and evaluation of each committee."""
    every: list[Caution] = []
    for name in results.names("committees"):
        place, about, planned = f"committee {name}", about_committee(results, name), rounds(results, name)
        for stage in planned:
            every += cautions(place, about, _not_finite(stage), Consequence.WRONG)
            every += cautions(place, about, _few_members(stage), Consequence.LIMITED)
            every += cautions(place, about, _left_out(stage), Consequence.NOTE)
            every += cautions(place, about, _adopted(stage), Consequence.LIMITED)
        every += cautions(place, about, _never_enough(planned), Consequence.LIMITED)
    return every


def about_committee(results: Results, name: str) -> str:
    """Heading of warnings about a committee: its size and training structures."""
    final = final_round(results, name)
    return f"Committee {name} ({final.describe() if final else 'no model'}; training and validation set)"


def _never_enough(all_rounds: list[Round]) -> list[str]:
    """Warning of a committee that grew to its last round without reaching its target."""
    last = all_rounds[-1] if all_rounds else None
    values = last.decision.values if last and last.decision and last.decision.done else {}
    if last is None or values.get("enough", True):
        return []
    return [f"the last planned round misses its target: {values['reason']}; plan more rounds or frames."]


def _few_members(stage: Round) -> list[str]:
    if not 0 < len(stage.trained) < len(stage.members):
        return []
    trained = f"{len(stage.trained)} of {len(stage.members)} members are trained"
    return [f"{_name(stage)}: {trained}; means are over the trained members."]


def _adopted(stage: Round) -> list[str]:
    """What is not known of models that were trained elsewhere, or from one model."""
    if stage.adopted:
        return [
            f"{_name(stage)}: which frames the user's models were trained on is not known; errors are too "
            "small where test frames are among them, and differ by an energy zero where their labels do."
        ]
    starts = {key for member in stage.members if member.train and (key := _initial(member.train.task))}
    if starts and len(stage.members) > 1:
        return [
            f"{_name(stage)}: all members started from the same model, so that errors which they share are "
            "not in their spread."
        ]
    return []


def _initial(task: dict[str, Any]) -> str | None:
    key: str | None = task.get("upstream", {}).get("initial")
    return key


def _not_finite(stage: Round) -> list[str]:
    return [
        f"{_name(stage)} member {member.number}: {count(amount, 'prediction')} on the {part} set not finite."
        for member in stage.members
        for part in ("validation", "test")
        if (amount := member.errors(part).get("not_finite"))
    ]


def _left_out(stage: Round) -> list[str]:
    evaluated = [errors for member in stage.members if (errors := member.errors("test"))]
    most = max((errors["force"]["molecules"]["oxygens_left_out"] for errors in evaluated), default=0)
    if not most:
        return []
    words = f"net molecular forces exclude {count(most, 'oxygen')} without exactly two H (test set)."
    return [f"{_name(stage)}: {words}"]


def _name(stage: Round) -> str:
    return f"round {stage.number} ({stage.describe()})"


SECTION = Section("models", "Models", 60, build)
