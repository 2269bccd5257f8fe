"""Record of one attempt that the driver has submitted."""

from dataclasses import dataclass
from pathlib import Path

from mlipbench_hpc.plan.graph import Planned


@dataclass
class Flight:
    """One attempt on its way; mark: what its processes carry, for another store may have the same task."""

    item: Planned
    attempt: Path
    kind: str
    mark: str
    ended: float | None = None
    code: int | None = None
