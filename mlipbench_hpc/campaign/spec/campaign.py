"""The whole campaign."""

from typing import Annotated, Any

from pydantic import Field

from mlipbench_hpc.campaign.spec.analysis import Analysis, Evaluation
from mlipbench_hpc.campaign.spec.base import Name, Spec
from mlipbench_hpc.campaign.spec.data import Dataset, System
from mlipbench_hpc.campaign.spec.md import MolecularDynamics
from mlipbench_hpc.campaign.spec.models import Committee, Model, Split
from mlipbench_hpc.campaign.spec.speed import Speed


class Campaign(Spec):
    """One YAML file, by its sections.

    studies: as written, each by the schema of its kind (campaign/studies.py). What they make stands among the
    other entries. parts: names of runs, studies and committees, which `--part` chooses with all they need.
    """

    name: Name
    description: str = ""
    systems: dict[Name, System] = {}
    datasets: dict[Name, Dataset] = Field(min_length=1)
    splits: dict[Name, Split] = {}
    models: dict[Name, Model] = {}
    committees: dict[Name, Committee] = {}
    md: dict[Name, MolecularDynamics] = {}
    speed: dict[Name, Speed] = {}
    evaluation: Evaluation = Evaluation()
    analysis: Analysis = Analysis()
    studies: dict[Name, dict[str, Any]] = {}
    parts: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}

    @property
    def simulations(self) -> dict[tuple[str, str], MolecularDynamics]:
        """Runs of `md`, and those of which `speed` times some steps, by their place in the file."""
        timed = {("speed", name): entry.run for name, entry in self.speed.items()}
        return {("md", name): run for name, run in self.md.items()} | timed
