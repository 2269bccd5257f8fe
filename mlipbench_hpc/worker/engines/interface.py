"""What the md verb asks of an engine, whichever program integrates."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.engines.integrators import State
from mlipbench_hpc.worker.engines.system import Sample, System

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


class Exploded(Exception):
    """The simulation cannot be continued with what the model answered; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What a potential says of one frame: energy in eV, forces (N, 3) on all atoms in eV/Å."""

    energy: float
    forces: Floats


class DrivingPotential(Protocol):
    """Whose energies and forces a run follows: a committee member's, or a reference potential's."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order."""

    def calculator(self) -> "Calculator":
        """An ASE calculator with energy and forces."""

    def native(self, engine: str) -> object | None:
        """What the engine of that name needs to compute the potential by itself, or None."""


class Engine(Protocol):
    """One NVT simulation. Every method but `momenta` and `forget` may raise Exploded."""

    system: System
    steps_done: int

    @property
    def stride(self) -> int:
        """Steps that one `advance` should make at most, for interruptions to be noticed in time."""

    def answer(self) -> Answer:
        """The potential at this moment, as the engine itself computes it."""

    def advance(self, steps: int) -> None:
        """So many timesteps; steps_done tells the failing one when they explode."""

    def momenta(self) -> Floats:
        """(M, 3) of the mobile atoms, ASE units."""

    def redraw(self, momenta: Floats) -> None:
        """Go on with these momenta (M, 3) of the mobile atoms, ASE units."""

    def conserved(self) -> float:
        """Energy in eV that exact dynamics would keep: of the atoms and of the thermostat."""

    def sample(self) -> Sample:
        """This moment."""

    def state(self) -> State:
        """All that the next step depends on."""

    def forget(self) -> None:
        """Drop all that `state` does not hold, such as neighbour lists with a skin.

        A run that goes on past its checkpoint is then the same as one that starts there.
        """

    def restore(self, state: State) -> None:
        """Put back what `state` gave; the next step is then the same to the bit."""
