"""Rounds of kills."""

from typing import Any

import pytest


def rounds(quick: int) -> list[Any]:
    """Numbers of twenty rounds of kills: `make test` runs the first few, `make test-full` all."""
    return [pytest.param(number, marks=[pytest.mark.slow] * (number >= quick)) for number in range(20)]
