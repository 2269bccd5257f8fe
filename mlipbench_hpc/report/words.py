"""The verdict and the warnings, in sentences."""

from typing import Any

from mlipbench_hpc.report import convergence, dipoles, sampling, uncertainty
from mlipbench_hpc.report.collect import Results, analyses
from mlipbench_hpc.report.committees import Round, final_round, mean_and_deviation, rounds
from mlipbench_hpc.report.convergence import LONG_ENOUGH_PS
from mlipbench_hpc.report.drivers import about_md, driver
from mlipbench_hpc.report.groups import Group, groups
from mlipbench_hpc.report.tables import by_species
from mlipbench_hpc.report.text import count, listed, number, plus_minus

TEMPERATURE_SIGMAS = 4.0
SPECIES_SIGMAS, SPECIES_SHARE = 3.0, 0.05


def verdict(results: Results) -> list[list[str]]:
    """What a hurried reader should know: paragraphs, each a sentence or two and the points below it."""
    compared = groups(results)
    return [convergence.verdict(group) for group in compared] + [[one] for one in _others(results, compared)]


def _others(results: Results, compared: list[Group]) -> list[str]:
    """Committees, runs that stand in no comparison, and what is missing."""
    sentences = [sentence for name in results.names("committees") for sentence in _committee(results, name)]
    inside = {line.name for group in compared for line in group.lines}
    alone = [name for name in results.names("md") if name not in inside]
    sentences += [sentence for name in alone for sentence in _md(results, name)]
    absent = [item for item in results.items if not item.done]
    if absent:
        verbs = dict.fromkeys(item.reported.verb for item in absent)
        parts = [f"{sum(item.reported.verb == verb for item in absent)} {verb}" for verb in verbs]
        sentences.append(
            f"This report is incomplete: {count(len(absent), 'task')} of {len(results.items)} "
            f"gave no usable result ({listed(parts)}); what that does is listed below."
        )
    if sentences or compared:
        return sentences
    return ["The campaign asks for no committee and no MD: it makes or reads data alone."]


def _committee(results: Results, name: str) -> list[str]:
    final = final_round(results, name)
    if final is None or not final.trained:
        return [
            f"No member of the committee {name} is trained, so there are no errors and no MD driven by it."
        ]
    return [f"Committee {name}: {final.describe()}; no MD enters. {_errors(final)}"]


def _errors(final: Round) -> str:
    known = [member.errors("test") for member in final.members if member.errors("test")]
    if not known:
        return "None of its members is evaluated yet."
    force, deviation = mean_and_deviation([one["force"]["all"]["rmse_meV_per_A"] for one in known])
    if force is None:
        return "Its predictions on the test set are not finite."
    sigma = known[0]["force"]["all"]["std_meV_per_A"]
    share = (
        f", {100 * force / sigma:.0f}\u00a0% of the standard deviation of the forces ({number(sigma)} meV/Å)"
        if sigma
        else ""
    )
    return (
        f"On {count(known[0]['frames'], 'test frame')} its force error is "
        f"{plus_minus(force, deviation)} meV/Å"
        f"{share}{_energies(known)}. {_judgement(force, known[0])}"
    )


def _energies(known: list[dict[str, Any]]) -> str:
    raw, centred = (
        mean_and_deviation([one["energy"][name] for one in known])[0]
        for name in ("rmse_meV_per_atom", "centred_rmse_meV_per_atom")
    )
    if raw is None:
        return ""
    less = f", {number(centred)} with the mean error removed" if centred is not None else ""
    return f"; its energy error is {number(raw)} meV/atom{less}"


def _judgement(force: float, errors: dict[str, Any]) -> str:
    """What the force error means beside the spread of forces and of net molecular forces."""
    sigma, net = errors["force"]["all"]["std_meV_per_A"], errors["force"]["molecules"]["std_meV_per_A"]
    if not sigma:
        return ""
    if force > sigma / 2:
        return "That is too large for MD to mean anything."
    if net and force > net:
        return (
            f"A rough model: that is above the spread of net forces on water molecules ({number(net)} meV/Å)."
        )
    return "That is small beside what the forces vary by."


def _md(results: Results, name: str) -> list[str]:
    """How many runs, how long, how many stable; of runs that stand in no comparison, which says so itself."""
    runs = [item for item in results.of("md", md=name) if item.done]
    planned, by = len(results.of("md", md=name)), driver(results, name).drives()
    if not runs:
        return [f"MD {name}, {by}: none of {count(planned, 'run')} is done."]
    unstable = [run for run in runs if run.values.get("outcome") == "unstable"]
    lengths = [float(run.values.get("time_ps") or 0.0) for run in runs]
    sentence = f"MD {name}, {by}: {len(runs)} of {count(planned, 'run')}, {number(sum(lengths))} ps in all"
    sentence += f", {len(unstable)} of them unstable." if unstable else ", all of them stable."
    if max(lengths) < LONG_ENOUGH_PS:
        sentence += (
            f" Runs of {number(max(lengths))} ps are far below {number(LONG_ENOUGH_PS)} ps: averages "
            "and distributions are not converged, and stability beyond that time is not shown."
        )
    return [sentence]


def warnings(results: Results) -> dict[str, list[str]]:
    """What may mislead, one sentence each, under what it is about, with size, data and MD length."""
    found = {"This report": _stale(results)}
    for name in results.names("datasets"):
        found[f"Dataset {name} ({sampling.about(results, name)})"] = sampling.warnings(
            results, name
        ) + dipoles.warnings(results, name)
    for name in results.names("committees"):
        final, planned = final_round(results, name), rounds(results, name)
        own = [sentence for one in planned for sentence in _round_warnings(one)] + _never_enough(planned)
        about = final.describe() if final else "no model"
        found[f"Committee {name} ({about}; no MD enters)"] = own + uncertainty.of_committee(results, name)
    for name in results.names("md"):
        own = _of_analyses(results, name) + _temperatures(results, name) + uncertainty.of_md(results, name)
        found[f"MD {name} ({about_md(results, name)})"] = own
    return {about: list(dict.fromkeys(own)) for about, own in found.items() if own}


def _of_analyses(results: Results, name: str) -> list[str]:
    """The worker's own warnings, equal ones of several replicas together."""
    said: dict[str, list[str]] = {}
    for item in results.of("analyse", md=name):
        for sentence in item.values.get("warnings", []):
            said.setdefault(sentence, []).append(str(item.subject["replica"]))
    return [f"replica {listed(replicas)}: {sentence}." for sentence, replicas in said.items()]


def _stale(results: Results) -> list[str]:
    why = {
        "stale": "what they were made from has changed since",
        "changed": "they changed after their commit",
    }
    found = {
        status: [item.reported.label for item in results.items if item.status == status] for status in why
    }
    return [
        f"Left out because {why[one]}: {listed(names)}. Run again." for one, names in found.items() if names
    ]


def _never_enough(all_rounds: list[Round]) -> list[str]:
    """A committee that grew to its last round without reaching its target."""
    last = all_rounds[-1] if all_rounds else None
    values = last.decision.values if last and last.decision and last.decision.done else {}
    if last is None or values.get("enough", True):
        return []
    return [f"its last round is not good enough either: {values['reason']}."]


def _round_warnings(one: Round) -> list[str]:
    found, name = [], f"round {one.number} ({one.describe()})"
    if 0 < len(one.trained) < len(one.members):
        found.append(
            f"{name}: {len(one.trained)} of {len(one.members)} members are trained; means are over those."
        )
    for member in one.members:
        for part in ("validation", "test"):
            errors = member.errors(part)
            if errors.get("not_finite"):
                amount = count(errors["not_finite"], "prediction")
                found.append(f"{name} member {member.number}: {amount} on the {part} set not finite.")
    left_out = max(
        (m.errors("test")["force"]["molecules"]["oxygens_left_out"] for m in one.members if m.errors("test")),
        default=0,
    )
    if left_out:
        found.append(
            f"{name}: net forces leave out {count(left_out, 'oxygen')} that lack exactly two H (test set)."
        )
    return found


def _temperatures(results: Results, name: str) -> list[str]:
    target, found = float(results.asked("md", name)["temperature"]), []
    for item in results.of("md", md=name):
        values: dict[str, Any] = next((a.values for a in analyses(results, item)), {})
        thermo = values.get("thermo", {})
        found += [f"replica {item.subject['replica']}: {one}" for one in _species_apart(thermo, target)]
        seen = thermo.get("temperature_K", {})
        mean, error = seen.get("mean"), seen.get("se")
        if mean is not None and error and abs(mean - target) > TEMPERATURE_SIGMAS * error:
            found.append(
                f"replica {item.subject['replica']}: the mean temperature {plus_minus(mean, error)} K "
                f"is more than {TEMPERATURE_SIGMAS:.0f} standard errors from {number(target)} K as asked: "
                "not yet equilibrated."
            )
    return found


def _species_apart(thermo: dict[str, Any], target: float) -> list[str]:
    """A sentence where species are far from `target` K: heat that the thermostat has not shared out."""
    known = {name: one for name, one in by_species(thermo).items() if one["mean"] and one["se"]}
    apart = [
        f"{name} {plus_minus(one['mean'], one['se'])} K"
        for name, one in known.items()
        if abs(one["mean"] - target) > max(SPECIES_SIGMAS * one["se"], SPECIES_SHARE * target)
    ]
    if not apart:
        return []
    return [
        f"the kinetic temperature of {listed(apart)} is off the {number(target)} K asked for by more than "
        f"{SPECIES_SIGMAS:.0f} standard errors and {100 * SPECIES_SHARE:.0f} %: heat has not spread over all "
        "species, so the run needs a longer equilibration."
    ]
