"""Trajectories of other programs, which stand where a reference run stands."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlipbench_hpc.campaign.quantity import Length, Temperature, Time
from mlipbench_hpc.campaign.spec.base import Name, Sha256, Spec, Symbol

Format = Literal[
    "dcd", "dump", "extxyz", "gro", "h5md", "netcdf", "pdb", "traj", "trr", "xdatcar", "xtc", "xyz"
]


class RecordedRun(Spec):
    """Runs by another program, such as DFT-MD, each in a file: independent replicas of the same atoms.

    Only positions are used; the files are read as `mlipbench analyse` reads them.
    """

    files: list[str] = Field(min_length=1)
    format: Format
    frame_every: Time = Field(description="Between two frames of a file.")
    temperature: Temperature
    equilibration: Time | None = Field(None, description="Discarded at the start of each (default: none).")
    topology: str | None = Field(None, description="File that names the atoms, where the format does not.")
    cell: Annotated[list[Length], Field(min_length=3, max_length=3)] | None = Field(
        None, description="Edges of a right-angled cell, for files that say none."
    )
    elements: dict[Name, Symbol] = Field({}, description="Elements of names or types in the files.")
    sha256: list[Sha256] = Field([], description="Of each file, to pin them.")

    @model_validator(mode="after")
    def _each_file(self) -> "RecordedRun":
        if len(set(self.files)) < len(self.files):
            raise ValueError("expected each of `files` once: they are independent runs")
        if self.sha256 and len(self.sha256) != len(self.files):
            raise ValueError("expected as many `sha256` as `files`")
        return self
