"""Potential that drives an md task: a committee's member, or a reference potential."""

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
    """Trained model; atoms: start of the run."""

    context: Context
    evaluator: Evaluator
    atoms: Atoms

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies and forces by the model's evaluator."""
        return self.evaluator.evaluate(frames, batch_size)

    def calculator(self) -> "Calculator":
        """ASE calculator by the model's evaluator."""
        return self.evaluator.calculator()

    def native(self, engine: str) -> object | None:
        """Result of the architecture's function of that name (architectures/interface.py), or None."""
        hook = getattr(self.context.adapter(), hook_name(engine), None)
        if hook is None:
            return None
        numbers, model = np.unique(self.atoms.numbers).tolist(), self.context.upstream("model")
        style: object = hook(model, self.context.hyperparameters, numbers, self.evaluator)
        return style


@dataclass(frozen=True)
class Reference:
    """Reference potential, whose labels drive the run; atoms: start of the run."""

    labeller: Labeller
    atoms: Atoms

    def evaluate(self, frames: Frames, batch_size: int) -> tuple[Floats, Floats]:
        """Energies and forces of the labels."""
        return self.labeller.evaluate(frames, batch_size)

    def calculator(self) -> "Calculator":
        """ASE calculator of the labeller."""
        return self.labeller.calculator()

    def native(self, engine: str) -> object | None:
        """Result of the labeller's method of that name (potentials/interface.py), or None."""
        hook = getattr(self.labeller, hook_name(engine), None)
        style: object = hook(self.atoms) if hook else None
        return style


def hook_name(engine: str) -> str:
    """Name of an engine's function in adapters: that of the engine, as Python spells it."""
    return engine.replace("-", "_")


def driving_potential(context: Context, atoms: Atoms) -> DrivingPotential:
    """Driving potential of an md task that starts from `atoms`."""
    parameters = context.parameters
    if context.task.potential:
        return Reference(labeller_of(context.task), atoms)
    device, dtype = parameters["device"], parameters["dtype"]
    evaluator = context.adapter().load(context.upstream("model"), context.hyperparameters, device, dtype)
    return Member(context, evaluator, atoms)
