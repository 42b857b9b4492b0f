"""How expressions print: exact texts and LaTeX of the equations that users write."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given

from unideq.graph import apply, constant, equations, latex, text, variable
from unideq.graph.printing import identifier, number

from .strategies import QUICK, graphs

u, theta = variable("u", (2,)), variable("theta", (8,))
hare, lynx = u
growth, death, alpha = theta[0], theta[1], theta[2]
weights = np.reshape(theta[4:], (2, 2))
net = apply("learned", np.tanh(weights @ u), hare, lynx, network="interaction")
NAMES = {hare: "hare", lynx: "lynx", growth: "growth", death: "death", alpha: "alpha"}

x, y, v = variable("x"), variable("y"), variable("v", (5,))


# ---- Lotka–Volterra -----------------------------------------------------------------------------------------------


def test_mechanistic_lotka_volterra_as_text_and_latex():
    d_hare = growth * hare - alpha * hare * lynx
    d_lynx = 0.02 * alpha * hare * lynx - death * lynx
    assert text(d_hare, NAMES) == "growth·hare - alpha·hare·lynx"
    assert text(d_lynx, NAMES) == "0.02·alpha·hare·lynx - death·lynx"
    assert latex(d_hare, NAMES) == (r"\mathrm{growth} \, \mathrm{hare} - \alpha \, \mathrm{hare} \, \mathrm{lynx}")
    assert latex(d_lynx, NAMES) == (
        r"0.02 \, \alpha \, \mathrm{hare} \, \mathrm{lynx} - \mathrm{death} \, \mathrm{lynx}"
    )


def test_universal_lotka_volterra_shows_the_network_as_a_call():
    eaten, born = net
    found = equations({"hare": growth * hare - eaten, "lynx": born - death * lynx}, NAMES)
    assert found == [
        ("hare", "growth·hare - interaction(hare, lynx)[0]"),
        ("lynx", "interaction(hare, lynx)[1] - death·lynx"),
    ]
    assert latex(growth * hare - eaten, NAMES) == (
        r"\mathrm{growth} \, \mathrm{hare} - \mathrm{interaction}_{1}\left(\mathrm{hare}, \mathrm{lynx}\right)"
    )


def test_network_of_one_output_prints_without_index():
    single = apply("learned", np.tanh(weights @ u)[0], hare, network="closure")
    assert text(single, NAMES) == "closure(hare)"
    assert latex(single, NAMES) == r"\mathrm{closure}\left(\mathrm{hare}\right)"


def test_logistic_growth_with_saturation():
    prey = growth * hare * (1 - hare / 30) - alpha * hare**2 * lynx / (1 + hare**2)
    assert text(prey, NAMES) == "growth·hare·(1 - hare/30) - alpha·hare**2·lynx/(1 + hare**2)"
    assert latex(prey, NAMES) == (
        r"\mathrm{growth} \, \mathrm{hare} \, \left(1 - \frac{\mathrm{hare}}{30}\right)"
        r" - \frac{\alpha \, \mathrm{hare}^{2} \, \mathrm{lynx}}{1 + \mathrm{hare}^{2}}"
    )


# ---- names ------------------------------------------------------------------------------------------------------


def test_unnamed_elements_print_as_python_and_mathematics_count_them():
    assert text(hare * theta[3]) == "u[0]·theta[3]"
    assert latex(hare * theta[3]) == r"u_{1} \, \theta_{4}"
    assert text(v[1:3]) == "v[1:3]"
    assert latex(v[1:3]) == "v_{2:3}"
    assert text(v[::2]) == "v[0:5:2]"
    assert text(v[[4, 0, 1]]) == "v[[4, 0, 1]]"
    assert latex(v[[4, 0, 1]]) == "v_{[5, 1, 2]}"


def test_names_hold_for_other_layouts_of_the_same_values_and_whole_vectors():
    assert text(np.reshape(hare, (1, 1)) * 2.0, NAMES) == "2·hare"
    assert text(u[1:] ** 2, NAMES) == "lynx**2"
    assert text(np.stack([hare, lynx]) ** 2, NAMES) == "[hare, lynx]**2"
    assert latex(u, NAMES) == r"\left[\mathrm{hare}, \mathrm{lynx}\right]"
    assert text(theta, NAMES) == "theta"  # not all of its elements have names


def test_a_name_hides_what_is_under_it():
    rate = np.exp(x) + y
    assert text(2.0 * rate * x, {rate: "rate"}) == "2·rate·x"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x", "x"),
        ("growth", r"\mathrm{growth}"),
        ("alpha", r"\alpha"),
        ("mu", r"\mu"),
        ("Omega", r"\Omega"),
        ("α", r"\alpha"),
        ("λ", r"\lambda"),
        ("Σ", r"\Sigma"),
        ("x1", "x_{1}"),
        ("beta2", r"\beta_{2}"),
        ("k_1", "k_{1}"),
        ("k_on", r"k_{\mathrm{on}}"),
        ("growth_rate", r"\mathrm{growth}_{\mathrm{rate}}"),
        ("K_m_2", r"K_{m,2}"),
        ("lambda_", r"\lambda"),
        ("run2", r"\mathrm{run2}"),
        (r"\dot{x}", r"\dot{x}"),
    ],
)
def test_identifiers_in_latex(name: str, expected: str):
    assert identifier(name) == expected


def test_subscripts_never_meet():
    two = apply("learned", np.tanh(v), x, network="my_net")[1]
    assert latex(two) == r"{\mathrm{my}_{\mathrm{net}}}_{2}\left(x\right)"
    assert latex(variable("x_0", (3,))[1]) == "{x_{0}}_{2}"


# ---- numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "as_text", "as_latex"),
    [
        (0.5, "0.5", "0.5"),
        (2.0, "2", "2"),
        (1e-3, "1e-3", "10^{-3}"),
        (-1e-3, "-1e-3", "-10^{-3}"),
        (0.0015, "0.0015", "0.0015"),
        (0.01, "0.01", "0.01"),
        (2.5e-6, "2.5e-6", r"2.5 \times 10^{-6}"),
        (1000.0, "1000", "1000"),
        (1e6, "1e6", "10^{6}"),
        (123456.0, "123456", "123456"),
        (1 / 3, "0.333333", "0.333333"),
        (0.0, "0", "0"),
        (np.inf, "inf", r"\infty"),
        (-np.inf, "-inf", r"-\infty"),
        (np.nan, "nan", r"\mathrm{nan}"),
    ],
)
def test_numbers_print_short(value: float, as_text: str, as_latex: str):
    assert number(value).text == as_text
    assert number(value, latex=True).text == as_latex
    assert text(constant(value)) == as_text


def test_arrays_are_summarised():
    assert text(constant([0.1, 0.2])) == "[0.1, 0.2]"
    assert latex(constant([0.1, 0.2])) == r"\left[0.1, 0.2\right]"
    assert text(constant(np.arange(12.0).reshape(3, 4))) == "array(3, 4)"
    assert latex(constant(np.arange(12.0).reshape(3, 4))) == r"\mathrm{array}_{3 \times 4}"
    assert text(constant(np.full((3, 4), 0.5))) == "0.5"
    assert text(constant([True, False])) == "[True, False]"
    assert text(constant(np.zeros((0, 2)))) == "array(0, 2)"
    assert text(constant([np.nan, np.nan])) == "nan"


# ---- operators --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "as_text", "as_latex"),
    [
        (x - (y - v[0]), "x - (y - v[0])", r"x - \left(y - v_{1}\right)"),
        (x - y - v[0], "x - y - v[0]", r"x - y - v_{1}"),
        ((x + y) * v[0], "(x + y)·v[0]", r"\left(x + y\right) \, v_{1}"),
        (x / (y * v[0]), "x/(y·v[0])", r"\frac{x}{y \, v_{1}}"),
        (x / y * v[0], "x/y·v[0]", r"\frac{x}{y} \, v_{1}"),
        (-(x + y), "-(x + y)", r"-\left(x + y\right)"),
        (-x * y, "-x·y", r"-x \, y"),
        (x + -3 * y, "x - 3·y", r"x - 3 \, y"),
        (x - -3 * y, "x + 3·y", r"x + 3 \, y"),
        (x * (y - 3), "x·(y - 3)", r"x \, \left(y - 3\right)"),
        ((x * y) ** 2, "(x·y)**2", r"\left(x \, y\right)^{2}"),
        ((-x) ** 3, "(-x)**3", r"\left(-x\right)^{3}"),
        (x**-2, "x**(-2)", r"x^{-2}"),
        (x ** (y + 1), "x**(y + 1)", r"x^{y + 1}"),
        ((x**y) ** 3, "(x**y)**3", r"\left(x^{y}\right)^{3}"),
        (np.exp(-(x**2)), "exp(-x**2)", r"\exp\left(-x^{2}\right)"),
        (np.sqrt(x + 1), "sqrt(x + 1)", r"\sqrt{x + 1}"),
        (np.cbrt(x + 1), "cbrt(x + 1)", r"\sqrt[3]{x + 1}"),
        (abs(x), "abs(x)", r"\left|x\right|"),
        (np.floor(x), "floor(x)", r"\left\lfloor x \right\rfloor"),
        (np.sum(v**2), "sum(v**2)", r"\sum\left(v^{2}\right)"),
        (np.maximum(x, 0), "max(x, 0)", r"\max\left(x, 0\right)"),
        (x <= y, "x <= y", r"x \le y"),
        (
            np.where(x > 0, x, -y),
            "where(0 < x, x, -y)",
            r"\begin{cases} x & 0 < x \\ -y & \text{otherwise} \end{cases}",
        ),
        (2 * (np.diag(v) @ v), None, None),
        (np.roll(v, 1), "roll(v, 1)", r"\operatorname{roll}\left(v, 1\right)"),
        (np.stack([x, y]), "[x, y]", r"\left[x, y\right]"),
        (variable("A", (5, 5)).T @ v, "A.T @ v", r"A^{\top} v"),
        (x * (variable("A", (5, 5)) @ v), "x·(A @ v)", r"x \, \left(A v\right)"),
        (variable("A", (5, 5)) @ (x * v), "A @ (x·v)", r"A \left(x \, v\right)"),
    ],
)
def test_operators_take_few_brackets(expression, as_text: str | None, as_latex: str | None):
    if as_text is not None:
        assert text(expression) == as_text
        assert latex(expression) == as_latex
    else:
        assert "@" in text(expression)


def test_texts_of_arithmetic_are_right_when_python_reads_them():
    """The printed brackets mean what the expression means: evaluate the text and compare."""
    rng = np.random.default_rng(5)
    names = ["a", "b", "c", "d"]
    leaves = [variable(n) for n in names]
    values = dict(zip(names, rng.uniform(0.5, 2.0, 4), strict=True))
    for _ in range(300):
        pool = [(leaf, values[leaf.name]) for leaf in leaves]
        for _ in range(6):
            (p, a), (q, b) = (pool[i] for i in rng.integers(len(pool), size=2))
            if abs(b) > 3:
                continue
            made = [
                lambda p, q: p + q,
                lambda p, q: p - q,
                lambda p, q: p * q,
                lambda p, q: p / (2.0 + q * q),
                lambda p, q: -p,
                lambda p, q: p**2 * -1.5,
                lambda p, q: (p * p + 1.0) ** q,
            ][rng.integers(7)]
            pool.append((made(p, q), made(a, b)))
            if abs(pool[-1][1]) > 50:
                pool.pop()
        for expression, expected in pool:
            printed = text(expression).replace("·", "*")
            np.testing.assert_allclose(eval(printed, dict(values)), expected, rtol=1e-4, atol=1e-4)


# ---- long and shared expressions ----------------------------------------------------------------------------------


def doubling(count: int):
    e = x
    for _ in range(count):
        e = e * e + np.sin(e)
    return e


def test_shared_expressions_do_not_print_exponentially_long():
    huge = doubling(200)
    for limit in (10, 80, 1000, None):
        assert len(text(huge, limit=limit)) <= (limit or 10_000)
        assert len(latex(huge, limit=limit)) <= (limit or 10_000)
    assert "…" in text(huge, limit=80)
    assert r"\ldots" in latex(huge, limit=200)
    assert len(repr(huge)) < 150


def test_limited_texts_keep_their_brackets_balanced():
    for limit in (5, 20, 57, 80, 300):
        for printed in (text(doubling(30), limit=limit), latex(doubling(30), limit=limit)):
            assert printed.count("(") == printed.count(")")
            assert printed.count("{") == printed.count("}")


def test_equations_name_what_repeats():
    shared = y * np.exp(x * y) / (1 + x**2 + y**2)
    found = equations({"a": shared + x, "b": np.sin(shared), "c": x * y})
    assert found == [
        ("s₁", "y·exp(x·y)/(1 + x**2 + y**2)"),
        ("a", "s₁ + x"),
        ("b", "sin(s₁)"),
        ("c", "x·y"),
    ]
    in_latex = equations({"a": shared + x, "b_dot": np.sin(shared)}, as_latex=True)
    assert [symbol for symbol, _ in in_latex] == ["s_{1}", "a", r"b_{\mathrm{dot}}"]
    assert in_latex[1][1] == "s_{1} + x"


def test_equations_of_a_deeply_shared_expression_stay_short():
    found = equations({"z": doubling(60)})
    assert len(found) < 62
    assert all(len(right) < 200 for _, right in found)
    symbols = [left for left, _ in found]
    for i, (_, right) in enumerate(found):
        assert set(re.findall("s[₀-₉]+", right)) <= set(symbols[:i])


def test_equations_avoid_letters_that_are_taken():
    s = variable("s1")
    shared = np.exp(s * y) / (1 + s**2 + y**2 + s)
    found = equations({"a": shared + x, "b": np.sin(shared)})
    assert found[0][0] == "q₁"


def test_repr_says_type_and_shape():
    assert repr(x * v) == "<float64 expression (5,): x·v>"
    assert repr(x > 0) == "<bool expression (): 0 < x>"


@QUICK
@given(graphs())
def test_every_graph_prints_balanced_text_and_latex(drawn):
    graph, _ = drawn
    for node in graph.nodes:
        for printed in (text(node), latex(node), text(node, limit=30), latex(node, limit=30)):
            assert printed
            for left, right in ("()", "{}", "[]"):
                assert printed.count(left) == printed.count(right)
            assert printed.count(r"\left") == printed.count(r"\right")
