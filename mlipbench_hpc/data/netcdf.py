"""Positions of the records in a NetCDF-3 file, for memory-mapping, also of a file that was cut.

Format: https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html (classic and 64-bit
offset). Only record variables are read.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

KINDS = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"}
OFFSETS = {1: ">i", 2: ">q"}
STREAMING = 0xFFFFFFFF
T = TypeVar("T")


@dataclass(frozen=True)
class Records:
    """Memory-mapped whole records, rows (F,) with a field for each record variable; cut: True if more exist.

    units: of each variable, where it states one; scales: factors of its numbers.
    """

    rows: NDArray[Any]
    cut: bool
    units: dict[str, str]
    scales: dict[str, float]


@dataclass(frozen=True)
class _Variable:
    kind: str
    shape: tuple[int, ...]
    begin: int
    attributes: dict[str, Any]

    @property
    def size(self) -> int:
        """Number of bytes of one record, without padding to a multiple of four."""
        return int(np.dtype(self.kind).itemsize * np.prod(self.shape, dtype=np.int64))


def open_records(path: Path) -> Records:
    """All whole records; ValueError where the file is no NetCDF-3, is cut in its header, or has none."""
    with path.open("rb") as stream:
        try:
            count, variables = _Header(stream).read()
        except (struct.error, KeyError, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: its header is cut or no NetCDF-3 header: {error}") from error
    if not variables:
        raise ValueError(f"{path}: none of its variables has records")
    begin, sizes = min(one.begin for one in variables.values()), [one.size for one in variables.values()]
    # A single record variable has no padding.
    size = sizes[0] if len(sizes) == 1 else sum(-(-one // 4) * 4 for one in sizes)
    record = np.dtype({
        "names": list(variables),
        "formats": [(one.kind, one.shape) for one in variables.values()],
        "offsets": [one.begin - begin for one in variables.values()],
        "itemsize": size,
    })  # fmt: skip
    whole, rest = divmod(max(path.stat().st_size - begin, 0), size)
    known = count not in (0, STREAMING)
    frames, cut = (min(count, whole), whole < count) if known else (whole, rest > 0)
    none: NDArray[Any] = np.zeros(0, record)
    attributes = {name: one.attributes for name, one in variables.items()}
    return Records(
        np.memmap(path, record, "r", begin, (frames,)) if frames else none,
        cut,
        {name: one["units"] for name, one in attributes.items() if "units" in one},
        {name: float(one["scale_factor"][0]) for name, one in attributes.items() if "scale_factor" in one},
    )


class _Header:
    """Reader of one header from its start."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def read(self) -> tuple[int, dict[str, _Variable]]:
        """Number of records, and the record variables."""
        magic = self.stream.read(4)
        if magic[:3] != b"CDF":
            raise KeyError("it does not begin with CDF")
        offset, records = OFFSETS[magic[3]], self._number(">I")
        lengths = [length for _, length in self._list(lambda: self._number(">i"))]
        self._list(self._attribute)
        free = lengths.index(0) if 0 in lengths else -1
        variables = dict(self._list(lambda: self._variable(offset, lengths)))
        return records, {name: one for name, (first, one) in variables.items() if first == free}

    def _number(self, kind: str) -> int:
        return int(struct.unpack(kind, self.stream.read(struct.calcsize(kind)))[0])

    def _bytes(self, length: int) -> bytes:
        """Next bytes, so many, with padding to a multiple of four."""
        content = self.stream.read(-(-length // 4) * 4)[:length]
        if len(content) < length:
            raise IndexError("it ends there")
        return content

    def _name(self) -> str:
        return self._bytes(self._number(">I")).decode()

    def _list(self, element: Callable[[], T]) -> list[tuple[str, T]]:
        """Named elements; an absent list is a zero tag and no length."""
        self._number(">i")
        return [(self._name(), element()) for _ in range(self._number(">I"))]

    def _attribute(self) -> Any:
        kind, length = np.dtype(KINDS[self._number(">i")]), self._number(">I")
        content = self._bytes(length * kind.itemsize)
        return content.decode() if kind.char == "S" else np.frombuffer(content, kind)

    def _variable(self, offset: str, lengths: list[int]) -> tuple[int, _Variable]:
        """First dimension of a variable (-2 for none), and the others."""
        dimensions = [self._number(">I") for _ in range(self._number(">I"))]
        attributes = dict(self._list(self._attribute))
        kind, _ = KINDS[self._number(">i")], self._number(">I")
        shape = tuple(lengths[one] for one in dimensions[1:])
        return (dimensions or [-2])[0], _Variable(kind, shape, self._number(offset), attributes)
