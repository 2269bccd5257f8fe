"""The potential that drives an md task: a committee's member, or a reference potential."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms

from mlipbench_hpc.architectures.interface import Evaluator
from mlipbench_hpc.data.frames import Floats, Frames
from mlipbench_hpc.potentials.interface import Labeller
from mlipbench_hpc.worker.context import Context
from mlipbench_hpc.worker.engines.interface import DrivingPotential
from mlipbench_hpc.worker.labelling import labeller_of

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


@dataclass(frozen=True)
class Member:
    """A trained model; atoms: what the run starts from."""

    context: Context
    evaluator: Evaluator
    atoms: Atoms

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """As the model's evaluator."""
        return self.evaluator.evaluate(frames, batch_size)

    def calculator(self) -> "Calculator":
        """As the model's evaluator."""
        return self.evaluator.calculator()

    def native(self, engine: str) -> object | None:
        """What the architecture's function with the engine's name gives (see architectures/interface.py)."""
        hook = getattr(self.context.adapter(), engine, None)
        if hook is None:
            return None
        numbers, model = np.unique(self.atoms.numbers).tolist(), self.context.upstream("model")
        style: object = hook(model, self.context.hyperparameters, numbers, self.evaluator)
        return style


@dataclass(frozen=True)
class Reference:
    """A reference potential, driven by its labels; atoms: what the run starts from."""

    labeller: Labeller
    atoms: Atoms

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """The labels."""
        return self.labeller.evaluate(frames, batch_size)

    def calculator(self) -> "Calculator":
        """As the labeller's."""
        return self.labeller.calculator()

    def native(self, engine: str) -> object | None:
        """What the labeller's method with the engine's name gives (see potentials/interface.py)."""
        hook = getattr(self.labeller, engine, None)
        style: object = hook(self.atoms) if hook else None
        return style


def driving_potential(context: Context, atoms: Atoms) -> DrivingPotential:
    """Of an md task that starts from `atoms`."""
    parameters = context.parameters
    if context.task.potential:
        return Reference(labeller_of(context.task), atoms)
    device, dtype = parameters["device"], parameters["dtype"]
    evaluator = context.adapter().load(context.upstream("model"), context.hyperparameters, device, dtype)
    return Member(context, evaluator, atoms)
