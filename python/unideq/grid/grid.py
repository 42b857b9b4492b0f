"""`Grid`: one or two axes and a scheme, and the operators that a right-hand side is written with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import FileFormatError, ModelError, OptionError, unknown
from ..graph import Expression, as_expression
from ..stored import from_json
from .axes import Axes
from .axis import Axis
from .field import field_of, handed_back, time_of
from .flux import law_divergence
from .operators import Operators
from .padding import part
from .schemes import WENO, Central, Fourier, Scheme
from .schemes.law import ConservationLaw
from .spectral import applied, kept, require_periodic, symbol_of_axis
from .symbol import Symbol

__all__ = ["Grid", "Symbols"]


class Grid(Axes):
    """One or two axes, and how derivatives are approximated on them.

    Arrays carry the grid's axes last, in the order given here; leading axes (trajectories, members) are free. Operators
    take NumPy arrays (and return arrays) or the symbolic fields of a traced right-hand side alike. Boundary values that
    are functions of t use the model's time inside of a right-hand side; with arrays give `t=`.

    Parameters
    ----------
    *axes
        One or two `Axis` with different names.
    scheme
        Default scheme of the operators: `unideq.schemes.Central(4)`, or any linear one.

    Raises
    ------
    ModelError, OptionError
        If axes share a name, or the scheme doesn't fit the axes.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 64))
    >>> u = np.sin(grid.coordinates("x"))
    >>> float(np.abs(grid.d(u, order=2) + u).max().round(6))
    1e-06
    >>> heat = ude.ODE(lambda t, state, p: {"u": p.D * grid.laplacian(state.u)}, {"u": grid.shape}, {"D": 0.1})
    """

    def __init__(self, *axes: Axis, scheme: Scheme = Central(4)) -> None:  # noqa: B008 (frozen)
        super().__init__(*axes)
        self.scheme = _linear(scheme, axes)

    # ---- others like it ---------------------------------------------------------------------------------------

    def with_boundary(self, **boundaries: Any) -> Grid:
        """The grid with other boundary conditions: `grid.with_boundary(x=Dirichlet(1.0))`."""
        changed = {name: self.axis(name).with_boundary(given) for name, given in boundaries.items()}
        return Grid(*(changed.get(a.name, a) for a in self.axes), scheme=self.scheme)

    def with_scheme(self, scheme: Scheme) -> Grid:
        """The grid with another default scheme."""
        return Grid(*self.axes, scheme=scheme)

    # ---- derivatives ------------------------------------------------------------------------------------------

    def d(self, u: Any, axis: str | None = None, order: int = 1, scheme: Scheme | None = None, t: Any = None) -> Any:
        """A derivative of a field.

        Parameters
        ----------
        u
            Field (*lead, *grid).
        axis
            Name; may be left out in 1-D.
        order
            1 to 4, as far as the scheme has them.
        scheme
            Instead of the grid's.
        t
            Time of boundary values that depend on it; needed with arrays only.

        Returns
        -------
        Expression or numpy.ndarray
            (*lead, *grid).

        Raises
        ------
        ModelError, OptionError
            If the field's shape isn't the grid's, the scheme lacks the derivative, doesn't fit the boundary, or is
            wider than the grid.

        Examples
        --------
        >>> import numpy as np, unideq as ude
        >>> grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 5, boundary=ude.Dirichlet(lambda t: t)))
        >>> x = grid.coordinates("x")
        >>> grid.d(3.0 + 0.0 * x, t=3.0).round(12) + 0.0
        array([0., 0., 0., 0., 0.])
        """
        at = self.axis(axis)
        chosen = self.scheme if scheme is None else _linear(scheme, (at,))
        chosen.check(order)
        result = Operators(self, time_of(t)).derivative(field_of(u, self.shape), at, order, chosen)
        return handed_back(result, u, t)

    def gradient(self, u: Any, scheme: Scheme | None = None, t: Any = None) -> tuple[Any, ...]:
        """First derivatives along all axes, as a tuple."""
        return tuple(self.d(u, name, 1, scheme, t) for name in self.dims)

    def laplacian(self, u: Any, scheme: Scheme | None = None, t: Any = None) -> Any:
        """Sum of the second derivatives along all axes."""
        chosen = self.scheme if scheme is None else scheme
        if isinstance(chosen, Fourier) and len(self.axes) > 1 and self.periodic:  # one transform for both
            x, y = (symbol_of_axis(self.axes, i) for i in range(2))
            return self.fourier(u, x**2 + y**2)
        first, *others = (self.d(u, name, 2, scheme, t) for name in self.dims)
        return sum(others, first)

    def upwind(self, u: Any, velocity: Any, axis: str | None = None, order: int = 1, t: Any = None) -> Any:
        """velocity · ∂u with differences that look where the flow comes from.

        Parameters
        ----------
        u
            Field (*lead, *grid).
        velocity
            Number, or field that broadcasts with u; of either sign.
        axis
            Name; may be left out in 1-D.
        order
            1 (default) or 3.
        t
            Time of boundary values that depend on it; needed with arrays only.
        """
        at = self.axis(axis)
        x, v = field_of(u, self.shape), as_expression(velocity)
        return handed_back(Operators(self, time_of(t)).upwind(x, v, at, order), u, velocity, t)

    def divergence(self, flux: Any, scheme: Scheme | None = None) -> Any:
        """Divergence of a flux, in conservative form: its sum over a periodic grid is 0 to rounding.

        Parameters
        ----------
        flux
            Field (1-D), or one field an axis as a tuple (*lead, *grid). On axes with boundary conditions (which hold
            for the unknown, not for its flux) the flux is extrapolated beyond the ends. Or values at faces, one more
            along their own axis (`to_faces`, `face_gradient`): plain differences then, whatever the scheme.
        scheme
            Instead of the grid's.

        Returns
        -------
        Expression or numpy.ndarray
            (*lead, *grid).
        """
        parts = tuple(flux) if isinstance(flux, (tuple, list)) else (flux,)
        if len(parts) != len(self.axes):
            raise ModelError(f"A flux on this grid has {len(self.axes)} components, not {len(parts)}.")
        total = None
        for axis, component in zip(self.axes, parts, strict=True):
            chosen = self.scheme if scheme is None else _linear(scheme, (axis,))
            faces = self._face_difference(component, axis)
            if faces is not None:
                total = faces if total is None else total + faces
                continue
            x = field_of(component, self.shape, f"flux along {axis.name}")
            dealias = isinstance(chosen, Fourier) and chosen.dealias
            term = Operators(self, free=True, dealias=dealias).derivative(x, axis, 1, chosen)
            total = term if total is None else total + term
        assert total is not None
        return handed_back(total, *parts)

    def _face_difference(self, flux: Any, axis: Axis) -> Expression | None:
        """Differences of values at faces, or None where the flux isn't at faces of this axis."""
        x, position = as_expression(flux), self.dims.index(axis.name) - len(self.axes)
        wanted = tuple(a.points + (a is axis) for a in self.axes)
        if x.ndim < len(wanted) or x.shape[x.ndim - len(wanted) :] != wanted:
            return None
        upper, lower = part(x, position, 1, axis.points + 1), part(x, position, 0, axis.points)
        return (upper - lower) * (1.0 / axis.spacing)

    def flux_divergence(
        self,
        u: Any,
        flux: Callable[[Any], Any],
        speed: Any = None,
        axis: str | None = None,
        scheme: Scheme = WENO(5),  # noqa: B008 (frozen)
        t: Any = None,
    ) -> Any:
        """∂f(u) of a conservation law u_t + ∂f(u) = 0, by differences of numerical fluxes.

        Parameters
        ----------
        u
            Field (*lead, *grid).
        flux
            f: a function of the field in NumPy, acting point by point.
        speed
            |f′(u)|: a function of the field, or one number that bounds it. Default: derived from `flux`.
        axis
            Name; may be left out in 1-D.
        scheme
            `WENO(5)` (default), `TVD(limiter)` or `Upwind(1|3)`.
        t
            Time of boundary values that depend on it; needed with arrays only.

        Returns
        -------
        Expression or numpy.ndarray
            (*lead, *grid); its sum over a periodic grid is 0 to rounding.

        Examples
        --------
        >>> import numpy as np, unideq as ude
        >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 64))
        >>> x = grid.coordinates("x")
        >>> slope = grid.flux_divergence(np.sin(x), lambda u: u**2 / 2)
        >>> bool(np.abs(slope - np.sin(x) * np.cos(x)).max() < 1e-4)
        True
        """
        at = self.axis(axis)
        result = law_divergence(self, field_of(u, self.shape), ConservationLaw(flux, speed), at, scheme, time_of(t))
        return handed_back(result, u, speed, t, flux)

    # ---- Fourier space ----------------------------------------------------------------------------------------

    @property
    def symbols(self) -> Symbols:
        """∂ along each axis as a `Symbol`, by the axis' name: `grid.symbols.x`."""
        require_periodic(self.axes, "grid.symbols")
        return Symbols({a.name: symbol_of_axis(self.axes, i) for i, a in enumerate(self.axes)})

    def fourier(self, u: Any, symbol: Symbol) -> Any:
        """A Fourier symbol applied to a field."""
        require_periodic(self.axes, "grid.fourier")
        if not isinstance(symbol, Symbol) or symbol.shape != self.shape:
            raise ModelError(f"`grid.fourier` needs a symbol made from this grid's `symbols`, not {symbol!r}.")
        result = applied(field_of(u, self.shape), self.shape, *symbol.parts)
        return handed_back(result, u, *symbol.parts)

    def dealias(self, u: Any) -> Any:
        """The field without the upper third of its spectrum along each axis (the 2/3 rule of Orszag 1971)."""
        require_periodic(self.axes, "grid.dealias")
        return handed_back(applied(field_of(u, self.shape), self.shape, kept(self.axes), 0.0), u)

    def product(self, a: Any, b: Any) -> Any:
        """a·b without aliases: both factors and the product by the 2/3 rule."""
        x, y = (self.dealias(field_of(f, self.shape, name)) for f, name in ((a, "a"), (b, "b")))
        return handed_back(self.dealias(as_expression(x * y)), a, b)

    # ---- storing ----------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Grid({', '.join(map(repr, self.axes))}, scheme={self.scheme!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and (self.axes, self.scheme) == (other.axes, other.scheme)

    def __hash__(self) -> int:
        return hash((self.axes, self.scheme))

    def to_json(self) -> dict[str, Any]:
        """Axes and scheme as plain data; boundary functions as their traced graphs."""
        return {"axes": [a.to_json() for a in self.axes], "scheme": self.scheme.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Grid:
        """The grid that `to_json` wrote.

        Raises
        ------
        FileFormatError
            If the data is damaged.
        """
        try:
            return cls(*map(Axis.from_json, data["axes"]), scheme=from_json(Scheme, data["scheme"]))
        except (KeyError, TypeError) as error:
            raise FileFormatError(f"The stored grid is damaged: {error}.") from error


class Symbols:
    """∂ along the axes of a grid, read as attributes: `grid.symbols.x`."""

    def __init__(self, symbols: Mapping[str, Symbol]) -> None:
        self._symbols = dict(symbols)

    def __getattr__(self, name: str) -> Symbol:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._symbols:
            raise unknown("axis of the grid", name, self._symbols)
        return self._symbols[name]

    def __dir__(self) -> list[str]:
        return list(self._symbols)

    def __repr__(self) -> str:
        return f"Symbols({', '.join(self._symbols)})"


def _linear(scheme: Any, axes: tuple[Axis, ...]) -> Scheme:
    """The scheme, if operators along these axes can use it."""
    if not isinstance(scheme, Scheme):
        raise OptionError(f"`scheme` needs e.g. `unideq.schemes.Central(4)`, not {scheme!r}.")
    if scheme.periodic_only:
        require_periodic(axes, repr(scheme))
    if not scheme.linear:
        raise OptionError(
            f"`{scheme!r}` is a flux form for conservation laws; it has no plain derivative. "
            "Write `grid.flux_divergence(u, flux, scheme=…)`, or choose e.g. `Central(4)` for `grid.d`."
        )
    return scheme
