"""Attributes of data that a result's file can't hold: told before the training, not after."""

from __future__ import annotations

from typing import Any

import xarray as xr

from ..errors import DataError

__all__ = ["check_attributes"]

_TAKEN = frozenset({"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_NCProperties", "_Netcdf4Dimid"})
_TAKEN |= {"_Netcdf4Coordinates", "_nc3_strict"}
"""What netCDF-4 keeps for itself."""


def check_attributes(dataset: xr.Dataset) -> None:
    """Make sure that the attributes of data can be written with the result.

    Values that netCDF doesn't know (None, a dict, True) are written as their text.

    Raises
    ------
    DataError
        If a name is empty or one of netCDF's own, or text holds what no file can.
    """
    places = [("the data", "data", dataset.attrs)]
    places += [(f"`{n}`", f"data[{str(n)!r}]", v.attrs) for n, v in dataset.variables.items()]
    for where, code, attrs in places:
        for name, value in attrs.items():
            why = _unstorable(name, value)
            if why:
                raise DataError(
                    f"The attribute {name!r} of {where} can't be written with the result: {why}. "
                    f"Rename it or drop it: `del {code}.attrs[{name!r}]`."
                )


def _unstorable(name: Any, value: Any) -> str:
    if not str(name):
        return "its name is empty"
    if name in _TAKEN:
        return "netCDF keeps this name for itself"
    texts = [name, *(value if isinstance(value, (list, tuple)) else [value])]
    for text in texts:
        if isinstance(text, str) and "\0" in text:
            return "it holds a NUL character"
        if isinstance(text, str) and any("\ud800" <= c <= "\udfff" for c in text):
            return "it holds half a character (a surrogate)"
    return ""
