"""Compositions as formulas such as H128O64."""

import re


def atoms_in(formula: str) -> dict[str, int]:
    """Number of atoms by symbol of a composition such as H128O64."""
    return {symbol: int(count or 1) for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}
