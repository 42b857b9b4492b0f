"""The settings that all kinds of networks have: checked counts, names, shifts and scales; as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ..checks import is_whole
from ..errors import OptionError, unknown
from .activation import activation
from .initializer import INITIALIZERS

__all__ = ["Scale", "check_names", "factor", "numbers", "plain_settings", "scaling", "shown", "whole_number"]

Scale = float | Sequence[float]


def whole_number(kind: str, label: str, count: Any) -> int:
    """A count >= 1 as a plain integer, so that the settings can be written as JSON."""
    if not is_whole(count, 1):
        raise OptionError(f"`{kind}` needs whole numbers >= 1 for `{label}`, not {count!r}.")
    return int(count)


def check_names(network: Any) -> None:
    """Both activations and the initialiser of a network are known ones."""
    activation(network.activation)
    activation(network.output_activation)
    if network.initializer not in INITIALIZERS:
        raise unknown("initializer", network.initializer, INITIALIZERS)


def factor(kind: str, label: str, value: Any) -> float:
    """One finite number."""
    if not np.isfinite(numbers(value)).all() or np.ndim(value):
        raise OptionError(f"`{kind}` needs `{label}` as one finite number, not {value!r}.")
    return float(value)


def scaling(kind: str, label: str, given: Any, width: int) -> Scale:
    """A shift or a scale: one finite number, or one a feature; scales aren't zero."""
    value = numbers(given)
    allowed = value.shape in ((), (width,)) and np.isfinite(value).all()
    if not allowed or (label.endswith("scale") and (value == 0).any()):
        raise OptionError(f"`{kind}` needs `{label}` as one finite number or {width} of them, not {given!r}.")
    return value.tolist() if value.ndim == 0 else tuple(value.tolist())


def numbers(value: Any) -> np.ndarray:
    """As floats; NaN for what isn't a number, so that one check covers all."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return np.asarray(np.nan)


def plain_settings(network: Any) -> dict[str, Any]:
    """The settings of a network that is a dataclass, for JSON."""
    return {"kind": network.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in network.__dict__.items()}}


def shown(network: Any) -> str:
    """The call that makes a network, with what differs from the defaults."""
    parts = [str(network.inputs), str(network.outputs)]
    for f in fields(network):
        if f.default is not MISSING and getattr(network, f.name) != f.default:
            parts.append(f"{f.name}={getattr(network, f.name)!r}")
    return f"{network.kind}({', '.join(parts)})"
