"""Kernels compute what NumPy does: random graphs, their derivatives and each operation, straight-line and in loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from tests.graph.strategies import examples, graphs

from unideq.engine.julia.start import start
from unideq.errors import EngineUnsupported
from unideq.graph import OPERATIONS, Graph, apply, constant, irfft, jacobian, jvp, rfft, to_json, variable, vjp

Case = tuple[Graph, dict[str, np.ndarray]]
MODES = ("scalar", "array")
WHOLE_ARRAYS = {name for name, operation in OPERATIONS.items() if operation.family in ("fourier", "convolution")}


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


def has_straight_line_code(graph: Graph) -> bool:
    """Transforms and convolutions are always calls on whole arrays."""
    return products(graph) < 1000 and not any(n.operation in WHOLE_ARRAYS for n in graph.nodes)


def agree(evaluate: Any, cases: list[Case], before: float | None = None, fixed: Any = lambda graph: ()) -> None:
    asked = [
        (graph, values, mode, fixed(graph), before)
        for graph, values in cases
        for mode in MODES
        if mode == "array" or has_straight_line_code(graph)
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

    @settings(examples(number), derandomize=True, max_examples=number, database=None)
    @given(graphs(**settings_of_graphs))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def with_cotangents(case: Case, seed: int = 0) -> Case:
    graph, values = case
    return with_values(vjp(graph, graph.input_names), values, seed)


def with_values(graph: Graph, values: dict[str, np.ndarray], seed: int) -> Case:
    """The graph with random values of the inputs that have none."""
    rng = np.random.default_rng(seed)
    drawn = {node.name: rng.normal(size=node.shape) for node in graph.inputs if node.name not in values}
    return graph, {**values, **drawn}


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
    count = OPERATIONS[name].arity or 0
    inputs = [variable(f"x{k}", x.shape) for k in range(count)]
    values = {f"x{k}": np.roll(x, 3 * k + k * k) for k in range(count)}
    arguments: list[Any] = list(inputs)
    if name.startswith("logical") or name == "where":
        arguments[0] = apply("less", inputs[0], 0.4)
    if name in ("logical_and", "logical_or"):
        arguments[1] = apply("less_equal", inputs[1], 0.4)
    result = apply(name, *arguments)
    return Graph(inputs, {"y": apply("where", result, 1.0, 0.0) if result.dtype == "bool" else result}), values


def structural() -> dict[str, list[Case]]:
    """Small and larger cases of every operation that isn't elementwise, by name."""
    rng = np.random.default_rng(3)
    cases: dict[str, list[Case]] = {}

    def add(name: str, *shapes: tuple[int, ...], **attributes: Any) -> None:
        inputs = [variable(f"x{k}", shape) for k, shape in enumerate(shapes)]
        values = {f"x{k}": rng.normal(size=shape) for k, shape in enumerate(shapes)}
        y = apply(name, *inputs, **attributes)
        outputs: dict[str, Any] = {"y": y, "z": np.sin(y) * 2.0}
        cases.setdefault(name, []).append((Graph(inputs, outputs), values))

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
    for lead, space in FOURIER_SHAPES:
        add("rfft", (*lead, *space), dims=len(space))
        add("irfft", (*lead, *space[:-1], space[-1] // 2 + 1, 2), shape=space)
    for lead, channels, space, size, boundary in CONVOLUTIONS:
        outputs = channels + 1
        add("convolution", (*lead, channels, *space), (outputs, channels, *size), boundary=boundary)
        add("convolution_kernel", (*lead, channels, *space), (*lead, outputs, *space), size=size, boundary=boundary)
    return cases


FOURIER_SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((), (1,)), ((), (2,)), ((), (3,)), ((3,), (16,)), ((2, 2), (15,)), ((), (37,)), ((), (256,)),
    ((), (1, 4)), ((), (4, 1)), ((2,), (6, 8)), ((), (5, 9)), ((), (16, 7)), ((2,), (11, 13)),
]  # fmt: skip
CONVOLUTIONS: list[tuple[tuple[int, ...], int, tuple[int, ...], tuple[int, ...], tuple[str, ...]]] = [
    ((), 1, (1,), (1,), ("zero",)),
    ((), 1, (5,), (3,), ("periodic",)),
    ((2,), 2, (5,), (5,), ("zero",)),
    ((2, 1), 3, (17,), (3,), ("periodic",)),
    ((), 26, (48,), (3,), ("periodic",)),
    ((), 2, (4, 7), (1, 1), ("zero", "zero")),
    ((3,), 2, (6, 5), (3, 5), ("periodic", "zero")),
    ((), 3, (5, 6), (5, 3), ("zero", "periodic")),
    ((), 4, (1, 9), (1, 3), ("periodic", "periodic")),
    ((), 4, (9, 1), (3, 1), ("periodic", "periodic")),
    ((2,), 5, (8, 8), (3, 3), ("periodic", "periodic")),
]


def test_elementwise_operations_at_ordinary_and_extreme_values(evaluate):
    grid = np.linspace(-3.0, 3.0, 41)
    points = np.concatenate([grid, EXTREME])
    cases = [elementwise(name, x) for name in ELEMENTWISE for x in (points, EXTREME[3:6])]
    agree(evaluate, cases)


def test_every_other_operation(evaluate):
    cases = structural()
    tested = {*cases, *ELEMENTWISE}
    rest = {name for name, entry in OPERATIONS.items() if entry.family not in ("network", "module")}
    assert tested >= rest, "an operation lacks a test of its Julia code"
    agree(evaluate, [case for found in cases.values() for case in found])


def test_transforms_that_are_large_enough_for_all_threads(julia):
    rng = np.random.default_rng(0)
    x, z = variable("x", (2, 96, 90)), variable("z", (2, 96, 46, 2))
    graph = Graph([x, z], {"y": rfft(x, 2), "back": irfft(z, (96, 90))})
    values = {"x": rng.normal(size=x.shape), "z": rng.normal(size=z.shape)}
    for name, expected in graph.evaluate(values).items():
        np.testing.assert_allclose(julia.evaluate(graph, values)[name], expected, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("size", [1, 1000])
def test_an_operation_that_julia_lacks_is_named(julia, monkeypatch, size):
    monkeypatch.setitem(OPERATIONS, "sine", OPERATIONS["sin"])
    x = variable("x", (size,))
    with pytest.raises(EngineUnsupported, match=r"`julia` lacks the operation `sine`.*`engine=\"jax\"`"):
        julia.evaluate(Graph([x], {"y": apply("sine", x)}), {"x": np.ones(size)})


def test_constant_powers(evaluate):
    x = variable("x", (7,))
    values = {"x": np.array([0.3, -0.9, 1.1, -1.4, 0.0, 2.0, 5.0])}
    exponents = (2.0, 3.0, -2.0, 7.0, 0.5, 1.5, -1.5, 64.0, 65.0)
    agree(evaluate, [(Graph([x], {"y": apply("power", x, constant(p))}), values) for p in exponents])


# ---- transforms and convolutions ---------------------------------------------------------------------------------


def spectral_step(n: int) -> Case:
    """u ↦ irfft(E rfft(u) + Φ ik rfft(irfft(…)²)): the operations of an exponential step, dealiased, on n points."""
    rng = np.random.default_rng(n)
    modes = n // 2 + 1
    k, kept = np.arange(modes) * 1.0, np.arange(modes) < n // 3
    u, growth, strength = variable("u", (n,)), variable("growth", (modes,)), variable("strength")
    slope = np.stack([0.5 * k * kept, -0.5 * k * kept], axis=-1)
    spectrum = rfft(u)
    half = spectrum * growth[:, None]
    inner = half + strength * (rfft(irfft(half, n) ** 2)[..., ::-1] * slope)
    tilted = np.concatenate([-strength * k[:, None], strength * k[:, None]], axis=-1) * inner[:, ::-1]
    after = irfft(inner + np.where(k[:, None] > 2.0, tilted, inner * inner), n)
    modes_out = np.sum(inner * inner, axis=-1)
    outputs: dict[str, Any] = {
        "u": after,
        "energy": np.sum(modes_out),
        "spectrum": modes_out,
        "low": inner[: modes // 2],
    }
    values = {"u": rng.normal(size=n), "growth": rng.uniform(0.1, 1.0, modes), "strength": np.array(0.3)}
    return Graph([u, growth, strength], outputs), values


def network_on_a_grid(lead: tuple[int, ...], space: tuple[int, ...]) -> Case:
    """Two fields stacked as channels, two convolutions with biases and an activation, and a residual."""
    rng = np.random.default_rng(len(space))
    a, b = variable("a", (*lead, *space)), variable("b", (*lead, *space))
    weights = variable("weights", (4 * 2 * 3 ** len(space) + 4,))
    first = weights[:-4].reshape(4, 2, *(3 for _ in space))
    last = first.transpose(1, 0, *range(2, 2 + len(space)))
    fields = np.stack([a, b], axis=len(lead))
    boundary = ("periodic", "zero")[: len(space)]
    hidden = apply("convolution", fields, first, boundary=boundary)
    hidden = hidden + weights[-4:].reshape(4, *(1 for _ in space))
    hidden = np.where(hidden > 0.0, hidden, 0.01 * hidden)
    y = fields + np.tanh(apply("convolution", hidden, last, boundary=boundary))
    values = {"a": rng.normal(size=a.shape), "b": rng.normal(size=b.shape), "weights": rng.normal(size=weights.shape)}
    outputs: dict[str, Any] = {"y": y, "sum": np.sum(y * y)}
    return Graph([a, b, weights], outputs), values


def with_tangents(case: Case) -> Case:
    graph, values = case
    return with_values(jvp(graph, graph.input_names), values, seed=1)


def test_spectral_steps_and_their_derivatives(evaluate):
    cases = [spectral_step(n) for n in (5, 6, 8, 31, 64, 256)]
    agree(evaluate, cases, fixed=lambda graph: ("growth", "strength"))
    agree(evaluate, [with_tangents(case) for case in cases])
    pulled = [with_cotangents(case) for case in cases]
    agree(evaluate, pulled, before=0.5, fixed=lambda graph: ("growth",))
    agree(evaluate, [with_tangents(pulled[1]), with_cotangents(pulled[2])])


def test_networks_on_grids_and_their_derivatives(evaluate):
    cases = [network_on_a_grid(lead, space) for lead in ((), (3,)) for space in ((3,), (8,), (13,), (3, 3), (6, 9))]
    agree(evaluate, cases, fixed=lambda graph: ("weights",))
    agree(evaluate, [with_tangents(case) for case in cases])
    pulled = [with_cotangents(case) for case in cases]
    agree(evaluate, pulled, before=0.5, fixed=lambda graph: ("weights",))
    agree(evaluate, [with_tangents(pulled[1]), with_cotangents(pulled[3])])


@pytest.mark.parametrize(
    "indices", [(4, 3, 2, 1, 0), (0, 1, 4, 3), (3, 3, 3), (1,), (0, 2, 4), (4, 0), (2, 4, 1, 3, 0)]
)
def test_regular_tables_of_indices(evaluate, indices):
    rng = np.random.default_rng(0)
    x, n = variable("x", (2, 5, 3)), len(indices)
    picked = apply("gather", x, indices=np.array(indices), axis=1)
    back = apply("scatter_add", x[:, :n], indices=np.array(indices), axis=1, size=6)
    turned = apply("gather", apply("gather", x, indices=np.arange(3)[::-1], axis=2), indices=np.array(indices), axis=1)
    outputs: dict[str, Any] = {"picked": 2.0 * picked, "back": back * back, "turned": np.sin(turned)}
    case = (Graph([x], outputs), {"x": rng.normal(size=x.shape)})
    agree(evaluate, [case, with_cotangents(case)])
