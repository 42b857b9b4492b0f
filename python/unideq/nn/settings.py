"""The settings that all kinds of networks have: checked counts, names, shifts and scales; as JSON and as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ..checks import array, choice, number, refused, settle, whole
from ..errors import OptionError
from .activation import ACTIVATIONS
from .initializer import INITIALIZERS

__all__ = ["Scale", "counts", "factor", "scaling", "settle_shared", "shown"]

Scale = float | Sequence[float]


def counts(value: Any, name: str, of: str) -> tuple[int, ...]:
    """A sequence of counts >= 1, or one such count, as a tuple."""
    several = isinstance(value, (tuple, list, np.ndarray)) and np.ndim(value) > 0
    return tuple(whole(v, name, of, least=1) for v in (value if several else (value,)))


def settle_shared(network: Any) -> None:
    """Check what all kinds with layers have: counts of features, names, the last layer's factor, shifts and scales."""
    settle(network, whole, "inputs", "outputs", least=1)
    settle(network, choice, "activation", "output_activation", choices=ACTIVATIONS)
    settle(network, choice, "initializer", choices=INITIALIZERS)
    settle(network, factor, "last_layer_scale")
    for side, width in (("input", network.inputs), ("output", network.outputs)):
        settle(network, scaling, f"{side}_shift", f"{side}_scale", width=width)


def factor(value: Any, name: str, of: str) -> float:
    """One finite number."""
    return float(number(value, name, of))


def scaling(value: Any, name: str, of: str, *, width: int) -> Scale:
    """A shift or a scale: one finite number, or one a feature; scales aren't zero."""
    zero = " that isn't 0" if name.endswith("scale") else ""
    needs = f"one finite number{zero}, or {width} of them"
    try:
        found = array(value, name)
    except OptionError:
        raise refused(value, name, of, needs) from None
    if found.shape not in ((), (width,)) or (zero and (found == 0).any()):
        raise refused(value, name, of, needs)
    return found.tolist() if found.ndim == 0 else tuple(found.tolist())


def shown(network: Any) -> str:
    """The call that makes a network, with what differs from the defaults."""
    parts = [str(network.inputs), str(network.outputs)]
    for f in fields(network):
        if f.default is not MISSING and getattr(network, f.name) != f.default:
            parts.append(f"{f.name}={getattr(network, f.name)!r}")
    return f"{network.kind}({', '.join(parts)})"
