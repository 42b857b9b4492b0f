"""Measured values as floats: what attributes say of them is honoured, what isn't a number is refused by name."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from .errors import DataError

__all__ = ["decoded", "measured"]

FILLS = ("_FillValue", "missing_value")
PACKING = ("scale_factor", "add_offset")
CODED = (*FILLS, *PACKING, "_Unsigned")
"""Attributes by which netCDF says that stored values aren't the measured ones (CF conventions)."""

T = TypeVar("T", xr.Dataset, xr.DataArray)


def decoded(data: T) -> T:
    """The data with NaN where `_FillValue` or `missing_value` says so, scaled by `scale_factor` and `add_offset`.

    Files opened by xarray have that done already; arrays made by hand, or opened with `mask_and_scale=False`, haven't.

    Raises
    ------
    DataError
        If such an attribute isn't a number.
    """
    if isinstance(data, xr.DataArray):
        name = data.name
        found = decoded(data.to_dataset(name="_values"))["_values"]
        return found.rename(name)
    coded = [n for n, v in data.variables.items() if any(key in v.attrs for key in CODED) and v.dtype.kind in "fiub"]
    if not coded:
        return data
    data = data.copy()
    for name in coded:
        data[name].attrs = _as_stored(name, data[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xr.SerializationWarning)  # several fill values are fine
        return xr.decode_cf(data, concat_characters=False, decode_times=False, decode_coords=False)  # type: ignore[return-value]


def _as_stored(name: Any, variable: xr.DataArray) -> dict[Any, Any]:
    """The attributes with fill values of the type that the values have, so that they compare equal."""
    attrs = dict(variable.attrs)
    for key in (*FILLS, *PACKING):
        if key not in attrs:
            continue
        try:
            number = np.asarray(attrs[key]).astype(float)
        except (TypeError, ValueError):
            raise DataError(f"The attribute `{key}` of `{name}` is {attrs[key]!r}, not a number. Drop it.") from None
        if key in PACKING:
            attrs[key] = np.float64(number)
            continue
        if variable.dtype.kind in "iu":  # what the type can't hold isn't there
            limits = np.iinfo(variable.dtype)
            number = number[(number >= limits.min) & (number <= limits.max)] if number.ndim else number
            if not number.ndim and not limits.min <= number <= limits.max:
                del attrs[key]
                continue
        attrs[key] = number.astype(variable.dtype)[()]
    return attrs


def measured(values: Any, what: str) -> np.ndarray:
    """Values as floats, NaN where they are missing.

    Parameters
    ----------
    values
        Array of any kind; pandas' nullable numbers included.
    what
        What they are, for the message: "`hare` in trajectory 1".

    Raises
    ------
    DataError
        For text, complex numbers, dates and other objects; says what to do.
    """
    array = np.asarray(values)
    kind = array.dtype.kind
    if kind in "fiub":
        return np.asarray(array, dtype=float)
    told, remedy = str(array.dtype), "Give numbers."
    if kind == "O":
        entries = array.ravel().tolist()
        missing = [e is None or type(e).__name__ == "NAType" for e in entries]
        others = [e for e, gone in zip(entries, missing, strict=True) if not gone]
        if all(isinstance(e, (int, float, np.number)) and not np.iscomplexobj(e) for e in others):
            filled = [np.nan if gone else float(e) for e, gone in zip(entries, missing, strict=True)]
            return np.array(filled).reshape(array.shape)
        first = next(e for e in others if not isinstance(e, (int, float, np.number)) or np.iscomplexobj(e))
        told, kind = f"object ({type(first).__name__})", {"str": "U", "complex": "c"}.get(type(first).__name__, kind)
    if kind in "US":
        remedy = "Convert them with `.astype(float)`."
    elif kind == "c":
        remedy = "Give real numbers: `.real`, or real and imaginary part as two variables."
    elif kind in "mM":
        remedy = "Divide by a unit or subtract a date first, e.g. `/ np.timedelta64(1, 'h')`."
    raise DataError(f"{what} holds {told} values, not numbers. {remedy}")
