"""Every operation has a JAX lowering, and it means what the NumPy evaluation and our own derivatives mean."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given

from unideq.engine.jax.lowering import LOWERINGS, lower, lowering
from unideq.errors import EngineUnsupported, ModelError
from unideq.graph import OPERATIONS, Graph, apply, convolve, variable, vjp

from ..graph.strategies import FAMILIES, examples, graphs
from ..graph.test_operations import CASES, Case
from .problems import engine

pytestmark = pytest.mark.usefixtures("double_precision")

SOME = examples(20)
SMOOTH = tuple(name for name in FAMILIES if name != "stop_gradient")


def close(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def pulled(graph: Graph, values: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """vᵀ J by `jax.vjp` of the lowered graph, and by our own vjp graph, for the same random v."""
    rng = np.random.default_rng(1)
    cotangents = {name: rng.standard_normal(node.shape) for name, node in graph.outputs.items()}

    def both(given: dict[str, Any]) -> Any:
        _, back = jax.vjp(lower(graph), given)
        return back(cotangents)[0]

    theirs = jax.jit(both)(values)
    seeds = {f"cotangent.{name}": value for name, value in cotangents.items()}
    return theirs, vjp(graph, graph.input_names).evaluate({**values, **seeds})


def test_jax_has_every_operation_but_lux_networks_and_the_table_no_other():
    lacking = {name for name in OPERATIONS if lowering(name) is None}
    assert lacking == {name for name, entry in OPERATIONS.items() if entry.family == "network"}
    assert set(LOWERINGS) <= set(OPERATIONS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operation_gives_numpys_value(case: Case):
    graph = case.graph()
    found = lower(graph)(case.values)["y"]
    assert found.dtype == graph.outputs["y"].dtype
    assert found.shape == graph.outputs["y"].shape
    close(found, graph.evaluate(case.values)["y"])


@pytest.mark.parametrize("case", [c for c in CASES if c.differentiable and min(c.arrays[0].shape, default=1)], ids=str)
def test_an_operation_has_our_derivative(case: Case):
    theirs, ours = pulled(case.graph(), case.values)
    for name, value in ours.items():
        close(theirs[name], value)


@SOME
@given(graphs())
def test_random_graphs_have_numpys_values(drawn: tuple[Graph, dict[str, np.ndarray]]):
    graph, values = drawn
    found = jax.jit(lower(graph))(values)
    for name, value in graph.evaluate(values).items():
        close(found[name], value)


@SOME
@given(graphs(families=SMOOTH))
def test_random_graphs_have_our_derivatives(drawn: tuple[Graph, dict[str, np.ndarray]]):
    graph, values = drawn
    theirs, ours = pulled(graph, values)
    for name, value in ours.items():
        close(theirs[name], value, 1e-11)


@pytest.mark.parametrize("exponent", [2.0, 3.0, -2.0, 7.0, 0.5, 1.5, -1.5, 64.0, 65.0])
def test_constant_powers_are_numpys(exponent: float):
    x = variable("x", (4,))
    graph = Graph([x], {"y": x**exponent})
    values = {"x": np.array([0.3, 0.9, 1.1, 1.4])}
    close(lower(graph)(values)["y"], graph.evaluate(values)["y"])


def test_whole_powers_of_negative_numbers_and_zero_have_finite_slopes():
    x = variable("x", (3,))
    slope = jax.grad(lambda v: lower(Graph([x], {"y": np.sum(x**3)}))({"x": v})["y"])(np.array([-2.0, 0.0, 1.0]))
    close(slope, [12.0, 0.0, 3.0])


@pytest.mark.parametrize("boundary", ["periodic", "zero", "edge"])
@pytest.mark.parametrize("offsets", [(4,), (-4, -3), (0,), (2, 3, 4)])
def test_one_sided_and_far_stencils(boundary: str, offsets: tuple[int, ...]):
    x = variable("x", (5, 2))
    settings = {"coefficients": (0.5, -1.25, 2.0)[: len(offsets)], "offsets": offsets, "axis": 0, "boundary": boundary}
    values = {"x": np.random.default_rng(0).standard_normal((5, 2))}
    for name in ("stencil", "stencil_adjoint"):
        graph = Graph([x], {"y": apply(name, x, **settings)})
        close(lower(graph)(values)["y"], graph.evaluate(values)["y"])


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
@pytest.mark.parametrize("channels", [(2, 3), (3, 2)])
@pytest.mark.parametrize(("space", "size"), [((7,), (5,)), ((4, 5), (3, 1)), ((3, 4), (3, 3))])
def test_mapped_convolutions_have_our_values_and_derivatives(boundary: str, channels: Any, space: Any, size: Any):
    """Forward and reverse mode of the lowering under `vmap`, as training uses it: the kernel isn't mapped."""
    rng = np.random.default_rng(0)
    x, kernel = variable("x", (channels[0], *space)), variable("kernel", (channels[1], channels[0], *size))
    graph = Graph([x, kernel], {"y": convolve(x, kernel, boundary)})
    data = rng.standard_normal((4, *x.shape))
    weights, tangent = rng.standard_normal((2, *kernel.shape))
    run = lower(graph)
    both = jax.vmap(lambda x, kernel: run({"x": x, "kernel": kernel})["y"], (0, None))
    value, moved = jax.jit(lambda d, w, t: jax.jvp(lambda w: both(d, w), (w,), (t,)))(data, weights, tangent)
    cotangent = rng.standard_normal(value.shape)
    pulled = jax.jit(lambda d, w: jax.vjp(both, d, w)[1](cotangent))(data, weights)
    slope = vjp(graph, ["x", "kernel"])
    ours = [slope.evaluate({"x": d, "kernel": weights, "cotangent.y": c}) for d, c in zip(data, cotangent, strict=True)]
    close(value, convolve(data, weights, boundary))
    close(moved, convolve(data, tangent, boundary))
    close(pulled[0], [found["x"] for found in ours])
    close(pulled[1], sum(found["kernel"] for found in ours))


def test_interpolation_with_many_pieces():
    rng = np.random.default_rng(2)
    breaks = np.sort(rng.uniform(-3, 3, 100))
    t = variable("t", (50,))
    forcing = apply(
        "piecewise_polynomial",
        t,
        breaks=breaks,
        anchors=np.r_[-3.0, breaks],
        coefficients=rng.standard_normal((4, 101)),
    )
    graph = Graph([t], {"y": forcing})
    values = {"t": np.r_[rng.uniform(-4, 4, 46), breaks[[0, 50, 99]], 5.0]}
    close(lower(graph)(values)["y"], graph.evaluate(values)["y"])


def test_the_engine_evaluates_mapped_graphs():
    a, b = variable("a", (2,)), variable("b")
    graph = Graph([a, b], {"y": a * b, "z": np.sum(a)})
    values = {"a": np.arange(6.0).reshape(3, 2), "b": 2.0}
    found = engine().evaluate(graph, values, mapped=["a"])
    close(found["y"], 2 * values["a"])
    close(found["z"], values["a"].sum(axis=1))
    both = engine().evaluate(graph, {**values, "b": np.array([1.0, 2.0, 3.0])}, mapped=["a", "b"])
    close(both["y"], values["a"] * np.array([[1.0], [2.0], [3.0]]))
    close(engine().evaluate(graph, {"a": np.ones(2), "b": 3.0})["y"], [3.0, 3.0])


def test_outputs_that_ignore_the_mapped_input_are_repeated():
    a, b = variable("a", (2,)), variable("b")
    graph = Graph([a, b], {"y": b + 1.0})
    assert engine().evaluate(graph, {"a": np.zeros((3, 2)), "b": 1.0}, mapped=["a"])["y"].tolist() == [2.0, 2.0, 2.0]


def test_missing_and_misshapen_values_are_named():
    a = variable("a", (2,))
    graph = Graph([a], {"y": a})
    with pytest.raises(ModelError, match="No value for graph input `a`"):
        engine().evaluate(graph, {})
    with pytest.raises(ModelError, match=r"`a` needs shape \(2,\), not \(3,\)"):
        engine().evaluate(graph, {"a": np.ones(3)})


def test_an_operation_without_lowering_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(OPERATIONS, "sine", OPERATIONS["sin"])
    x = variable("x")
    with pytest.raises(EngineUnsupported, match="lacks the operation `sine`"):
        lower(Graph([x], {"y": apply("sine", x)}))


def test_many_views_of_a_vector_are_one_split_with_the_gradient_of_its_parts():
    """Parts beside each other, with gaps, and one that is read by two; few views stay slices."""

    def graph(count):
        theta = variable("theta", (3 * count + 2,))
        parts = [theta[3 * k + 1 : 3 * k + 3] for k in range(count)]
        return Graph([theta], {"y": sum((k + 1) * np.sum(np.sin(p)) for k, p in enumerate(parts)) + np.sum(parts[0])})

    for count, primitive in ((40, "split"), (4, "slice")):
        run = lower(graph(count))
        theta = np.linspace(0.0, 1.0, 3 * count + 2)
        made = jax.make_jaxpr(lambda t, run=run: run({"theta": t})["y"])(theta)
        assert primitive in {str(e.primitive) for e in made.eqns}
        wanted = np.zeros_like(theta)
        for k in range(count):
            wanted[3 * k + 1 : 3 * k + 3] = (k + 1) * np.cos(theta[3 * k + 1 : 3 * k + 3]) + (k == 0)
        found = jax.grad(lambda t, run=run: run({"theta": t})["y"])(theta)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
