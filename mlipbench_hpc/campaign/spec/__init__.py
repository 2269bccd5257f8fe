"""The campaign schema: science only. Where it runs is a site file's business."""

from mlipbench_hpc.campaign.spec.analysis import (
    Analysis,
    Dynamics,
    Evaluation,
    Profiles,
    RadialDistribution,
    Reweight,
)
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Sha256, Spec, Symbol
from mlipbench_hpc.campaign.spec.campaign import Campaign
from mlipbench_hpc.campaign.spec.data import (
    Dataset,
    FileDataset,
    GeneratedDataset,
    LabelledDataset,
    Labels,
    LeaveOut,
    Rattle,
    Slab,
    Structure,
    Structures,
    System,
    Units,
    WaterBox,
)
from mlipbench_hpc.campaign.spec.locality import Locality
from mlipbench_hpc.campaign.spec.md import (
    LangevinThermostat,
    MolecularDynamics,
    NoseHooverChain,
    RunProtocol,
    Stability,
    Start,
    Thermostat,
)
from mlipbench_hpc.campaign.spec.models import (
    Blocks,
    Checkpoint,
    Committee,
    Draw,
    Growth,
    Model,
    Sets,
    Split,
)
from mlipbench_hpc.campaign.spec.potential import UsesPotential
from mlipbench_hpc.campaign.spec.scan import Scan, ScanProtocol
from mlipbench_hpc.campaign.spec.speed import Speed

__all__ = [
    "Analysis",
    "Blocks",
    "Campaign",
    "Checkpoint",
    "Committee",
    "Count",
    "Dataset",
    "Draw",
    "Dynamics",
    "Evaluation",
    "FileDataset",
    "GeneratedDataset",
    "Growth",
    "LabelledDataset",
    "Labels",
    "LangevinThermostat",
    "LeaveOut",
    "Locality",
    "Model",
    "MolecularDynamics",
    "Name",
    "NoseHooverChain",
    "Profiles",
    "RadialDistribution",
    "Rattle",
    "Reweight",
    "RunProtocol",
    "Scan",
    "ScanProtocol",
    "Seed",
    "Sets",
    "Sha256",
    "Slab",
    "Spec",
    "Speed",
    "Split",
    "Stability",
    "Start",
    "Structure",
    "Structures",
    "Symbol",
    "System",
    "Thermostat",
    "Units",
    "UsesPotential",
    "WaterBox",
]
