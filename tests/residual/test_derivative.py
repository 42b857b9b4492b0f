"""`d` is the derivative: of analytic functions, and as JAX's nested `grad` has it, up to order four and mixed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.errors import TraceError
from unideq.graph import Graph, variable

pytestmark = pytest.mark.usefixtures("double_precision")

jax = pytest.importorskip("jax")
jnp = jax.numpy

X, Y = variable("x"), variable("y")
ORDERS = [(1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (1, 1), (2, 1), (2, 2), (1, 3), (0, 4)]


def wrt(nx: int, ny: int) -> list[Any]:
    return [*([X, nx] if nx else []), *([Y, ny] if ny else [])]


def value(expression: Any, x: float, y: float) -> float:
    return float(Graph([X, Y], {"d": expression}).evaluate({"x": x, "y": y})["d"])


@pytest.mark.parametrize(("nx", "ny"), ORDERS)
def test_derivatives_of_a_product_of_waves_are_waves(nx: int, ny: int):
    a, b, x, y = 1.3, -0.7, 0.4, 1.1
    found = value(ude.d(np.sin(a * X) * np.exp(b * Y), *wrt(nx, ny)), x, y)
    assert found == pytest.approx(a**nx * np.sin(a * x + nx * np.pi / 2) * b**ny * np.exp(b * y), rel=1e-13)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_tanh_are_its_polynomials(order: int):
    t = np.tanh(0.3)
    s = 1 - t**2
    known = {1: s, 2: -2 * t * s, 3: s * (6 * t**2 - 2), 4: t * s * (16 - 24 * t**2)}
    assert value(ude.d(np.tanh(X), X, order), 0.3, 0.0) == pytest.approx(known[order], rel=1e-13)


def test_the_order_of_differentiation_does_not_matter():
    f = np.exp(X * Y) * np.cos(X - Y)
    several = [ude.d(f, X, 2, Y), ude.d(f, Y, X, 2), ude.d(f, X, Y, X), ude.d(ude.d(f, Y), X, X)]
    assert [value(e, 0.2, 0.9) for e in several] == pytest.approx([value(several[0], 0.2, 0.9)] * 4, rel=1e-12)


def nested(f: Callable[..., Any], nx: int, ny: int) -> Callable[..., Any]:
    """∂ⁿˣ∂ⁿʸ f by JAX, one `grad` at a time."""
    for _ in range(nx):
        f = jax.grad(f, 0)
    for _ in range(ny):
        f = jax.grad(f, 1)
    return f


UNARY: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "sin": (np.sin, jnp.sin),
    "tanh": (np.tanh, jnp.tanh),
    "exp": (lambda v: np.exp(0.3 * v), lambda v: jnp.exp(0.3 * v)),
    "root": (lambda v: np.sqrt(2.0 + v * v), lambda v: jnp.sqrt(2.0 + v * v)),
    "square": (lambda v: v**2, lambda v: v**2),
    "logarithm": (lambda v: np.log(3.0 + v * v), lambda v: jnp.log(3.0 + v * v)),
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / (2.0 + b * b),
}
Tree = tuple[Callable[..., Any], Callable[..., Any]]
"""The same function of (x, y), for symbols and for JAX."""


def joined(name: str, one: Tree, other: Tree) -> Tree:
    f = BINARY[name]
    return lambda x, y: f(one[0](x, y), other[0](x, y)), lambda x, y: f(one[1](x, y), other[1](x, y))


def applied(name: str, inner: Tree) -> Tree:
    symbolic, numeric = UNARY[name]
    return lambda x, y: symbolic(inner[0](x, y)), lambda x, y: numeric(inner[1](x, y))


LEAVES: list[Tree] = [(lambda x, y: x, lambda x, y: x), (lambda x, y: y, lambda x, y: y)]
TREES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.builds(applied, st.sampled_from(sorted(UNARY)), inner),
        st.builds(joined, st.sampled_from(sorted(BINARY)), inner, inner),
    ),
    max_leaves=4,
)


@settings(max_examples=40, deadline=None)
@given(TREES, st.sampled_from(ORDERS), st.floats(-1, 1), st.floats(-1, 1))
def test_d_matches_nested_grad_of_random_expressions(tree: Tree, order: tuple[int, int], x: float, y: float):
    nx, ny = order
    found = value(ude.d(tree[0](X, Y) + 0.0 * X * Y, *wrt(nx, ny)), x, y)
    known = float(nested(lambda a, b: tree[1](a, b) + 0.0 * a * b, nx, ny)(x, y))
    assert found == pytest.approx(known, rel=1e-9, abs=1e-9)


LOW, HIGH = (-2.0, 0.0), (6.0, 0.5)


def mlp(theta: dict[str, Any], x: Any, y: Any) -> Any:
    """A network of standardised inputs, written down independently: mean and deviation of the uniform distribution."""
    value = jnp.stack(
        [(v - (lo + hi) / 2) / ((hi - lo) / jnp.sqrt(12.0)) for v, lo, hi in zip((x, y), LOW, HIGH, strict=True)]
    )
    for k in (1, 2):
        value = jnp.tanh(theta[f"u.layer_{k}.weight"] @ value + theta[f"u.layer_{k}.bias"])
    return (theta["u.layer_3.weight"] @ value + theta["u.layer_3.bias"])[0]


def test_derivatives_of_a_standardised_network_are_those_in_the_coordinates_themselves():
    def derivatives(at: Any, field: Any) -> dict[str, Any]:
        pairs = {f"d{nx}{ny}": ((at.x, nx), (at.y, ny)) for nx, ny in ORDERS}
        return {
            name: ude.d(field.u, *(item for coordinate, n in pair if n for item in (coordinate, n)))
            for name, pair in pairs.items()
        }

    problem = ude.ResidualProblem(
        {"x": (LOW[0], HIGH[0]), "y": (LOW[1], HIGH[1])},
        {"u": ude.nn.MLP(2, 1, hidden=(7, 6))},
        {"all": ude.Interior(derivatives)},
    )
    theta = problem.initial_theta(3)
    theta = theta + 0.1 * np.random.default_rng(0).standard_normal(len(theta))
    weights = problem.layout.unpack(theta)
    x, y = np.array([-1.5, 0.3, 5.0]), np.array([0.1, 0.25, 0.45])
    found = problem.residual("all", {"x": x, "y": y}, theta)
    for nx, ny in [(1, 0), (2, 0), (4, 0), (1, 1), (2, 2), (1, 3)]:
        known = jax.jit(jax.vmap(nested(lambda a, b: mlp(weights, a, b), nx, ny)))(x, y)
        np.testing.assert_allclose(found[f"all.d{nx}{ny}"], known, rtol=1e-10, atol=1e-12)


def residual(function: Callable[..., Any], **more: Any) -> ude.ResidualProblem:
    return ude.ResidualProblem(
        {"x": (0, 1), "t": (0, 1)}, {"u": ude.nn.MLP(2, 1, hidden=(4,))}, {"pde": ude.Interior(function)}, **more
    )


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda at, field: ude.d(field.u), "needs a coordinate"),
        (lambda at, field: ude.d(field.u, field.u), "a value computed from them"),
        (lambda at, field, p: field.u + ude.d(field.u, p.k), "the parameter `k`"),
        (lambda at, field: ude.d(field.u, 2.0), "2.0 is neither"),
        (lambda at, field: ude.d(field.u, 2), "2 is neither"),
        (lambda at, field: ude.d(field.u, at.x, 0), "0 is neither"),
        (lambda at, field: ude.d(field.u, "x"), "'x' is neither"),
        (lambda at, field: ude.d(field.u, ude.d(field.u, at.x)), "a value computed from them"),
    ],
)
def test_only_coordinates_can_be_differentiated_in(function: Callable[..., Any], message: str):
    with pytest.raises(TraceError, match=message):
        residual(function, parameters={"k": 1.0})


def test_a_column_is_not_a_coordinate():
    walls = ude.PointSet(lambda at, field: ude.d(field.u, at.nx), at={"x": [0.0], "t": [0.5], "nx": [1.0]})
    with pytest.raises(TraceError, match=r"Unknown coordinate to differentiate in `nx`.*`x`, `t`"):
        ude.ResidualProblem({"x": (0, 1), "t": (0, 1)}, {"u": ude.nn.MLP(2, 1)}, {"walls": walls})


def test_the_message_names_the_line_that_differentiates():
    with pytest.raises(TraceError, match=r"test_derivative\.py:\d+: `.*ude\.d\(field\.u, 2\.0\)"):
        residual(lambda at, field: ude.d(field.u, 2.0))


def test_a_field_held_at_a_number_is_not_differentiated_in_that_coordinate():
    with pytest.raises(TraceError, match=r"field\(x=1\.0\).*Let it move|field\(x=1\.0\).*let it move"):
        residual(lambda at, field: ude.d(field.u - field(x=1.0).u, at.x))
    held = residual(lambda at, field: ude.d(field(x=1.0).u, at.t))  # in others it is
    free = residual(lambda at, field: ude.d(field.u, at.t))
    times = np.linspace(0, 1, 4)
    np.testing.assert_array_equal(
        held.residual("pde", {"t": times})["pde"], free.residual("pde", {"x": 1.0, "t": times})["pde"]
    )


def test_derivatives_elsewhere_follow_a_point_that_moves():
    moved = residual(lambda at, field: ude.d(field(x=at.x + 0.5).u, at.x, 2))
    plain = residual(lambda at, field: ude.d(field.u, at.x, 2))
    x, t = np.array([0.0, 0.1, 0.4]), 0.3
    np.testing.assert_allclose(
        moved.residual("pde", {"x": x, "t": t})["pde"], plain.residual("pde", {"x": x + 0.5, "t": t})["pde"], rtol=1e-12
    )
