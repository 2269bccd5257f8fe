"""torch's default dtype, in which libraries on torch build tensors and tables."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@contextmanager
def width(dtype: str) -> Iterator[None]:
    """Set torch's default dtype, and restore the old one afterwards."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(DTYPES[dtype])
    try:
        yield
    finally:
        torch.set_default_dtype(before)
