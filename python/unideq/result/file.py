"""Files of fits: one netCDF-4 file a fit, written whole or not at all, read back bit for bit."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

import numpy as np
import xarray as xr

from .. import versions
from ..checks import path as file_name
from ..checks import writable
from ..errors import FileFormatError, OptionError, damaged
from ..model import Model
from ..training.record import Record
from .fit_groups import FORMAT, file_word
from .limits import check_limits
from .seal import check_seal, seal
from .solution import Solution
from .tree import record_from_tree, training_groups

__all__ = ["read_solution", "read_training", "read_tree", "write_solution", "write_training", "write_tree"]


def write_tree(tree: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Write a tree so that the file is always whole: to a temporary file beside it, which then takes its name."""
    target = writable(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:32]}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise OptionError(f"`{target}` can't be written: {error.strerror or error}.") from error
    os.close(handle)
    try:
        # Values are stored as they are: no fill values, and nothing is decoded when reading (`days` is a label).
        own = {node.path: node.to_dataset(inherit=False).variables for node in tree.subtree}
        encoding = {path: {str(v): {"_FillValue": None} for v in variables} for path, variables in own.items()}
        plain(tree).to_netcdf(name, engine="h5netcdf", format="NETCDF4", encoding=encoding)
        seal(name)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, target)
    finally:
        if os.path.exists(name):
            os.unlink(name)


def plain(tree: xr.DataTree) -> xr.DataTree:
    """The tree with attributes that netCDF can hold: what isn't text or numbers is stored as its text."""

    def kept(attrs: dict[Any, Any]) -> dict[str, Any]:
        return {str(k): _storable(v) for k, v in attrs.items() if k not in _RESERVED}

    groups = {}
    for node in tree.subtree:
        dataset = node.to_dataset(inherit=False).copy()
        dataset.attrs = kept(dataset.attrs)
        for variable in dataset.variables.values():
            variable.attrs = kept(variable.attrs)
        groups[node.path] = dataset
    return xr.DataTree.from_dict(groups)


_RESERVED = ("_FillValue", "missing_value", "scale_factor", "add_offset", "coordinates")


def _storable(value: Any) -> Any:
    """An attribute as it is, if netCDF has its like; else its text."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "U" and value.ndim == 1:
            return _storable(value.tolist())
        return value if value.dtype.kind in "fiu" and value.ndim <= 1 else str(value)
    if isinstance(value, list | tuple):
        alike = bool(value) and len({type(v) for v in value}) == 1 and isinstance(value[0], str | int | float)
        return value if alike and all(_single(v) for v in value) else str(value)
    return value if _single(value) else str(value)


def _single(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and -(2**63) <= value < 2**63
    return isinstance(value, str | float | np.integer | np.floating)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_training(record: Record, path: str | os.PathLike[str]) -> None:
    """A checkpoint: all that resume needs."""
    write_tree(xr.DataTree.from_dict(training_groups(record)), path)


def read_tree(path: str | os.PathLike[str]) -> xr.DataTree:
    """The whole file in memory.

    Raises
    ------
    FileFormatError
        If there is no such file, or it isn't netCDF-4, or it is cut off, or holds more than `unideq.result.limits` lets
        a file hold.
    """
    source = file_name(path)
    if source.is_dir():
        raise FileFormatError(f"`{source}` is a folder. Give the name of a file in it.")
    if not source.is_file():
        raise FileFormatError(f"There is no file `{source}`.")
    try:
        check_seal(source)
        check_limits(source)
        with xr.open_datatree(source, engine="h5netcdf", decode_times=False, mask_and_scale=False) as tree:
            return tree.load()
    except FileFormatError:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError or ValueError, by where the damage is
        raise FileFormatError(
            f"`{source}` can't be read as a netCDF-4 file: {error}. It may be cut off or of another kind."
        ) from error


def read_training(path: str | os.PathLike[str]) -> Record:
    """The training that a file holds."""
    return record_from_tree(read_tree(path), str(path))


def write_solution(solution: Solution, path: str | os.PathLike[str]) -> None:
    """A solved model: `/solution`, `/statistics` and, where it has events, `/events`."""
    root = {
        "unideq_format": FORMAT,
        "unideq_kind": "solution",
        "unideq_version": versions.unideq_version(),
        "versions": json.dumps(versions.numerical_versions()),
        "model": json.dumps(solution.model.to_json()),
        "status": json.dumps(solution.status),
        "solver": solution.solver,
    }
    numbers = xr.Dataset({n: ("integration", np.asarray(v)) for n, v in solution.statistics.items()})
    groups = {"/": xr.Dataset(attrs=root), "/solution": solution.dataset, "/statistics": numbers}
    if solution.events is not None:
        groups["/events"] = solution.events
    write_tree(xr.DataTree.from_dict(groups), path)


def read_solution(path: str | os.PathLike[str]) -> Solution:
    """Inverse of `write_solution`."""
    tree = read_tree(path)
    if file_word(tree, str(path)) != "solution":
        raise FileFormatError(f"`{path}` holds a fit, not a solution. Read it with `unideq.Fit.load`.")
    with damaged(f"`{path}`"):
        statistics = {str(n): np.asarray(v.values) for n, v in tree["/statistics"].to_dataset().data_vars.items()}
        model = Model.from_json(json.loads(tree.attrs["model"]))
        status = tuple(json.loads(tree.attrs["status"]))
        events = tree["/events"].to_dataset() if "events" in tree.children else None
        dataset, solver = tree["/solution"].to_dataset(), str(tree.attrs["solver"])
        return Solution(dataset, status, statistics, solver, model, events)
