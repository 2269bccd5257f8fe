"""split: which frames validate, test and train whom, and the reference energies all members share."""

from typing import Any

import numpy as np

from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.contract.task import InputFailure
from mlipbench_hpc.data.frames import Frames
from mlipbench_hpc.data.split import Split, holding, reference_energies, split
from mlipbench_hpc.data.summary import strata
from mlipbench_hpc.worker.context import Context


def run(context: Context) -> dict[str, Any]:
    """Write split.json: indices of `validation`, `test` and all `members`, and `reference_energies` (eV)."""
    frames = Frames.load(context.upstream("frames") / "frames.npz")
    if not np.isfinite(frames.energies).all() or not np.isfinite(frames.forces).all():
        raise InputFailure("frames: some carry no label; only labelled frames can be split for training")
    only, sizes = context.parameters["only"], {k: v for k, v in context.parameters.items() if k != "only"}
    drawn, labels = holding(frames, only), strata(frames)
    try:
        parts = split([labels[index] for index in drawn], **sizes)
    except ValueError as error:
        whose = ", ".join(f"{symbol}{count}" for symbol, count in only.items())
        raise InputFailure(f"frames with {whose}: {error}" if only else str(error)) from error
    chosen = frames.select(drawn)
    require_learned(chosen, parts)
    energies = {str(number): energy for number, energy in reference_energies(chosen, parts.pool).items()}
    parts = parts.of(drawn)
    record = {"validation": parts.validation, "test": parts.test, "members": parts.members}
    write_json(context.folder / "split.json", record | {"reference_energies": energies})
    return {
        "validation": len(parts.validation),
        "test": len(parts.test),
        "pool": len(parts.pool),
        "members": len(parts.members),
        "train": len(parts.members[0]),
        "reference_energies_eV": energies,
    }


def require_learned(frames: Frames, parts: Split) -> None:
    """Raise InputFailure when a member would be judged on species that it was not trained on."""
    judged = set(frames.select(parts.validation + parts.test).species())
    for member, indices in enumerate(parts.members):
        if strange := judged - set(frames.select(indices).species()):
            words = f"atomic numbers {sorted(strange)}, which validation or test frames hold"
            raise InputFailure(f"member {member} is trained on no frame with {words}: raise `train`")
