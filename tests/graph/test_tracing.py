"""What can't be recorded says so: which line of the user's, and what to write instead."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from unideq.errors import ModelError, OptionError, TraceError, UnideqError
from unideq.graph import Expression, Graph, apply, as_expression, constant, tracing, variable
from unideq.graph.location import tracing as users

x = variable("x")
v = variable("v", (4,))
m = variable("m", (3, 4))


def refused(function: Callable[[], Any], *instead: str) -> None:
    """The call raises a `TraceError` that names this file, the line of the call's last statement, and what to write."""
    lines, start = inspect.getsourcelines(function)
    with pytest.raises(TraceError) as caught:
        function()
    message = str(caught.value)
    named = re.search(r" at test_tracing\.py:(\d+)", message)
    assert named, message
    assert start <= int(named.group(1)) < start + len(lines), message
    for wanted in instead:
        assert wanted in message, message


# ---- Python's own statements --------------------------------------------------------------------------------------


def test_if():
    def function():
        if x > 0:
            return x

    refused(function, "`np.where(condition, a, b)`", "`if x > 0:`")


def test_while():
    def function():
        while x < 1:
            pass

    refused(function, "np.where")


def test_and_or_not():
    refused(lambda: x > 0 and x < 1, "`np.logical_and(a, b)`")
    refused(lambda: x > 0 or x < 1, "np.where")
    refused(lambda: not x, "np.where")


def test_comparison_chain():
    refused(lambda: 0 < x < 1, "comparison chain")


def test_equality_is_numpys_and_never_silently_false():
    def function():
        if x == 0:
            return x

    refused(function, "np.where")
    y = np.where(x == 0, 1.0, x)
    graph = Graph((x,), {"y": y, "z": np.where(x != 0, 2.0, x)})
    assert graph.evaluate({"x": 0.0})["y"] == 1.0
    assert graph.evaluate({"x": 3.0})["z"] == 2.0


def test_pythons_min_max_and_in():
    refused(lambda: max(x, 0.0), "`np.maximum`")
    refused(lambda: min(x, 0.0), "`np.maximum`/`np.minimum`/`np.clip`")
    refused(lambda: x in [0.0, 1.0], "np.where")


def test_float_int_complex_and_index():
    refused(lambda: float(x), "`float()`", "np.exp")
    refused(lambda: int(x), "`int()`")
    refused(lambda: complex(x), "`complex()`")
    refused(lambda: [1, 2][x], "`index()`")
    refused(lambda: range(x), "`index()`")
    refused(lambda: round(float(x)), "float")


@pytest.mark.parametrize("function", [math.exp, math.sin, math.sqrt, math.floor, math.log])
def test_math_module(function: Callable):
    refused(lambda: function(x), "`math` module", "`np.exp`, `np.sqrt`")


def test_scalars_can_not_be_unpacked_or_measured():
    def function():
        a, b = x
        return a + b

    refused(function, "returns the output itself, not a tuple")
    refused(lambda: len(x), "scalar")
    refused(lambda: list(x), "unpacked")


def test_item_assignment():
    def function():
        v[0] = 1.0

    refused(function, "`np.where(mask, new, old)`", "`np.stack([...])`")


def test_assignment_of_a_symbol_into_a_plain_array():
    def function():
        du = np.zeros_like(v)
        du[0] = x
        return du

    def traced():
        with tracing():
            function()

    with pytest.raises(TraceError, match=r"`np\.stack\(\[\.\.\.\]\)`"):
        traced()

    def part():
        du = np.zeros_like(v)
        du[1:] = v[1:]

    refused(part, "`np.stack([a, b])`")

    def other():
        du = np.zeros(4)
        du += v
        return du

    refused(other, "plain array", "`new = old + …`")


# ---- NumPy ---------------------------------------------------------------------------------------------------------


def test_arrays_of_symbols():
    refused(lambda: np.asarray(v), "`np.stack([a, b])`")
    refused(lambda: np.array([x, 2 * x]), "`np.stack([a, b])`")
    refused(lambda: np.array(v, dtype=float), "`np.stack([a, b])`")
    refused(lambda: np.sum([x, x]), "`np.stack([a, b])`")


@pytest.mark.parametrize(
    ("function", "instead"),
    [
        (lambda: np.einsum("i,i", v, v), "`np.matmul`, `np.dot` or `np.sum(a * b, axis=...)`"),
        (lambda: np.tensordot(m, v, 1), "`np.matmul`"),
        (lambda: np.interp(x, [0.0, 1.0], [0.0, 1.0]), "`forcings=`"),
        (lambda: np.gradient(v), "`np.roll`"),
        (lambda: np.any(v > 0), "`np.max(np.where(condition, 1.0, 0.0))`"),
        (lambda: np.all(v > 0), "`np.min(np.where(condition, 1.0, 0.0))`"),
        (lambda: np.sort(v), "no useful derivative"),
        (lambda: np.argmax(v), "`np.max`"),
        (lambda: np.nan_to_num(v), "`np.where(np.isnan(x), 0.0, x)`"),
        (lambda: np.select([v > 0], [v]), "nested `np.where`"),
        (lambda: np.empty_like(v), "np.stack"),
        (lambda: np.rint(v), "np.floor"),
        (lambda: np.linalg.inv(m), "constant matrix"),
        (lambda: np.fft.fft(v), "`np.fft.fft`"),
        (lambda: np.spacing(v), "`unideq.graph.supported_functions()`"),
        (lambda: np.modf(v), "`np.modf`"),
        (lambda: np.unwrap(v), "supported_functions"),
        (lambda: np.where(v > 0), "`np.where(condition, a, b)`"),
    ],
)
def test_functions_that_can_not_be_recorded(function: Callable, instead: str):
    refused(function, instead)


@pytest.mark.parametrize(
    ("function", "instead"),
    [
        (lambda: np.add(v, 1.0, out=np.zeros(4)), "`new = old + …`"),
        (lambda: np.multiply(v, 1.0, out=v), "out="),
        (lambda: np.exp(v, where=np.ones(4, bool)), "`where=`"),
        (lambda: np.add(v, v, dtype="float32"), "`dtype=`"),
        (lambda: np.add.reduce(v), "`np.sum`"),
        (lambda: np.multiply.outer(v, v), "`np.outer`"),
        (lambda: np.add.accumulate(v), "`np.cumsum`"),
        (lambda: np.add.at(v, [0], 1.0), "`np.add.at`"),
        (lambda: np.sum(v, out=np.zeros(())), "`out=`"),
        (lambda: np.clip(v, 0, 1, out=v), "`out=`"),
        (lambda: np.sum(v, where=np.ones(4, bool)), "where"),
        (lambda: np.sum(v, dtype=int), "float64"),
        (lambda: np.max(v, initial=0.0), "initial"),
        (lambda: np.take(v, [9], mode="clip"), "mode='clip'"),
        (lambda: np.concatenate([v, v], dtype="float32"), "dtype"),
        (lambda: np.reshape(m, (4, 3), order="F"), "Transpose, then reshape"),
        (lambda: np.average(v, returned=True), "returned=True"),
        (lambda: np.pad(v, 1, mode="mean"), "wrap, edge, reflect, symmetric"),
        (lambda: np.linalg.norm(v, 1), "only Euclidean"),
        (lambda: np.linalg.norm(m, 2), "only Euclidean"),
    ],
)
def test_settings_that_can_not_be_recorded(function: Callable, instead: str):
    refused(function, instead)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: m + np.ones(3), "(3, 4) and (3,)"),
        (lambda: m @ np.ones(3), "(3, 4)"),
        (lambda: x @ v, "Use `*`"),
        (lambda: np.stack([v, x]), "equal shapes"),
        (lambda: np.concatenate([x, x]), "`np.stack([...])`"),
        (lambda: np.concatenate([v, m]), "(4,), (3, 4)"),
        (lambda: np.concatenate([v, v > 0]), "booleans"),
        (lambda: np.reshape(m, (5, 2)), "(3, 4)"),
        (lambda: m.reshape(7, -1), "(3, 4)"),
        (lambda: np.sum(m, axis=2), "out of bounds"),
        (lambda: np.sum(m, axis=(0, 0)), "twice"),
        (lambda: np.transpose(m, (0, 0)), "each of its axes once"),
        (lambda: np.broadcast_to(v, (3,)), "(4,)"),
        (lambda: np.moveaxis(m, 0, 5), "out of bounds"),
        (lambda: np.split(v, 3), "np.split"),
        (lambda: np.squeeze(m, axis=0), "(3, 4)"),
        (lambda: np.max(variable("empty", (0,))), "No elements"),
        (lambda: np.inner(m, m), "np.matmul"),
        (lambda: np.cross(v, v), "vectors of 3"),
    ],
)
def test_shapes_that_do_not_fit(function: Callable, said: str):
    refused(function, said)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: v[v > 0], "`np.where(mask, a, b)`"),
        (lambda: v[x], "can't be an index"),
        (lambda: v[[x]], "np.stack"),
        (lambda: v[x:], "index"),
        (lambda: v[4], "out of bounds"),
        (lambda: v[-5], "out of bounds"),
        (lambda: v[1.0], "can't index"),
        (lambda: v["hare"], "names belong to `state`, `p` and `net`"),
        (lambda: v[0, 0], "Too many indices"),
        (lambda: v[..., ...], "index"),
        (lambda: v[[7]], "out of bounds"),
        (lambda: v[np.ones(3, bool)], "boolean index"),
        (lambda: v[::0], "zero"),
        (lambda: v[True], "truth value"),
        (lambda: v[[0.5]], "(4,)"),
    ],
)
def test_indices_that_do_not_fit(function: Callable, said: str):
    refused(function, said)


@pytest.mark.parametrize(
    "value", ["hare", None, {"a": 1.0}, 1j, np.array(["a"]), object()], ids=lambda v: type(v).__name__
)
def test_values_that_are_no_numbers(value: Any):
    refused(lambda: x + value)
    refused(lambda: as_expression(value))


def test_the_innermost_line_of_the_user_is_named_also_through_library_code():
    def inner(value):
        return math.exp(value)

    with pytest.raises(TraceError) as caught:
        list(map(inner, [x]))
    line = inspect.getsourcelines(inner)[1] + 1
    assert f"test_tracing.py:{line}: `return math.exp(value)`" in str(caught.value)


def test_trace_errors_are_type_errors_and_ours():
    assert issubclass(TraceError, TypeError)
    assert issubclass(TraceError, UnideqError)


# ---- what expressions are ------------------------------------------------------------------------------------------


def test_equal_expressions_are_one_object_and_work_in_sets_and_dicts():
    assert variable("x") is x
    assert variable("x", (1,)) is not x
    assert np.sin(x) + 1 is np.sin(x) + 1.0
    assert constant([1.0, 2.0]) is constant(np.array([1, 2]))
    assert constant(0.0) is not constant(-0.0)
    assert constant(np.nan) is constant(np.nan)
    assert len({x, variable("x"), x + 1, x + 1}) == 2
    assert {x + 1: "a"}[1 + x if False else x + 1] == "a"


def test_copies_and_pickles_are_the_same_object():
    y = np.tanh(m @ v) * 2.0
    assert copy.copy(y) is y
    assert copy.deepcopy([y])[0] is y
    assert pickle.loads(pickle.dumps(y)) is y
    graph = Graph((m, v), {"y": y})
    assert pickle.loads(pickle.dumps(graph)).outputs["y"] is y


def test_threads_share_expressions():
    found: list[list[Expression]] = []
    barrier = threading.Barrier(4)

    def trace() -> None:
        barrier.wait()
        found.append([np.sin(x * float(i)) + float(i) for i in range(2, 300)])

    threads = [threading.Thread(target=trace) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(a is b for mine in found for a, b in zip(mine, found[0], strict=True))


def test_long_chains_neither_recurse_nor_leak():
    y = x
    for _ in range(20_000):
        y = np.sin(y)
    graph = Graph((x,), {"y": y})
    assert graph.operation_count == 20_000
    assert len(repr(y)) < 150
    del graph, y


def test_expression_knows_whether_it_has_a_value_or_a_name():
    assert constant(2.0).value == 2.0
    assert x.name == "x"
    with pytest.raises(TypeError, match="only constants"):
        _ = x.value
    with pytest.raises(TypeError, match="only inputs"):
        _ = (x + 1).name
    with pytest.raises(ValueError, match="read-only"):
        constant([1.0]).value[0] = 2.0


def test_constants_do_not_follow_later_changes_of_their_array():
    array = np.ones(3)
    held = constant(array)
    array[0] = 5.0
    np.testing.assert_array_equal(held.value, np.ones(3))


# ---- graphs ---------------------------------------------------------------------------------------------------------


def test_graph_refuses_unknown_inputs_and_double_names():
    with pytest.raises(ModelError, match="`v`"):
        Graph((x,), {"y": v + x})
    with pytest.raises(ModelError, match="share a name"):
        Graph((x, variable("x", (2,))), {"y": x})


def test_graph_evaluation_checks_its_inputs():
    graph = Graph((x, v), {"y": x * v})
    with pytest.raises(ModelError, match="No value for graph input `v`"):
        graph.evaluate({"x": 1.0})
    with pytest.raises(ModelError, match=r"needs shape \(4,\), not \(3,\)"):
        graph.evaluate({"x": 1.0, "v": np.ones(3)})
    with pytest.raises(OptionError, match="`vv`"):
        graph.input("vv")


def test_unused_inputs_need_no_value():
    assert Graph((x, v), {"y": 2 * x}).evaluate({"x": 1.5})["y"] == 3.0


def test_unknown_operation_name_is_refused():
    with pytest.raises(KeyError):
        apply("no such operation", x)


# ---- objects of xarray and pandas --------------------------------------------------------------------------------

LABELLED = xr.DataArray([1.0, 2.0, 3.0], dims="s")
COLUMN = pd.Series([1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: LABELLED * x,
        lambda x: LABELLED - x,
        lambda x: LABELLED**x,
        lambda x: LABELLED @ x,
        lambda x: np.less(LABELLED, x) * x,
        lambda x: LABELLED.variable * x,
        lambda x: LABELLED.to_dataset(name="a") * x,
        lambda x: xr.where(x > 0, 1.0, 2.0),
        lambda x: as_expression(np.multiply(LABELLED, x)),
        lambda x: x + np.multiply(LABELLED, x),
        lambda x: COLUMN * x,
        lambda x: COLUMN - x,
        lambda x: COLUMN**x,
        lambda x: pd.DataFrame({"a": COLUMN}) * x,
        lambda x: pd.Index(COLUMN) * x,
    ],
)
def test_labelled_constants_are_named_where_they_meet_a_symbol(function: Callable):
    line = inspect.getsourcelines(function)[1]
    with pytest.raises(TraceError, match=rf"pandas or xarray .* at test_tracing.py:{line}: .*: `\.values`"), users():
        function(variable("x", (3,)))


def test_their_numbers_and_those_on_the_right_are_constants():
    x = variable("x", (3,))
    assert LABELLED.values * x is x * LABELLED
    assert COLUMN.values * x is x * COLUMN


def test_errors_of_pandas_that_have_nothing_to_do_with_symbols_stay_what_they_are():
    with pytest.raises(KeyError), users():
        COLUMN.to_frame()["missing"]
