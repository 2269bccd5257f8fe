"""Splits, models and committees."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from mlipbench_hpc.campaign.quantity import Force, ReferenceEnergy
from mlipbench_hpc.campaign.spec.base import Count, Name, Seed, Sha256, Spec, Symbol


def _several(value: object) -> object:
    """One word stands for a list of one."""
    return [value] if isinstance(value, str) else value


SetNames = Annotated[list[str], BeforeValidator(_several), Field(min_length=1)]


class Sets(Spec):
    """Which frames are for what, by the word that the data give each frame (`labels: {set: config_type}`), or
    by the name of the joined dataset that it comes from. Frames of other words are left out. Without a word
    for validation, the split's `validation` says how many of the training frames are taken for it first.
    """

    train: SetNames
    validation: SetNames | None = None
    test: SetNames


class Blocks(Spec):
    """Frames of one trajectory stay together in blocks."""

    block: Count = Field(description="Successive frames that stay in one set.")
    gap: Annotated[int, Field(ge=0, strict=True)] = Field(
        0, description="Frames at the end of each block that belong to no set: at least the correlation time."
    )

    @model_validator(mode="after")
    def _something_left(self) -> "Blocks":
        if self.gap >= self.block:
            raise ValueError("expected a gap below the length of a block")
        return self


class Draw(Spec):
    """Frames of a dataset of which validation comes first, then test, and training sets from what remains.

    Stratified by composition and seeded. With `only` all sets come from the frames with exactly so many atoms
    of each element named: one dataset gives sets that are specific (to one charge state) and mixed ones.
    """

    dataset: Name
    only: dict[Symbol, Annotated[int, Field(ge=0, strict=True)]] = {}
    sets: Sets | None = Field(None, description="In place of `validation` and `test`: all such frames.")
    group_by: Literal["trajectory"] | Blocks | None = Field(
        None,
        description="Frames that follow one another in time stand in one set: whole trajectories (of a "
        "generated dataset, or `labels: {trajectory: …}`), or blocks of frames.",
    )
    validation: Count | None = None
    test: Count | None = None
    seed: Seed = 0
    reference_energies: Literal["fit", "isolated atoms"] | dict[Symbol, ReferenceEnergy] | None = Field(
        None,
        description="Of each element: fitted to the frames that members draw from, of frames of one isolated "
        "atom, or stated ({H: -13.6 eV}). Default: isolated atoms where the data hold them, else fitted.",
    )

    @model_validator(mode="after")
    def _held_out(self) -> "Draw":
        sizes = self.validation, self.test
        if self.sets and (self.test or self.group_by):
            raise ValueError("expected either `sets`, or `validation` and `test` with or without `group_by`")
        if self.sets and (self.sets.validation is None) != bool(self.validation):
            raise ValueError(
                "expected validation once: as a word under `sets`, or as `validation`, the number of "
                "training frames that are taken for it"
            )
        if not self.sets and not all(sizes):
            raise ValueError("expected `validation` and `test`, the frames of each, or `sets`")
        return self


Amount = Annotated[int, Field(ge=0, strict=True)]
Amounts = dict[Symbol, Annotated[list[Amount], Field(min_length=1)]]


class Restriction(Spec):
    """Frames that sets keep once all frames of the dataset are divided, by their numbers of atoms.

    So the sets of several splits with one seed are parts of one another: one test set for models that are
    specific to a charge state, and for mixed ones.
    """

    train: Amounts = Field({}, description="Of training sets, such as {Na: [0, 1, 2]}.")
    held_out: Amounts = Field({}, description="Of validation and test.")

    @model_validator(mode="after")
    def _something(self) -> "Restriction":
        if not self.train and not self.held_out:
            raise ValueError("expected `train` or `held_out`")
        return self


class Split(Draw):
    """A draw of `members` training sets. With `disjoint` no frame serves two members."""

    train: Count
    members: Count = 4
    disjoint: StrictBool = False
    restrict: Restriction | None = None
    equal: Symbol | None = Field(
        None, description="Training sets hold equally many frames of each number of this element."
    )


class Checkpoint(Spec):
    """A trained model of yours: a file of its library, or a folder as `export` or a training leaves one.

    `sha256` (of the file, or of the folder's sorted listing) is required; a campaign without it is told what
    it is. To load a model can run what its file says, so only a file with `trust: true` is loaded.
    """

    path: str
    sha256: Sha256 | None = Field(None, description="Required.")
    trust: StrictBool = Field(False, description="Required to be true, where you know who made the file.")

    @model_validator(mode="after")
    def _trusted(self) -> "Checkpoint":
        if not self.trust:
            raise ValueError(
                "expected `trust: true`: to load a model can run what its file says, so say it only of a "
                "file whose origin you know"
            )
        return self


class Model(Spec):
    """An architecture with its preset and whatever hyperparameters differ from it (see its card).

    With `initial` a training starts from a model of the same shape. With `checkpoint` nothing is trained:
    the model is used as it is, and its committees have one member.
    """

    architecture: Name
    preset: Name | None = None
    hyperparameters: dict[str, Any] = {}
    dtype: Literal["float32", "float64"] = "float64"
    kernel: Name | None = Field(
        None,
        description="Another program that computes the trained models in evaluation and MD, of those that "
        "`mlipbench architectures` lists with the architecture (default: the architecture's own).",
    )
    initial: Checkpoint | None = None
    checkpoint: Checkpoint | None = None

    @model_validator(mode="after")
    def _one_use(self) -> "Model":
        if self.initial and self.checkpoint:
            raise ValueError(
                "expected either `initial`, from which a training starts, or `checkpoint`, used as it is"
            )
        return self

    @property
    def evaluator(self) -> str:
        """What computes it in evaluation and MD: architecture, or architecture/kernel."""
        return f"{self.architecture}/{self.kernel}" if self.kernel else self.architecture


class Growth(Spec):
    """Train again on `step` more frames until the committee's mean validation force RMSE is low enough."""

    force_rmse: Force
    step: Count
    at_most: Count = Field(description="Rounds in all, the first one included.")


class Committee(Spec):
    """One model trained on each of a split's training sets; or your own models, one file for each member.

    The latter are evaluated on the split's validation and test frames; its training sets are not used.
    """

    model: Name
    split: Name
    grow: Growth | None = None
    checkpoints: list[Checkpoint] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _grows_where_trained(self) -> "Committee":
        if self.checkpoints and self.grow:
            raise ValueError("expected no `grow` beside `checkpoints`: nothing is trained")
        known = [one.sha256 for one in self.checkpoints or [] if one.sha256]
        if len(set(known)) < len(known):
            raise ValueError("expected each model once under `checkpoints`: equal members have no spread")
        return self
