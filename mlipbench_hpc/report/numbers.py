"""Values as strict JSON holds them."""

import json
from typing import Any

import numpy as np


def as_json(value: Any) -> Any:
    """`value` with every float that is not finite as None, so that strict JSON can hold it."""
    text = json.dumps(value, default=_plain)
    return json.loads(text, parse_constant=lambda _: None)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
