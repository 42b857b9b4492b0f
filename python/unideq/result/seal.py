"""A seal at the end of every file that we write: a checksum, by which damage is found before HDF5 stumbles over it.

HDF5 ignores what follows its own end, and cuts it off where a file is changed: a file without a seal is read unchecked.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from ..errors import FileFormatError

__all__ = ["check_seal", "seal"]

MARK = b"\nunideq-sha256:"
LENGTH = len(MARK) + 64
PIECE = 2**20


def seal(path: str | os.PathLike[str]) -> None:
    """Append the checksum to a file that is complete, and see to it that all of it is on the disk."""
    with open(path, "r+b") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(0)
        mark = MARK + _digest(file, size)
        file.seek(size)
        file.write(mark)
        file.flush()
        os.fsync(file.fileno())


def check_seal(path: Path) -> None:
    """Raise a `FileFormatError` where the content isn't what the seal says."""
    with path.open("rb") as file:
        size = path.stat().st_size - LENGTH
        if size < 0:
            return
        file.seek(size)
        found = file.read(LENGTH)
        file.seek(0)
        if found.startswith(MARK) and found != MARK + _digest(file, size):
            raise FileFormatError(f"`{path}` is damaged: its content doesn't fit its checksum. Use another copy of it.")


def _digest(file: BinaryIO, size: int) -> bytes:
    made = hashlib.sha256()
    while size > 0:
        piece = file.read(min(PIECE, size))
        if not piece:
            break
        made.update(piece)
        size -= len(piece)
    return made.hexdigest().encode()
