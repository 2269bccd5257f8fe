"""model.json: what an adapter writes beside a model's weights to know it again."""

import json
from pathlib import Path
from typing import Any

from mlipbench_hpc.contract.folder import write_json
from mlipbench_hpc.contract.task import InputFailure

NAME = "model.json"


def write_record(folder: Path, schema: int, values: dict[str, Any]) -> None:
    """Whole or not at all. schema: the number of the adapter's format, which changes with it."""
    write_json(folder / NAME, {"schema": schema, **values})


def read_record(architecture: str, folder: Path, schema: int) -> dict[str, Any]:
    """The values; raises InputFailure where there are none, or those of another schema."""
    try:
        values: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputFailure(f"{folder} holds no {architecture} model: {error}") from error
    if values.pop("schema") != schema:
        raise InputFailure(f"{folder / NAME} was written by another version of this adapter: train again")
    return values
