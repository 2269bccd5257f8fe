"""Measured speeds of MD, from the tasks that timed it."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.committees import evaluator_of

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True)
class Size:
    """Times of one number of atoms. seconds: of a step, by block; timestep: ps."""

    values: dict[str, Any]
    timestep: float

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return int(self.values["atoms"])

    @property
    def seconds(self) -> list[float]:
        """Seconds of a step, by block."""
        seconds: list[float] = self.values["seconds_per_step"]
        return seconds

    @property
    def microseconds(self) -> float:
        """Median over the blocks of the microseconds for an atom and step."""
        return 1e6 * median(self.seconds) / self.atoms

    @property
    def least_microseconds(self) -> float:
        """The same of the fastest block."""
        return 1e6 * min(self.seconds) / self.atoms

    @property
    def most_microseconds(self) -> float:
        """The same of the slowest block."""
        return 1e6 * max(self.seconds) / self.atoms

    @property
    def ns_per_day(self) -> float:
        """Nanoseconds of MD in a day at the median."""
        return self._ns_per_day(median(self.seconds))

    @property
    def least_ns_per_day(self) -> float:
        """The same of the slowest block."""
        return self._ns_per_day(max(self.seconds))

    @property
    def most_ns_per_day(self) -> float:
        """The same of the fastest block."""
        return self._ns_per_day(min(self.seconds))

    def _ns_per_day(self, seconds: float) -> float:
        return 1e-3 * self.timestep * SECONDS_A_DAY / seconds

    @property
    def spread(self) -> float:
        """Range of the blocks over their median."""
        return (max(self.seconds) - min(self.seconds)) / median(self.seconds)


@dataclass(frozen=True)
class Timed:
    """One entry of `speed` that has run."""

    name: str
    committee: str
    architecture: str
    item: Item
    sizes: list[Size]

    @property
    def values(self) -> dict[str, Any]:
        """Values of its task."""
        return self.item.values

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of its task."""
        parameters: dict[str, Any] = self.item.task["parameters"]
        return parameters

    @property
    def machine(self) -> str:
        """Hardware in words: what computes, and with how many threads."""
        hardware, threads = self.values["hardware"], self.parameters["threads"]
        own = f"{hardware['processor']}, {threads} thread{'s' * (threads > 1)} of {hardware['cores']} cores"
        return f"{hardware['gpu'] or 'a GPU'}; {own}" if self.is_on_gpu else own

    @property
    def is_on_gpu(self) -> bool:
        """True where the model computes on a GPU."""
        return str(self.parameters["device"]).startswith("cuda")


def timed(results: Results) -> list[Timed]:
    """Entries of `speed` that have run, in the campaign's order."""
    entries = []
    for name in results.names("speed"):
        committee = str(results.asked("speed", name)["committee"])
        model = results.asked("models", results.asked("committees", committee)["model"])
        for item in [item for item in results.of("speed", speed=name) if item.done]:
            timestep = float(item.values["timestep_ps"])
            sizes = [Size(values, timestep) for values in item.values["sizes"]]
            entries.append(Timed(name, committee, evaluator_of(model), item, sizes))
    return entries
