"""Conversion of frames to graphs of mace-torch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlipbench_hpc.architectures.mace.mace_torch import data, tools
from mlipbench_hpc.data.frames import Frames


def graphs(frames: Frames, known: Sequence[int], cutoff: float) -> Iterator[Any]:
    """One mace.data.AtomicData for each frame, in torch's default dtype; labels that are NaN become zeros."""
    table = tools.AtomicNumberTable(list(known))
    for index in range(len(frames)):
        own = frames.atoms_of(index)
        labels = {"energy": frames.energies[index], "forces": frames.forces[own]}
        configuration = data.Configuration(
            atomic_numbers=frames.numbers[own],
            positions=frames.positions[own],
            properties={name: np.nan_to_num(value) for name, value in labels.items()},
            property_weights={},
            cell=frames.cells[index],
            pbc=tuple(bool(flag) for flag in frames.pbc[index]),
        )
        yield data.AtomicData.from_config(configuration, z_table=table, cutoff=cutoff)


def loader(items: Sequence[Any], batch_size: int) -> Any:
    """Loader of mace-torch over graphs, in their order."""
    return tools.torch_geometric.dataloader.DataLoader(items, batch_size=batch_size, shuffle=False)
