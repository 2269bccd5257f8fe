"""Groups of runs with the same atoms, cell and temperature, by whatever potential."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mlipbench_hpc.data.observable import Observable
from mlipbench_hpc.report.collect import Item, Results, analyses, reweighted
from mlipbench_hpc.report.driving import DrivingPotential, driving_potential, length
from mlipbench_hpc.report.exclusion import Key, excluded, key_of
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.origins import Start, start_of
from mlipbench_hpc.report.text import count, listed, number

WATER = ("O", "H")


@dataclass(frozen=True)
class Run:
    """One replica that enters the averages; `spread` is its reweighting to the other members."""

    md: Item
    analysis: Item
    spread: Item | None

    @property
    def profiles(self) -> dict[str, Any]:
        """Results of its analysis on the profiles of an interface."""
        profiles: dict[str, Any] = self.analysis.values.get("profiles", {})
        return profiles

    @property
    def analysed_ps(self) -> float:
        """Length that is analysed, ps: after equilibration, in whole blocks."""
        return float(self.analysis.values.get("analysed_ps") or 0.0)

    @property
    def production_ps(self) -> float:
        """Length after equilibration, ps, of which whole blocks are analysed."""
        equilibration, time = self.analysis.values.get("equilibration_ps"), self.md.values.get("time_ps")
        if equilibration is None or time is None:
            return self.analysed_ps
        return max(self.analysed_ps, float(time) - float(equilibration))

    @property
    def frames(self) -> int:
        """Number of analysed frames."""
        return int(self.analysis.values.get("frames_analysed") or 0)

    @property
    def replica(self) -> int:
        """Number of the replica."""
        return int(self.md.subject["replica"])


@dataclass(frozen=True)
class Line:
    """All replicas of one `md` in a group: drawn as one line.

    constraints: fixed layers and atoms, heavy hydrogen, in words; temperature: target, K; starts: of its
    runs, where they come from a sampling run; left_out: reasons why other replicas are excluded; peers: all
    lines of its group, with this line.
    """

    name: str
    potential: DrivingPotential
    constraints: str
    temperature: float = float("nan")
    starts: list[Start] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    peers: list["Line"] = field(default_factory=list, repr=False, compare=False)
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def about(self) -> str:
        """Committee size, training structures and MD length; of a reference potential its length."""
        runs, own = self.runs_about(), self.potential
        return runs if own.reference else f"member {own.member} of {own.models()}; {runs}"

    def runs_about(self) -> str:
        """Number and MD length of its runs."""
        return length([run.md for run in self.runs])

    def phrase(self, name: str) -> str:
        """Words for an observable of its runs; its name where none has it."""
        every = (run.analysis.observables.get(name) for run in self.runs)
        return next((observable.phrase for observable in every if observable), name)

    def title(self, among: "list[Line]") -> str:
        """Title of the line: its potential; where several are equal, also the member, and the `md`."""
        twins = [other for other in among if other.potential.title == self.potential.title]
        members = {other.potential.member for other in twins}
        name = self.potential.title + f" member {self.potential.member}" * (members != {0})
        alone = len(members) == len(twins)
        return name if alone else f"{name} ({self.name})"


@dataclass(frozen=True)
class Group:
    """Runs with the same atoms, cell, temperature and restraints; the reference's line comes first.

    species: {symbol: atoms}; cell (3, 3) Å; temperature K; restrained: heights, in words; comparisons:
    differences declared by the campaign; every: all groups of the report, with this group.
    """

    species: dict[str, int]
    cell: list[list[float]]
    temperature: float
    lines: list[Line]
    metals: tuple[str, ...]
    twin: bool = False
    restrained: str = ""
    comparisons: tuple[dict[str, Any], ...] = ()
    every: list["Group"] = field(default_factory=list, repr=False, compare=False)
    memory: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def title(self) -> str:
        """`Au48 O40 H80 Na2, 300 K`; with the cell's edges where another group has the same atoms."""
        first = [symbol for symbol in (*self.metals, *WATER) if symbol in self.species]
        rest = [symbol for symbol in sorted(self.species) if symbol not in first]
        atoms = " ".join(f"{symbol}{self.species[symbol]}" for symbol in first + rest)
        edges = " × ".join(f"{edge:.2f}" for edge in np.linalg.norm(self.cell, axis=1))
        title = f"{atoms}, {number(self.temperature)} K" + (f", {edges} Å" if self.twin else "")
        return f"{title}, {self.restrained}" if self.restrained else title

    @property
    def slug(self) -> str:
        """The title as a part of a file's name."""
        plain = self.title.replace(",", "").replace(" × ", "x").replace(" Å²", "").replace(" Å", "")
        return plain.replace("/", "-").replace(" ", "-")

    @cached_property
    def interface(self) -> bool:
        """True where the runs have a surface; where all runs are excluded, where the metal is present."""
        if not self.drawn:
            return any(metal in self.species for metal in self.metals)
        return any(run.profiles.get("faces") for line in self.drawn for run in line.runs)

    @property
    def shown(self) -> bool:
        """True where the report compares: an interface, or several potentials for anything else."""
        return self.interface or len(self.drawn) > 1

    @cached_property
    def drawn(self) -> list[Line]:
        """Lines with at least one run that counts."""
        return [line for line in self.lines if line.runs]

    @cached_property
    def observables(self) -> list[Observable]:
        """Compared observables that its runs have, in the order of the report."""
        compared = ("everywhere", "interface" if self.interface else "bulk")
        analyses = [run.analysis.observables for line in self.drawn for run in line.runs]
        every = {name: observable for observables in analyses for name, observable in observables.items()}
        return sorted(
            (observable for observable in every.values() if observable.compared in compared),
            key=lambda observable: (observable.order, observable.name),
        )

    @property
    def reference(self) -> Line | None:
        """Line of the reference potential."""
        return next((line for line in self.drawn if line.potential.reference), None)

    @property
    def left_out(self) -> list[str]:
        """One sentence for each line with excluded runs."""
        return [_left_out(line) for line in self.lines if line.left_out]

    @property
    def unlike(self) -> list[str]:
        """A sentence where lines differ in their fixed atoms or masses; [] where they do not."""
        parts = [f"{line.constraints} in {line.title(self.drawn)}" for line in self.drawn]
        if len({line.constraints for line in self.drawn}) < 2:
            return []
        return [f"Constraints differ: {listed(parts)}; part of any difference may come from them."]


def _left_out(line: Line) -> str:
    every = len(line.runs) + len(line.left_out)
    what = f"{len(line.left_out)} of {count(every, 'run')} of {line.name}"
    return f"Excluded: {what}, {line.potential.drives()}: {'; '.join(line.left_out)}."


@remembered
def groups(results: Results) -> list[Group]:
    """Groups that the report shows, in the order of the campaign; in some all runs are excluded.

    A run without analysis belongs to no group, unless another run of its `md` was analysed.
    """
    by_key: dict[Key, dict[str, Line]] = {}
    for name in results.names("md"):
        for key, line in _lines(results, name).items():
            by_key.setdefault(key, {})[name] = line
    keys = [key for key in by_key if key]
    every = [_group(key, list(by_key[key].values()), results, keys) for key in keys]
    shown = [group for group in every if group.shown]
    for group in shown:
        group.every.extend(shown)
    return shown


def _group(key: Key, lines: list[Line], results: Results, keys: list[Key]) -> Group:
    species, cell, temperature, restrained = key
    analysis = results.document["campaign"]["analysis"]
    metal, comparisons = analysis.get("profiles", {}).get("metal", "Au"), analysis.get("comparisons", [])
    metals = (metal,) if isinstance(metal, str) else tuple(metal)
    cells = {other[1] for other in keys if other[0] == species and other[2] == temperature}
    ordered = sorted(lines, key=lambda line: not line.potential.reference)
    for line in ordered:
        line.peers.extend(ordered)
    edges = np.reshape(cell, (-1, 3)).tolist()
    return Group(
        dict(species), edges, temperature, ordered, metals, len(cells) > 1, restrained, tuple(comparisons)
    )


def _lines(results: Results, name: str) -> dict[Key, Line]:
    """The line of one `md` in each group that it belongs to.

    A run that left no analysis belongs where the others of its `md` do, or under ().
    """
    runs = results.of("md", md=name)
    keys = [key_of(results, run) for run in runs]
    known = next((key for key in keys if key), ())
    spec = results.asked("md", name)
    drives, constraints, target = driving_potential(results, name), _constraints(spec), spec["temperature"]
    lines: dict[Key, Line] = {}
    for run, own in zip(runs, keys, strict=True):
        line = lines.setdefault(own or known, Line(name, drives, constraints, float(target)))
        if reason := excluded(results, run):
            line.left_out.append(f"replica {run.subject['replica']} {reason}")
        else:
            line.runs.append(Run(run, analyses(results, run)[0], reweighted(results, run)))
            start = start_of(results, name, int(run.subject["replica"]))
            line.starts.extend([start] if start else [])
    return lines


def _constraints(spec: dict[str, Any]) -> str:
    if spec.get("recorded"):
        return "fixed atoms not known"
    layers, atoms = spec.get("fixed_layers") or 0, len(spec.get("fixed_atoms") or [])
    parts = [count(layers, "fixed layer")] * bool(layers) + [count(atoms, "fixed atom")] * bool(atoms)
    if (wall := spec.get("wall")) is not None:
        parts.append("no wall" if wall == "none" else f"a wall at {number(wall)} Å")
    parts += [f"H of {number(mass)} u"] if (mass := spec.get("hydrogen_mass")) else []
    return listed(parts) if parts else "no fixed atoms"
