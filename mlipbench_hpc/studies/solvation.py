"""solvation: oxygens around ions against height, and snapshots (Fig. 7 of arXiv:2602.22931)."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.problem import Mistake
from mlipbench_hpc.campaign.quantity import Length
from mlipbench_hpc.campaign.spec import Name, Spec
from mlipbench_hpc.campaign.spec.base import each_once, require
from mlipbench_hpc.campaign.study import Asked, Entry, Examined, Study
from mlipbench_hpc.studies.shared.protocol import elements_of, in_words, without_interface

KIND = "solvation"


class Solvation(Spec):
    """Coordination of ions by oxygens in runs that the campaign, or another study, has under `md`.

    What counts as coordinated is `analysis.dynamics.coordination`.
    """

    kind: Literal["solvation"]
    runs: list[Name] = Field(min_length=1, description="Entries of `md` with ions above a surface.")
    bin: Length = Field(0.2, description="Width of the bins of height.")

    @model_validator(mode="after")
    def _once(self) -> "Solvation":
        require(each_once("runs", self.runs))
        return self


def unfold(_: Asked[Any]) -> Iterator[Entry]:
    """Nothing: `analyse` leaves height and coordination of every ion."""
    return iter(())


def check(examined: Examined[Solvation]) -> Iterator[Mistake]:
    """Runs without an ion above a metal under water."""
    for index, name in enumerate(examined.spec.runs):
        wrong = [*without_interface(("runs", index), name, examined)]
        elements = elements_of(name, examined)
        ions = elements - {"H", "O", *examined.campaign.analysis.profiles.metals}
        if not wrong and elements and not ions:
            expected = "a run that starts with ions"
            yield Mistake(("runs", index), f"{name} starts without ions", in_words(elements), expected)
        yield from wrong


STUDY = Study(KIND, "Solvation of ions", Solvation, unfold, references={"runs": "md"}, check=check)
