"""Conversion of values to strict JSON."""

import json

import numpy as np


def as_json(value: object) -> object:
    """Copy of `value` with None for every float that is not finite, because strict JSON has no NaN."""
    text = json.dumps(value, default=_plain)
    return json.loads(text, parse_constant=lambda _: None)


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
