"""Random graphs for property tests: `graphs()` draws a graph over all operation families, with values for its inputs.

Hypothesis draws everything: shapes, operations, operands, attributes and constants, the plain ones (0, 1, −1) that
graphs simplify among them; a failing graph shrinks to few operations on early inputs. Other numbers come from a seed
that is drawn, so that no two are alike: derivatives are compared with finite differences, and nothing may sit on a
kink. Magnitudes are kept near one, and arguments within each function's domain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from unideq.graph import Expression, Graph, apply, constant, variable

__all__ = ["FAMILIES", "QUICK", "examples", "graphs"]


def examples(count: int) -> settings:
    """As many examples of a property, the same in every run; in the `long` mode other ones each time, and 20 times."""
    return settings(
        max_examples=count if settings.default.derandomize else 20 * count,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


QUICK = examples(80)
"""Few enough to stay quick."""

SHAPES = ((), (1,), (3,), (4,), (2, 3), (3, 2), (2, 2, 3))
PLAIN = (1.0, 0.0, -1.0, 2.0, 0.5)
LARGEST = 6.0  # values beyond this are squashed, or repeated products and exponentials would drown everything else
MARGIN = 0.01  # from every kink, which finite differences would step over; structural zeros and ties have no slope


@dataclass
class Sheet:
    """What has been drawn so far."""

    draw: st.DrawFn
    inputs: list[Expression] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    pool: list[Expression] = field(default_factory=list)
    found: dict[Expression, np.ndarray] = field(default_factory=dict)
    arrays: int = 0

    def value(self, x: Expression) -> np.ndarray:
        if x not in self.found:
            if x.operation == "input":
                return self.values[x.name]
            if x.is_constant:
                return x.value
            self.found[x] = np.asarray(x.entry.evaluate(*map(self.value, x.inputs), **x.attributes))
        return self.found[x]

    def pick(self, *choices: Any) -> Any:
        return choices[self.integer(0, len(choices) - 1)]

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def numbers(self, shape: tuple[int, ...] = (), low: float = -1.5, high: float = 1.5) -> np.ndarray:
        """Numbers without anything special about them; no two arrays of a graph share any."""
        self.arrays += 1
        return np.random.default_rng((self.integer(0, 999), self.arrays)).uniform(low, high, shape)

    def any(self, fits: Callable[[Expression], bool] = lambda x: True) -> Expression:
        """One of the expressions so far, the newest most often; else a constant."""
        candidates = [x for x in self.pool if fits(x)]
        return self.pick(*candidates, *3 * candidates[-2:]) if candidates else self.noise((4,))

    def indices(self, n: int, count: int) -> np.ndarray:
        return np.array([self.integer(0, n - 1) for _ in range(count)])

    def axis(self, x: Expression) -> int:
        return self.integer(0, x.ndim - 1)

    def noise(self, shape: tuple[int, ...]) -> Expression:
        plain = self.pick(False, False, True)
        return constant(np.full(shape, self.pick(*PLAIN)) if plain else self.numbers(shape))

    def partner(self, shape: tuple[int, ...]) -> Expression:
        """An expression that broadcasts against `shape`, or a constant."""
        return self.pick(*[x for x in self.pool if x.shape in (shape, ())], self.noise(shape))

    def apart(self, a: Expression, b: Any = 0.0) -> bool:
        """Whether two values are the same, or clearly not, element by element."""
        distance = np.abs(self.value(a) - (self.value(b) if isinstance(b, Expression) else b))
        return bool(np.all((distance == 0.0) | (distance > MARGIN)))


def _has_axes(x: Expression) -> bool:
    return x.ndim > 0


# ---- one function a family: each draws an expression from those so far ------------------------------------------


def _elementwise(s: Sheet) -> Expression:
    x = s.any()
    direct = ("sin", "cos", "tanh", "sigmoid", "softplus", "arctan", "expm1", "exp", "sinh", "cosh", "negative")
    name = s.pick(*direct, "absolute", "sign", "floor", "log", "log1p", "sqrt", "cbrt", "tan", "arcsin", "arccos")
    if name in ("log", "sqrt", "cbrt"):
        x = x if np.min(s.value(x), initial=1.0) > 0.3 else 0.6 + x * x
    elif name == "log1p":
        x = x * x
    elif name in ("tan", "arcsin", "arccos"):
        x = 0.9 * apply("tanh", x)
    elif name == "floor":
        x = 3.0 * x + s.numbers(low=0.0, high=1.0)
    level = np.round(s.value(x)) if name == "floor" else 0.0
    return apply(name, x) if name not in ("absolute", "sign", "floor") or s.apart(x, level) else x


def _arithmetic(s: Sheet) -> Expression:
    a = s.any()
    b = s.partner(a.shape)
    a, b = s.pick((a, b), (b, a))
    name = s.pick("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "arctan2")
    if name == "divide":
        b = b if np.min(np.abs(s.value(b)), initial=1.0) > 0.3 else 1.3 + b * b
    elif name == "power":
        b = s.pick(constant(2.0), constant(3.0), constant(-1.5), b)
        a = 0.7 + a * a
    elif name == "arctan2":
        b = 0.9 + b * b
    elif name in ("maximum", "minimum") and not s.apart(a, b):
        return a
    return apply(name, a, b)


def _choice(s: Sheet) -> Expression:
    x = s.any()
    y, z = s.partner(x.shape), s.partner(x.shape)
    edge = float(s.numbers(low=-1.0, high=1.0))
    if not (s.apart(x, edge) and s.apart(y, edge)):
        return x
    condition = apply(s.pick("less", "less_equal", "equal"), x, edge)
    if s.pick(True, False):
        other = apply("less", edge, y)
        condition = apply(s.pick("logical_and", "logical_or"), condition, apply("logical_not", other))
    return apply("where", condition, x, z)


def _structure(s: Sheet) -> Expression:
    x = s.any(_has_axes)
    kind = s.pick("reshape", "transpose", "broadcast_to", "concatenate", "roll")
    if kind == "reshape":
        return apply("reshape", x, shape=s.pick((x.size,), x.shape[::-1], (1, *x.shape), (x.size, 1)))
    if kind == "transpose":
        return apply("transpose", x, axes=s.draw(st.permutations(range(x.ndim)).map(tuple)))
    if kind == "broadcast_to":
        return apply("broadcast_to", x, shape=(2, *x.shape)) if x.ndim < 3 else x
    axis = s.axis(x)
    if kind == "roll":
        return apply("roll", x, shift=s.integer(-3, 3), axis=axis)
    same = [y for y in s.pool if y.shape == x.shape]
    return apply("concatenate", x, s.pick(*same, s.noise(x.shape)), s.noise(x.shape), axis=axis)


def _selection(s: Sheet) -> Expression:
    x = s.any(_has_axes)
    axis = s.axis(x)
    n = x.shape[axis]
    kind = s.pick("slice", "pad", "gather", "scatter_add")
    if kind == "gather":
        return apply("gather", x, indices=s.indices(n, s.integer(1, 5)), axis=axis)
    if kind == "scatter_add":
        return apply("scatter_add", x, indices=s.indices(n + 1, n), axis=axis, size=n + 1)
    low, step = s.integer(0, n - 1), s.pick(1, 2)
    if kind == "slice":
        window = tuple((low, n, step) if a == axis else (0, m, 1) for a, m in enumerate(x.shape))
        return apply("slice", x, window=window)
    window = tuple((low, low + (n - 1) * step + 1, step) if a == axis else (0, m, 1) for a, m in enumerate(x.shape))
    shape = tuple(low + (n - 1) * step + 2 if a == axis else m for a, m in enumerate(x.shape))
    return apply("pad", x, window=window, shape=shape)


def _reduction(s: Sheet) -> Expression:
    x = s.any(_has_axes)
    axes = s.pick((s.axis(x),), tuple(range(x.ndim)))
    name = s.pick("sum", "amax")
    if name == "amax" and not s.apart(x, np.max(s.value(x), axis=axes, keepdims=True)):
        name = "sum"
    return apply(name, x, axes=axes) * 0.7


def _linear(s: Sheet) -> Expression:
    x = s.any(lambda x: x.ndim >= 2)
    if x.ndim < 2:
        x = apply("reshape", x, shape=(x.size, 1))
    fitting = [y for y in s.pool if y.ndim == 2 and y.shape[0] == x.shape[-1]]
    own = apply("transpose", x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))
    y = s.pick(*fitting, s.noise((x.shape[-1], 2)), own)
    return apply("matmul", x, y)


def _stencil(s: Sheet) -> Expression:
    x = s.any(lambda x: any(n >= 3 for n in x.shape))
    axis = next(a for a in range(x.ndim) if x.shape[a] >= 3)
    offsets = s.pick((-1, 0, 1), (0, 1), (-2, 0))
    coefficients = s.numbers((len(offsets),), -1.0, 1.0)
    name, boundary = s.pick("stencil", "stencil_adjoint"), s.pick("periodic", "zero", "edge")
    return apply(name, x, coefficients=coefficients, offsets=offsets, axis=axis, boundary=boundary)


def _fourier(s: Sheet) -> Expression:
    x = s.any(_has_axes)
    dims = s.pick(1, min(2, x.ndim))
    shape = x.shape[-dims:]
    spectrum = apply("rfft", x, dims=dims)
    if s.pick(True, False):
        return 0.5 * spectrum
    content = s.pick(spectrum * spectrum, spectrum[..., ::-1] * s.noise((1, 2)), spectrum + s.noise((2,)))
    return apply("irfft", content, shape=shape)


def _convolution(s: Sheet) -> Expression:
    x = s.any(lambda x: x.ndim >= 2)
    if x.ndim < 2:
        x = apply("reshape", x, shape=(1, x.size))
    dims = s.pick(1, min(2, x.ndim - 1))
    space, channels = x.shape[-dims:], x.shape[-dims - 1]
    size = tuple(int(s.pick(*range(1, n + 1, 2))) for n in space)
    boundary = tuple(s.pick("periodic", "zero") for _ in size)
    fitting = [y for y in s.pool if y.shape == (1, channels, *size)]
    y = apply("convolution", x, s.pick(*fitting, s.noise((2, channels, *size))), boundary=boundary)
    if s.pick(True, False, False):
        return apply("convolution_kernel", x, y, size=size, boundary=boundary)
    return y


def _interpolation(s: Sheet) -> Expression:
    t = s.any(lambda x: x.ndim < 2)
    breaks = np.array([-0.77, 0.11, 0.93])
    anchors = np.array([-1.0, -0.77, 0.11, 0.93])
    value_shape = s.pick((), (2,))
    coefficients = s.numbers((s.pick(1, 2, 4), 4, *value_shape), -0.5, 0.5)
    if not all(s.apart(t, b) for b in breaks):
        return t
    return apply("piecewise_polynomial", t, breaks=breaks, anchors=anchors, coefficients=coefficients, label="force")


def _learned(s: Sheet) -> Expression:
    x = s.any()
    return apply("learned", apply("tanh", x), x, network="closure")


def _stop(s: Sheet) -> Expression:
    return apply("stop_gradient", s.any())


FAMILIES: dict[str, Callable[[Sheet], Expression]] = {
    "elementwise": _elementwise,
    "arithmetic": _arithmetic,
    "choice": _choice,
    "structure": _structure,
    "selection": _selection,
    "reduction": _reduction,
    "linear": _linear,
    "stencil": _stencil,
    "fourier": _fourier,
    "convolution": _convolution,
    "interpolation": _interpolation,
    "learned": _learned,
    "stop_gradient": _stop,
}
"""Family → what draws one operation of it."""


@st.composite
def graphs(
    draw: st.DrawFn, max_operations: int = 12, families: tuple[str, ...] = tuple(FAMILIES)
) -> tuple[Graph, dict[str, np.ndarray]]:
    """A random graph and values for its inputs.

    Parameters
    ----------
    max_operations
        How many draws from the families, at most; a draw may bring a few helping operations along.
    families
        Which families; leave `stop_gradient` out where derivatives are compared with finite differences.

    Returns
    -------
    Graph
        Inputs `x0`, … (1 to 3); outputs `y0`, … (2 or 3), all float64 and finite; the last is a scalar that depends on
        everything drawn.
    values
        Input name → array.
    """
    sheet = Sheet(draw)
    for i in range(sheet.integer(1, 3)):
        shape = sheet.pick(*SHAPES)
        sheet.inputs.append(variable(f"x{i}", shape))
        sheet.values[f"x{i}"] = sheet.numbers(shape)
    sheet.pool += sheet.inputs
    for _ in range(sheet.integer(1, max_operations)):
        made = FAMILIES[sheet.pick(*families)](sheet)
        if made.size > 200 or made.is_constant or any(made is x for x in sheet.pool):
            continue
        if np.max(np.abs(sheet.value(made)), initial=0.0) > LARGEST:
            made = apply("sin", 0.1 * made)
        sheet.pool.append(made)
    total = constant(0.0)
    for made in sheet.pool:
        total = total + sheet.numbers(low=0.2, high=1.0) * apply("sum", made, axes=tuple(range(made.ndim)))
    outputs = {f"y{i}": node for i, node in enumerate([*sheet.pool[-sheet.integer(1, 2) :], total])}
    return Graph(sheet.inputs, outputs), sheet.values
