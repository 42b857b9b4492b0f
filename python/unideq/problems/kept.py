"""Developed fields on disk: made once, and again where a file is missing, damaged or another's."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..cache_folder import DEVELOPED, cache_folder
from ..engine.registry import chosen_name
from ..errors import FileFormatError, OptionError
from ..graph.location import warn_user
from ..graph.serialise import fingerprint
from ..result.file import read_tree, write_tree
from ..versions import numerical_versions

if TYPE_CHECKING:
    from .turbulence import Turbulence

__all__ = ["kept"]

LARGEST = 2**30
"""Bytes of all files together; the least recently used go first."""


def kept(problem: Turbulence, key: Mapping[str, Any], make: Callable[[], xr.Dataset], cache: bool = True) -> xr.Dataset:
    """What `make` gives, from the file of this problem and key where there is one.

    Parameters
    ----------
    problem
        By its class, settings and the graph of its steps, so that a changed scheme makes its fields anew.
    key
        What else the numbers follow from; versions and engine are added.
    make
        Makes the data.
    cache
        Whether files are looked at and written.
    """
    place = cache_folder() if cache else None
    if place is None or not (key["engine"] is None or isinstance(key["engine"], str)):
        return make()
    settings = {f.name: repr(getattr(problem, f.name)) for f in fields(problem)}  # type: ignore[arg-type]
    engine = chosen_name(key["engine"])
    whole = {**key, "engine": engine, "problem": type(problem).__name__, "settings": settings}
    whole |= {"versions": numerical_versions(), "step": fingerprint(problem.stepper().step)}
    text = json.dumps(whole, sort_keys=True, default=np.ndarray.tolist)
    path = place / f"{DEVELOPED}{hashlib.sha256(text.encode()).hexdigest()[:32]}.nc"
    found = _read(path, text)
    if found is not None:
        return found
    made = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_tree(xr.DataTree(made.assign_attrs(key=text)), path)
        _trim(place)
    except (OSError, OptionError) as error:
        warn_user(
            f"The developed fields can't be kept in `{place}`: {error} Choose another folder by the environment "
            "variable `UNIDEQ_CACHE`, or turn this off: `UNIDEQ_CACHE=off`."
        )
    return made


def _read(path: Path, key: str) -> xr.Dataset | None:
    """The data in a file, if it is whole and says that it is of this key."""
    if not path.is_file():
        return None
    try:
        found = read_tree(path).to_dataset()
        os.utime(path)
    except (FileFormatError, OSError):
        return None
    return found if found.attrs.pop("key", None) == key else None


def _trim(place: Path) -> None:
    """Remove the least recently used files beyond what may be kept."""
    files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in place.glob(f"{DEVELOPED}*.nc")), reverse=True)
    sizes = np.cumsum([size for _, size, _ in files])
    for (_, _, file), so_far in zip(files[1:], sizes[1:], strict=True):
        if so_far > LARGEST:
            file.unlink(missing_ok=True)
