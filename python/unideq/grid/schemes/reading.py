"""Schemes from stored settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import FileFormatError, OptionError, unknown
from .base import Scheme
from .central import Central
from .compact import Compact
from .drp import DRP
from .fourier import Fourier
from .tvd import TVD
from .upwind import Backward, Forward, Upwind
from .weno import WENO

__all__ = ["scheme_from_json"]

_KNOWN: dict[str, type[Scheme]] = {
    c.__name__: c for c in (Backward, Central, Compact, DRP, Forward, Fourier, TVD, Upwind, WENO)
}


def scheme_from_json(data: Mapping[str, Any]) -> Scheme:
    """The scheme that `Scheme.to_json` wrote.

    Raises
    ------
    FileFormatError
        If the name or a setting is unknown.
    """
    try:
        settings = dict(data)
        name = settings.pop("scheme")
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"The stored scheme is damaged: {data!r}.") from error
    if name not in _KNOWN:
        raise unknown("stored scheme", name, _KNOWN, FileFormatError)
    try:
        return _KNOWN[name](**settings)
    except (OptionError, TypeError) as error:
        raise FileFormatError(f"The stored scheme `{name}` is damaged: {error}.") from error
