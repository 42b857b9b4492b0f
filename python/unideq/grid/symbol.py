"""Fourier symbols: ∂x, ∂y and what can be made of them, as multipliers of a field's half spectrum.

The shortest wave of an even number of points (Nyquist) stands for both wavenumbers +K and −K. A symbol therefore keeps
its values at both and is averaged only when it is applied: odd derivatives vanish there, even ones stay, and so do
products such as ∂x·∂x or ∂x²·∂y.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression, as_expression

__all__ = ["Symbol", "wavenumbers"]

Part = Any
"""0.0 where a part vanishes identically, else an array or expression that broadcasts to the extended spectrum."""


def wavenumbers(points: int, length: float, last: bool) -> np.ndarray:
    """2π/L times −n/2 … n/2 in the order of the transform; for even n with −K or K once more at the end."""
    if last:
        numbers = np.arange(points // 2 + 1)
        extra = [-points // 2]
    else:
        numbers = np.rint(np.fft.fftfreq(points) * points)
        extra = [points // 2]
    return np.concatenate([numbers, extra if points % 2 == 0 else []]) * (2.0 * np.pi / length)


def half_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the half spectrum of a field of this shape."""
    return (*shape[:-1], shape[-1] // 2 + 1)


class Symbol:
    """A multiplier in Fourier space, σ = real + i·imaginary, over the half spectrum of a periodic grid.

    Made from `grid.symbols` by arithmetic (+, −, *, / with numbers, expressions and symbols; ** with whole numbers) and
    applied with `grid.fourier(u, symbol)`.

    Parameters
    ----------
    real, imaginary
        Numbers, arrays or expressions that broadcast to the half spectrum `(…, n//2 + 1)`.
    shape
        Of the grid.

    Raises
    ------
    ModelError
        If they don't broadcast, or symbols of two grids meet.

    Notes
    -----
    A quotient is 0 where its denominator vanishes: 1/(∂x² + ∂y²) inverts the Laplacian of fields without a mean.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 8))
    >>> d = grid.symbols
    >>> (-(d.x**2) - d.x**4).real
    array([   0.,    0.,  -12.,  -72., -240.])
    >>> u = np.cos(grid.coordinates("x"))
    >>> bool(np.allclose(grid.fourier(u, d.x**3), np.sin(grid.coordinates("x"))))
    True
    """

    __array_ufunc__ = None  # array * symbol is the symbol's business
    __array_priority__ = 2000

    def __init__(self, real: Any, imaginary: Any, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self._real = _extended(real, self.shape)
        self._imaginary = _extended(imaginary, self.shape)

    @property
    def half(self) -> tuple[int, ...]:
        """Shape of the half spectrum."""
        return half_of(self.shape)

    @property
    def real(self) -> Any:
        """The real part as applied, (*half)."""
        return _broadcast(_collapsed(self._real, self.shape), self.half)

    @property
    def imaginary(self) -> Any:
        """The imaginary part as applied, (*half)."""
        return _broadcast(_collapsed(self._imaginary, self.shape), self.half)

    @property
    def parts(self) -> tuple[Part, Part]:
        """Real and imaginary part as applied, not broadcast; 0.0 for one that vanishes identically."""
        return _collapsed(self._real, self.shape), _collapsed(self._imaginary, self.shape)

    # ---- arithmetic -------------------------------------------------------------------------------------------

    def _made(self, real: Part, imaginary: Part) -> Symbol:
        made = object.__new__(Symbol)
        made.shape, made._real, made._imaginary = self.shape, real, imaginary
        return made

    def _other(self, other: Any) -> Symbol:
        if isinstance(other, Symbol):
            if other.shape != self.shape:
                raise ModelError(f"Symbols of grids {self.shape} and {other.shape} don't go together.")
            return other
        if isinstance(other, complex):
            return Symbol(other.real, other.imag, self.shape)
        return Symbol(other, 0.0, self.shape)

    def __add__(self, other: Any) -> Symbol:
        o = self._other(other)
        return self._made(_sum(self._real, o._real), _sum(self._imaginary, o._imaginary))

    __radd__ = __add__

    def __neg__(self) -> Symbol:
        return self._made(_product(-1.0, self._real), _product(-1.0, self._imaginary))

    def __pos__(self) -> Symbol:
        return self

    def __sub__(self, other: Any) -> Symbol:
        return self + -self._other(other)

    def __rsub__(self, other: Any) -> Symbol:
        return self._other(other) - self

    def __mul__(self, other: Any) -> Symbol:
        a, b, c, d = self._real, self._imaginary, *(lambda o: (o._real, o._imaginary))(self._other(other))
        real = _sum(_product(a, c), _product(-1.0, _product(b, d)))
        return self._made(real, _sum(_product(a, d), _product(b, c)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Symbol:
        return self * self._other(other).inverse()

    def __rtruediv__(self, other: Any) -> Symbol:
        return self._other(other) * self.inverse()

    def __pow__(self, exponent: Any) -> Symbol:
        try:
            n = operator.index(exponent)
        except TypeError:
            raise ModelError(f"A symbol's power is a whole number, not {exponent!r}.") from None
        if n < 0:
            return self.inverse() ** -n
        result = self._made(1.0, 0.0)
        for _ in range(n):
            result = result * self
        return result

    def inverse(self) -> Symbol:
        """1/σ, and 0 where σ is 0."""
        size = _sum(_product(self._real, self._real), _product(self._imaginary, self._imaginary))
        if isinstance(size, Expression):
            gone = size == 0.0
            weight = np.where(gone, 0.0, 1.0 / np.where(gone, 1.0, size))  # type: ignore[call-overload]
        else:
            gone = np.equal(size, 0.0)
            weight = np.where(gone, 0.0, 1.0 / np.where(gone, 1.0, size))
        return self._made(_product(self._real, weight), _product(-1.0, _product(self._imaginary, weight)))

    def __repr__(self) -> str:
        kinds = [n for n, p in (("real", self._real), ("imaginary", self._imaginary)) if not _is_zero(p)]
        return f"Symbol({' and '.join(kinds) or 'zero'}, half spectrum {self.half})"


# ---- parts ------------------------------------------------------------------------------------------------------


def _is_zero(part: Part) -> bool:
    return isinstance(part, float) and part == 0.0


def _sum(a: Part, b: Part) -> Part:
    return b if _is_zero(a) else a if _is_zero(b) else a + b


def _product(a: Part, b: Part) -> Part:
    return 0.0 if _is_zero(a) or _is_zero(b) else a * b


def _lengths(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """(half, extended) length of each axis of the spectrum."""
    return [(h, h + (n % 2 == 0)) for n, h in zip(shape, half_of(shape), strict=True)]


def _extended(part: Any, shape: tuple[int, ...]) -> Part:
    """What was given, with the Nyquist modes twice."""
    if isinstance(part, (int, float)):
        return float(part)
    x = part if isinstance(part, Expression) else np.asarray(part, dtype=float)
    if x.ndim > len(shape):
        raise ModelError(f"A symbol's part has shape {x.shape}; the half spectrum is {half_of(shape)}.")
    if x.ndim and x.ndim < len(shape):
        x = x[(None,) * (len(shape) - x.ndim)]
    for a, (half, full) in enumerate(_lengths(shape) if x.ndim else []):
        if x.shape[a] not in (1, half, full):
            raise ModelError(f"A symbol's part has shape {x.shape}; the half spectrum is {half_of(shape)}.")
        if x.shape[a] == half != full and half > 1:
            at = _nyquist(shape, a)
            x = np.concatenate([x, _slice(x, a, at, at + 1)], axis=a)
    return x


def _nyquist(shape: tuple[int, ...], axis: int) -> int:
    return shape[axis] // 2


def _slice(x: Any, axis: int, start: int, stop: int) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _collapsed(part: Part, shape: tuple[int, ...]) -> Part:
    """Both values at a Nyquist mode averaged."""
    if isinstance(part, float) or not part.ndim:
        return part
    for a, (half, full) in enumerate(_lengths(shape)):
        if half != full and part.shape[a] == full:
            at = _nyquist(shape, a)
            mean = 0.5 * (_slice(part, a, at, at + 1) + _slice(part, a, half, half + 1))
            pieces = [_slice(part, a, 0, at), mean, _slice(part, a, at + 1, half)]
            part = np.concatenate([p for p in pieces if p.shape[a]], axis=a)
    return part


def _broadcast(part: Part, half: tuple[int, ...]) -> Any:
    if isinstance(part, Expression):
        return np.broadcast_to(as_expression(part), half)  # type: ignore[call-overload]
    return np.array(np.broadcast_to(part, half))
