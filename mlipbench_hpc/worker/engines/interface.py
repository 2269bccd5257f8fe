"""Interface of engines to the md verb."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.worker.engines.integrators import State
from mlipbench_hpc.worker.engines.system import Sample, System

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


class Exploded(Exception):
    """Error: forces or energies do not allow the simulation to continue; the message gives the reason."""


@dataclass(frozen=True)
class Answer:
    """Energy in eV of one frame, and forces (N, 3) on all its atoms in eV/Å."""

    energy: float
    forces: Floats


class DrivingPotential(Protocol):
    """Potential that a run follows: a committee member, or a reference potential."""

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies (F,) eV and forces (A, 3) eV/Å of all frames, in order."""

    def calculator(self) -> "Calculator":
        """ASE calculator with energy and forces."""

    def native(self, engine: str) -> object | None:
        """Object with which the engine of that name computes the potential itself, or None."""


class Engine(Protocol):
    """One NVT simulation. Every method but `momenta` and `forget` may raise Exploded.

    An engine may have a property `skin`: Å beyond the cutoff in its neighbour lists.
    """

    system: System
    steps_done: int

    @property
    def stride(self) -> int:
        """Largest number of steps in one `advance`, so that interruptions are noticed in time."""

    def answer(self) -> Answer:
        """Energy and forces at this step, as the engine itself computes them."""

    def advance(self, steps: int) -> None:
        """Advance by so many timesteps; after Exploded steps_done is the failing step."""

    def momenta(self) -> Floats:
        """Momenta (M, 3) of the mobile atoms, ASE units."""

    def redraw(self, momenta: Floats) -> None:
        """Continue with these momenta (M, 3) of the mobile atoms, ASE units."""

    def conserved(self) -> float:
        """Energy in eV that exact dynamics would conserve: of the atoms and of the thermostat."""

    def sample(self) -> Sample:
        """Sample of the present step."""

    def state(self) -> State:
        """State on which the next step depends."""

    def forget(self) -> None:
        """Drop all that `state` does not hold, such as neighbour lists with a skin.

        A run that continues past its checkpoint is then the same as one that starts there.
        """

    def restore(self, state: State) -> None:
        """Restore a `state`; the next step is then the same to the bit."""
