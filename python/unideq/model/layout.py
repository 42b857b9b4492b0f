"""The layout of θ: one flat float64 vector, and the table of named views into it that everything shares.

Values are stored unconstrained. With scale s (the size of the initial value, so that one optimiser step means the same
for rates of 1e-3 and of 1e3): identity v = s·r; one bound v = lower + s·softplus(r) or upper − s·softplus(r);
two bounds v = lower + (upper − lower)·sigmoid(r).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..checks import array
from ..errors import ModelError, unknown
from ..graph import Expression, apply, variable
from ..graph.operations.elementwise import sigmoid, softplus
from .names import normal_keys
from .parameter import Parameter

__all__ = ["Entry", "Layout"]

KINDS = ("parameter", "group", "spread", "deviation", "network", "initial", "segment", "noise", "multiplier", "penalty")


@dataclass(frozen=True)
class Entry:
    """One named view: `growth`, `interaction.layer_1.weight`, `initial.hare`, `segments.lynx`, `noise.hare`."""

    name: str
    shape: tuple[int, ...]
    kind: str = "parameter"
    free: bool = True
    lower: float | None = None
    upper: float | None = None
    scale: float = 1.0
    units: str = ""
    description: str = ""

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape, dtype=int))

    @classmethod
    def of_parameter(cls, name: str, parameter: Parameter, kind: str = "parameter") -> Entry:
        """The view that stores a `Parameter`, scaled by the size of its initial value."""
        lower, upper = parameter.lower, parameter.upper
        offset = lower if lower is not None else upper if upper is not None else 0.0
        size = float(np.max(np.abs(parameter.array - offset))) if parameter.array.size else 1.0
        scale = 1.0 if (lower is not None and upper is not None) or size == 0 else size
        return cls(
            name,
            parameter.array.shape,
            kind,
            parameter.free,
            lower,
            upper,
            scale,
            parameter.units,
            parameter.description,
        )

    def constrain(self, raw: Any) -> Any:
        """Stored → real values; arrays or expressions."""
        symbolic = isinstance(raw, Expression)
        plus = (lambda x: apply("softplus", x)) if symbolic else softplus
        logistic = (lambda x: apply("sigmoid", x)) if symbolic else sigmoid
        if self.lower is not None and self.upper is not None:
            return self.lower + (self.upper - self.lower) * logistic(raw)
        if self.lower is not None:
            return self.lower + self.scale * plus(raw)
        if self.upper is not None:
            return self.upper - self.scale * plus(raw)
        return self.scale * raw

    def inside(self, value: np.ndarray) -> np.ndarray:
        """A real value that rounding put onto a bound, which is exclusive, right beside it."""
        if self.lower is None and self.upper is None:
            return value
        low = -np.inf if self.lower is None else np.nextafter(self.lower, np.inf)
        high = np.inf if self.upper is None else np.nextafter(self.upper, -np.inf)
        return np.clip(value, low, high)

    def unconstrain(self, value: Any) -> np.ndarray:
        """Real → stored values; raises `ModelError` outside the bounds."""
        value = np.asarray(value, dtype=float)
        low, high = self.lower, self.upper
        if not np.isfinite(value).all():
            raise ModelError(f"`{self.name}` needs finite values, not {value}.")
        if (low is not None and (value <= low).any()) or (high is not None and (value >= high).any()):
            where = " and ".join(
                f"{word} {bound:g}" for word, bound in (("above", low), ("below", high)) if bound is not None
            )
            raise ModelError(f"`{self.name}` must lie {where}, not at {value}.")
        if low is not None and high is not None:
            part = (value - low) / (high - low)
            return np.log(part) - np.log1p(-part)
        if low is not None or high is not None:
            part = (value - low if low is not None else high - value) / self.scale  # type: ignore[operator]
            return part + np.log(-np.expm1(-part))
        return value / self.scale


class Layout:
    """The table of views into θ.

    Parameters
    ----------
    entries
        In storage order; names are unique.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        seen: set[str] = set()
        for entry in self.entries:
            if entry.name in seen:
                raise ModelError(f"Two quantities share the name {entry.name!r}. Rename a parameter or a network.")
            seen.add(entry.name)

    @cached_property
    def _table(self) -> dict[str, Entry]:
        return {e.name: e for e in self.entries}

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Name → where its values begin in θ."""
        starts = np.cumsum([0, *(e.size for e in self.entries)])
        return {e.name: int(s) for e, s in zip(self.entries, starts, strict=False)}

    @property
    def size(self) -> int:
        """Length P of θ."""
        return sum(e.size for e in self.entries)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries, in storage order."""
        return tuple(e.name for e in self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.offsets

    def __getitem__(self, name: str) -> Entry:
        entry = self._table.get(name)
        if entry is None:
            raise unknown("parameter", name, self.names, ModelError)
        return entry

    def within(self, name: str) -> tuple[Entry, ...]:
        """The entries that a name stands for: itself, or all of a network or a layer.

        Raises
        ------
        OptionError
            If there is none.
        """
        found = tuple(e for e in self.entries if e.name == name or e.name.startswith(f"{name}."))
        if not found:
            parts = (".".join(e.name.split(".")[:k]) for e in self.entries for k in range(1, e.name.count(".") + 2))
            raise unknown("parameter, network or layer", name, dict.fromkeys(parts))
        return found

    def of_kind(self, *kinds: str) -> tuple[Entry, ...]:
        """Entries of these kinds, of `KINDS`: `parameter`, `network`, `initial`, `segment`, `noise`, …"""
        return tuple(e for e in self.entries if e.kind in kinds)

    def window(self, name: str) -> slice:
        """Where θ holds a name's values."""
        start = self.offsets[name]
        return slice(start, start + self[name].size)

    def mask(self, *kinds: str) -> np.ndarray:
        """(P,) bool: True where θ stores one of these kinds."""
        result = np.zeros(self.size, dtype=bool)
        for entry in self.of_kind(*kinds):
            result[self.window(entry.name)] = True
        return result

    @property
    def free_mask(self) -> np.ndarray:
        """(P,) bool: True where training may change θ."""
        result = np.zeros(self.size, dtype=bool)
        for entry in self.entries:
            result[self.window(entry.name)] = entry.free
        return result

    @property
    def labels(self) -> list[str]:
        """One name an element of θ: `growth`, `interaction.layer_1.weight[0,1]`, …"""
        result = []
        for entry in self.entries:
            result += [entry.name + (str(list(i)).replace(" ", "") if i else "") for i in np.ndindex(entry.shape)]
        return result

    def variable(self) -> Expression:
        """The graph input that stands for θ."""
        return variable("theta", (self.size,))

    def view(self, theta: Expression, name: str) -> Expression:
        """The constrained value of a name, as an expression in θ."""
        entry = self[name]
        raw = theta[self.window(name)]
        return entry.constrain(raw.reshape(entry.shape))

    def unpack(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """θ (P,) or (S, P) → name → constrained values (…, *shape)."""
        theta = np.asarray(theta)
        if theta.ndim == 0 or theta.shape[-1] != self.size:
            raise ModelError(f"θ needs {self.size} values along its last axis; it has shape {theta.shape}.")
        lead = theta.shape[:-1]
        return {
            e.name: np.asarray(e.constrain(theta[..., self.window(e.name)].reshape((*lead, *e.shape))))
            for e in self.entries
        }

    def pack(self, values: Mapping[str, Any], base: np.ndarray | None = None) -> np.ndarray:
        """Constrained values → θ (P,). Names left out come from `base`."""
        theta = np.full(self.size, np.nan) if base is None else np.array(base, dtype=float)
        for name, value in normal_keys(values).items():
            entry = self[name]
            found = array(value, name, error=ModelError)
            if found.shape != entry.shape:
                try:
                    found = np.broadcast_to(found, entry.shape)
                except ValueError:
                    raise ModelError(f"`{name}` needs shape {entry.shape}, not {found.shape}.") from None
            theta[self.window(name)] = entry.unconstrain(found).reshape(-1)
        missing = [e.name for e in self.entries if np.isnan(theta[self.window(e.name)]).any()]
        if missing:
            raise ModelError(f"No value for {', '.join(f'`{m}`' for m in missing)}.")
        return theta

    def flat(self, given: Any) -> np.ndarray:
        """θ (P,) as it was given, checked."""
        theta = array(given, "parameters", finite=False, error=ModelError)
        if theta.shape != (self.size,):
            raise ModelError(f"θ needs shape ({self.size},), not {theta.shape}.")
        wrong = np.flatnonzero(~np.isfinite(theta))
        if len(wrong):
            raise ModelError(f"θ needs finite numbers: `{self.labels[wrong[0]]}` is {theta[wrong[0]]}.")
        return theta

    def to_json(self) -> list[dict[str, Any]]:
        """The entries as plain data."""
        return [{**e.__dict__, "shape": list(e.shape)} for e in self.entries]

    @classmethod
    def from_json(cls, entries: list[dict[str, Any]]) -> Layout:
        """Inverse of `to_json`."""
        return cls(Entry(**{**e, "shape": tuple(e["shape"])}) for e in entries)
