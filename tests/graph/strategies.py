"""Random graphs for property tests: `graphs()` draws a graph over all operation families, with values for its inputs.

Hypothesis draws a seed and the number of operations, which it can shrink; the rest comes from a seeded NumPy generator.
Hypothesis itself loves zeros and ties, and derivatives are compared with finite differences, so nothing may sit on a
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

__all__ = ["FAMILIES", "QUICK", "graphs"]

QUICK = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
"""Settings of property tests over graphs: the same examples in every run, few enough to stay quick."""

SHAPES = ((), (1,), (3,), (4,), (2, 3), (3, 2), (2, 2, 3))
LARGEST = 6.0  # values beyond this are squashed, or repeated products and exponentials would drown everything else


@dataclass
class Sheet:
    """What has been drawn so far."""

    inputs: list[Expression]
    values: dict[str, np.ndarray]
    rng: np.random.Generator
    pool: list[Expression]
    found: dict[Expression, np.ndarray] = field(default_factory=dict)

    def value(self, x: Expression) -> np.ndarray:
        if x not in self.found:
            self.found[x] = Graph(self.inputs, {"x": x}).evaluate(self.values)["x"]
        return self.found[x]

    def pick(self, *choices: Any) -> Any:
        return choices[self.rng.integers(len(choices))]

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def any(self, fits: Callable[[Expression], bool] = lambda x: True) -> Expression:
        """One of the expressions so far, the newest most often; else a constant."""
        candidates = [x for x in self.pool if fits(x)]
        return self.pick(*candidates, *3 * candidates[-2:]) if candidates else self.noise((4,))

    def axis(self, x: Expression) -> int:
        return self.integer(0, x.ndim - 1)

    def noise(self, shape: tuple[int, ...]) -> Expression:
        return constant(self.rng.uniform(-1.5, 1.5, shape))

    def partner(self, shape: tuple[int, ...]) -> Expression:
        """An expression that broadcasts against `shape`, or a constant."""
        return self.pick(*[x for x in self.pool if x.shape in (shape, ())], self.noise(shape))


def _has_axes(x: Expression) -> bool:
    return x.ndim > 0


# ---- one function a family: each draws an expression from those so far ------------------------------------------


def _elementwise(s: Sheet) -> Expression:
    x = s.any()
    direct = ("sin", "cos", "tanh", "sigmoid", "softplus", "arctan", "expm1", "exp", "sinh", "cosh", "negative")
    name = s.pick(*direct, "absolute", "sign", "floor", "log", "log1p", "sqrt", "tan", "arcsin", "arccos")
    if name in ("log", "sqrt"):
        x = x if np.min(s.value(x), initial=1.0) > 0.3 else 0.6 + x * x
    elif name == "log1p":
        x = x * x
    elif name in ("tan", "arcsin", "arccos"):
        x = 0.9 * apply("tanh", x)
    elif name == "floor":
        x = 3.0 * x + float(s.rng.uniform())
    return apply(name, x)


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
    return apply(name, a, b)


def _choice(s: Sheet) -> Expression:
    x = s.any()
    y, z = s.partner(x.shape), s.partner(x.shape)
    edge = float(s.rng.uniform(-1.0, 1.0))
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
        return apply("transpose", x, axes=tuple(int(a) for a in s.rng.permutation(x.ndim)))
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
        return apply("gather", x, indices=s.rng.integers(0, n, s.integer(1, 5)), axis=axis)
    if kind == "scatter_add":
        return apply("scatter_add", x, indices=s.rng.integers(0, n + 1, n), axis=axis, size=n + 1)
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
    return apply(s.pick("sum", "amax"), x, axes=axes) * 0.7


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
    coefficients = s.rng.uniform(-1, 1, len(offsets))
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
    coefficients = s.rng.uniform(-0.5, 0.5, (s.pick(1, 2, 4), 4, *value_shape))
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
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = [SHAPES[i] for i in rng.integers(len(SHAPES), size=draw(st.integers(1, 3)))]
    inputs = [variable(f"x{i}", shape) for i, shape in enumerate(shapes)]
    values = {f"x{i}": rng.uniform(-1.5, 1.5, shape) for i, shape in enumerate(shapes)}
    sheet = Sheet(inputs, values, rng, list(inputs))
    for _ in range(draw(st.integers(min(4, max_operations), max_operations))):
        made = FAMILIES[sheet.pick(*families)](sheet)
        if made.size > 200 or made.is_constant:
            continue
        if np.max(np.abs(sheet.value(made)), initial=0.0) > LARGEST:
            made = apply("sin", 0.1 * made)
        sheet.pool.append(made)
    total = constant(0.0)
    for made in sheet.pool:
        total = total + float(rng.uniform(0.2, 1.0)) * apply("sum", made, axes=tuple(range(made.ndim)))
    outputs = {f"y{i}": node for i, node in enumerate([*sheet.pool[-sheet.integer(1, 2) :], total])}
    return Graph(inputs, outputs), values
