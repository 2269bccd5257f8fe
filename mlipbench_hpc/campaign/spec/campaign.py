"""The whole campaign."""

from typing import Any

from pydantic import Field

from mlipbench_hpc.campaign.spec.analysis import Analysis, CrossReweighting, Evaluation
from mlipbench_hpc.campaign.spec.base import Name, Spec
from mlipbench_hpc.campaign.spec.data import Dataset, System
from mlipbench_hpc.campaign.spec.md import MolecularDynamics
from mlipbench_hpc.campaign.spec.models import Committee, Model, Split
from mlipbench_hpc.campaign.spec.speed import Speed
from mlipbench_hpc.campaign.spec.trajectory import RecordedRun


class Campaign(Spec):
    """One YAML file, by its sections.

    studies: as written, each by the schema of its kind (campaign/studies.py). What they make stands among the
    other entries.
    """

    name: Name
    description: str = ""
    systems: dict[Name, System] = {}
    datasets: dict[Name, Dataset] = Field(min_length=1)
    splits: dict[Name, Split] = {}
    models: dict[Name, Model] = {}
    committees: dict[Name, Committee] = {}
    md: dict[Name, MolecularDynamics] = {}
    trajectories: dict[Name, RecordedRun] = {}
    speed: dict[Name, Speed] = {}
    reweighting: dict[Name, CrossReweighting] = {}
    evaluation: Evaluation = Evaluation()
    analysis: Analysis = Analysis()
    studies: dict[Name, dict[str, Any]] = {}

    @property
    def simulations(self) -> dict[tuple[str, str], MolecularDynamics]:
        """Runs of `md`, and those of which `speed` times some steps, by their place in the file."""
        timed = {("speed", name): entry.run for name, entry in self.speed.items()}
        return {("md", name): run for name, run in self.md.items()} | timed
