"""Words for numbers: one, a whole one, arrays of them; NumPy's are as good as Python's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import OptionError
from .refusal import Error, or_none, refused

__all__ = ["array", "is_number", "is_whole", "number", "plain", "whole"]


def number(
    value: Any,
    name: str,
    of: str = "",
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    none: bool = False,
    error: Error = OptionError,
    hint: str = "",
) -> Any:
    """One finite number: an int where an integer was given, else a float.

    Parameters
    ----------
    value
        What was given.
    name, of
        The setting, and the class or function that it belongs to, where the name alone doesn't say it.
    above, below
        Exclusive bounds.
    least, most
        Inclusive bounds.
    none
        Whether None may be given as well; it is returned as it is.
    error
        What to raise.
    hint
        What to do instead, a sentence.
    """
    if none and value is None:
        return None
    found = plain(value)
    good = is_number(value) and _within(found, above, least, below, most)
    if not good:
        needs = "a number" + _range_words(above, least, below, most) + or_none(none)
        raise refused(value, name, of, needs, error=error, hint=hint)
    return int(found) if isinstance(found, int) else float(found)


def whole(
    value: Any,
    name: str,
    of: str = "",
    *,
    least: int | None = None,
    most: int | None = None,
    none: bool = False,
    error: Error = OptionError,
    hint: str = "",
) -> Any:
    """One whole number as an int; `1e3` is one, `2.5` and `True` aren't. Arguments as for `number`."""
    if none and value is None:
        return None
    found = plain(value)
    good = is_number(value) and found == int(found) and _within(found, None, least, None, most)
    if not good:
        needs = "a whole number" + _range_words(None, least, None, most) + or_none(none)
        raise refused(value, name, of, needs, error=error, hint=hint)
    return int(found)


def array(
    value: Any,
    name: str,
    of: str = "",
    *,
    ndim: int | None = None,
    finite: bool = True,
    error: Error = OptionError,
    hint: str = "",
) -> np.ndarray:
    """Real numbers as an array of floats: no text, no truth values, no dates, nothing masked, nothing imaginary.

    Parameters
    ----------
    ndim
        Number of dimensions that it must have; None: any.
    finite
        Whether NaN and infinities are refused.

    The other arguments are those of `number`.
    """
    try:
        found = value if isinstance(value, np.ndarray) else np.asarray(value)
    except (TypeError, ValueError):
        found = np.asarray(None, dtype=object)
    numbers = "finite numbers" if finite else "numbers"
    needs = {None: numbers, 0: f"one {numbers[:-1]}", 1: f"a sequence of {numbers}"}.get(ndim, "")
    needs = needs or f"{numbers} in {ndim} dimensions"
    masked = isinstance(value, np.ma.MaskedArray)
    if masked and np.ma.is_masked(value):
        more = "Write `.filled(...)`, or leave the masked ones out."
        raise refused(value, name, of, f"{needs}, none of them masked", error=error, hint=hint or more)
    if found.dtype.kind == "c" and not hint:
        hint = "Give real numbers: `.real`, or real and imaginary part apart."
    if found.dtype.kind == "O":
        found = _of_objects(found)
    if found.dtype.kind not in "fiu":
        raise refused(value, name, of, needs, error=error, hint=hint)
    result = np.asarray(found, dtype=float)
    if (ndim is not None and result.ndim != ndim) or (finite and not np.isfinite(result).all()):
        raise refused(value, name, of, needs, error=error, hint=hint)
    return result


def is_number(value: Any) -> bool:
    """Whether a value is one finite number."""
    found = plain(value)
    return _real(found) and math.isfinite(found)


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number, and at least so large."""
    return is_number(value) and plain(value) == int(plain(value)) and bool(plain(value) >= least)


def plain(value: Any) -> Any:
    """A NumPy scalar or an array without dimensions as Python has it; all else as it is."""
    if isinstance(value, np.ma.core.MaskedConstant):
        return value
    if isinstance(value, (np.generic, np.ndarray)) or (hasattr(value, "dims") and hasattr(value, "dtype")):
        return value.item() if np.ndim(value) == 0 and value.dtype.kind in "biuf" else value
    return value


def _real(value: Any) -> bool:
    """Whether a plain value is a number that floats can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _of_objects(found: np.ndarray) -> np.ndarray:
    """Numbers among objects as floats; what isn't one leaves the array as it was."""
    if all(_real(plain(entry)) for entry in found.ravel().tolist()):
        return found.astype(float)
    return found


def _within(value: float, above: Any, least: Any, below: Any, most: Any) -> bool:
    return (
        (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    )


def _range_words(above: Any, least: Any, below: Any, most: Any) -> str:
    low = f" > {above:g}" if above is not None else f" >= {least:g}" if least is not None else ""
    high = f" < {below:g}" if below is not None else f" <= {most:g}" if most is not None else ""
    return f"{low} and{high}" if low and high else low + high
