"""All that decides keys besides the campaign itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlipbench_hpc.architectures.card import InstalledArchitecture
from mlipbench_hpc.campaign.facts import DatasetFacts
from mlipbench_hpc.campaign.recorded import RecordedFiles
from mlipbench_hpc.contract.versions import Version
from mlipbench_hpc.potentials.card import InstalledPotential


@dataclass(frozen=True)
class Setting:
    """facts and systems: what datasets and systems hold; identities and devices (cpu where none is named): by
    environment; versions: by verb; threads: of each task; architectures, potentials: by name, as installed;
    observables: versions of those from other packages, by entry point; hardware: a word for the machines,
    which enters keys of timings alone; compilers: versions of those that kernels need, by program; recorded:
    files of the user's trajectories, by entry.
    """

    facts: Mapping[str, DatasetFacts]
    systems: Mapping[str, DatasetFacts]
    architectures: Mapping[str, InstalledArchitecture]
    identities: Mapping[str, str]
    versions: Mapping[str, Version]
    threads: int = 1
    devices: Mapping[str, str] = field(default_factory=dict)
    potentials: Mapping[str, InstalledPotential] = field(default_factory=dict)
    observables: Mapping[str, Version] = field(default_factory=dict)
    hardware: str = ""
    compilers: Mapping[str, str] = field(default_factory=dict)
    recorded: Mapping[str, RecordedFiles] = field(default_factory=dict)
