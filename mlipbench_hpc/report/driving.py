"""The potential that drives an MD run, and the description beside every number of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlipbench_hpc.potentials.card import cards
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import Round, final_round
from mlipbench_hpc.report.memory import remembered
from mlipbench_hpc.report.text import count, number


@dataclass(frozen=True)
class DrivingPotential:
    """A reference potential, a trajectory of another program as reference, or one member of a committee.

    final: the committee's last trained round; None for a reference potential and where nothing is planned.
    options: of a reference potential, those that differ from its card's, in words.
    """

    name: str
    reference: bool
    final: Round | None = None
    member: int = 0
    recorded: bool = False
    options: str = ""

    @property
    def title(self) -> str:
        """`mace`, `reference potential electrode`, `trajectory dft`."""
        if self.recorded:
            return f"trajectory {self.name}"
        return f"reference potential {self.name}{self.options}" if self.reference else self.name

    def models(self) -> str:
        """Committee size and training structures, for the text beside each number."""
        if self.reference:
            return self.title
        return self.final.describe() if self.final else "no model"

    def drives(self) -> str:
        """Driving potential in words, beside numbers of an MD run."""
        if self.recorded:
            return f"{self.title}, by another program"
        if self.reference:
            return f"driven by the {self.models()}"
        return f"driven by member {self.member} of {self.name} ({self.models()})"


@remembered
def driving_potential(results: Results, md: str) -> DrivingPotential:
    """The potential that drives one entry of `md`."""
    spec = results.asked("md", md)
    committee = spec.get("committee")
    if spec.get("recorded"):
        return DrivingPotential(md, reference=True, recorded=True)
    if committee is None:
        name = str(spec.get("potential"))
        return DrivingPotential(name, reference=True, options=_options(name, spec))
    final = final_round(results, committee)
    return DrivingPotential(committee, reference=False, final=final, member=int(spec.get("member") or 0))


def _options(name: str, spec: Mapping[str, Any]) -> str:
    """` (electrostatics: three-periodic)`: options of an entry of `md` that are not the card's own."""
    card = cards().get(name)
    known = card.settings("md") if card else {}
    stated = {key: spec[key] for key, own in known.items() if key in spec and spec[key] != own.default}
    return f" ({', '.join(f'{key}: {value}' for key, value in stated.items())})" if stated else ""


def length(runs: list[Item]) -> str:
    """`2 runs of 10.0 ps`, `2 runs of 3.25 to 10.0 ps`, `no run`."""
    lengths = [float(run.values.get("time_ps") or 0.0) for run in runs]
    if not lengths:
        return "no run"
    span = dict.fromkeys((number(min(lengths)), number(max(lengths))))
    return f"{count(len(lengths), 'run')} of {' to '.join(span)} ps"


def about_run(results: Results, run: Item) -> str:
    """Committee size, training structures and length of one run."""
    models = driving_potential(results, run.subject["md"]).models()
    return f"{models}; {number(run.values.get('time_ps'))} ps of MD"


@remembered
def about_md(results: Results, md: str) -> str:
    """Committee size, training structures and length of all runs of one `md` that are done."""
    runs = [run for run in results.of("md", md=md) if run.done]
    return f"{driving_potential(results, md).drives()}; {length(runs)}"
