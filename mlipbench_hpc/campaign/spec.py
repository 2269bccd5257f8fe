"""The campaign schema: science only. Where it runs is a site file's business."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints, model_validator

from mlipbench_hpc.campaign.quantity import (
    Density,
    EnergyPerAtom,
    Force,
    Frequency,
    Length,
    Temperature,
    Time,
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Symbol = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]?$")]
Count = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class Spec(BaseModel):
    """Frozen, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WaterBox(Spec):
    """A periodic cube of flexible water molecules on a lattice, randomly turned."""

    molecules: Count
    density: Density = 0.997


class Slab(Spec):
    """Au(111) of n x m atoms in each of some layers, a film of water with Na+ on it, and vacuum above.

    Periodic in three directions; `vacuum` lies between the reflecting wall, 3 Å above the film, and the next
    image of the slab; it must be longer than every cutoff. The metal's charge is that of the ions, negative.
    """

    size: tuple[Count, Count, Count] = Field(description="n, m (even) and layers; the paper: [6, 4, 4]")
    waters: Count
    ions: Annotated[int, Field(ge=0, strict=True)] = 0
    lattice_constant: Length = 4.08
    density: Density = 0.997
    vacuum: Length = 15.0
    seed: Seed = 0


class Structure(Spec):
    """One frame of a file the user brings; labels in it are left alone."""

    path: str
    format: Literal["extxyz"]
    sha256: Sha256 | None = None


class System(Spec):
    """A structure to start from: exactly one of these."""

    water_box: WaterBox | None = None
    slab: Slab | None = None
    structure: Structure | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "System":
        if sum(kind is not None for kind in (self.water_box, self.slab, self.structure)) != 1:
            raise ValueError("expected exactly one of `water_box`, `slab` and `structure`")
        return self


class Units(Spec):
    """Units of the file; it is converted to eV, eV/Å and e·Å on reading."""

    energy: Literal["eV", "meV", "Hartree", "kcal/mol", "kJ/mol"]
    force: Literal["eV/Å", "eV/A", "meV/Å", "Hartree/Bohr", "kcal/mol/Å", "kJ/mol/nm"]
    dipole: Literal["e·Å", "e*A", "Debye", "e·Bohr"] = Field("e·Å", description="Where frames have one.")


class Labels(Spec):
    """Under which names an extxyz or ASE db file keeps its labels."""

    energy: str = "energy"
    forces: str = "forces"
    dipole: str = Field("dipole", description="A vector; frames without one are used all the same.")


class FileDataset(Spec):
    """Labelled frames the user brings. `sha256` pins them: of the file, or of the folder's sorted listing."""

    path: str
    format: Literal["extxyz", "ase-db", "deepmd-npy"]
    units: Units
    sha256: Sha256 | None = None
    labels: Labels = Labels()
    frames: Count | None = Field(None, description="Use the first so many frames (default: all).")
    largest_force: Force = Field(100.0, description="A force component above this is a mistake in the data.")


class Structures(Spec):
    """Unlabelled frames the user brings, for `label` or to start MD from; labels in them are left alone."""

    path: str
    format: Literal["extxyz", "ase-db", "deepmd-npy"]
    sha256: Sha256 | None = None
    frames: Count | None = Field(None, description="Use the first so many frames (default: all).")


Potential = Literal["spc-fw", "electrode"]


class Rattle(Spec):
    """Frames that MD seldom visits, and a potential must know all the same: what repels at close range."""

    distance: Length = Field(description="Standard deviation of each molecule's or ion's shift, per axis.")
    every: Count = Field(2, description="Of each run at one temperature, every so many-th frame is rattled.")


class GeneratedDataset(Spec):
    """Frames sampled and labelled by a reference potential; they are shared out evenly over all its runs.

    One equilibrated run for each system, each of its independent starts (built with seeds of their own, but a
    `structure` is what it is) and each temperature; the frames are stored in that order.
    """

    system: Name | None = None
    systems: list[Name] = Field([], description="Several, such as one for each number of ions.")
    potential: Potential
    temperatures: list[Temperature] = Field(min_length=1)
    starts: Count = 1
    frames: Count
    timestep: Time = 0.0005
    equilibration: Time = 5.0
    every: Time = Field(1.0, description="Between frames; the report says how far they are correlated.")
    rattle: Rattle | None = Field(
        None, description="Molecules and ions of some frames are shifted, each as a whole, before labelling."
    )
    gold: Literal["mobile", "rigid"] | None = Field(
        None,
        description="electrode: metal above the fixed lower half of its layers (default), or none moves.",
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_kind(self) -> "GeneratedDataset":
        if (self.system is None) == (not self.systems):
            raise ValueError("expected exactly one of `system` and `systems`")
        return self

    @property
    def origins(self) -> list[str]:
        """The systems, however they were given."""
        return [self.system] if self.system else self.systems

    @property
    def runs(self) -> list[tuple[str, int, int]]:
        """(system, start, frames) of each task that samples; earlier ones take the remainder."""
        all_runs = [(system, start) for system in self.origins for start in range(self.starts)]
        share, rest = divmod(self.frames, len(all_runs))
        return [(*run, share + (index < rest)) for index, run in enumerate(all_runs)]


class LabelledDataset(Spec):
    """The frames of another dataset with energies and forces of a reference potential."""

    frames: Name
    potential: Potential


class Dataset(Spec):
    """Exactly one source."""

    file: FileDataset | None = None
    structures: Structures | None = None
    generate: GeneratedDataset | None = None
    label: LabelledDataset | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Dataset":
        sources = self.file, self.structures, self.generate, self.label
        if sum(source is not None for source in sources) != 1:
            raise ValueError("expected exactly one of `file`, `structures`, `generate` and `label`")
        return self

    @property
    def brought(self) -> "tuple[str, FileDataset | Structures] | None":
        """What the user brings, and under which name it stands in the dataset; None where it is made."""
        found = {"file": self.file, "structures": self.structures}
        return next(((name, one) for name, one in found.items() if one), None)


class Split(Spec):
    """Validation first, then test, then `members` training sets drawn from what remains.

    Stratified by composition and seeded. With `disjoint` no frame serves two members. With `only` all sets
    come from the frames with exactly so many atoms of each element named: one dataset gives sets that are
    specific (to one charge state) and mixed ones.
    """

    dataset: Name
    only: dict[Symbol, Annotated[int, Field(ge=0, strict=True)]] = {}
    validation: Count
    test: Count
    train: Count
    members: Count = 4
    disjoint: StrictBool = False
    seed: Seed = 0


class Model(Spec):
    """An architecture with its preset and whatever hyperparameters differ from it (see its card)."""

    architecture: Name
    preset: Name | None = None
    hyperparameters: dict[str, Any] = {}
    dtype: Literal["float32", "float64"] = "float64"


class Growth(Spec):
    """Train again on `step` more frames until the committee's mean validation force RMSE is low enough."""

    force_rmse: Force
    step: Count
    at_most: Count = Field(description="Rounds in all, the first one included.")


class Committee(Spec):
    """One model trained on each of a split's training sets."""

    model: Name
    split: Name
    grow: Growth | None = None


class Start(Spec):
    """Where MD begins: a built system, or frames of a dataset (replica r takes frames[r mod n])."""

    system: Name | None = None
    dataset: Name | None = None
    frames: list[Annotated[int, Field(ge=0, strict=True)]] = Field([0], min_length=1)

    @model_validator(mode="after")
    def _one_start(self) -> "Start":
        if (self.system is None) == (self.dataset is None):
            raise ValueError("expected exactly one of `system` and `dataset`")
        return self


class NoseHooverChain(Spec):
    """Chain of three by default; damping is the time τ of the first thermostat (Q₁ = 3·N_mobile·kT·τ²)."""

    kind: Literal["nose-hoover-chain"]
    damping: Time = 0.1
    length: Count = 3


class LangevinThermostat(Spec):
    """Friction per time; the paper's eSEN runs use 0.0002 1/fs."""

    kind: Literal["langevin"]
    friction: Frequency


Thermostat = Annotated[NoseHooverChain | LangevinThermostat, Field(discriminator="kind")]


class Stability(Spec):
    """Limits beyond which a run ends as unstable: a measured result, with cause and time."""

    conserved_energy: EnergyPerAtom = Field(
        0.004,
        description="Largest distance from its value at the start. The reference potential drifts by some "
        "2 meV/atom per ns: give runs of more than 1 ns 10 meV/atom.",
    )
    temperature: Temperature = 2000.0
    hydrogen_oxygen: Length | None = Field(None, description="Longest distance of an H from its nearest O.")
    contact: Length | None = Field(
        1.5, description="Shortest distance of two atoms, neither an H, that begin farther apart than this."
    )


class MolecularDynamics(Spec):
    """NVT driven by one member of a committee, or by a reference potential itself (in LAMMPS)."""

    committee: Name | None = None
    member: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None,
        description="Which member of the committee drives (default: 0); another one tests reweighting.",
    )
    potential: Potential | None = None
    start: Start
    temperature: Temperature = 300.0
    timestep: Time = 0.0005
    length: Time
    equilibration: Time | None = Field(None, description="Discarded before analysis (default: length / 10).")
    frame_every: Time = 0.01
    checkpoint_every: Time | None = Field(
        None, description="Between two checkpoints (default: length / 400, 0.25 ps at least, whole frames)."
    )
    engine: Literal["ase", "lammps"] | None = Field(
        None, description="What integrates (default: the first on the architecture's card). Langevin: ase."
    )
    thermostat: Thermostat = NoseHooverChain(kind="nose-hoover-chain")
    fixed_atoms: list[Annotated[int, Field(ge=0, strict=True)]] = []
    fixed_layers: Annotated[int, Field(ge=0, strict=True)] = Field(
        0, description="The lowest so many layers of the metal (analysis.profiles.metal) stay where they are."
    )
    wall: Length | Literal["none"] | None = Field(
        None,
        description="Reflecting wall: its z in the start (default: the one that the start was built with).",
    )
    replicas: Annotated[int, Field(gt=0, le=10_000, strict=True)] = 1
    stability: Stability = Stability()
    seed: Seed = 0

    @property
    def driver(self) -> int:
        """The member of the committee that drives."""
        return self.member or 0

    @model_validator(mode="after")
    def _one_driver(self) -> "MolecularDynamics":
        if (self.committee is None) == (self.potential is None):
            raise ValueError("expected exactly one of `committee` and `potential`")
        return self


class Evaluation(Spec):
    """Energies and forces of every member on the held-out frames."""

    batch_size: Count = 8


class RadialDistribution(Spec):
    """g(r) of each pair of species."""

    pairs: list[tuple[Symbol, Symbol]] = [("O", "O")]
    r_max: Length = 6.0
    bin: Length = 0.05


class Profiles(Spec):
    """Profiles along z, counted from the surface of the metal where a run has one."""

    metal: Symbol = "Au"
    bin: Length = Field(0.1, description="Width; whole bins must fill the first layer, 0 < z ≤ 4.5 Å.")


class Dynamics(Spec):
    """Of the first layer, 0 < z ≤ 4.5 Å: how long waters keep their direction and stay, and what ions do."""

    dipole_correlation: Time = Field(2.5, description="Longest lag of C_dip.")
    survival: Time = Field(5.0, description="Longest lag of P_surv.")
    origins: Literal["all", "apart"] = Field(
        "all", description="all: every frame; apart: as far as the longest lag, as in the paper."
    )
    coordination: Length = Field(3.2, description="An oxygen so near is an ion's neighbour.")


class Reweight(Spec):
    """Every member is evaluated on each `stride`-th stored frame after equilibration."""

    stride: Count = 10


class Analysis(Spec):
    """Observables of every MD run, with block errors; `reweight: null` leaves the other members out."""

    rdf: RadialDistribution = RadialDistribution()
    profiles: Profiles = Profiles()
    dynamics: Dynamics = Dynamics()
    reweight: Reweight | None = Reweight()
    blocks: Annotated[int, Field(ge=2, strict=True)] = 10


class Campaign(Spec):
    """One YAML file: systems, datasets, splits, models, committees, md, evaluation, analysis."""

    name: Name
    description: str = ""
    systems: dict[Name, System] = {}
    datasets: dict[Name, Dataset] = Field(min_length=1)
    splits: dict[Name, Split] = {}
    models: dict[Name, Model] = {}
    committees: dict[Name, Committee] = {}
    md: dict[Name, MolecularDynamics] = {}
    evaluation: Evaluation = Evaluation()
    analysis: Analysis = Analysis()
