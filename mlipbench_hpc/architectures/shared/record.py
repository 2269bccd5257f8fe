"""model.json: record of an adapter beside a model's weights, by which it identifies its format."""

import json
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.contract.task import InputFailure

NAME = "model.json"


def write_record(folder: Path, schema: int, values: dict[str, Any]) -> None:
    """Write the record, whole or not at all. schema: number of the adapter's format, to tell them apart."""
    write_json(folder / NAME, {"schema": schema, **values})


def read_record(architecture: str, folder: Path, schema: int) -> dict[str, Any]:
    """Values of the record; raises InputFailure where there are none, or those of another schema."""
    try:
        values: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputFailure(f"{folder} holds no {architecture} model: {error}") from error
    if values.pop("schema", None) != schema:
        raise InputFailure(f"{folder / NAME} was written by another version of this adapter: train again")
    return values
