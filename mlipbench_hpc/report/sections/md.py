"""Molecular dynamics: outcome, temperatures, energies and drift of every run."""

from typing import Any

from mlipbench_hpc.report import conserved, restraints
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.convergence import LONG_ENOUGH_PS
from mlipbench_hpc.report.draw.runs import SERIES, series
from mlipbench_hpc.report.driving import about_md, driving_potential
from mlipbench_hpc.report.exclusion import DEFINITION as DEFINED
from mlipbench_hpc.report.exclusion import decomposed, failure
from mlipbench_hpc.report.groups import groups
from mlipbench_hpc.report.section import Caution, Consequence, Content, Gallery, Section, Table, cautions
from mlipbench_hpc.report.temperatures import DEFINITION, deviations, in_words, mean_in_words, named
from mlipbench_hpc.report.text import NOTHING, count, listed, number, with_error

COLD = "mean temperature off its target: the run relaxes or is too short; use a longer equilibration."
UNSTABLE, ENDED_EARLY = "the run was unstable", "Runs were unstable, ended early, and are excluded."
ADVICE = "excluded; train longer or on more structures."
DECOMPOSED = f"water has decomposed by the end of the run: {ADVICE}"
OF_INTERRUPTIONS = ("segments",)


def build(results: Results) -> Content:
    """The table of all runs, and their quantities over time."""
    names = results.names("md")
    drawn = [series(results, names, *kind) for kind in SERIES]
    nothing = "No MD has run." if names else "The campaign contains no MD."
    gallery = Gallery([figure for figure in drawn if figure], nothing, wide=True)
    compared = {line.name for group in groups(results) for line in group.lines}
    verdict = [[sentence] for name in names if name not in compared for sentence in _verdict(results, name)]
    numbers = {"md": {name: numbers_of(results, name) for name in names}}
    alone = decompositions(results, [name for name in names if name not in compared])
    blocks = [table(results)] * bool(names) + ([heights] if (heights := restraints.table(results)) else [])
    return Content([*blocks, gallery], numbers, verdict, [*warnings(results), *alone])


def numbers_of(results: Results, name: str) -> dict[str, Any]:
    """Numbers of one entry for results.json."""
    spec = results.asked("md", name)
    final = driving_potential(results, name).final
    return {
        "committee": spec.get("committee"),
        "potential": spec.get("potential"),
        "members_trained": len(final.trained) if final else 0,
        "training_structures": final.structures if final else [],
        "conserved_drift_meV_per_atom_per_ps": conserved.numbers(results, name),
        "replicas": {
            str(item.subject["replica"]): {
                "md": {name: value for name, value in item.values.items() if name not in OF_INTERRUPTIONS},
                "analyse": next((a.values for a in analyses(results, item)), {}),
                "exchanged_by_draws_meV_per_atom": conserved.exchanged(results, item),
                "decomposed": decomposed(results, item) or None,
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
    failed = [word for run in runs if (word := failure(results, run))]
    lengths = [float(run.values.get("time_ps") or 0.0) for run in runs]
    sentence = f"MD {name}, {by}: {len(runs)} of {count(planned, 'run')}, {number(sum(lengths))} ps in total"
    sentence += f", {len(failed)} {' or '.join(dict.fromkeys(failed))}." if failed else ", all stable."
    if max(lengths) < LONG_ENOUGH_PS:
        sentence += (
            f" Longest run {number(max(lengths))} ps, below {number(LONG_ENOUGH_PS)} ps: averages do not "
            f"count as converged and stability beyond {number(max(lengths))} ps is untested; extend the runs."
        )
    return [sentence]


def warnings(results: Results, on_page: bool = True) -> list[Caution]:
    """Warnings about the runs of each entry of `md`.

    on_page: whether a section compares them and states their criteria of convergence.
    """
    every: list[Caution] = []
    compared = {line.name for group in groups(results) for line in group.drawn} if on_page else set[str]()
    for name in results.names("md"):
        words, value = about(results, name), _ranges(results, name)
        mean = _over_replicas(results, name)
        # Of a single run its mean is that over replicas, and convergence criteria of compared runs name it.
        alone = bool(mean) and len(results.of("analyse", md=name)) == 1
        if not (alone and name in compared):
            cold = of_replicas(results, name, _temperatures(results, name))
            every += [Caution(name, words, own, Consequence.WRONG, COLD, value) for own in cold]
        if not alone and name not in compared:
            every += cautions(name, words, mean, Consequence.WRONG)
        if sentence := conserved.sentence(results, name):
            every += cautions(name, words, [sentence], Consequence.LIMITED)
        noted = of_replicas(results, name, _of_analyses(results, name))
        early = [own for own in noted if UNSTABLE in own]
        every += cautions(name, words, early, Consequence.LIMITED, ENDED_EARLY)
        every += cautions(name, words, [own for own in noted if own not in early], Consequence.LIMITED)
        every += cautions(name, words, restraints.cautions_of(results, name), Consequence.LIMITED)
    return every


def decompositions(results: Results, names: list[str]) -> list[Caution]:
    """Warnings about the runs of some entries of `md` whose water has decomposed."""
    return [
        Caution(name, about(results, name), sentence, Consequence.WRONG, DECOMPOSED)
        for name in names
        for sentence in of_replicas(results, name, _decomposed(results, name))
    ]


def _decomposed(results: Results, name: str) -> list[str]:
    lost = {item.subject["replica"]: decomposed(results, item) for item in results.of("md", md=name)}
    return [f"replica {replica}: {words}; {ADVICE}" for replica, words in lost.items() if words]


def of_replicas(results: Results, name: str, sentences: list[str]) -> list[str]:
    """Sentences on the replicas of one `md`; a single one is not named."""
    alone = len(results.of("md", md=name)) == 1
    return [sentence.removeprefix("replica 0: ") for sentence in sentences] if alone else sentences


def about(results: Results, name: str) -> str:
    """Heading of warnings about one entry of `md`: its driving potential and length."""
    return f"MD {name} ({about_md(results, name)})"


def _of_analyses(results: Results, name: str) -> list[str]:
    """Warnings of the reader of recorded runs and of analyses, equal ones of several replicas together."""
    by_sentence: dict[str, list[str]] = {}
    for item in [*results.of("md", md=name), *results.of("analyse", md=name)]:
        for sentence in item.notes:
            by_sentence.setdefault(sentence, []).append(str(item.subject["replica"]))
    return [f"replica {listed(replicas)}: {sentence}." for sentence, replicas in by_sentence.items()]


def _temperatures(results: Results, name: str) -> list[str]:
    """Temperatures of each replica that are off their target."""
    target = float(results.asked("md", name)["temperature"])
    every = ((item.subject["replica"], in_words(item, target)) for item in _kept(results, name))
    return [f"replica {replica}: {words}" for replica, words in every if words]


def _kept(results: Results, name: str) -> list[Item]:
    """Analyses of an entry's runs but those that were unstable or decomposed: these do not count anyway."""
    lost = {run.subject["replica"] for run in results.of("md", md=name) if run.done and failure(results, run)}
    return [item for item in results.of("analyse", md=name) if item.subject["replica"] not in lost]


def _ranges(results: Results, name: str) -> str:
    """Least and greatest mean of the replicas that are off: `all atoms 350 to 389 K, O 402 to 471 K`."""
    target = float(results.asked("md", name)["temperature"])
    off: dict[str, list[float]] = {}
    for item in _kept(results, name):
        for own in named(item, target):
            off.setdefault(own.whose, []).append(own.mean)
    spans = {whose: [number(mean) for mean in (min(means), max(means))] for whose, means in off.items()}
    return ", ".join(f"{whose} {' to '.join(dict.fromkeys(span))} K" for whose, span in spans.items())


def _over_replicas(results: Results, name: str) -> list[str]:
    """A sentence where temperatures over all replicas are off their target."""
    target, items = float(results.asked("md", name)["temperature"]), _kept(results, name)
    off = deviations(items, target)
    return [f"{mean_in_words(off, len(items))}: use a longer equilibration or longer runs."] if off else []


def table(results: Results) -> Table:
    """One row for each run: outcome, length, temperatures, energy, conserved energy."""
    items = [item for name in results.names("md") for item in results.of("md", md=name)]
    header = ["run", "driven by, for", "replica", "outcome", "temperature of each species, K", "target, K",
              "requested, ps", "analysed, ps", "temperature, K", "potential energy, eV/atom",
              "drift of conserved energy, meV/atom/ps",
              "largest deviation of conserved energy, meV/atom",
              "energy exchanged where momenta are redrawn, meV/atom"]  # fmt: skip
    caption = (
        f"NVT runs. Decomposed, and excluded: {DEFINED} "
        "Mean ± standard error (the larger of blocks and autocorrelation) and drift of the "
        "conserved energy over the analysed frames: those after equilibration in whole blocks. Largest "
        "deviation of the conserved energy: from its first value after the last draw of momenta "
        "(`equilibrate`), in all frames after it; without draws from that of the first frame. Exchanged: "
        "change of the conserved energy from the first frame to the first after the last draw, by which the "
        f"draws took out (negative) or gave energy while the start relaxed on the potential that drives the "
        f"run. {DEFINITION}"
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
    cause += f", decomposed ({reason})" if (reason := decomposed(results, item)) else ""
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
        with_error(temperature.get("mean"), temperature.get("se")),
        with_error(potential.get("mean"), potential.get("se")),
        number(values.get("thermo", {}).get("conserved_drift_meV_per_atom_per_ps")),
        number(item.values.get("largest_conserved_deviation_meV_per_atom")),
        number(conserved.exchanged(results, item)),
    ]


def species_temperatures(analysis: Item | None) -> str:
    """`Au 299 ± 2, H 301 ± 3`; a dash where nothing is known."""
    cells = [
        f"{name} {with_error(statistics.get('mean'), statistics.get('se'))}"
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
