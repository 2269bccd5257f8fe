"""Training of every committee: sizes, growth, learning curves; its errors in the verdict."""

from typing import Any

from mlipbench_hpc.report import models
from mlipbench_hpc.report.collect import Results
from mlipbench_hpc.report.committees import Round, final_round, mean_and_deviation, rounds
from mlipbench_hpc.report.draw.learning import force_curves, loss_curves
from mlipbench_hpc.report.section import (
    Block,
    Content,
    Definitions,
    Folded,
    Gallery,
    Heading,
    Paragraph,
    Section,
)
from mlipbench_hpc.report.text import count, number, plus_minus

NOTHING_TRAINED = "No learning curves: no member is trained."


def build(results: Results) -> Content:
    """Tables and learning curves of every committee; its errors in the verdict."""
    names = results.names("committees")
    planned = {name: final for name in names if (final := final_round(results, name))}
    blocks = [block for name, final in planned.items() for block in _committee(results, name, final)]
    absent = [name for name in names if name not in planned]
    blocks += [Paragraph(f"Committee {name}: nothing is planned for it.", "nothing") for name in absent]
    drawn = [draw(final) for final in planned.values() for draw in (loss_curves, force_curves)]
    blocks.append(Gallery([figure for figure in drawn if figure], NOTHING_TRAINED))
    numbers = {name: _numbers(results, name) for name in names}
    verdict = [[sentence] for name in names for sentence in _verdict(results, name)]
    return Content(blocks, {"committees": numbers}, verdict, warnings(results))


def _committee(results: Results, name: str, final: Round) -> list[Block]:
    spec = results.asked("committees", name)
    chosen = results.asked("models", spec["model"])
    about = [f"Architecture {chosen['architecture']}", f"model {spec['model']}"]
    about += [f"preset {chosen.get('preset')}"] * bool(chosen.get("preset"))
    about += [str(chosen.get("dtype"))] * bool(chosen.get("dtype"))
    claim = results.document["architectures"][chosen["architecture"]]["restart"]
    sentence = (
        f"{', '.join(map(str, about))}; {final.describe()}; no MD. "
        f"Restart on one CPU thread, by the architecture's card: {claim}."
    )
    blocks: list[Block] = [Heading(name), Paragraph(sentence)]
    blocks += [table for table in [models.growth(results, name)] if table]
    blocks.append(models.training(final))
    values = next((values for m in final.trained if (values := models.hyperparameters(m))), {})
    return [*blocks, Folded("Hyperparameters", [Definitions(values)])] if values else blocks


def _numbers(results: Results, name: str) -> dict[str, Any]:
    return {
        "asked": results.asked("committees", name),
        "visibility": next((item.values for item in results.of("visibility", committee=name)), None),
        "rounds": {str(stage.number): _numbers_of(stage) for stage in rounds(results, name)},
    }


def _numbers_of(stage: Round) -> dict[str, Any]:
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
    return [f"Committee {name}: {final.describe()}; no MD. {_errors(final)}"]


def _errors(final: Round) -> str:
    known = [member.errors("test") for member in final.members if member.errors("test")]
    if not known:
        return "No member is evaluated yet."
    force, deviation = mean_and_deviation([values["force"]["all"]["rmse_meV_per_A"] for values in known])
    if force is None:
        return "Predictions on the test set are not finite: lower the learning rate or train in float64."
    sigma = known[0]["force"]["all"]["std_meV_per_A"]
    share = (
        f", {100 * force / sigma:.0f}\u00a0% of the standard deviation of the forces ({number(sigma)} meV/Å)"
        if sigma
        else ""
    )
    return (
        f"Force RMSE on {count(known[0]['frames'], 'test frame')} {plus_minus(force, deviation)} meV/Å"
        f"{share}{_energies(known)}. {_judgement(force, known[0])}"
    ).rstrip()


def _energies(known: list[dict[str, Any]]) -> str:
    raw, centred = (
        mean_and_deviation([values["energy"][name] for values in known])[0]
        for name in ("rmse_meV_per_atom", "centred_rmse_meV_per_atom")
    )
    if raw is None:
        return ""
    less = f", {number(centred)} after removal of the mean error" if centred is not None else ""
    return f"; energy RMSE {number(raw)} meV/atom{less}"


def _judgement(force: float, errors: dict[str, Any]) -> str:
    """The force error against the standard deviations of forces and of net molecular forces."""
    sigma, net = errors["force"]["all"]["std_meV_per_A"], errors["force"]["molecules"]["std_meV_per_A"]
    if not sigma:
        return ""
    if force > sigma / 2:
        return (
            f"The force RMSE exceeds half the standard deviation of the forces ({number(sigma / 2)} meV/Å): "
            "unsuitable for MD; train longer or on more structures."
        )
    if net and force > net:
        return (
            "The force RMSE exceeds the standard deviation of the net forces on water molecules "
            f"({number(net)} meV/Å): forces between molecules are not resolved; train longer or on more "
            "structures."
        )
    return (
        f"The force RMSE is below the standard deviation of the net forces on water molecules "
        f"({number(net)} meV/Å)."
        if net
        else ""
    )


def warnings(results: Results) -> dict[str, list[str]]:
    """What may mislead about the training and evaluation of each committee."""
    sentences = {}
    for name in results.names("committees"):
        planned = rounds(results, name)
        own = [sentence for stage in planned for sentence in _round_warnings(stage)]
        sentences[about_committee(results, name)] = own + _never_enough(planned)
    return sentences


def about_committee(results: Results, name: str) -> str:
    """What warnings about a committee stand under."""
    final = final_round(results, name)
    return f"Committee {name} ({final.describe() if final else 'no model'}; no MD)"


def _never_enough(all_rounds: list[Round]) -> list[str]:
    """A committee that grew to its last round without reaching its target."""
    last = all_rounds[-1] if all_rounds else None
    values = last.decision.values if last and last.decision and last.decision.done else {}
    if last is None or values.get("enough", True):
        return []
    return [f"the last planned round misses its target: {values['reason']}; plan more rounds or frames."]


def _round_warnings(stage: Round) -> list[str]:
    sentences, name = [], f"round {stage.number} ({stage.describe()})"
    if 0 < len(stage.trained) < len(stage.members):
        sentences.append(
            f"{name}: {len(stage.trained)} of {len(stage.members)} members are trained; means are over the "
            "trained members."
        )
    for member in stage.members:
        for part in ("validation", "test"):
            errors = member.errors(part)
            if errors.get("not_finite"):
                amount = count(errors["not_finite"], "prediction")
                sentences.append(f"{name} member {member.number}: {amount} on the {part} set not finite.")
    left_out = max(
        (
            m.errors("test")["force"]["molecules"]["oxygens_left_out"]
            for m in stage.members
            if m.errors("test")
        ),
        default=0,
    )
    if left_out:
        sentences.append(
            f"{name}: net molecular forces exclude {count(left_out, 'oxygen')} without exactly two H "
            "(test set)."
        )
    return sentences


SECTION = Section("models", "Models", 60, build)
