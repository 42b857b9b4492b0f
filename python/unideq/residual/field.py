"""`Field`: networks of the coordinates that stand for unknown fields; embeddings, standardisation, hard constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import flag, function, is_whole, known_arguments, settle
from ..errors import ModelError, unknown
from ..graph import Expression
from ..model.trace import call, fitted
from ..model.views import View
from ..nn import Network
from .domain import Domain
from .views import PointView

__all__ = ["Field"]


@known_arguments
@dataclass(frozen=True)
class Field:
    """A network that stands for one unknown field, or for several.

    Parameters
    ----------
    network
        Takes the coordinates (a periodic one as cosines and sines), returns one output a field.
    transform
        `f(at, raw, p)` → the fields' values (one, a tuple, or a dict): hard constraints, e.g.
        `lambda at, raw: (1 - at.x**2) * raw.u`. Derivatives go through. None: the network's outputs as they are.
    periodic
        A coordinate, several, or coordinate → number of harmonics (1 where only named): cos and sin of 2πkx/L for
        k = 1 … harmonics take its place; L is the domain's length. Values and all derivatives are then the same at both
        ends.
    standardise
        Whether other coordinates enter as (x − mean) / standard deviation of the domain's uniform distribution.
        Derivatives stay those in the coordinates themselves (chain rule in the graph).

    Raises
    ------
    ModelError
        If `network` isn't one that acts on points, or a number of harmonics isn't a whole number >= 1.

    Examples
    --------
    >>> import unideq as ude
    >>> field = ude.Field(ude.nn.MLP(3, 1), transform=lambda at, raw: at.t * raw.u, periodic={"x": 1})
    >>> problem = ude.ResidualProblem(
    ...     {"x": (0, 1), "t": (0, 1)},
    ...     {"u": field},
    ...     {"advection": ude.Interior(lambda at, field: ude.d(field.u, at.t) + ude.d(field.u, at.x) - 1)},
    ... )
    >>> problem({"x": [0.0, 1.0], "t": 0.0})["u"]
    array([0., 0.])
    """

    network: Network
    transform: Callable[..., Any] | None = None
    periodic: Mapping[str, int] | Sequence[str] | str | None = None
    standardise: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            shown = f"{self.network.__name__} itself" if isinstance(self.network, type) else repr(self.network)
            raise ModelError(f"A field needs a network such as `unideq.nn.MLP(2, 1)`, not {shown}.")
        if self.network.acts_on != "points":
            raise ModelError(
                f"{type(self.network).__name__} acts on whole grids, and a field is a function of a point's "
                "coordinates. Use e.g. `unideq.nn.MLP`."
            )
        settle(self, function, "transform", needs="a function of (at, raw, p)", none=True, error=ModelError)
        settle(self, flag, "standardise", error=ModelError)
        for name, harmonics in self.harmonics.items():
            if not is_whole(harmonics, 1):
                raise ModelError(f"`periodic` needs a whole number of harmonics >= 1 for `{name}`, not {harmonics!r}.")

    @property
    def harmonics(self) -> dict[str, Any]:
        """Periodic coordinate → number of harmonics."""
        given = self.periodic or {}
        if isinstance(given, Mapping):
            return dict(given)
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, Sequence) or not all(isinstance(n, str) for n in names):
            raise ModelError(
                '`periodic` needs a coordinate, or coordinate → number of harmonics such as `{"x": 1}`, '
                f"not {given!r}."
            )
        return dict.fromkeys(names, 1)

    def inputs(self, domain: Domain, at: Mapping[str, Expression]) -> list[Expression]:
        """What the network takes at a point, in the coordinates' order."""
        values: list[Any] = []
        for name, (low, high) in domain.intervals.items():
            x: Any = at[name]
            harmonics = self.harmonics.get(name)
            if harmonics:
                for k in range(1, harmonics + 1):
                    phase = (2 * np.pi * k / (high - low)) * (x - low)
                    values += [np.cos(phase), np.sin(phase)]
            elif self.standardise:
                values.append((x - 0.5 * (low + high)) * (np.sqrt(12.0) / (high - low)))
            else:
                values.append(x)
        return values

    def values(
        self,
        fields: Sequence[str],
        domain: Domain,
        at: Mapping[str, Expression],
        weights: Mapping[str, Expression],
        further: Mapping[str, Any],
    ) -> dict[str, Expression]:
        """Field → its value () at a point."""
        stacked: Any = np.stack(self.inputs(domain, at))  # type: ignore[call-overload]
        raw: Any = self.network.expand(weights, stacked)
        values = {n: raw[k] for k, n in enumerate(fields)}
        if self.transform is None:
            return values
        what = f"the transform of `{', '.join(fields)}`"
        made = call(self.transform, {"at": PointView(at), "raw": View("field", values), **further}, what)
        return _transformed(made, fields, what)

    def check(self, fields: Sequence[str], domain: Domain) -> None:
        """The network's inputs and outputs fit the coordinates and fields."""
        name, periodic = ", ".join(fields), self.harmonics
        for coordinate in periodic:
            if coordinate not in domain.intervals:
                raise ModelError(f"Field `{name}` is periodic in `{coordinate}`. {_unknown(coordinate, domain)}")
        wanted = sum(2 * periodic.get(n, 0) or 1 for n in domain.names)
        if self.network.inputs != wanted:
            listing = [f"{periodic[n]} × (cos, sin) of {n}" if n in periodic else n for n in domain.names]
            raise ModelError(
                f"The network of field `{name}` has {_counted(self.network.inputs, 'input')}, and gets {wanted}: "
                f"{', '.join(listing)}. Give it {_counted(wanted, 'input')}, as `MLP({wanted}, {len(fields)})` has."
            )
        if self.network.outputs != len(fields):
            raise ModelError(
                f"The network of field `{name}` has {_counted(self.network.outputs, 'output')} for "
                f"{_counted(len(fields), 'field')}. Name one field an output, or give it "
                f"{_counted(len(fields), 'output')}, as `MLP({wanted}, {len(fields)})` has."
            )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _unknown(coordinate: str, domain: Domain) -> str:
    return str(unknown("coordinate", coordinate, domain.names))


def _transformed(made: Any, fields: Sequence[str], what: str) -> dict[str, Expression]:
    if isinstance(made, Mapping):
        if set(made) != set(fields):
            raise ModelError(f"{what} returned {', '.join(map(str, made))}. Return {', '.join(fields)}.")
        parts = [made[n] for n in fields]
    else:
        parts = list(made) if isinstance(made, (tuple, list)) else [made]
    if len(parts) != len(fields):
        raise ModelError(f"{what} returned {len(parts)} values for {len(fields)} fields. Return one a field.")
    return {n: fitted(part, (), f"{what}: `{n}`") for n, part in zip(fields, parts, strict=True)}
