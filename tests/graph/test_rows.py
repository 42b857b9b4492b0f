"""Piecewise polynomials with a row a trajectory: each is the polynomial of its own row."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unideq.graph import Graph, apply, batched, constant, jvp, text, variable, vjp
from unideq.graph.serialise import from_json, to_json
from unideq.model import Record, row_tables
from unideq.model.forcing import METHODS, pieces

T, ROW = variable("t"), variable("row")


@st.composite
def records(draw):
    """One to four records of different lengths, of numbers or of pairs, and how they are interpolated."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = draw(st.sampled_from([(), (2,)]))
    found = []
    for _ in range(draw(st.integers(1, 4))):
        count = draw(st.integers(1, 6))
        times = np.cumsum(generator.uniform(0.1, 1.0, count)) - 1.0
        found.append(Record(times, generator.normal(size=(count, *shape))))
    return found, draw(st.sampled_from(METHODS))


def graph(found: list[Record], method: str) -> Graph:
    return Graph([T, ROW], {"y": apply("piecewise_polynomial", T, ROW, **row_tables("q", method, found))})


def alone(record: Record, method: str) -> Graph:
    return Graph([T], {"y": apply("piecewise_polynomial", T, **pieces(method, record.times, record.values))})


@given(records())
def test_each_row_is_its_own_polynomial(made):
    found, method = made
    both = graph(found, method)
    again = from_json(json.loads(json.dumps(to_json(both))))
    times = np.concatenate([[-3.0, 9.0], *(r.times for r in found), np.linspace(-1, 3, 7)])
    for row, record in enumerate(found):
        for t in times:
            exact = alone(record, method).evaluate({"t": t})["y"]
            np.testing.assert_allclose(both.evaluate({"t": t, "row": row})["y"], exact, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(
                again.evaluate({"t": t, "row": row})["y"], both.evaluate({"t": t, "row": row})["y"]
            )


@given(records())
def test_a_batch_has_a_row_a_point(made):
    found, method = made
    rows = np.arange(9) % len(found)
    times = np.linspace(-1.3, 3.1, 9)
    single = graph(found, method)
    many = batched(single, ["t", "row"], 9).evaluate({"t": times, "row": rows.astype(float)})["y"]
    one = [single.evaluate({"t": t, "row": r})["y"] for t, r in zip(times, rows, strict=True)]
    np.testing.assert_allclose(many, np.stack(one))
    fixed = batched(single, ["row"], 9).evaluate({"t": 0.3, "row": rows.astype(float)})["y"]
    np.testing.assert_allclose(fixed, np.stack([single.evaluate({"t": 0.3, "row": r})["y"] for r in rows]))


@given(records())
def test_rows_have_no_derivative_and_times_have_their_own(made):
    found, method = made
    both = graph(found, method)
    forward, reverse = jvp(both, "t"), vjp(both, ["t", "row"])
    for row, record in enumerate(found):
        own = jvp(alone(record, method), "t")
        for t in (-2.0, 0.123, 0.777, 5.0):
            slope = own.evaluate({"t": t, "tangent.t": 1.0})["y"]
            found_slope = forward.evaluate({"t": t, "row": row, "tangent.t": 1.0})["y"]
            np.testing.assert_allclose(found_slope, slope, rtol=1e-10, atol=1e-12)
            ones = np.ones_like(slope)
            back = reverse.evaluate({"t": t, "row": row, "cotangent.y": ones})
            np.testing.assert_allclose(back["t"], slope.sum(), rtol=1e-10, atol=1e-12)
            assert back["row"] == 0.0


def test_a_known_row_is_a_polynomial_without_rows():
    found = [Record(np.array([0.0, 1.0]), np.array([1.0, 2.0])), Record(np.array([0.0, 2.0]), np.array([5.0, 3.0]))]
    known = apply("piecewise_polynomial", T, constant(1.0), **row_tables("q", "linear", found))
    assert known.inputs == (T,)
    assert Graph([T], {"y": known}).evaluate({"t": 1.0})["y"] == 4.0
    assert text(graph(found, "linear").outputs["y"]) == "q(t)"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(), (3,)])
def test_jax_reads_the_same_values(method, shape):
    jax = pytest.importorskip("jax")
    from unideq.engine.jax.lowering import lower, rows_read

    generator = np.random.default_rng(1)
    found = [Record(np.sort(generator.uniform(0, 4, n)), generator.normal(size=(n, *shape))) for n in (1, 4, 90)]
    both = graph(found, method)
    run, read = lower(both), rows_read(both)
    for row in range(3):
        for t in (-1.0, 0.5, 2.2, 7.0):
            given = {"t": t, "row": float(row)}
            with jax.enable_x64(True):
                values = [run(given)["y"], run({**given, **read({"row": float(row), "t": 0.0})})["y"]]
            for value in values:
                np.testing.assert_allclose(value, both.evaluate(given)["y"], rtol=1e-12, atol=1e-12)
