"""Numbers, durations and lists as text."""

import math
import textwrap

NOTHING = "–"
COLUMNS = 80


def number(value: object, digits: int = 3) -> str:
    """`value` with so many significant digits, never in a form like 1.2e+03; a dash for None and NaN."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return NOTHING if value is None or isinstance(value, float) else str(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u2009") if abs(value) >= 10_000 else str(value)
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 < exponent < 7:
        return f"{value:.{digits - 1}e}".replace("-", "−")
    return f"{value:.{max(digits - 1 - exponent, 0)}f}".replace("-", "−")


def plus_minus(value: object, error: object, digits: int = 2) -> str:
    """A value with its error, both to the decimals that `digits` significant digits of the error give."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return NOTHING
    if not isinstance(error, int | float) or not math.isfinite(error) or error <= 0:
        return number(float(value), 4)
    decimals = max(digits - 1 - math.floor(math.log10(error)), 0)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}".replace("-", "−")


def with_error(value: object, error: object, digits: int = 2) -> str:
    """A value with its error as in `plus_minus`; where there is no error above zero, it is said.

    An error of zero is that of a number too short or too rare for an estimate. Without an error nothing says
    how many digits count: three are given.
    """
    text = plus_minus(value, error, digits)
    return text if text == NOTHING or "±" in text else f"{number(value)} (error not determined)"


def duration(seconds: object) -> str:
    """Duration in seconds, minutes or hours."""
    if not isinstance(seconds, int | float):
        return NOTHING
    if seconds < 100:
        return f"{number(float(seconds), 2 if seconds < 10 else 3)} s"
    if seconds < 6000:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def count(amount: int, noun: str) -> str:
    """`1 model`, `2 models`."""
    return f"{number(amount)} {noun}{'' if amount == 1 else 's'}"


def wrapped(text: str, indent: str = "  ", first: str = "") -> list[str]:
    """Lines of at most 80 characters; `first` before the first one, `indent` before the others."""
    return textwrap.wrap(
        text.replace("\u00a0", " "),
        COLUMNS,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
