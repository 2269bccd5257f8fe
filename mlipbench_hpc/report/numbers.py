"""Values as strict JSON holds them."""

import json

import numpy as np


def as_json(value: object) -> object:
    """`value` with every float that is not finite as None, so that strict JSON can hold it."""
    text = json.dumps(value, default=_plain)
    return json.loads(text, parse_constant=lambda _: None)


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
