"""Each registered operation by itself: value, shape and dtype, derivatives both ways, dependency pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from unideq.errors import OptionError, TraceError
from unideq.graph import OPERATIONS, Graph, apply, jvp, register_elementwise, sparsity, variable, vjp

RNG = np.random.default_rng(7)


def away(*shape: int) -> np.ndarray:
    """Values between 0.3 and 1.4 in size, of either sign: away from kinks and poles."""
    return RNG.uniform(0.3, 1.4, shape) * RNG.choice([-1.0, 1.0], shape)


def positive(*shape: int) -> np.ndarray:
    return RNG.uniform(0.3, 1.4, shape)


def inside(*shape: int) -> np.ndarray:
    return RNG.uniform(-0.9, 0.9, shape)


@dataclass
class Case:
    """An operation applied to arrays, and the NumPy value that it must have."""

    operation: str
    arrays: list[np.ndarray]
    expected: Callable[..., Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    differentiable: bool = True
    label: str = ""

    def __str__(self) -> str:
        return f"{self.operation}{'-' if self.label else ''}{self.label}"

    def graph(self) -> Graph:
        inputs = [variable(f"x{i}", a.shape) for i, a in enumerate(self.arrays)]
        return Graph(inputs, {"y": apply(self.operation, *inputs, **self.attributes)})

    @property
    def values(self) -> dict[str, np.ndarray]:
        return {f"x{i}": a for i, a in enumerate(self.arrays)}


def _unary() -> list[Case]:
    table: dict[str, tuple[np.ndarray, Callable]] = {
        **{name: (away(2, 3), getattr(np, name)) for name in ("negative", "absolute", "exp", "expm1", "sin", "cos")},
        **{name: (away(2, 3), getattr(np, name)) for name in ("tan", "arctan", "sinh", "cosh", "tanh", "cbrt")},
        **{name: (positive(2, 3), getattr(np, name)) for name in ("log", "log1p", "sqrt")},
        **{name: (inside(2, 3), getattr(np, name)) for name in ("arcsin", "arccos")},
        "sigmoid": (away(2, 3), lambda x: 1 / (1 + np.exp(-x))),
        "softplus": (away(2, 3), lambda x: np.log(1 + np.exp(x))),
        "sign": (away(2, 3), np.sign),
        "floor": (3 * away(2, 3), np.floor),
    }
    return [Case(name, [x], f) for name, (x, f) in table.items()] + [
        Case("tanh", [np.array(0.7)], np.tanh, label="scalar"),
        Case("exp", [np.zeros((0,))], np.exp, label="empty"),
    ]


def _binary() -> list[Case]:
    cases = []
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "arctan2"):
        for label, a, b in (
            ("same", away(2, 3), away(2, 3)),
            ("row", away(2, 3), away(3)),
            ("column", away(2, 1), away(1, 3)),
            ("scalar", np.array(0.8), away(2, 3)),
        ):
            cases.append(Case(name, [a, b], getattr(np, name), label=label))
    cases.append(Case("power", [positive(2, 3), away(3)], np.power))
    for name in ("less", "less_equal", "equal"):
        a = away(2, 3)
        b = np.where(RNG.uniform(size=(2, 3)) < 0.5, a, away(2, 3))
        cases.append(Case(name, [a, b], getattr(np, name), differentiable=False))
    mixed = np.array([[0.0, 1.0, 2.0], [0.0, 0.0, -1.0]])
    for name in ("logical_and", "logical_or"):
        cases.append(Case(name, [mixed, mixed[::-1]], getattr(np, name), differentiable=False))
    cases.append(Case("logical_not", [mixed], np.logical_not, differentiable=False))
    cases.append(Case("where", [mixed, away(2, 3), away(3)], lambda c, a, b: np.where(c != 0, a, b)))
    return cases


def _structure() -> list[Case]:
    x = away(3, 4)
    window = ((0, 3, 2), (1, 3, 1))
    return [
        Case("reshape", [x], lambda x: x.reshape(2, 6), {"shape": (2, 6)}),
        Case("reshape", [away(1)], lambda x: x.reshape(()), {"shape": ()}, label="scalar"),
        Case("transpose", [away(2, 3, 4)], lambda x: x.transpose(2, 0, 1), {"axes": (2, 0, 1)}),
        Case("broadcast_to", [away(3, 1)], lambda x: np.broadcast_to(x, (2, 3, 4)), {"shape": (2, 3, 4)}),
        Case("concatenate", [x, away(3, 2)], lambda a, b: np.concatenate([a, b], 1), {"axis": 1}),
        Case("slice", [x], lambda x: x[0:3:2, 1:3], {"window": window}),
        Case("slice", [x], lambda x: x[0:0, :], {"window": ((0, 0, 1), (0, 4, 1))}, label="empty"),
        Case("pad", [away(2, 2)], _padded, {"window": window, "shape": (3, 4)}),
        Case("gather", [x], lambda x: x[:, [0, 3, 3, 1]], {"indices": np.array([0, 3, 3, 1]), "axis": 1}),
        Case("gather", [x], lambda x: x[[-1, 0]], {"indices": np.array([-1, 0]), "axis": 0}, label="from the end"),
        Case("scatter_add", [x], _scattered, {"indices": np.array([4, 0, 4, 1]), "axis": 1, "size": 5}),
        Case("roll", [x], lambda x: np.roll(x, 1, 0), {"shift": 1, "axis": 0}),
        Case("roll", [x], lambda x: np.roll(x, -6, 1), {"shift": -6, "axis": 1}, label="around"),
    ]


def _padded(x: np.ndarray) -> np.ndarray:
    result = np.zeros((3, 4))
    result[0:3:2, 1:3] = x
    return result


def _scattered(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, 1], x[:, 3], 0 * x[:, 0], 0 * x[:, 0], x[:, 0] + x[:, 2]], axis=1)


def _reduction_and_linear() -> list[Case]:
    return [
        Case("sum", [away(2, 3, 4)], lambda x: x.sum((0, 2)), {"axes": (0, 2)}),
        Case("sum", [away(2, 3)], np.sum, {"axes": (0, 1)}, label="all"),
        Case("sum", [np.zeros((0, 3))], lambda x: np.zeros(3), {"axes": (0,)}, label="empty"),
        Case("amax", [away(2, 3, 4)], lambda x: x.max((0, 2)), {"axes": (2, 0)}),
        Case("matmul", [away(2, 3), away(3, 4)], np.matmul),
        Case("matmul", [away(2, 1, 2, 3), away(5, 3, 2)], np.matmul, label="batched"),
    ]


def _dense_stencil(x: np.ndarray, axis: int, boundary: str, transposed: bool) -> np.ndarray:
    """The stencil as a matrix, from its definition."""
    n = x.shape[axis]
    matrix = np.zeros((n, n))
    for offset, coefficient in zip((-2, 0, 1), (0.5, -1.25, 2.0), strict=True):
        for i in range(n):
            j = i + offset
            if boundary == "periodic":
                matrix[i, j % n] += coefficient
            elif boundary == "edge":
                matrix[i, min(max(j, 0), n - 1)] += coefficient
            elif 0 <= j < n:
                matrix[i, j] += coefficient
    return np.moveaxis(np.tensordot(matrix.T if transposed else matrix, x, (1, axis)), 0, axis)


def _stencils() -> list[Case]:
    cases = []
    for name in ("stencil", "stencil_adjoint"):
        for boundary in ("periodic", "zero", "edge"):
            settings = {"coefficients": (0.5, -1.25, 2.0), "offsets": (-2, 0, 1), "axis": 1, "boundary": boundary}
            cases.append(
                Case(
                    name,
                    [away(2, 5)],
                    lambda x, b=boundary, n=name: _dense_stencil(x, 1, b, n == "stencil_adjoint"),
                    settings,
                    label=boundary,
                )
            )
    return cases


def _pairs(spectrum: np.ndarray) -> np.ndarray:
    return np.stack([spectrum.real, spectrum.imag], axis=-1)


def _fourier() -> list[Case]:
    cases = []
    for label, lead, space in (("even", (2,), (6,)), ("odd", (), (5,)), ("2-D", (2,), (3, 4)), ("2-D odd", (), (4, 5))):
        dims, half = len(space), (*space[:-1], space[-1] // 2 + 1)
        axes = tuple(range(-dims, 0))
        cases += [
            Case(
                "rfft",
                [away(*lead, *space)],
                lambda x, a=axes: _pairs(np.fft.rfftn(x, axes=a)),
                {"dims": dims},
                label=label,
            ),
            Case(
                "irfft",
                [away(*lead, *half, 2)],
                lambda x, s=space, a=axes: np.fft.irfftn(x[..., 0] + 1j * x[..., 1], s, a),
                {"shape": space},
                label=label,
            ),
        ]
    return cases


def convolved(x: np.ndarray, kernel: np.ndarray, boundary: tuple[str, ...]) -> np.ndarray:
    """y[o, i] = Σ K[o, c, j] x[c, i + j − r], sum by sum."""
    dims = kernel.ndim - 2
    lead, space = x.shape[: -dims - 1], x.shape[-dims:]
    result = np.zeros((*lead, kernel.shape[0], *space))
    for point in np.ndindex(*space):
        for tap in np.ndindex(*kernel.shape[2:]):
            source = [i + j - k // 2 for i, j, k in zip(point, tap, kernel.shape[2:], strict=True)]
            if any(b == "zero" and not 0 <= i < n for i, n, b in zip(source, space, boundary, strict=True)):
                continue
            seen = x[(..., *(i % n for i, n in zip(source, space, strict=True)))]
            result[(..., *point)] += seen @ kernel[(slice(None), slice(None), *tap)].T
    return result


def _kernel_gradient(x: np.ndarray, y: np.ndarray, size: tuple[int, ...], boundary: tuple[str, ...]) -> np.ndarray:
    """⟨y, convolution of x with each unit kernel⟩."""
    dims = len(size)
    shape = (y.shape[-dims - 1], x.shape[-dims - 1], *size)
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.array([np.sum(y * convolved(x, unit, boundary)) for unit in units]).reshape(shape)


def _convolutions() -> list[Case]:
    cases = []
    for label, lead, space, channels, size, boundary in (
        ("periodic", (2,), (5,), (2, 3), (3,), ("periodic",)),
        ("zero", (), (4,), (2, 1), (3,), ("zero",)),
        ("as long as the axis", (), (5,), (1, 2), (5,), ("periodic",)),
        ("one point", (2,), (3,), (2, 2), (1,), ("zero",)),
        ("2-D", (), (3, 4), (2, 2), (3, 3), ("periodic", "zero")),
        ("2-D batch", (2,), (3, 3), (1, 2), (1, 3), ("zero", "periodic")),
    ):
        x, kernel, y = away(*lead, channels[0], *space), away(*channels[::-1], *size), away(*lead, channels[1], *space)
        cases += [
            Case(
                "convolution",
                [x, kernel],
                lambda x, k, b=boundary: convolved(x, k, b),
                {"boundary": boundary},
                label=label,
            ),
            Case(
                "convolution_kernel",
                [x, y],
                lambda x, y, s=size, b=boundary: _kernel_gradient(x, y, s, b),
                {"size": size, "boundary": boundary},
                label=label,
            ),
        ]
    return cases


BREAKS, ANCHORS = np.array([0.0, 1.0]), np.array([-1.0, 0.0, 1.0])


def _polynomial(t: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    values = []
    for time in t.reshape(-1):
        piece = 0 if time < 0 else 1 if time < 1 else 2
        values.append(sum(c[piece] * (time - ANCHORS[piece]) ** k for k, c in enumerate(coefficients)))
    return np.array(values).reshape(t.shape + coefficients.shape[2:])


def _interpolation_and_control() -> list[Case]:
    cases = []
    for label, t, shape in (("scalar", np.array(0.4), ()), ("many", np.array([-0.6, 0.3, 1.7]), (2, 2))):
        coefficients = RNG.normal(size=(4, 3, *shape))
        attributes = {"breaks": BREAKS, "anchors": ANCHORS, "coefficients": coefficients}
        cases.append(
            Case("piecewise_polynomial", [t], lambda t, c=coefficients: _polynomial(t, c), attributes, label=label)
        )
    return [
        *cases,
        Case("stop_gradient", [away(2, 3)], lambda x: x, differentiable=False),
        Case("learned", [away(2), away(), away()], lambda v, a, b: v, {"network": "closure"}),
    ]


CASES = [
    *_unary(),
    *_binary(),
    *_structure(),
    *_reduction_and_linear(),
    *_stencils(),
    *_fourier(),
    *_convolutions(),
    *_interpolation_and_control(),
]
each_case = pytest.mark.parametrize("case", CASES, ids=str)
each_number = pytest.mark.parametrize(
    "case", [case for case in CASES if case.graph().outputs["y"].dtype != "bool"], ids=str
)


def test_every_registered_operation_has_a_case():
    # What one engine alone can compute has its tests in tests/engine/julia/test_lux.py and tests/nn/test_equinox.py.
    opaque = ("network", "module")
    assert {case.operation for case in CASES} == {n for n, e in OPERATIONS.items() if e.family not in opaque}


@each_case
def test_value_is_numpys_with_the_inferred_shape_and_dtype(case: Case):
    graph = case.graph()
    output = graph.outputs["y"]
    raw = np.asarray(OPERATIONS[case.operation].evaluate(*case.arrays, **{**output.attributes}))
    found = graph.evaluate(case.values)["y"]
    expected = np.asarray(case.expected(*case.arrays))
    assert found.shape == raw.shape == output.shape == expected.shape
    assert str(found.dtype) == output.dtype == str(expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)


def _is_linear(case: Case, k: int) -> bool:
    """Whether f(2x − 3y) = 2 f(x) − 3 f(y) for operand k, the others held."""
    graph, (x, y) = case.graph(), (case.arrays[k], away(*case.arrays[k].shape))
    of_x, of_y, of_both = (graph.evaluate({**case.values, f"x{k}": v})["y"] for v in (x, y, 2 * x - 3 * y))
    return np.allclose(of_both, 2.0 * of_x - 3.0 * of_y, rtol=1e-12, atol=1e-12)


# `add` is linear in both at once; `factored` sees to sums and products of numbers itself.
@pytest.mark.parametrize(
    "case", [c for c in CASES if OPERATIONS[c.operation].family not in ("elementwise", "control")], ids=str
)
def test_an_operation_is_linear_where_its_entry_says_so(case: Case):
    linear = tuple(k for k in range(len(case.arrays)) if _is_linear(case, k))
    assert linear == OPERATIONS[case.operation].linear


def test_linearity_is_declared_of_nothing_else():
    assert not any(o.linear for o in OPERATIONS.values() if o.family in ("elementwise", "control", "network", "module"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_view_shares_its_numbers_and_nothing_else_says_that_it_is_one(case: Case):
    entry, x = OPERATIONS[case.operation], case.arrays[0]
    made = entry.evaluate(*case.arrays, **case.graph().outputs["y"].attributes)
    if entry.view and x.size and made.size:
        assert np.shares_memory(made, x)
    else:
        assert not entry.view or not made.size


def _basis(shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape))
    return np.eye(size).reshape(size, *shape)


def _matrices(case: Case) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """∂y/∂x by forward mode, reverse mode and central differences, for each input."""
    graph = case.graph()
    size = graph.outputs["y"].size
    shape = graph.outputs["y"].shape
    found = []
    for i, array in enumerate(case.arrays):
        name = f"x{i}"
        forward, reverse = jvp(graph, name), vjp(graph, name)
        columns, differences = [], []
        for direction in _basis(array.shape):
            columns.append(forward.evaluate({**case.values, f"tangent.{name}": direction})["y"].reshape(-1))
            h = 1e-6
            low, high = (graph.evaluate({**case.values, name: array + s * h * direction})["y"] for s in (-1, 1))
            differences.append((high - low).reshape(-1) / (2 * h))
        rows = [reverse.evaluate({**case.values, "cotangent.y": c})[name].reshape(-1) for c in _basis(shape)]
        empty = np.zeros((size, array.size))
        found.append(
            (
                np.stack(columns, 1) if columns else empty,
                np.stack(rows) if rows else empty,
                np.stack(differences, 1) if differences else empty,
            )
        )
    return found


@each_number
def test_reverse_mode_is_forward_mode_transposed_and_both_are_finite_differences(case: Case):
    for forward, reverse, differences in _matrices(case):
        np.testing.assert_allclose(reverse, forward, rtol=1e-12, atol=1e-12)
        if case.differentiable:
            np.testing.assert_allclose(forward, differences, rtol=1e-7, atol=1e-8)


@each_number
def test_pattern_holds_every_nonzero(case: Case):
    graph = case.graph()
    for i, (forward, _, _) in enumerate(_matrices(case)):
        rows, columns = sparsity(graph, f"x{i}")
        allowed = np.zeros(forward.shape, dtype=bool)
        allowed[rows, columns] = True
        assert not np.any(forward[~allowed])


@pytest.mark.parametrize(
    "operation",
    ["reshape", "transpose", "concatenate", "slice", "gather", "roll", "broadcast_to", "sum", "matmul", "convolution"],
)
def test_linear_operations_have_exact_patterns(operation: str):
    case = next(c for c in CASES if c.operation == operation)
    graph = case.graph()
    rows, columns = sparsity(graph, "x0")
    forward = _matrices(case)[0][0]
    expected = np.stack(np.nonzero(forward))
    np.testing.assert_array_equal(np.stack([rows, columns]), expected)


@each_number
def test_no_gradient_passes_where_the_entry_says_so(case: Case):
    slopes = any(forward.any() or reverse.any() for forward, reverse, _ in _matrices(case))
    assert slopes != OPERATIONS[case.operation].flat or not case.graph().outputs["y"].size or not case.arrays[0].size


def test_an_operation_that_isnt_linear_needs_a_rule_for_forward_mode():
    with pytest.raises(OptionError, match=r"`amax` isn't linear in all of its operands.*`jvp=`"):
        replace(OPERATIONS["amax"], jvp=None)


def test_names_and_ufuncs_are_taken_once():
    with pytest.raises(OptionError, match="operation `exp` is registered already"):
        register_elementwise("exp", partials=[lambda c, x, y: c * y])
    with pytest.raises(OptionError, match="ufunc `exp` is the operation `exp` already"):
        register_elementwise("exponential", np.exp, partials=[lambda c, x, y: c * y])


def test_the_work_of_products_counts_what_is_multiplied():
    a, b = variable("a", (2, 5, 3)), variable("b", (3, 4))
    assert OPERATIONS["matmul"].work(apply("matmul", a, b)) == 2 * 5 * 3 * 4
    x, kernel = variable("x", (2, 7)), variable("kernel", (4, 2, 3))
    y = apply("convolution", x, kernel, boundary="zero")
    assert y.entry.work(y) == 4 * 7 * 2 * 3
    slope = apply("convolution_kernel", x, y, size=(3,), boundary="zero")
    assert slope.entry.work(slope) == y.entry.work(y)
    assert apply("sum", a, axes=(0,)).entry.work(apply("sum", a, axes=(0,))) == 30
    assert a.T.entry.work(a.T) == 0


def test_stop_gradient_has_no_derivative():
    x = variable("x", (3,))
    graph = Graph((x,), {"y": apply("stop_gradient", x) * x})
    (forward, _, _) = _matrices(Case("stop_gradient", [away(3)], lambda x: x))[0]
    assert not forward.any()
    pulled = vjp(graph, "x").evaluate({"x": np.array([1.0, 2.0, 3.0]), "cotangent.y": np.ones(3)})["x"]
    np.testing.assert_array_equal(pulled, [1.0, 2.0, 3.0])


def test_maximum_shares_its_derivative_between_ties():
    x = variable("x", (2,))
    graph = Graph((x,), {"pair": apply("maximum", x[0], x[1]), "all": apply("amax", x, axes=(0,))})
    for name in ("pair", "all"):
        pulled = vjp(graph, "x", [name]).evaluate({"x": np.ones(2), f"cotangent.{name}": np.array(1.0)})["x"]
        np.testing.assert_array_equal(pulled, [0.5, 0.5])


def test_power_with_a_whole_exponent_is_differentiable_at_zero_and_below():
    x = variable("x", (3,))
    pulled = vjp(Graph((x,), {"y": x**3}), "x").evaluate({"x": np.array([0.0, -1.0, -2.0]), "cotangent.y": np.ones(3)})
    np.testing.assert_array_equal(pulled["x"], [0.0, 3.0, 12.0])


def test_sigmoid_and_softplus_do_not_overflow():
    x = variable("x", (4,))
    graph = Graph((x,), {"s": apply("sigmoid", x), "p": apply("softplus", x)})
    with np.errstate(over="raise", invalid="raise"):
        found = graph.evaluate({"x": np.array([-1000.0, -40.0, 40.0, 1000.0])})
    np.testing.assert_allclose(found["s"], [0.0, np.exp(-40.0), 1.0, 1.0], rtol=1e-15)
    np.testing.assert_allclose(found["p"], [0.0, np.exp(-40.0), 40.0, 1000.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("operation", "shapes", "attributes"),
    [
        ("add", [(2, 3), (4,)], {}),
        ("reshape", [(2, 3)], {"shape": (4,)}),
        ("broadcast_to", [(2, 3)], {"shape": (2, 4)}),
        ("concatenate", [(2, 3), (2, 4)], {"axis": 0}),
        ("slice", [(3,)], {"window": ((0, 4, 1),)}),
        ("pad", [(3,)], {"window": ((0, 2, 1),), "shape": (5,)}),
        ("gather", [(3,)], {"indices": np.array([3]), "axis": 0}),
        ("scatter_add", [(3,)], {"indices": np.array([0, 1]), "axis": 0, "size": 3}),
        ("amax", [(0, 3)], {"axes": (0,)}),
        ("matmul", [(2, 3), (4, 2)], {}),
        ("matmul", [(2, 2, 3), (3, 3, 2)], {}),
        ("stencil", [(3,)], {"coefficients": (1.0, 1.0), "offsets": (-2, 2), "axis": 0, "boundary": "zero"}),
        ("stencil", [(3,)], {"coefficients": (1.0,), "offsets": (0, 1), "axis": 0, "boundary": "zero"}),
        ("stencil", [(3,)], {"coefficients": (1.0,), "offsets": (0,), "axis": 1, "boundary": "zero"}),
        ("stencil", [(3,)], {"coefficients": (1.0,), "offsets": (0,), "axis": 0, "boundary": "mirror"}),
        ("rfft", [()], {"dims": 1}),
        ("rfft", [(3,)], {"dims": 2}),
        ("rfft", [(2, 3, 4)], {"dims": 3}),
        ("rfft", [(0,)], {"dims": 1}),
        ("irfft", [(4, 3)], {"shape": (6,)}),
        ("irfft", [(3, 2)], {"shape": (6,)}),
        ("irfft", [(4, 2)], {"shape": (3, 6)}),
        ("irfft", [(4, 2)], {"shape": ()}),
        ("convolution", [(2, 5), (1, 2, 4)], {"boundary": "periodic"}),
        ("convolution", [(2, 5), (1, 2, 7)], {"boundary": "periodic"}),
        ("convolution", [(3, 5), (1, 2, 3)], {"boundary": "periodic"}),
        ("convolution", [(5,), (1, 1, 3)], {"boundary": "periodic"}),
        ("convolution", [(2, 5), (2, 3)], {"boundary": "periodic"}),
        ("convolution", [(2, 5), (1, 2, 3)], {"boundary": "mirror"}),
        ("convolution", [(2, 5), (1, 2, 3)], {"boundary": ("zero", "zero")}),
        ("convolution_kernel", [(2, 5), (3, 4)], {"size": (3,), "boundary": "zero"}),
        ("convolution_kernel", [(2, 5), (3, 5)], {"size": (2,), "boundary": "zero"}),
        ("convolution_kernel", [(2, 5), (3, 5)], {"size": (7,), "boundary": "zero"}),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_users_line(operation: str, shapes: list, attributes: dict):
    inputs = [variable(f"x{i}", shape) for i, shape in enumerate(shapes)]
    with pytest.raises(TraceError, match=r"test_operations\.py:\d+"):
        apply(operation, *inputs, **attributes)
