"""Where the squashfs lies inside a SIF file, and the sha256 of both.

Header and descriptors as in github.com/apptainer/sif, version 01: little-endian, packed.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mlipbench_hpc.runtime.trouble import Trouble

MAGIC, MAGIC_AT = b"SIF_MAGIC\0", 32
# From byte 80: free and total descriptors, then offset and length of the descriptors and of the data.
NUMBERS, NUMBERS_AT = struct.Struct("<6q"), 80
# Data type, in use, id, group, link, offset, size.
DESCRIPTOR, DESCRIPTOR_BYTES = struct.Struct("<i?3I2q"), 585
PARTITION = 0x4004
SQUASHFS_MAGIC = b"hsqs"
CHUNK = 1 << 22


class NotAnImage(Trouble):
    """A file that is no SIF with one squashfs in it."""


@dataclass(frozen=True)
class Digests:
    """sha256 of the whole file and of the squashfs inside it."""

    file: str
    squashfs: str


def digests(path: Path) -> Digests:
    """Read the file once; raises NotAnImage, OSError."""
    with path.open("rb") as stream:
        start, size = _partition(stream, path)
        whole, inner = hashlib.sha256(), hashlib.sha256()
        at = stream.seek(0)
        while chunk := stream.read(CHUNK):
            whole.update(chunk)
            inner.update(chunk[max(0, start - at) : max(0, start + size - at)])
            at += len(chunk)
    if at < start + size:
        raise NotAnImage(f"{path} ends after {at} bytes, its squashfs would end at {start + size}")
    return Digests(whole.hexdigest(), inner.hexdigest())


def _partition(stream: BinaryIO, path: Path) -> tuple[int, int]:
    """Offset and size in bytes of the one squashfs."""
    header = stream.read(NUMBERS_AT + NUMBERS.size)
    if header[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC or len(header) < NUMBERS_AT + NUMBERS.size:
        raise NotAnImage(f"{path} is no SIF image")
    _, _, at, length, _, _ = NUMBERS.unpack_from(header, NUMBERS_AT)
    stream.seek(at)
    table = stream.read(max(0, min(length, 1 << 20)))
    rows = [
        DESCRIPTOR.unpack_from(table, place)
        for place in range(0, len(table) - DESCRIPTOR_BYTES + 1, DESCRIPTOR_BYTES)
    ]
    partitions = [(row[5], row[6]) for row in rows if row[1] and row[0] == PARTITION]
    if len(partitions) != 1:
        raise NotAnImage(f"{path} holds {len(partitions)} partitions, an image of this suite holds one")
    stream.seek(partitions[0][0])
    if stream.read(4) != SQUASHFS_MAGIC:
        raise NotAnImage(f"{path} holds a partition that is no squashfs")
    return partitions[0]
