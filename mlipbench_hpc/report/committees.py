"""Committees, round by round, as the campaign's tasks trained and evaluated them."""

from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from mlipbench_hpc.contract.folder import read_json
from mlipbench_hpc.report.collect import Item, Results
from mlipbench_hpc.report.memory import remembered


@dataclass(frozen=True)
class Member:
    """One model of a committee: the task that left it, a training or `adopt`, and its evaluation."""

    number: int
    train: Item | None
    evaluate: Item | None
    structures: int | None

    @property
    def trained(self) -> bool:
        """True where the member has a model."""
        return self.train is not None and self.train.done

    @property
    def adopted(self) -> bool:
        """True where the model is a file of the user's."""
        return self.train is not None and self.train.reported.verb == "adopt"

    def errors(self, part: str) -> dict[str, Any]:
        """Errors on `validation` or `test`; {} when not evaluated."""
        errors: dict[str, Any] = self.evaluate.values.get(part, {}) if self.evaluate else {}
        return errors


@dataclass(frozen=True)
class Round:
    """One round of a committee (a committee that does not grow has one, number 0).

    only: in words, to which frames its training sets are restricted; "" for none.
    """

    committee: str
    number: int
    members: list[Member]
    decision: Item | None
    calibration: Item | None
    only: str = ""

    @property
    def trained(self) -> list[Member]:
        """Members with a model."""
        return [member for member in self.members if member.trained]

    @property
    def structures(self) -> list[int]:
        """The different sizes of the members' training sets."""
        return sorted({member.structures for member in self.members if member.structures is not None})

    @property
    def adopted(self) -> bool:
        """True where the members are files of the user's, which nothing here trained."""
        return any(member.adopted for member in self.members)

    def describe(self) -> str:
        """Committee size and training structures, for the text beside each number of this committee."""
        if self.adopted:
            return f"{self._size()}, {'models' if len(self.members) > 1 else 'a model'} of the user's"
        sizes = " or ".join(str(size) for size in self.structures) or "unknown many"
        only = f", {self.only}" if self.only else ""
        return f"{self._size()}, {sizes} training structures each{only}"

    def _size(self) -> str:
        trained, asked = len(self.trained), len(self.members)
        return f"M = {asked}" if trained == asked else f"M = {trained} of {asked} asked"


def evaluator_of(model: dict[str, Any]) -> str:
    """What computes a model of the campaign in evaluation and MD: architecture, or architecture/kernel."""
    kernel = model.get("kernel")
    return f"{model['architecture']}/{kernel}" if kernel else str(model["architecture"])


@remembered
def rounds(results: Results, committee: str) -> list[Round]:
    """Planned rounds of a committee, first to last."""
    planned = _models(results, committee=committee)
    numbers = sorted({int(item.subject.get("round", 0)) for item in planned})
    return [_round(results, committee, number) for number in numbers]


@remembered
def final_round(results: Results, committee: str) -> Round | None:
    """Last round that has a model, or the first one planned; None when nothing is planned."""
    planned = rounds(results, committee)
    begun = [stage for stage in planned if stage.trained]
    return begun[-1] if begun else next(iter(planned), None)


def _models(results: Results, **subject: Any) -> list[Item]:
    """Tasks that leave a member's model, by training or from a file of the user's."""
    return [*results.of("train", **subject), *results.of("adopt", **subject)]


def _round(results: Results, committee: str, number: int) -> Round:
    members = [
        Member(
            number=int(train.subject["member"]),
            train=train,
            evaluate=next(
                iter(
                    results.of("evaluate", committee=committee, round=number, member=train.subject["member"])
                ),
                None,
            ),
            structures=train.subject.get("train") or _training_structures(results, train),
        )
        for train in _models(results, committee=committee, round=number)
    ]
    decision, calibration = (
        next(iter(results.of(verb, committee=committee, round=number)), None)
        for verb in ("decide", "calibrate")
    )
    split = results.asked("committees", committee)["split"]
    return Round(committee, number, members, decision, calibration, only(results, split))


def only(results: Results, split: str) -> str:
    """Restriction of a split to some frames, such as `only Na2` or `only without Na`; "" for all."""
    asked = results.asked("splits", split)
    restricted = (asked.get("restrict") or {}).get("train") or {}
    counts = {symbol: [count] for symbol, count in (asked.get("only") or {}).items()} | restricted
    words = [_counts(symbol, numbers) for symbol, numbers in counts.items()]
    return f"only {' and '.join(words)}" if words else ""


def _counts(symbol: str, numbers: list[int]) -> str:
    """`Na2`, `without Na`, `Na0, Na1 or Na4`."""
    words = [f"{symbol}{number}" for number in numbers]
    if len(words) == 1:
        return words[0] if numbers[0] else f"without {symbol}"
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _training_structures(results: Results, train: Item) -> int | None:
    """Size of a member's training set, from the split it consumed."""
    key = train.task.get("upstream", {}).get("split")
    split = next((item for item in results.with_key(key) if item.done), None)
    try:
        return len(split_of(split)["members"][train.subject["member"]]) if split else None
    except (KeyError, IndexError):
        return None


def split_of(item: Item) -> dict[str, Any]:
    """Content of split.json of a split task, {} where there is none."""
    split = read_json(item.folder / "split.json") if item.done else None
    return split if isinstance(split, dict) else {}


def mean_and_deviation(values: list[float | None]) -> tuple[float | None, float | None]:
    """Mean over the known values, and their standard deviation with ddof = 1 where there are two."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None, stdev(known) if len(known) > 1 else None
