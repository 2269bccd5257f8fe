"""The whole campaign."""

from typing import Annotated, Any

from pydantic import Field

from mlipbench_hpc.campaign.spec.analysis import Analysis, CrossReweighting, Evaluation
from mlipbench_hpc.campaign.spec.base import Name, Spec
from mlipbench_hpc.campaign.spec.data import Dataset, System
from mlipbench_hpc.campaign.spec.locality import Locality
from mlipbench_hpc.campaign.spec.md import MolecularDynamics
from mlipbench_hpc.campaign.spec.models import Checkpoint, Committee, Model, Split
from mlipbench_hpc.campaign.spec.scan import Scan
from mlipbench_hpc.campaign.spec.speed import Speed
from mlipbench_hpc.campaign.spec.trajectory import RecordedRun


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
    trajectories: dict[Name, RecordedRun] = {}
    speed: dict[Name, Speed] = {}
    scans: dict[Name, Scan] = {}
    locality: dict[Name, Locality] = {}
    reweighting: dict[Name, CrossReweighting] = {}
    evaluation: Evaluation = Evaluation()
    analysis: Analysis = Analysis()
    studies: dict[Name, dict[str, Any]] = {}
    parts: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}

    @property
    def simulations(self) -> dict[tuple[str, str], MolecularDynamics]:
        """Runs of `md`, and those of which `speed` times some steps, by their place in the file."""
        timed = {("speed", name): entry.run for name, entry in self.speed.items()}
        return {("md", name): run for name, run in self.md.items()} | timed

    def adopted(self, committee: str) -> list[Checkpoint]:
        """The files that a committee's members are, member by member; empty where they are trained."""
        spec = self.committees[committee]
        model = self.models.get(spec.model)
        return spec.checkpoints or ([model.checkpoint] if model and model.checkpoint else [])

    def members(self, committee: str) -> int | None:
        """Number of a committee's members; None where its split has a mistake."""
        split = self.splits.get(self.committees[committee].split)
        return len(self.adopted(committee)) or (split.members if split else None)

    @property
    def checkpoints(self) -> dict[tuple[str | int, ...], Checkpoint]:
        """Every file of a trained model that the campaign names, by its place in the file."""
        files: dict[tuple[str | int, ...], Checkpoint] = {
            ("models", name, key): file
            for name, model in self.models.items()
            for key, file in (("initial", model.initial), ("checkpoint", model.checkpoint))
            if file
        }
        return files | {
            ("committees", name, "checkpoints", index): file
            for name, committee in self.committees.items()
            for index, file in enumerate(committee.checkpoints or [])
        }
