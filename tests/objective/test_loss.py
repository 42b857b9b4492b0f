"""Losses by hand: values, masks, weights, scales, noise."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objective.building import NAN, dataset, decay, problem, ready, terms
from unideq.errors import DataError, FileFormatError, OptionError, TraceError
from unideq.graph import Graph, variable
from unideq.objective import (
    CustomLoss,
    GaussianLikelihood,
    Huber,
    LogNormalLikelihood,
    Loss,
    NegativeBinomialLikelihood,
    PoissonLikelihood,
    SquaredError,
    StudentTLikelihood,
    Trajectory,
    loss_of,
)
from unideq.stored import from_json


def raises(kind, *parts):
    return pytest.raises(kind, match=".*".join(re.escape(p) for p in parts))


def cost(loss, predicted, observed, scale=1.0, noise=None):
    p, o = variable("p", np.shape(predicted)), variable("o", np.shape(observed))
    value = loss.elementwise(p, o, scale, None if noise is None else variable("n"))
    inputs = (p, o) if noise is None else (p, o, variable("n"))
    return Graph(inputs, {"v": value}).evaluate({"p": predicted, "o": observed, "n": noise})["v"]


# x measured at 3 of 4 times, y at 2; the prediction is made up
TIMES = [0.0, 1.0, 2.0, 3.0]
X, Y = [1.0, 3.0, NAN, 5.0], [NAN, 10.0, 20.0, NAN]
PX, PY = np.array([[1.5, 2.0, 99.0, 5.0]]), np.array([[99.0, 11.0, 18.0, 99.0]])
SX, SY = np.std([1, 3, 5]), 5.0


def evaluated(loss, **settings):
    _, theta, program = ready(Trajectory(), problem(decay(), dataset(TIMES, x=X, y=Y), loss, **settings))
    return terms(program, theta, solve__observed__x=PX, solve__observed__y=PY), program


# ---- elementwise ------------------------------------------------------------------------------------------------


def test_squared_error_by_hand():
    np.testing.assert_allclose(cost(SquaredError(), [3.0, 5.0], [1.0, 6.0], scale=2.0), [1.0, 0.25])


def test_huber_is_quadratic_inside_and_linear_outside():
    # r = 0.3 → 0.045; r = 0.5 → 0.125; r = 2 → 0.5·(2 − 0.25) = 0.875; r = −2 the same
    np.testing.assert_allclose(cost(Huber(0.5), [0.3, 0.5, 2.0, -2.0], [0.0] * 4), [0.045, 0.125, 0.875, 0.875])
    np.testing.assert_allclose(cost(Huber(0.5), [4.0], [0.0], scale=2.0), [0.875])


@given(st.floats(-50, 50), st.floats(0.01, 10))
def test_huber_is_never_above_half_the_square(residual, delta):
    value = float(cost(Huber(delta), residual, 0.0))
    assert value <= residual**2 / 2 * (1 + 1e-12) + 1e-300
    assert value >= delta * (abs(residual) - delta / 2) * (1 - 1e-9) - 1e-12


def test_gaussian_is_the_negative_log_density_up_to_a_constant():
    from scipy.stats import norm

    value = cost(GaussianLikelihood(), [3.0], [1.0], scale=4.0, noise=0.5)
    expected = -norm.logpdf(1.0, 3.0, 0.5) - 0.5 * np.log(2 * np.pi) - np.log(4.0)
    np.testing.assert_allclose(value, [expected], rtol=1e-12)


def test_log_normal_is_the_negative_log_density_up_to_a_constant():
    from scipy.stats import lognorm

    value = cost(LogNormalLikelihood(), [3.0, 0.5], [1.0, 2.0], scale=4.0, noise=0.5)
    expected = -lognorm.logpdf([1.0, 2.0], 0.5, scale=[3.0, 0.5]) - 0.5 * np.log(2 * np.pi) - np.log([1.0, 2.0])
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_student_t_is_the_negative_log_density_up_to_a_constant():
    from scipy.stats import t

    values = np.array([1.0, -20.0])
    value = cost(StudentTLikelihood(3.0), [3.0, 3.0], values, scale=4.0, noise=0.5)
    constant = t.logpdf(0.0, 3.0) - np.log(4.0)
    np.testing.assert_allclose(value, constant - t.logpdf(values, 3.0, 3.0, 0.5), rtol=1e-12)


def test_poisson_is_half_the_deviance():
    from scipy.stats import poisson

    counts, rate = np.array([0.0, 1.0, 7.0, 5000.0]), np.array([0.3, 2.0, 7.0, 4900.0])
    best = poisson.logpmf(counts, np.maximum(counts, 1e-300))
    value = cost(PoissonLikelihood(), rate, counts, scale=3.0)
    np.testing.assert_allclose(value, best - poisson.logpmf(counts, rate), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dispersion", [1e-3, 0.2, 5.0])
def test_negative_binomial_is_the_negative_log_probability(dispersion):
    from scipy.stats import nbinom

    counts, mean = np.array([0.0, 1.0, 7.0, 5000.0]), np.array([0.3, 2.0, 9.0, 4900.0])
    expected = -nbinom.logpmf(counts, 1 / dispersion, 1 / (1 + dispersion * mean))
    value = cost(NegativeBinomialLikelihood(), mean, counts, noise=dispersion)
    np.testing.assert_allclose(value, expected, rtol=1e-9)


@pytest.mark.parametrize("loss", [PoissonLikelihood(), NegativeBinomialLikelihood(), LogNormalLikelihood()])
@pytest.mark.parametrize("count", [1.0, 4.0])
def test_predictions_that_stray_below_zero_are_costly_and_led_back(loss, count):
    places = np.array([-1.0, -1e-3, 0.0, 1e-7, 1e-5, 0.1])
    value = cost(loss, places, np.full(6, count), noise=0.3)
    assert np.isfinite(value).all() and (np.diff(value) < 0).all()


def test_impossible_measurements_are_refused_by_their_values():
    with raises(DataError, "`PoissonLikelihood` needs counts", "`y` was 0.5 (1 of 3 values"):
        problem(decay(), dataset(TIMES, x=[1.0, 2.0, 0.0, NAN], y=[NAN, 0.5, 2.0, 3.0]), PoissonLikelihood())
    with raises(DataError, "`LogNormalLikelihood` needs positive values", "`x` was 0"):
        problem(decay(), dataset(TIMES, x=[1.0, 2.0, 0.0, NAN], y=Y), LogNormalLikelihood())


def test_each_variable_may_have_a_loss_of_its_own():
    each = {"x": "huber", "y": GaussianLikelihood(weights={"y": 3.0}, sigma={"y": 2.0})}
    value, program = evaluated(each)
    assert value["x"] == pytest.approx(evaluated("huber")[0]["x"])
    assert value["y"] == pytest.approx(np.mean([1.0, 4.0]) / 2 / 4.0 + np.log(2.0 / SY))
    assert program.weights == {"x": pytest.approx(3 / 5 * 2), "y": pytest.approx(3 * 2 / 5 * 2)}
    again = from_json(Loss, json.loads(json.dumps(loss_of(each).to_json())))
    assert again == loss_of(each)
    made = problem(decay(), dataset(TIMES, x=X, y=Y), {"x": "student_t", "y": "squared_error"})
    assert [e.name for e in made.layout.of_kind("noise")] == ["noise.x"]


def test_custom_loss_sees_scaled_values():
    loss = loss_of(lambda predicted, observed: np.log1p(abs(predicted - observed)))
    np.testing.assert_allclose(cost(loss, [3.0, -1.0], [1.0, 1.0], scale=2.0), [np.log(2)] * 2)
    where = loss_of(lambda a, b: np.where(a > b, 3 * (a - b), b - a))
    np.testing.assert_allclose(cost(where, [[3.0], [0.0]], [[1.0], [1.0]]), [[6.0], [1.0]])


# ---- over data --------------------------------------------------------------------------------------------------


def test_squared_error_is_the_mean_over_measured_values_in_units_of_their_spread():
    value, program = evaluated(None)
    assert value["x"] == pytest.approx((0.5**2 + 1.0**2 + 0) / 3 / SX**2)
    assert value["y"] == pytest.approx((1.0**2 + 2.0**2) / 2 / SY**2)
    assert program.weights == {"x": 1.0, "y": 1.0}
    assert program.terms == ("x", "y")


def test_given_scales_and_weights():
    value, program = evaluated(SquaredError(scale={"x": 0.5}, weights={"y": 3.0}))
    assert value["x"] == pytest.approx((0.25 + 1.0) / 3 / 0.25)
    assert program.weights == {"x": 1.0, "y": 3.0}


def test_huber_over_data():
    value, _ = evaluated(Huber(delta=0.4))
    rx = np.array([0.5, 1.0, 0.0]) / SX
    expected = np.where(rx <= 0.4, rx**2 / 2, 0.4 * (rx - 0.2)).mean()
    assert value["x"] == pytest.approx(expected)


def test_gaussian_with_unknown_noise_starts_at_a_fifth_of_the_spread():
    made, theta, program = ready(Trajectory(), problem(decay(), dataset(TIMES, x=X, y=Y), "gaussian"))
    assert [e.name for e in made.layout.of_kind("noise")] == ["noise.x", "noise.y"]
    assert made.layout.unpack(theta)["noise.x"] == pytest.approx(0.2 * SX)
    value = terms(program, theta, solve__observed__x=PX, solve__observed__y=PY)
    assert value["x"] == pytest.approx(np.mean((np.array([0.5, 1.0, 0.0]) / (0.2 * SX)) ** 2) / 2 + np.log(0.2))
    # 3 of 5 measured values are x's: the weighted sum is 2/5 of the total negative log-likelihood
    assert program.weights == {"x": pytest.approx(3 / 5 * 2), "y": pytest.approx(2 / 5 * 2)}


def test_gaussian_with_given_noise_estimates_only_the_other():
    loss = GaussianLikelihood(sigma={"x": 0.5})
    made, theta, program = ready(Trajectory(), problem(decay(), dataset(TIMES, x=X, y=Y), loss))
    assert [e.name for e in made.layout.of_kind("noise")] == ["noise.y"]
    value = terms(program, theta, solve__observed__x=PX, solve__observed__y=PY)
    assert value["x"] == pytest.approx(np.mean(np.array([1.0, 2.0, 0.0]) ** 2) / 2 + np.log(0.5 / SX))


def test_custom_losses_never_see_places_without_measurement():
    # A logarithm of the observation: a zero or NaN filled in would make the sum NaN
    value, _ = evaluated(lambda predicted, observed: (np.log(observed) - np.log(predicted)) ** 2)
    assert value["x"] == pytest.approx(np.mean([np.log(1.5) ** 2, np.log(2 / 3) ** 2, 0.0]))
    assert value["y"] == pytest.approx(np.mean([np.log(1.1) ** 2, np.log(0.9) ** 2]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_unmeasured_predictions_do_not_matter(seed):
    rng = np.random.default_rng(seed)
    _, theta, program = ready(Trajectory(), problem(decay(), dataset(TIMES, x=X, y=Y)))
    other = PX.copy()
    other[0, 2] = rng.normal(scale=1e6)
    one = terms(program, theta, solve__observed__x=PX, solve__observed__y=PY)
    two = terms(program, theta, solve__observed__x=other, solve__observed__y=PY)
    assert one == two


# ---- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        SquaredError(scale={"x": 2.0}, weights={"y": 0.5}),
        Huber(0.3),
        GaussianLikelihood(sigma={"x": 0.1}, initial=0.5),
        LogNormalLikelihood(weights={"y": 2.0}),
        StudentTLikelihood(3.0),
        PoissonLikelihood(),
        NegativeBinomialLikelihood(initial=0.4),
        CustomLoss.of(lambda p, o: abs(p - o) ** 1.5, weights={"x": 2.0}),
    ],
    ids=lambda loss: loss.kind,
)
def test_json_round_trip(loss):
    again = from_json(Loss, json.loads(json.dumps(loss.to_json(), allow_nan=False)))
    assert type(again) is type(loss) and again.scale == loss.scale and again.weights == loss.weights
    np.testing.assert_array_equal(
        cost(again, [3.0, 1.0], [1.0, 1.5], 2.0, 0.7), cost(loss, [3.0, 1.0], [1.0, 1.5], 2.0, 0.7)
    )


def test_names_and_functions_become_losses():
    assert isinstance(loss_of(None), SquaredError)
    assert isinstance(loss_of("huber"), Huber)
    assert repr(loss_of(lambda p, o: (p - o) ** 2)) == "CustomLoss(f(predicted, observed) with 2 operations)"


@pytest.mark.parametrize(
    ("make", "kind", "parts"),
    [
        (lambda: loss_of("hubert"), OptionError, ("Unknown loss `hubert`. Did you mean `huber`?", "`gaussian`")),
        (lambda: loss_of("custom"), OptionError, ("Unknown loss `custom`",)),
        (lambda: loss_of(3), OptionError, ("`loss` needs a name, a loss such as", "not 3")),
        (lambda: Huber(0.0), OptionError, ("`Huber` needs `delta` as a number > 0, not 0.0",)),
        (lambda: GaussianLikelihood(initial=-1.0), OptionError, ("`initial` as a number > 0, not -1.0",)),
        (lambda: loss_of(lambda p, o: o**2), OptionError, ("doesn't depend on its first argument",)),
        (lambda: loss_of(lambda p, o: p if p > o else o), TraceError, ("np.where",)),
        (lambda: from_json(Loss, {"kind": "cubic"}), FileFormatError, ("Unknown loss `cubic`",)),
        (lambda: from_json(Loss, {"kind": "huber", "size": 1}), FileFormatError, ("damaged",)),
        (lambda: evaluated({"x": "huber"}), OptionError, ("says nothing about `y`", '"y": "squared_error"')),
        (lambda: evaluated({"x": "huber", "z": "huber"}), OptionError, ("in `loss` `z`", "`x`, `y`")),
        (lambda: evaluated({"x": "huber", "y": {"x": "huber"}}), OptionError, ("`y` is a dict itself",)),
        (lambda: loss_of({}), OptionError, ("empty dict",)),
        (lambda: evaluated(PoissonLikelihood(scale={"x": 0.0})), OptionError, ("`scale` as",)),
        (lambda: StudentTLikelihood(0.0), OptionError, ("`degrees` as a number > 0",)),
        (lambda: evaluated(SquaredError(scale={"xx": 1.0})), OptionError, ("Unknown data variable in `scale` `xx`",)),
        (lambda: evaluated(SquaredError(weights={"x": -1.0})), OptionError, ("`weights` as", "-1.0", "`x`")),
        (lambda: evaluated(GaussianLikelihood(sigma={"z": 1.0})), OptionError, ("in `sigma` `z`", "`x`, `y`")),
        (lambda: evaluated(GaussianLikelihood(sigma={"x": "big"})), DataError, ("lack `big`", "beside `x`")),
        (lambda: evaluated(GaussianLikelihood(sigma={"x": True})), OptionError, ("`sigma` as", "True", "`x`")),
        (lambda: evaluated(GaussianLikelihood(sigma=0.1)), OptionError, ("`sigma` as a dict", "not 0.1")),
    ],
)  # fmt: skip
def test_bad_losses_say_why(make, kind, parts):
    with raises(kind, *parts):
        make()
