"""Restrained heights and heavy hydrogen of runs: in words, in a table, and what is no result then."""

from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.section import Table
from mlipbench_hpc.report.text import listed, number

CAPTION = (
    "Restrained heights above the surface layer. Mean and deviation: of the frames in the later half of each "
    "run. A spring alone would leave a deviation of √(kT/k). Profiles and layers of these atoms are the "
    "restraint's and no result; all other numbers are those at these heights. The restraint's energy is part "
    "of the conserved energy, not of the potential energy, and cancels in relative energies h."
)


def restraints_of(spec: dict[str, Any]) -> str:
    """`Na at 3 Å (1 eV/Å²)`, of an entry of `md`; empty without restraints."""
    return listed([_words(own) for own in spec.get("restraints") or []] or [""])


def _words(own: dict[str, Any]) -> str:
    atoms = own["atoms"]
    names = (
        atoms if isinstance(atoms, str) else f"atom{'s' * (len(atoms) > 1)} {listed(list(map(str, atoms)))}"
    )
    return f"{names} at {number(own['height'])} Å ({number(own['spring'])} eV/Å²)"


def all_restrained(md: Item, analysis: Item, symbol: str) -> bool:
    """True where the heights of all atoms of an element are restrained in a run."""
    atoms = (analysis.values.get("species") or {}).get(symbol, 0)
    own = [one for one in md.values.get("restraints", []) if one["element"] == symbol]
    return bool(own) and len(own) >= atoms


def table(results: Results) -> Table | None:
    """One row for each restrained atom of each run; None without any."""
    rows = [
        [
            item.subject["md"], str(item.subject["replica"]), f"{own['element']} {own['atom']}",
            *(number(own[name]) for name in ("target_A", "spring_eV_per_A2", "mean_A", "deviation_A")),
        ]
        for name in results.names("md")
        for item in results.of("md", md=name)
        for own in item.values.get("restraints", [])
    ]  # fmt: skip
    header = ["run", "replica", "atom", "target, Å", "spring, eV/Å²", "mean, Å", "deviation, Å"]
    return Table(CAPTION, header, rows, words=3) if rows else None


def cautions_of(results: Results, name: str) -> list[str]:
    """Sentences on what the restraints and masses of one entry of `md` leave without a result."""
    spec = results.asked("md", name)
    heights, mass = restraints_of(spec), spec.get("hydrogen_mass")
    sentences = [
        f"heights are restrained, {heights}: profiles and layers of these atoms are no result, other numbers "
        "are those at these heights."
    ] * bool(heights)
    sentences += [
        f"hydrogen has {number(mass)} u, taken from oxygen: times (C_dip, P_surv, stays) are not those of "
        "water."
    ] * bool(mass)
    return sentences
