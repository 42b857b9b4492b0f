"""Kernels compute what NumPy does: random graphs, their derivatives and each operation, straight-line and in loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.graph.strategies import QUICK, graphs

from unideq.engine.julia.start import start
from unideq.graph import OPERATIONS, Graph, apply, constant, jacobian, to_json, variable, vjp
from unideq.graph.operations.network import OPAQUE

Case = tuple[Graph, dict[str, np.ndarray]]
MODES = ("scalar", "array")


@pytest.fixture(scope="module")
def evaluate():
    """A function from cases (graph, values, mode, fixed inputs, before) to outputs, all in one call of Julia."""
    main = start().base.Main
    runs = main.include(str(Path(__file__).with_name("kernels.jl")))

    def call(
        cases: list[tuple[Graph, dict[str, np.ndarray], str, tuple[str, ...], float | None]],
    ) -> list[dict[str, Any]]:
        encoded = [
            {
                "graph": to_json(graph),
                "values": {k: [repr(float(x)) for x in np.ravel(v)] for k, v in values.items()},
                "mode": mode,
                "fixed": fixed,
                "before": before,
            }
            for graph, values, mode, fixed, before in cases
        ]
        return json.loads(str(runs.evaluate(json.dumps(encoded))))

    return call


def products(graph: Graph) -> int:
    """Multiplications in matrix products: large ones as straight-line code take minutes to compile."""
    return sum(n.size * n.inputs[0].shape[-1] for n in graph.nodes if n.operation == "matmul")


def agree(evaluate: Any, cases: list[Case], before: float | None = None, fixed: Any = lambda graph: ()) -> None:
    asked = [
        (graph, values, mode, fixed(graph), before)
        for graph, values in cases
        for mode in MODES
        if mode == "array" or products(graph) < 1000
    ]
    for (graph, values, mode, _, _), found in zip(asked, evaluate(asked), strict=True):
        expected = graph.evaluate(values)
        for name, value in expected.items():
            text = ["nan" if x == "NaN" else x for x in found["outputs"][name]]
            mine = np.array(text, dtype=float).reshape(value.shape)
            wanted = np.asarray(value, dtype=float) + (before or 0.0)
            scale = np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1.0)
            np.testing.assert_allclose(
                mine, wanted, 1e-12, 1e-12 * scale, err_msg=f"{mode} {name}: {json.dumps(to_json(graph))}"
            )
        assert found["bytes"] == 0, f"{mode}: {found['bytes']} bytes: {json.dumps(to_json(graph))}"


def drawn(number: int, **settings_of_graphs: Any) -> list[Case]:
    """As many random graphs, the same in every run."""
    found: list[Case] = []

    @settings(QUICK, max_examples=number, database=None)
    @given(graphs(**settings_of_graphs))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def with_cotangents(case: Case, seed: int = 0) -> Case:
    graph, values = case
    rng = np.random.default_rng(seed)
    seeds = {f"cotangent.{name}": rng.normal(size=node.shape) for name, node in graph.outputs.items()}
    return vjp(graph, graph.input_names), {**values, **seeds}


def test_random_graphs(evaluate):
    agree(evaluate, drawn(40))


def test_random_graphs_with_fixed_inputs_added_to_outputs(evaluate):
    agree(evaluate, drawn(20, max_operations=9), before=0.5, fixed=lambda graph: graph.input_names[:1])


def test_derivatives_of_random_graphs(evaluate):
    cases = [with_cotangents(case) for case in drawn(25, max_operations=9)]
    agree(evaluate, cases)
    agree(evaluate, cases[:8], before=-0.25, fixed=lambda graph: graph.input_names[:1])


def test_jacobians_of_random_graphs(evaluate):
    cases = [(jacobian(graph, "x0", "y0").graph, values) for graph, values in drawn(10, max_operations=6)]
    agree(evaluate, cases)


# ---- every operation ---------------------------------------------------------------------------------------------

EXTREME = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310, -1e-310, 710.0, -750.0, 1.5, -1.5, 3.0, -2.0, 0.5, 1e300, -0.3]
)
ELEMENTWISE = [name for name, operation in OPERATIONS.items() if operation.family == "elementwise"]


def elementwise(name: str, x: np.ndarray) -> Case:
    count = {"where": 3}.get(name, 2 if name in TWO else 1)
    inputs = [variable(f"x{k}", x.shape) for k in range(count)]
    values = {f"x{k}": np.roll(x, 3 * k + k * k) for k in range(count)}
    arguments: list[Any] = list(inputs)
    if name.startswith("logical") or name == "where":
        arguments[0] = apply("less", inputs[0], 0.4)
    if name in ("logical_and", "logical_or"):
        arguments[1] = apply("less_equal", inputs[1], 0.4)
    result = apply(name, *arguments)
    return Graph(inputs, {"y": apply("where", result, 1.0, 0.0) if result.dtype == "bool" else result}), values


TWO = {
    "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "arctan2", "less", "less_equal", "equal",
    "logical_and", "logical_or",
}  # fmt: skip


def structural() -> dict[str, list[Case]]:
    """Small and larger cases of every operation that isn't elementwise, by name."""
    rng = np.random.default_rng(3)
    cases: dict[str, list[Case]] = {}

    def add(name: str, *shapes: tuple[int, ...], **attributes: Any) -> None:
        inputs = [variable(f"x{k}", shape) for k, shape in enumerate(shapes)]
        values = {f"x{k}": rng.normal(size=shape) for k, shape in enumerate(shapes)}
        y = apply(name, *inputs, **attributes)
        cases.setdefault(name, []).append((Graph(inputs, {"y": y, "z": np.sin(y) * 2.0}), values))

    for n in (3, 40):
        add("reshape", (2, n), shape=(n, 2))
        add("transpose", (n, 2, 3), axes=(2, 0, 1))
        add("broadcast_to", (n, 1), shape=(2, n, 5))
        add("concatenate", (n, 2), (n, 1), axis=1)
        add("roll", (2, n), shift=2, axis=1)
        add("slice", (2, n), window=((0, 2, 1), (1, n, 2)))
        add("pad", (2, n), window=((1, 3, 1), (2, 2 * n + 1, 2)), shape=(4, 2 * n + 3))
        add("pad", (2, n), window=((1, 3, 1), (2, n + 2, 1)), shape=(4, n + 3))
        add("gather", (n, 3), indices=rng.integers(0, n, 2 * n), axis=0)
        add("scatter_add", (2, n), indices=rng.integers(0, n, n), axis=1, size=n + 2)
        for axes in ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2)):
            add("sum", (2, n, 3), axes=axes)
            add("amax", (2, n, 3), axes=axes)
        add("stop_gradient", (n,))
        add("learned", (n,), (2,), network="closure")
        for boundary in ("periodic", "zero", "edge"):
            for name in ("stencil", "stencil_adjoint"):
                for offsets in ((-1, 0, 1), (1, 2)):
                    settings_of = {
                        "coefficients": rng.normal(size=len(offsets)),
                        "offsets": offsets,
                        "boundary": boundary,
                    }
                    add(name, (n, 2), axis=0, **settings_of)
                    add(name, (2, n), axis=1, **settings_of)
        coefficients = rng.normal(size=(4, 4, 2))
        breaks, anchors = np.array([-0.7, 0.1, 0.9]), np.array([-1.0, -0.7, 0.1, 0.9])
        add("piecewise_polynomial", (n,), breaks=breaks, anchors=anchors, coefficients=coefficients)
    for m, k, n in (
        (2, 2, 2),
        (5, 1, 7),
        (6, 3, 1),
        (2, 40, 1),
        (1, 40, 30),
        (30, 40, 1),
        (9, 11, 13),
        (64, 33, 50),
        (3, 90, 2),
    ):
        add("matmul", (m, k), (k, n))
        add("matmul", (2, m, k), (k, n))
        x, y = variable("x", (k, m)), variable("y", (n, k))
        values = {"x": rng.normal(size=(k, m)), "y": rng.normal(size=(n, k))}
        cases["matmul"].append((Graph([x, y], {"y": apply("matmul", x.T, y.T)}), values))
    return cases


def test_elementwise_operations_at_ordinary_and_extreme_values(evaluate):
    grid = np.linspace(-3.0, 3.0, 41)
    points = np.concatenate([grid, EXTREME])
    cases = [elementwise(name, x) for name in ELEMENTWISE for x in (points, EXTREME[3:6])]
    agree(evaluate, cases)


def test_every_other_operation(evaluate):
    cases = structural()
    tested = {*cases, *ELEMENTWISE}
    assert tested >= set(OPERATIONS) - OPAQUE, "an operation lacks a test of its Julia code"
    agree(evaluate, [case for found in cases.values() for case in found])


def test_constant_powers(evaluate):
    x = variable("x", (7,))
    values = {"x": np.array([0.3, -0.9, 1.1, -1.4, 0.0, 2.0, 5.0])}
    exponents = (2.0, 3.0, -2.0, 7.0, 0.5, 1.5, -1.5, 64.0, 65.0)
    agree(evaluate, [(Graph([x], {"y": apply("power", x, constant(p))}), values) for p in exponents])
