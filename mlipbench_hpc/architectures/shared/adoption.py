"""Folders with a trained model, as `train` or `mlipbench export` leaves them, for use in a campaign."""

from pathlib import Path

from mlipbench_hpc.architectures.card import Card
from mlipbench_hpc.architectures.interface import Adopted
from mlipbench_hpc.architectures.shared.handout import copy_model
from mlipbench_hpc.architectures.shared.record import NAME
from mlipbench_hpc.contract.folder import read_json


def adopt_folder(source: Path, folder: Path, card: Card) -> Adopted:
    """Copy the model's files. What it is made for is known so far as its model.json says so."""
    record = read_json(source / NAME) or {}
    copy_model(source, folder)
    return Adopted(record.get("numbers", []), card.stated(record))
