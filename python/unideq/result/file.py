"""Files of fits: one netCDF-4 file a fit, written whole or not at all, read back bit for bit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import xarray as xr

from ..errors import FileFormatError, OptionError
from ..training.record import Training
from .tree import training_from_tree, training_groups

__all__ = ["read_training", "read_tree", "write_training", "write_tree"]


def write_tree(tree: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Write a tree so that the file is always whole: to a temporary file beside it, which then takes its name."""
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise OptionError(f"`{target}` can't be written: {error.strerror or error}.") from error
    os.close(handle)
    try:
        tree.to_netcdf(name, engine="h5netcdf", format="NETCDF4")
        with open(name, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    finally:
        if os.path.exists(name):
            os.unlink(name)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_training(record: Training, path: str | os.PathLike[str]) -> None:
    """A checkpoint: all that resume needs."""
    write_tree(xr.DataTree.from_dict(training_groups(record)), path)


def read_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """The whole file in memory.

    Raises
    ------
    FileFormatError
        If there is no such file, or it isn't netCDF-4, or it is cut off.
    """
    source = Path(path)
    if not source.is_file():
        raise FileFormatError(f"There is no file `{source}`.")
    try:
        with xr.open_datatree(source, engine="h5netcdf") as tree:
            return tree.load()
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError or ValueError, by where the damage is
        raise FileFormatError(f"`{source}` can't be read as a netCDF-4 file: {error}. It may be cut off or of another kind.") from error


def read_training(path: str | os.PathLike[str]) -> Training:
    """The training that a file holds."""
    return training_from_tree(read_tree(path), str(path))
