"""Mean temperatures of runs and species that are off their target."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlipbench_hpc.analysis.inference import ErrorTerm, welch
from mlipbench_hpc.analysis.stationarity import LEAST_P
from mlipbench_hpc.report.collect import Item
from mlipbench_hpc.report.combine import degrees, pooled
from mlipbench_hpc.report.groups import Line
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.text import count, listed, number, plus_minus

# Five per cent, 15 K at 300 K, moves neither structure nor dynamics of water beyond what runs of this kind
# resolve. Few atoms in a short run scatter by more: there the expected canonical fluctuation counts,
# three times, because a report judges some hundred temperatures (p = 0.003 each).
SHARE, CANONICAL_SE = 0.05, 3.0
LEVEL = 0.01
# An error so well known that a smaller deviation counts too: a thermostat that keeps another temperature.
SIGMAS = 4.0
TOTAL, WHOLE = "temperature_K", "all atoms"
DEFINITION = (
    f"A mean temperature is named where it deviates from the target by more than {100 * SHARE:.0f} % and by "
    f"more than {CANONICAL_SE:.0f} times its expected canonical fluctuation, T √(2/(3 N n)) of N mobile "
    "atoms in n independent frames, however large its own error is; p: Student's t of the mean over replicas "
    f"against the target. Conclusions are withheld at p ≤ {LEVEL:g}, else conditional. No equipartition: the "
    "hottest and the coldest species differ, at the same level over all pairs, though the temperature of all "
    "atoms is right."
)


@dataclass(frozen=True)
class Temperature:
    """Mean kinetic temperature (K) of all atoms or of a species, with its standard error.

    limit: deviation from the target, K, above which it counts as off.
    """

    whose: str
    mean: float
    error: ErrorTerm
    target: float
    limit: float

    @property
    def off(self) -> bool:
        """True where it deviates by more than the limit, whether or not its own error resolves that."""
        return abs(self.mean - self.target) > self.limit

    @property
    def resolved(self) -> bool:
        """True where a test resolves the deviation: p ≤ 0.01."""
        return self.p <= LEVEL

    @property
    def p(self) -> float:
        """p of Student's t against the target; NaN without an error."""
        return welch(self.mean - self.target, [self.error]).p

    def words(self) -> str:
        """`O 471 ± 18 K (171 K above, p = 0.0007)`."""
        apart = self.mean - self.target
        side = f"{number(abs(apart), 2)} K {'above' if apart > 0 else 'below'}"
        p = "error not determined" if np.isnan(self.p) else f"p {p_words(self.p)}"
        return f"{self.whose} {plus_minus(self.mean, self.error.error)} K ({side}, {p})"


def p_words(p: float) -> str:
    """`= 0.02`, `< 0.0001`."""
    return f"< {LEAST_P:.4f}" if p <= LEAST_P else f"= {number(p, 1)}"


def of_run(analysis: Item, target: float) -> list[Temperature]:
    """Temperatures of all atoms and of each species in one run; those without a mean are left out."""
    return [_temperature(whose, [own], target) for whose, own in _statistics(analysis).items()]


def named(analysis: Item, target: float) -> list[Temperature]:
    """Temperatures of one run that are off; without any, that of all atoms where its error is small."""
    every = of_run(analysis, target)
    return [own for own in every if own.off] or [own for own in every if _small_error(own)]


def rule(target: float) -> str:
    """`beyond 5 % and 3 expected canonical fluctuations from the target 300 K`."""
    return (
        f"beyond {100 * SHARE:.0f} % and {CANONICAL_SE:.0f} expected canonical fluctuations from the target "
        f"{number(target)} K"
    )


def in_words(analysis: Item, target: float) -> str:
    """Temperatures of one run that are off their target, in words; empty without any."""
    every = named(analysis, target)
    if off := [own for own in every if own.off]:
        return (
            f"mean temperature {rule(target)}, {listed([own.words() for own in off])}: the run relaxes or is "
            "too short; use a longer equilibration or longer runs."
        )
    if every:
        value = plus_minus(every[0].mean, every[0].error.error)
        return (
            f"the mean temperature {value} K deviates from the target {number(target)} K by more than "
            f"{SIGMAS:.0f} standard errors: not equilibrated; use a longer equilibration."
        )
    return ""


def _small_error(own: Temperature) -> bool:
    apart = abs(own.mean - own.target)
    return own.whose == WHOLE and 0 < SIGMAS * own.error.error < apart


def over_replicas(analyses: Iterable[Item], target: float) -> list[Temperature]:
    """Temperatures averaged over the replicas of one `md`.

    Energy passes slowly between metal and water, so that in one short run each keeps more or less of it than
    its share: only over replicas does that average out.
    """
    runs = [_statistics(analysis) for analysis in analyses]
    names = dict.fromkeys(whose for run in runs for whose in run)
    return [_temperature(whose, [run[whose] for run in runs if whose in run], target) for whose in names]


def deviations(analyses: list[Item], target: float) -> list[Temperature]:
    """Averages over replicas that are off their target."""
    return [own for own in over_replicas(analyses, target) if own.off]


@remembered
def relaxing(line: Line) -> str:
    """Temperatures over a line's runs that are resolved from their target, in words; empty without any."""
    off = [own for own in _of_line(line) if own.resolved]
    return mean_in_words(off, len(line.runs)) if off else ""


@remembered
def unclear(line: Line) -> str:
    """Temperatures over a line's runs that are off, without an error that resolves it; empty without any."""
    off = [own for own in _of_line(line) if not own.resolved]
    return listed([own.words() for own in off])


def _of_line(line: Line) -> list[Temperature]:
    return deviations([run.analysis for run in line.runs], line.temperature)


def mean_in_words(off: list[Temperature], replicas: int) -> str:
    """`kinetic temperature (mean over 5 replicas) beyond … from the target 300 K, O 471 ± 18 K (…)`."""
    return (
        f"kinetic temperature (mean over {count(replicas, 'replica')}) {rule(off[0].target)}, "
        f"{listed([own.words() for own in off])}"
    )


@remembered
def unequal(line: Line) -> str:
    """`no equipartition: O 355 ± 5 K and Au 259 ± 12 K (p = …), all atoms 301 ± 2 K`; empty where there is.

    Of the hottest and the coldest species, Bonferroni over all pairs; where all atoms are off their target,
    that is said and not this.
    """
    every = over_replicas([run.analysis for run in line.runs], line.temperature)
    whole = next((own for own in every if own.whose == WHOLE), None)
    species = sorted((own for own in every if own.whose != WHOLE), key=lambda own: own.mean)
    if whole is None or whole.off or len(species) < 2:
        return ""
    cold, hot = species[0], species[-1]
    pairs = len(species) * (len(species) - 1) / 2
    p = pairs * welch(hot.mean - cold.mean, [hot.error, cold.error]).p
    if not p <= LEVEL:
        return ""
    known = [f"{own.whose} {plus_minus(own.mean, own.error.error)} K" for own in (hot, cold, whole)]
    return f"no equipartition: {known[0]} and {known[1]} (p {p_words(p)}), {known[2]}"


def _statistics(analysis: Item) -> dict[str, dict[str, Any]]:
    """Statistics of the temperatures that have a mean, by species; of species held fixed it is zero."""
    own = [
        observable
        for observable in analysis.observables.values()
        if observable.unit == "K" and (observable.species or observable.name == TOTAL)
    ]
    known = {observable.species or WHOLE: analysis.statistics(observable.name) for observable in own}
    return {whose: values for whose, values in known.items() if values.get("mean")}


def _temperature(whose: str, every: list[dict[str, Any]], target: float) -> Temperature:
    """Mean over replicas, and the larger of its errors from their scatter and from each replica's own.

    Replicas without an error count where none has one.
    """
    replicas = [own for own in every if own.get("se")] or every
    means = np.array([own["mean"] for own in replicas], dtype=float)
    errors = np.array([np.nan if own.get("se") is None else own["se"] for own in replicas], dtype=float)
    weights = np.ones(len(replicas))
    mean, error = pooled(means, errors, weights)
    dof = degrees(errors, weights, float(error), [own.get("dof") or 1.0 for own in replicas])
    limit = max(SHARE * target, CANONICAL_SE * canonical_error(replicas, target))
    return Temperature(whose, float(mean), ErrorTerm(float(error), dof), target, limit)


def canonical_error(replicas: list[dict[str, Any]], target: float) -> float:
    """Standard error T √(2/(3 N n)) in K of the mean temperature of N atoms in n independent frames.

    The kinetic energy of 3 N degrees of freedom has the relative variance 2/(3 N) in the canonical ensemble.
    n: of all replicas together; 0 where the runs do not say N or n, and from an error of 0 there is no n.
    """
    atoms = max((own.get("atoms") or 0 for own in replicas), default=0)
    frames = sum(own.get("independent") or 0.0 for own in replicas)
    return target * float(np.sqrt(2 / (3 * atoms * frames))) if atoms and frames else 0.0
