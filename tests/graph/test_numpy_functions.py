"""NumPy's functions, ufuncs, operators, methods and indexing on symbolic arrays give what NumPy gives on plain ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices, integer_array_indices

from unideq.graph import Expression, Graph, as_expression, supported_functions, variable
from unideq.graph.numpy_protocol import FUNCTIONS
from unideq.graph.numpy_ufuncs import COMPOSED
from unideq.graph.operation import UFUNCS

from .strategies import QUICK

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 3, 4))
M = RNG.normal(size=(3, 4))
SQUARE = RNG.normal(size=(3, 3))
V = RNG.normal(size=4)
W = RNG.normal(size=3)
S = np.array(0.7)
ONE = RNG.normal(size=(1, 3, 1))
TRUTH = RNG.normal(size=(3, 4)) > 0


def evaluated(function: Callable[..., Any], *arrays: np.ndarray) -> Any:
    """The function traced on symbolic arrays, then evaluated at the arrays; a tuple or list stays one."""
    inputs = [variable(f"x{i}", a.shape) for i, a in enumerate(arrays)]
    result = function(*inputs)
    if isinstance(result, (tuple, list)):
        graph = Graph(inputs, {str(i): as_expression(r) for i, r in enumerate(result)})
        found = graph.evaluate({f"x{i}": a for i, a in enumerate(arrays)})
        return [found[str(i)] for i in range(len(result))]
    graph = Graph(inputs, {"y": as_expression(result)})
    return graph.evaluate({f"x{i}": a for i, a in enumerate(arrays)})["y"]


def check(function: Callable[..., Any], *arrays: np.ndarray, rtol: float = 1e-13) -> None:
    expected = function(*arrays)
    found = evaluated(function, *arrays)
    several = isinstance(expected, (tuple, list))
    for e, f in zip(expected if several else [expected], found if several else [found], strict=True):
        e = np.asarray(e)
        assert f.shape == e.shape
        assert (f.dtype == np.bool_) == (e.dtype == np.bool_)
        np.testing.assert_allclose(f, e, rtol=rtol, atol=1e-14)


# ---- ufuncs -----------------------------------------------------------------------------------------------------

UNIT = {np.arcsin, np.arccos, np.arctanh}
ABOVE_ZERO = {np.log, np.log1p, np.log2, np.log10, np.sqrt}
POWERS = {np.power, np.float_power}
BOOLEAN = {np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert}


def arguments(ufunc: np.ufunc) -> list[np.ndarray]:
    if ufunc in UNIT:
        return [np.tanh(M)]
    if ufunc in ABOVE_ZERO:
        return [np.abs(M) + 0.01]
    if ufunc is np.arccosh:
        return [1.0 + np.abs(M)]
    if ufunc in POWERS:
        return [np.abs(M) + 0.1, V]
    if ufunc is np.matmul:
        return [X, RNG.normal(size=(4, 2))]
    return [M, V][: ufunc.nin]


@pytest.mark.parametrize("ufunc", [f for f in (*UFUNCS, *COMPOSED) if f not in BOOLEAN], ids=lambda f: f.__name__)
def test_ufunc_is_numpys(ufunc: np.ufunc):
    check(ufunc, *arguments(ufunc), rtol=1e-12)


@pytest.mark.parametrize("ufunc", sorted(BOOLEAN, key=lambda f: f.__name__), ids=lambda f: f.__name__)
def test_boolean_ufunc_is_numpys(ufunc: np.ufunc):
    if ufunc.nin == 1:
        check(lambda x: ufunc(x > 0), M)
    else:
        check(lambda x, y: ufunc(x > 0, y > 0.2), M, V)


@pytest.mark.parametrize("ufunc", [np.arcsinh, np.exp2, np.cbrt, np.trunc, np.ceil, np.arctanh, np.log1p])
def test_ufuncs_stay_accurate_near_zero_and_far_out(ufunc: np.ufunc):
    near, far = [-0.3, -1e-12, 1e-12, 0.3], [-900.0, -2.5, 3.0, 900.0]
    check(ufunc, np.array(near if ufunc in (np.arctanh, np.log1p) else near + far), rtol=1e-14)


@pytest.mark.parametrize("ufunc", [np.fmax, np.fmin, np.maximum, np.minimum, np.isnan, np.isfinite, np.hypot])
def test_ufuncs_treat_nan_and_infinity_as_numpy_does(ufunc: np.ufunc):
    special = np.array([np.nan, 1.0, np.inf, -np.inf, np.nan])
    check(ufunc, *[special, np.array([0.0, np.nan, 1.0, 2.0, np.nan])][: ufunc.nin])


@pytest.mark.parametrize("name", ["add", "multiply", "less", "maximum", "where"])
def test_plain_arrays_numbers_and_lists_mix_with_symbols_on_both_sides(name: str):
    function = {"where": lambda a, b: np.where(a > b, a, b)}.get(name, getattr(np, name))
    for other in (2, 2.5, np.float64(0.5), np.int32(3), V, V.tolist(), True, np.arange(4)):
        check(lambda x, o=other: function(x, np.asarray(o) if isinstance(x, np.ndarray) else o), M)
        check(lambda x, o=other: function(np.asarray(o), x), M)


# ---- functions --------------------------------------------------------------------------------------------------

C = Callable[..., Any]
CASES: list[tuple[Any, str, C, list[np.ndarray]]] = []


def case(function: Any, label: str, call: C, *arrays: np.ndarray) -> None:
    CASES.append((function, label, call, list(arrays)))


for _f in (np.sum, np.max, np.amax, np.min, np.amin, np.mean, np.var, np.std, np.prod):
    case(_f, "all", _f, X)
    case(_f, "scalar", _f, S)
    for _axis in (0, 1, -1):
        case(_f, f"axis {_axis}", lambda x, f=_f, a=_axis: f(x, axis=a), X)
        case(_f, f"axis {_axis} kept", lambda x, f=_f, a=_axis: f(x, axis=a, keepdims=True), X)
    case(_f, "kept", lambda x, f=_f: f(x, keepdims=True), X)
    if _f is not np.prod:
        case(_f, "two axes", lambda x, f=_f: f(x, axis=(0, -1)), X)
        case(_f, "no axes", lambda x, f=_f: f(x, axis=()), X)
case(np.sum, "of a condition", lambda x: np.sum(x > 0, axis=0) * 1.0, M)
case(np.var, "ddof", lambda x: np.var(x, axis=1, ddof=1), X)
case(np.std, "ddof", lambda x: np.std(x, ddof=1), X)
case(np.average, "plain", np.average, X)
case(np.average, "axis", lambda x: np.average(x, axis=1), X)
case(np.average, "weights on the last axis", lambda x: np.average(x, axis=-1, weights=np.arange(1.0, 5.0)), X)
case(np.average, "weights on the first axis", lambda x: np.average(x, axis=0, weights=np.array([1.0, 3.0])), X)
case(np.average, "symbolic weights", lambda x, w: np.average(x, axis=1, weights=w * w), X, W)
case(np.average, "full weights", lambda x: np.average(x, weights=np.arange(1.0, 13.0).reshape(3, 4)), M)
case(np.cumsum, "flat", np.cumsum, M)
case(np.cumsum, "axis", lambda x: np.cumsum(x, axis=1), X)
case(np.cumsum, "negative axis", lambda x: np.cumsum(x, axis=-1), X)
case(np.diff, "plain", np.diff, X)
case(np.diff, "second, first axis", lambda x: np.diff(x, n=2, axis=1), X)
case(np.diff, "prepend", lambda x: np.diff(x, prepend=0.0, append=x[:, :1]), M)
case(np.trapezoid, "plain", np.trapezoid, X)
case(np.trapezoid, "dx", lambda x: np.trapezoid(x, dx=0.1, axis=0), X)
case(np.trapezoid, "x", lambda x: np.trapezoid(x, np.array([0.0, 1.0, 4.0]), axis=1), X)
case(np.trapezoid, "symbolic x", lambda y, x: np.trapezoid(y, np.cumsum(x * x)), M, V)
case(np.linalg.norm, "all", np.linalg.norm, V)
case(np.linalg.norm, "axis", lambda x: np.linalg.norm(x, axis=-1, keepdims=True), M)
case(np.linalg.norm, "Frobenius", lambda x: np.linalg.norm(x), M)
case(np.linalg.norm, "ord 2", lambda x: np.linalg.norm(x, 2, axis=0), M)
case(np.dot, "vectors", np.dot, V, RNG.normal(size=4))
case(np.dot, "matrix vector", np.dot, M, V)
case(np.dot, "vector matrix", np.dot, W, M)
case(np.dot, "scalar", np.dot, S, M)
case(np.dot, "batch", np.dot, X, V)
case(np.outer, "vectors", np.outer, V, W)
case(np.outer, "flattens", np.outer, M, W)
case(np.inner, "vectors", np.inner, V, RNG.normal(size=4))
case(np.inner, "scalar", np.inner, S, V)
case(np.vdot, "matrices", np.vdot, M, RNG.normal(size=(3, 4)))
case(np.cross, "vectors", np.cross, W, RNG.normal(size=3))
case(np.cross, "batch", np.cross, RNG.normal(size=(2, 3)), W)
case(np.reshape, "tuple", lambda x: np.reshape(x, (4, 6)), X)
case(np.reshape, "unknown", lambda x: np.reshape(x, (2, -1)), X)
case(np.reshape, "flat", lambda x: np.reshape(x, -1), X)
case(np.ravel, "plain", np.ravel, X)
case(np.transpose, "plain", np.transpose, X)
case(np.transpose, "axes", lambda x: np.transpose(x, (1, -1, 0)), X)
case(np.swapaxes, "plain", lambda x: np.swapaxes(x, 0, -1), X)
case(np.matrix_transpose, "plain", np.matrix_transpose, X)
case(np.moveaxis, "plain", lambda x: np.moveaxis(x, 0, -1), X)
case(np.moveaxis, "several", lambda x: np.moveaxis(x, (0, 1), (-1, 0)), X)
case(np.expand_dims, "plain", lambda x: np.expand_dims(x, 1), M)
case(np.expand_dims, "several", lambda x: np.expand_dims(x, (0, -1)), M)
case(np.squeeze, "all", np.squeeze, ONE)
case(np.squeeze, "axis", lambda x: np.squeeze(x, -1), ONE)
case(np.broadcast_to, "plain", lambda x: np.broadcast_to(x, (2, 3, 4)), V)
case(np.broadcast_arrays, "plain", lambda a, b: np.broadcast_arrays(a, b), M, V)
case(np.atleast_1d, "scalar", np.atleast_1d, S)
case(np.atleast_1d, "several", lambda a, b: np.atleast_1d(a, b), S, M)
case(np.atleast_2d, "vector", np.atleast_2d, V)
case(np.concatenate, "plain", lambda a, b: np.concatenate([a, b]), V, W)
case(np.concatenate, "axis", lambda a: np.concatenate([a, np.ones((3, 2))], axis=-1), M)
case(np.concatenate, "flat", lambda a, b: np.concatenate([a, b], axis=None), M, W)
case(np.stack, "scalars", lambda a: np.stack([a, 2 * a, 3.0]), S)
case(np.stack, "last axis", lambda a, b: np.stack([a, b], axis=-1), M, M + 1)
case(np.hstack, "vectors", lambda a, b: np.hstack([a, b]), V, W)
case(np.hstack, "matrices", lambda a, b: np.hstack([a, b]), M, SQUARE)
case(np.hstack, "scalars", lambda a: np.hstack([a, a]), S)
case(np.vstack, "vector and matrix", lambda a, b: np.vstack([a, b]), V, M)
case(np.column_stack, "vector and matrix", lambda a, b: np.column_stack([a, b]), W, M)
case(np.append, "flat", lambda a, b: np.append(a, b), M, V)
case(np.append, "axis", lambda a, b: np.append(a, b, axis=1), M, SQUARE)
case(np.split, "sections", lambda x: np.split(x, 2, axis=-1), X)
case(np.split, "places", lambda x: np.split(x, [1, 1, 3]), V)
if hasattr(np, "unstack"):
    case(np.unstack, "plain", lambda x: np.unstack(x), M)
    case(np.unstack, "axis", lambda x: np.unstack(x, axis=-1), M)
case(np.roll, "flat", lambda x: np.roll(x, 5), X)
case(np.roll, "axis", lambda x: np.roll(x, -1, axis=-1), X)
case(np.roll, "axes", lambda x: np.roll(x, (1, 2), axis=(0, 1)), X)
case(np.roll, "one shift, two axes", lambda x: np.roll(x, 1, axis=(0, 1)), X)
case(np.flip, "all", np.flip, X)
case(np.flip, "axis", lambda x: np.flip(x, -1), X)
case(np.take, "flat", lambda x: np.take(x, [0, -1, 5]), M)
case(np.take, "scalar", lambda x: np.take(x, 2, axis=0), M)
case(np.take, "axis", lambda x: np.take(x, [[0, 2], [1, 1]], axis=1), M)
case(np.repeat, "flat", lambda x: np.repeat(x, 2), M)
case(np.repeat, "axis", lambda x: np.repeat(x, [1, 0, 2], axis=0), M)
case(np.tile, "plain", lambda x: np.tile(x, 2), V)
case(np.tile, "grid", lambda x: np.tile(x, (2, 1, 2)), M)
case(np.diagonal, "plain", np.diagonal, SQUARE)
case(np.diagonal, "batch", lambda x: np.diagonal(x, 1, 1, 2), X)
case(np.diag, "matrix", np.diag, SQUARE)
case(np.diag, "vector", lambda x: np.diag(x, -1), W)
case(np.trace, "plain", np.trace, SQUARE)
case(np.trace, "batch", lambda x: np.trace(x, axis1=1, axis2=2), X)
for _mode in ("constant", "wrap", "edge", "reflect", "symmetric"):
    case(np.pad, _mode, lambda x, m=_mode: np.pad(x, ((1, 2), (0, 1)), mode=m), M)
case(np.pad, "one width", lambda x: np.pad(x, 1), M)
case(np.pad, "value", lambda x: np.pad(x, (1, 2), constant_values=(3.0, -1.0)), V)
case(np.clip, "both", lambda x: np.clip(x, -0.5, 0.5), X)
case(np.clip, "above", lambda x: np.clip(x, None, 0.5), X)
case(np.clip, "array limits", lambda x, v: np.clip(x, v - 1, v), M, V)
case(np.where, "plain", lambda x, v: np.where(x > 0, x, v), M, V)
case(np.where, "constant mask", lambda x: np.where(TRUTH, x, 0.0), M)
case(np.where, "number as condition", lambda x: np.where(np.floor(x), x, -1.0), M)
case(np.zeros_like, "plain", lambda x: np.zeros_like(x) + x, M)
case(np.ones_like, "plain", lambda x: np.ones_like(x) * x, M)
case(np.ones_like, "shape", lambda x: np.ones_like(x, shape=(2,)) * x[0, 0], M)
case(np.full_like, "number", lambda x: np.full_like(x, 2.5), M)
case(np.shape, "plain", lambda x: np.shape(x), M)
case(np.ndim, "plain", lambda x: np.ndim(x), M)
case(np.size, "plain", lambda x: (np.size(x), np.size(x, 0)), M)
case(np.iscomplexobj, "plain", np.iscomplexobj, M)
case(np.isrealobj, "plain", np.isrealobj, M)
case(np.copy, "plain", np.copy, M)
case(np.real, "plain", np.real, M)


@pytest.mark.parametrize(("function", "label", "call", "arrays"), CASES, ids=[f"{c[0].__name__}-{c[1]}" for c in CASES])
def test_function_is_numpys(function: Any, label: str, call: C, arrays: list[np.ndarray]):
    check(call, *arrays)


def test_every_supported_function_has_a_case():
    assert {c[0] for c in CASES} == set(FUNCTIONS)


def test_supported_functions_lists_them_by_name():
    names = supported_functions()
    assert names == sorted(set(names))
    assert {"np.sum", "np.exp", "np.linalg.norm", "np.where"} <= set(names)
    assert len(names) == len({f.__name__ for f in (*UFUNCS, *COMPOSED, *FUNCTIONS)})


# ---- operators and methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["add", "sub", "mul", "truediv", "pow", "mod", "floordiv", "lt", "le", "gt", "ge", "eq", "ne"]
)
def test_operator_is_numpys_on_both_sides(name: str):
    function = getattr(operator, name)
    positive = np.abs(M) + 0.1
    check(function, positive, V)
    check(lambda x: function(x, 1.5), positive)
    check(lambda x: function(2.0, x), positive)
    check(lambda x: function(positive, x), V)


def test_boolean_operators_are_numpys():
    check(lambda x, y: ((x > 0) & (y < 1)) | ~(x > y), M, V)
    check(lambda x: (TRUTH & (x > 0)) | TRUTH, M)


def test_unary_operators_and_matrix_product_are_numpys():
    check(lambda x: +abs(-x), M)
    check(lambda a, b: a @ b, M, V)
    check(lambda a: M.T @ a, W)
    check(lambda a: a @ M, W)


def test_in_place_operators_make_new_values_of_what_a_function_made_itself():
    def function(x: Any) -> Any:
        y = x + 0.5
        y += 0.5
        y *= x
        y -= 2.0
        y /= 3.0
        return y

    inputs = variable("x", (3, 4))
    function(inputs)
    np.testing.assert_allclose(evaluated(function, M), ((M + 1) * M - 2) / 3, rtol=1e-14)


def test_methods_and_properties_are_numpys():
    for method in ("sum", "mean", "max", "min"):
        check(lambda x, m=method: getattr(x, m)(axis=1), X)
        check(lambda x, m=method: getattr(x, m)(axis=(0, 2), keepdims=True), X)
        check(lambda x, m=method: getattr(x, m)(), X)
    check(lambda x: x.T, X)
    check(lambda x: x.reshape(6, -1), X)
    check(lambda x: x.reshape((6, 4)), X)
    check(lambda x: x.transpose(2, 0, 1), X)
    check(lambda x: x.transpose((2, 0, 1)), X)
    check(lambda x: x.transpose(), X)
    check(lambda x: x.ravel(), X)
    check(lambda x: x.flatten(), X)
    check(lambda x: x.squeeze(), ONE)
    check(lambda x: x.dot(V), M)
    check(lambda x: x.clip(min=-0.5, max=0.5), M)
    check(lambda x: x.clip(-0.5, 0.5), M)
    check(lambda x: (x.ndim, x.size, len(x), *x.shape), X)


def test_unpacking_and_iterating_give_the_parts():
    def function(x: Any) -> Any:
        first, second, third = x
        return first * second + third + sum(row for row in x)

    check(function, M)


# ---- indexing ---------------------------------------------------------------------------------------------------


@QUICK
@given(basic_indices((4, 3, 5), allow_ellipsis=True, allow_newaxis=True, max_dims=6))
def test_basic_indexing_is_numpys(key: Any):
    x = np.arange(60.0).reshape(4, 3, 5)
    check(lambda a: a[key], x)


@QUICK
@given(integer_array_indices((4, 3, 5)))
def test_integer_array_indexing_is_numpys(key: Any):
    x = np.arange(60.0).reshape(4, 3, 5)
    check(lambda a: a[key], x)


@QUICK
@given(st.lists(st.integers(-4, 3), min_size=0, max_size=6), st.integers(0, 2))
def test_index_lists_along_one_axis_are_numpys(indices: list[int], axis: int):
    x = np.arange(64.0).reshape(4, 4, 4)
    key = (slice(None),) * axis + (np.array(indices, dtype=int),)
    check(lambda a: a[key], x)


@pytest.mark.parametrize(
    "key",
    [
        np.s_[::-1],
        np.s_[-2:0:-1, ..., 1],
        np.s_[..., ::-2],
        np.s_[None, 1, None, :, 2],
        np.s_[[0, 2]],
        np.s_[[2, 1, 1], :, [0, 1, 2]],
        np.s_[:, [True, False, True]],
        np.s_[np.array([True, False, False, True])],
        np.s_[[], 0],
        np.s_[np.int64(2), np.array(1)],
        np.s_[3:1],
        np.s_[()],
        np.s_[(0, 1),],
        np.s_[0, [0, 1], None],
        np.s_[np.arange(60).reshape(4, 3, 5) % 7 == 0],
    ],
    ids=str,
)
def test_indexing_is_numpys(key: Any):
    check(lambda a: a[key], np.arange(60.0).reshape(4, 3, 5))


def test_results_are_expressions_with_static_shapes():
    x = variable("x", (3, 4))
    y = np.sum(np.exp(x) * V, axis=0)
    assert isinstance(y, Expression)
    assert y.shape == (4,)
    assert y.dtype == "float64"
    assert (x > 0).dtype == "bool"
