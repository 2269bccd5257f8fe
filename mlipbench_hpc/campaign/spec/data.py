"""Systems and datasets: structures to start from, and labelled frames."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from mlipbench_hpc.campaign.quantity import Density, EnergyPerAtom, Force, Length, Temperature, Time, composed
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Sha256, Spec
from mlipbench_hpc.campaign.spec.potential import UsesPotential


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

    energy: Literal["eV", "meV", "Hartree", "Ry", "kcal/mol", "kJ/mol"]
    force: Annotated[
        Literal["eV/Å", "eV/A", "meV/Å", "Hartree/Bohr", "Ry/Bohr", "kcal/mol/Å", "kJ/mol/nm"],
        BeforeValidator(composed),
    ]
    dipole: Annotated[Literal["e·Å", "e*A", "Debye", "e·Bohr"], BeforeValidator(composed)] = Field(
        "e·Å", description="Where frames have one."
    )
    position: Annotated[Literal["Å", "A", "Bohr", "nm"], BeforeValidator(composed)] = Field(
        "Å", description="Of positions and lattice vectors."
    )


class Labels(Spec):
    """Under which names an extxyz or ASE db file keeps its labels."""

    energy: str = "energy"
    forces: str = "forces"
    dipole: str = Field("dipole", description="A vector; frames without one are used all the same.")
    trajectory: str | None = Field(
        None, description="A word or number: frames that share it follow one another in time (`group_by`)."
    )
    set: str | None = Field(
        None, description="A word such as config_type, by which a split's `sets` choose frames."
    )


class LeaveOut(Spec):
    """Frames that are not used; how many each rule drops is said by `validate` and in the report.

    The rules follow one another in this order; `energy` judges the frames that the others leave.
    """

    frames: list[Annotated[int, Field(ge=0, strict=True)]] = Field(
        [], description="By index in the file, from 0."
    )
    duplicates: StrictBool = Field(False, description="Later copies of a structure, shifted ones among them.")
    force: Force | None = Field(None, description="Frames with a larger force component.")
    energy: EnergyPerAtom | None = Field(
        None, description="Frames farther than this from the median energy of their composition."
    )


Ignored = Annotated[str, Field(min_length=1)]


class FileDataset(Spec):
    """Labelled frames the user brings. `sha256` pins them: of the file, or of the folder's sorted listing."""

    path: str
    format: Literal["extxyz", "ase-db", "deepmd-npy"]
    units: Units
    sha256: Sha256 | None = None
    labels: Labels = Labels()
    frames: Count | None = Field(None, description="Use the first so many frames (default: all).")
    largest_force: Force = Field(100.0, description="A force component above this is a mistake in the data.")
    leave_out: LeaveOut | None = None
    ignore: list[Ignored] = Field(
        [],
        description="Names of data that decide the labels and that no model uses: they refuse the file else.",
    )


class Structures(Spec):
    """Unlabelled frames the user brings, for `label` or to start MD from; labels in them are left alone."""

    path: str
    format: Literal["extxyz", "ase-db", "deepmd-npy"]
    sha256: Sha256 | None = None
    frames: Count | None = Field(None, description="Use the first so many frames (default: all).")


class Rattle(Spec):
    """Frames that MD seldom visits, and a potential must know all the same: what repels at close range."""

    distance: Length = Field(description="Standard deviation of each molecule's or ion's shift, per axis.")
    every: Count = Field(2, description="Of each run at one temperature, every so many-th frame is rattled.")


class GeneratedDataset(UsesPotential):
    """Frames sampled and labelled by a reference potential; they are shared out evenly over all its runs.

    One equilibrated run for each system, each of its independent starts (built with seeds of their own, but a
    `structure` is what it is) and each temperature; the frames are stored in that order.
    """

    use = "generate"
    system: Name | None = None
    systems: list[Name] = Field([], description="Several, such as one for each number of ions.")
    potential: Name = Field(description="A reference potential that samples frames.")
    temperatures: list[Temperature] = Field(min_length=1)
    starts: Count = 1
    frames: Count
    timestep: Time = 0.0005
    equilibration: Time = 5.0
    every: Time = Field(1.0, description="Between frames; the report says how far they are correlated.")
    rattle: Rattle | None = Field(
        None, description="Molecules and ions of some frames are shifted, each as a whole, before labelling."
    )
    seed: Seed = 0

    @model_validator(mode="after")
    def _one_kind(self) -> "GeneratedDataset":
        if (self.system is None) == (not self.systems):
            raise ValueError("expected exactly one of `system` and `systems`")
        return self

    @property
    def origins(self) -> list[str]:
        """The systems, of `system` or `systems`."""
        return [self.system] if self.system else self.systems

    @property
    def runs(self) -> list[tuple[str, int, int]]:
        """(system, start, frames) of each task that samples; earlier ones take the remainder."""
        all_runs = [(system, start) for system in self.origins for start in range(self.starts)]
        share, rest = divmod(self.frames, len(all_runs))
        return [(*run, share + (index < rest)) for index, run in enumerate(all_runs)]


class LabelledDataset(UsesPotential):
    """The frames of another dataset with energies and forces of a reference potential."""

    use = "label"
    frames: Name
    potential: Name = Field(description="A reference potential.")


class Dataset(Spec):
    """Exactly one source. `join` puts the labelled frames of several datasets one after the other; a split's
    `sets` choose among them by the datasets' names.
    """

    file: FileDataset | None = None
    structures: Structures | None = None
    generate: GeneratedDataset | None = None
    label: LabelledDataset | None = None
    join: Annotated[list[Name], Field(min_length=2)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Dataset":
        sources = self.file, self.structures, self.generate, self.label, self.join
        if sum(source is not None for source in sources) != 1:
            raise ValueError("expected exactly one of `file`, `structures`, `generate`, `label` and `join`")
        return self

    @property
    def brought(self) -> "tuple[str, FileDataset | Structures] | None":
        """Name and entry of the user's file in the dataset; None where the dataset is generated."""
        sources = {"file": self.file, "structures": self.structures}
        return next(((name, one) for name, one in sources.items() if one), None)
