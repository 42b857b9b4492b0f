"""What a file of ours may hold at most, checked before it is read: a damaged one must not take all time and memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import FileFormatError

__all__ = ["check_limits"]

DEEPEST, MOST = 8, 20_000
"""Groups inside each other, and objects in all."""
EXPANSION, SMALL = 1000, 2**30
"""Most bytes in memory for one in the file, where they are more than `SMALL`: what compression can reach."""


def check_limits(source: Path) -> None:
    """Walk over the file's groups and the sizes of its variables, once each.

    Raises
    ------
    FileFormatError
        If objects are linked more than once (groups within themselves have no end), links lead elsewhere, or there are
        too many objects, or too large ones.
    """
    import h5py

    _check_heaps(source)
    size, count, most = 0, 0, max(SMALL, EXPANSION * os.path.getsize(source))
    with h5py.File(source, "r") as file:
        seen = {_address(h5py, file["/"])}
        for name, value in _objects(h5py, file, source):
            count += 1
            address = _address(h5py, value)
            if address in seen:
                raise FileFormatError(f"`{source}` is damaged: `{name}` stands in it under another name already.")
            seen.add(address)
            if count > MOST:
                raise FileFormatError(f"`{source}` isn't a file of Unideq, or damaged: it holds over {MOST} objects.")
            if isinstance(value, h5py.Dataset):
                size += value.nbytes
            if size > most:
                raise FileFormatError(
                    f"`{source}` is damaged: it declares {size / 1e9:.3g} GB in a file of "
                    f"{os.path.getsize(source) / 1e6:.3g} MB (`{name}` and before)."
                )


def _check_heaps(source: Path) -> None:
    """Walk over HDF5's global heaps, which hold texts and references: the library itself walks for ever where they are
    damaged so that an object has no length.

    Source: HDF5 file format specification, III.E, "Disk Format: Level 1E - Global Heap".
    """
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        _walk_heaps(content, source)


def _walk_heaps(content: mmap.mmap, source: Path) -> None:
    start = content.find(b"GCOL\x01\0\0\0")
    while start >= 0:
        end = start + int.from_bytes(content[start + 8 : start + 16], "little")
        at = start + 16
        while at + 16 <= min(end, len(content)):
            index = int.from_bytes(content[at : at + 2], "little")
            size = int.from_bytes(content[at + 8 : at + 16], "little")
            length = size if index == 0 else 16 + -(-size // 8) * 8  # object 0 is what is free, its header included
            if length < 16:
                raise FileFormatError(f"`{source}` is damaged: a heap of texts has an object without end.")
            at += length
        start = content.find(b"GCOL\x01\0\0\0", start + 8)


def _objects(h5py: Any, file: Any, source: Path) -> Iterator[tuple[str, Any]]:
    """Every object with its path, group by group."""
    waiting = [("", file["/"])]
    while waiting:
        place, group = waiting.pop()
        if place.count("/") >= DEEPEST:
            raise FileFormatError(f"`{source}` is damaged: `{place}` lies deeper than files of Unideq go.")
        for key in group:
            name = f"{place}/{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise FileFormatError(f"`{source}` isn't a file of Unideq, or damaged: `{name}` is a link elsewhere.")
            value = group[key]
            yield name, value
            if isinstance(value, h5py.Group):
                waiting.append((name, value))


def _address(h5py: Any, value: Any) -> Any:
    return h5py.h5o.get_info(value.id).addr
