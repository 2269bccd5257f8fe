"""Molecular dynamics: outcome, temperatures, energies and drift of every run."""

from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import ErrorTerm, welch
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.combine import degrees, pooled
from mlipbench_hpc.report.convergence import LONG_ENOUGH_PS
from mlipbench_hpc.report.draw.runs import SERIES, series
from mlipbench_hpc.report.driving import about_md, driving_potential
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.section import Caution, Consequence, Content, Gallery, Section, Table, cautions
from mlipbench_hpc.report.text import NOTHING, count, listed, number, plus_minus

TEMPERATURE_SIGMAS = 4.0
SPECIES_LEVEL, SPECIES_SHARE = 0.01, 0.05
COLD = "mean temperature off its target: not equilibrated; use a longer equilibration."
UNEQUAL = "species at different temperatures: no equipartition; use a longer equilibration."
OF_INTERRUPTIONS = ("segments",)


def build(results: Results) -> Content:
    """The table of all runs, and their quantities over time."""
    names = results.names("md")
    drawn = [series(results, names, *kind) for kind in SERIES]
    nothing = "No MD has run." if names else "The campaign contains no MD."
    gallery = Gallery([figure for figure in drawn if figure], nothing, wide=True)
    compared = {line.name for group in groups(results) for line in group.lines}
    verdict = [[sentence] for name in names if name not in compared for sentence in _verdict(results, name)]
    numbers = {"md": {name: _numbers(results, name) for name in names}}
    return Content([*([table(results)] if names else []), gallery], numbers, verdict, warnings(results))


def _numbers(results: Results, name: str) -> dict[str, Any]:
    spec = results.asked("md", name)
    final = driving_potential(results, name).final
    return {
        "committee": spec.get("committee"),
        "potential": spec.get("potential"),
        "members_trained": len(final.trained) if final else 0,
        "training_structures": final.structures if final else [],
        "replicas": {
            str(item.subject["replica"]): {
                "md": {name: value for name, value in item.values.items() if name not in OF_INTERRUPTIONS},
                "analyse": next((a.values for a in analyses(results, item)), {}),
                "reweight": reweighting.values if (reweighting := reweighted(results, item)) else {},
            }
            for item in results.of("md", md=name)
        },
    }


def _verdict(results: Results, name: str) -> list[str]:
    """Number, length and stability of the runs that belong to no comparison."""
    runs = [item for item in results.of("md", md=name) if item.done]
    planned, by = len(results.of("md", md=name)), driving_potential(results, name).drives()
    if not runs:
        return [f"MD {name}, {by}: none of {count(planned, 'run')} done."]
    unstable = [run for run in runs if run.values.get("outcome") == "unstable"]
    lengths = [float(run.values.get("time_ps") or 0.0) for run in runs]
    sentence = f"MD {name}, {by}: {len(runs)} of {count(planned, 'run')}, {number(sum(lengths))} ps in total"
    sentence += f", {len(unstable)} unstable." if unstable else ", all stable."
    if max(lengths) < LONG_ENOUGH_PS:
        sentence += (
            f" Longest run {number(max(lengths))} ps, below {number(LONG_ENOUGH_PS)} ps: averages do not "
            f"count as converged and stability beyond {number(max(lengths))} ps is untested; extend the runs."
        )
    return [sentence]


def warnings(results: Results) -> list[Caution]:
    """Warnings about the runs of each entry of `md`."""
    every: list[Caution] = []
    for name in results.names("md"):
        for sentences, consequence, kind in (
            (_temperatures(results, name), Consequence.WRONG, COLD),
            (_species(results, name), Consequence.WRONG, UNEQUAL),
            (_of_analyses(results, name), Consequence.LIMITED, ""),
        ):
            own = of_replicas(results, name, sentences)
            every += cautions(name, about(results, name), own, consequence, kind)
    return every


def of_replicas(results: Results, name: str, sentences: list[str]) -> list[str]:
    """Sentences on the replicas of one `md`; a single one is not named."""
    alone = len(results.of("md", md=name)) == 1
    return [sentence.removeprefix("replica 0: ") for sentence in sentences] if alone else sentences


def about(results: Results, name: str) -> str:
    """Heading of warnings about one entry of `md`: its driving potential and length."""
    return f"MD {name} ({about_md(results, name)})"


def _of_analyses(results: Results, name: str) -> list[str]:
    """Warnings of the worker, equal ones of several replicas together."""
    by_sentence: dict[str, list[str]] = {}
    for item in results.of("analyse", md=name):
        for sentence in item.notes:
            by_sentence.setdefault(sentence, []).append(str(item.subject["replica"]))
    return [f"replica {listed(replicas)}: {sentence}." for sentence, replicas in by_sentence.items()]


def _temperatures(results: Results, name: str) -> list[str]:
    target, sentences = float(results.asked("md", name)["temperature"]), []
    for analysis in results.of("analyse", md=name):
        replica = f"replica {analysis.subject['replica']}"
        temperature = analysis.statistics("temperature_K")
        mean, error = temperature.get("mean"), temperature.get("se")
        if mean is not None and error and abs(mean - target) > TEMPERATURE_SIGMAS * error:
            sentences.append(
                f"{replica}: the mean temperature {plus_minus(mean, error)} K "
                f"deviates from the target {number(target)} K by more than {TEMPERATURE_SIGMAS:.0f} standard "
                "errors: not equilibrated; use a longer equilibration."
            )
    return sentences


def _species(results: Results, name: str) -> list[str]:
    """A sentence where species deviate from the target over all replicas: no equipartition.

    Energy passes slowly between metal and water, so that in one short run each keeps more or less of it than
    its share: only over replicas does that average out.
    """
    target = float(results.asked("md", name)["temperature"])
    runs = [by_species(analysis) for analysis in results.of("analyse", md=name)]
    known = {
        symbol: [own for run in runs if (own := run.get(symbol)) and own["mean"] and own["se"]]
        for symbol in dict.fromkeys(symbol for run in runs for symbol in run)
    }
    means = {symbol: _over_replicas(own) for symbol, own in known.items() if own}
    apart = [
        f"{symbol} {plus_minus(mean, term.error)} K"
        for symbol, (mean, term) in means.items()
        if abs(mean - target) > SPECIES_SHARE * target and welch(mean - target, [term]).p <= SPECIES_LEVEL
    ]
    if not apart:
        return []
    return [
        f"the kinetic temperature of {listed(apart)} (mean over {count(len(runs), 'replica')}) deviates from "
        f"the target {number(target)} K by more than {100 * SPECIES_SHARE:.0f} % (p ≤ {SPECIES_LEVEL:g}): no "
        "equipartition between species; use a longer equilibration."
    ]


def _over_replicas(own: list[dict[str, Any]]) -> tuple[float, ErrorTerm]:
    """Mean over replicas, and the larger of its errors from their scatter and from each replica's own."""
    means, errors = np.array([(statistics["mean"], statistics["se"]) for statistics in own]).T
    weights = np.ones(len(own))
    mean, error = pooled(means, errors, weights)
    dof = degrees(errors, weights, float(error), [statistics.get("dof") or 1.0 for statistics in own])
    return float(mean), ErrorTerm(float(error), dof)


def table(results: Results) -> Table:
    """One row for each run: outcome, length, temperatures, energy, conserved energy."""
    items = [item for name in results.names("md") for item in results.of("md", md=name)]
    header = ["run", "driven by, for", "replica", "outcome", "temperature of each species, K", "target, K",
              "requested, ps", "analysed, ps", "temperature, K", "potential energy, eV/atom",
              "drift of conserved energy, meV/atom/ps",
              "largest deviation of conserved energy, meV/atom"]  # fmt: skip
    caption = (
        "NVT runs. Mean ± standard error (the larger of blocks and autocorrelation) over the analysed "
        "frames; deviation of the conserved energy from its initial value, over the whole run."
    )
    return Table(caption, header, [_md_row(results, item) for item in items], words=5)


def _md_row(results: Results, item: Item) -> list[str]:
    analysis = next(iter(analyses(results, item)), None)
    values: dict[str, Any] = analysis.values if analysis else {}
    temperature, potential = (
        analysis.statistics(name) if analysis else {} for name in ("temperature_K", "potential_eV_per_atom")
    )
    outcome = item.values.get("outcome", item.status)
    cause = f" ({item.values['cause']})" if item.values.get("cause") else ""
    name = item.subject["md"]
    spec, drives = results.asked("md", name), driving_potential(results, name)
    models = drives.models()
    driven = models if drives.reference else f"member {drives.member} of {drives.name} ({models})"
    return [
        name,
        f"{driven}; {number(item.values.get('time_ps'))} ps",
        str(item.subject["replica"]),
        f"{outcome}{cause}",
        species_temperatures(analysis),
        number(spec["temperature"]),
        number(spec["length"]),
        number(values.get("analysed_ps")),
        plus_minus(temperature.get("mean"), temperature.get("se")),
        plus_minus(potential.get("mean"), potential.get("se")),
        number(values.get("thermo", {}).get("conserved_drift_meV_per_atom_per_ps")),
        number(item.values.get("largest_conserved_deviation_meV_per_atom")),
    ]


def species_temperatures(analysis: Item | None) -> str:
    """`Au 299 ± 2, H 301 ± 3`; a dash where nothing is known."""
    cells = [
        f"{name} {plus_minus(statistics['mean'], statistics['se'])}"
        for name, statistics in (by_species(analysis) if analysis else {}).items()
    ]
    return ", ".join(cells) or NOTHING


def by_species(analysis: Item) -> dict[str, dict[str, Any]]:
    """Mean and standard error of each species' kinetic temperature in K, by symbol."""
    own = [
        observable
        for observable in analysis.observables.values()
        if observable.species and observable.unit == "K"
    ]
    return {observable.species: analysis.statistics(observable.name) for observable in own}


SECTION = Section("md", "Molecular dynamics", 90, build)
