"""Limits of the audit's verdicts, pinned by a case on either side of each; how-to/audit.md has the numbers."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.audit.pathology.causality import causality_finding
from unideq.audit.pathology.concentration import concentration_finding
from unideq.audit.pathology.conflict import conflict_finding
from unideq.audit.pathology.generalisation import generalisation_finding
from unideq.audit.pathology.gradient_balance import balance_finding
from unideq.audit.pathology.gradient_statistics import _histograms
from unideq.audit.pathology.progress import progress_finding
from unideq.audit.pathology.residual_points import concentration
from unideq.audit.pathology.stiffness import stiffness_finding
from unideq.audit.rollout.distance import Cloud
from unideq.audit.rollout.dynamics import Dynamics
from unideq.audit.rollout.shift import _dataset, _finding
from unideq.audit.truncation.decomposition import Decomposition
from unideq.audit.truncation.refinement import _finding as refinement_finding
from unideq.audit.truncation.regression import Regression
from unideq.audit.truncation.scheme_terms import SchemeTerm, _leading_order
from unideq.audit.truncation.uniform_grid import UniformGrid
from unideq.audit.truncation.verdict import truncation_finding
from unideq.engine import get_engine
from unideq.model import Entry, Layout

from .burgers import CENTRAL, grid, host, split
from .test_pathology import made

LATER = np.array([False, True, True])
BOTH = ("iteration", "term")


def left(pde, walls):
    return {"left": ("term", [pde, walls])}


MUCH = left(0.2, 0.5)


def per_term(name, pde, walls):
    """The same at all moments."""
    return {name: (BOTH, np.array([[pde, walls]] * 3))}


def drowned(norm=1e-3, kernel=1e6, rest=0.2):
    """Gradients of the walls that are 1/norm times the equation's."""
    return {**per_term("norm_ratio", 1.0, norm), **per_term("kernel_trace", 1.0, kernel), **left(rest, 0.5)}


def slices(*first, term="pde"):
    values = np.ones((3, 2, 10))
    values[:, ["pde", "walls"].index(term), : len(first)] = first
    return {"slice_loss": ((*BOTH, "slice"), values)}


def opposed(*cosines):
    """A training of which all these moments belong to the second half."""
    pairs = np.array([[[1.0, c], [c, 1.0]] for c in cosines])
    names = ["pde", "walls"]
    data = {"cosine": (("iteration", "term", "other"), pairs), "left": ("term", [0.2, 0.5])}
    return xr.Dataset(data, {"iteration": range(len(cosines)), "term": names, "other": names})


def rate(value):
    return {"learning_rate": ("iteration", [value] * 3)}  # times the largest eigenvalue, 1000


def training(times):
    return {"training_loss": ("term", [1e-4 / times] * 2)}


def balance(d):
    return balance_finding(d, LATER)


def causality(d):
    return causality_finding(d, False)


@pytest.mark.parametrize(
    ("judge", "below", "above", "severities"),
    [
        (
            balance, {**per_term("norm_ratio", 1.0, 9.9), **MUCH}, {**per_term("norm_ratio", 1.0, 10.1), **MUCH},
            "ok warning",
        ),
        (
            balance, {**per_term("kernel_trace", 99.0, 1.0), **MUCH}, {**per_term("kernel_trace", 101.0, 1.0), **MUCH},
            "ok warning",
        ),
        (
            balance, {**per_term("norm_ratio", 1.0, 40.0), **left(0.2, 0.9e-3)},
            {**per_term("norm_ratio", 1.0, 40.0), **left(0.2, 1.1e-3)}, "ok warning",
        ),
        (balance, drowned(norm=0.21), drowned(norm=0.19), "ok warning"),
        (balance, drowned(kernel=0.9e4), drowned(kernel=1.1e4), "ok warning"),
        (balance, drowned(rest=0.9e-2), drowned(rest=1.1e-2), "ok warning"),
        (stiffness_finding, {**rate(0.0199), **MUCH}, {**rate(0.0201), **MUCH}, "ok warning"),
        (stiffness_finding, {**rate(0.1), **left(0.9e-3, 0.9e-3)}, {**rate(0.1), **left(0.0, 1.1e-3)}, "note warning"),
        (causality, {**slices(*[29.9] * 3), **MUCH}, {**slices(*[30.1] * 3), **MUCH}, "ok warning"),
        (causality, {**slices(80.0), **MUCH}, {**slices(50.0, 50.0), **MUCH}, "ok warning"),  # three slices are early
        (causality, {**slices(1.0, 1.0, 1.0, 1e3), **MUCH}, {**slices(*[31.0] * 3, 1.0), **MUCH}, "ok warning"),
        (
            causality, {**slices(*[50.0] * 3), **left(0.9e-2, 0.0)}, {**slices(*[50.0] * 3), **left(1.1e-2, 0.0)},
            "ok warning",
        ),
        (
            concentration_finding, {**per_term("concentration", 0.69, 0.1), **MUCH},
            {**per_term("concentration", 0.71, 0.1), **MUCH}, "ok warning",
        ),
        (
            concentration_finding, {**per_term("concentration", 0.9, 0.1), **left(0.9e-3, 0.5)},
            {**per_term("concentration", 0.9, 0.1), **left(1.1e-3, 0.5)}, "ok warning",
        ),
        (generalisation_finding, {**training(29.9), **MUCH}, {**training(30.1), **MUCH}, "ok warning"),
        (
            generalisation_finding, {**training(99.0), **left(0.0, 0.9e-3)}, {**training(99.0), **left(0.0, 1.1e-3)},
            "note warning",
        ),
        (progress_finding, left(0.0, 0.9e-2), left(0.0, 1.1e-2), "ok note"),
    ],
)  # fmt: skip
def test_limits_of_the_pathologies(judge, below, above, severities):
    assert f"{judge(made(**below)).severity} {judge(made(**above)).severity}" == severities


def test_limits_of_conflict():
    """A cosine of −0.3, at more than three quarters of the moments, between terms that have 0.1 % left."""

    def severity(d):
        return conflict_finding(d, np.ones(d.sizes["iteration"], dtype=bool)).severity

    assert [severity(opposed(*[c] * 3)) for c in (-0.29, -0.31)] == ["ok", "warning"]
    assert [severity(opposed(*[-0.9] * n, 0.1)) for n in (3, 4)] == ["ok", "warning"]
    rest = [opposed(-0.9, -0.9).assign(left=("term", [0.2, part])) for part in (0.9e-3, 1.1e-3)]
    assert [severity(d) for d in rest] == ["ok", "warning"]


def test_a_total_falls_that_falls_twofold():
    found = [progress_finding(made().assign_attrs(still_falling=f)).severity for f in (1.9, 2.1)]
    assert found == ["ok", "note"]


@pytest.mark.parametrize(("large", "share"), [(5, 1.0), (6, 5 / 6)])
def test_concentration_looks_at_five_points_of_a_hundred(large, share):
    assert concentration(np.repeat([1.0, 0.0], [large, 100 - large])) == pytest.approx(share)


@pytest.mark.parametrize(("large", "reach"), [(4, 0.1), (6, 1.0)])
def test_histograms_leave_out_five_gradients_of_a_thousand(large, reach):
    gradient = np.repeat([1.0, 0.1], [large, 1000 - large])[None, None]
    _, edges = _histograms(gradient, Layout([Entry("w", (1000,), "network")]), ["w"], 10)["edges"]
    assert edges.max() == pytest.approx(reach)


# ---- truncation ---------------------------------------------------------------------------------------------------


def judged(share=0.5, size=1.0, inflation=1.0, r_squared=1.0, certain=True, known=True, actual=True):
    """The finding on a closure of one physical term, and one of a scheme that has `size` times its expected value."""
    values = np.array([1.0, size])
    error = np.array([0.01, 0.01 if certain else 10.0])
    shares = np.array([r_squared - share, share])
    regression = Regression(
        ("u_xx", "u·u_xx"), values, error, values - 2 * error, values + 2 * error, shares, shares, shares,
        np.array([1.0, inflation]), r_squared, np.stack([values, values]),
    )  # fmt: skip
    term = SchemeTerm("u·u_xx", 1.0, "dx/2", 1, "the leading error", actual)
    field = np.ones((2, 4))
    return truncation_finding(Decomposition("u", regression, {"u·u_xx": term}, None, field, field, (2, 2)), known)


@pytest.mark.parametrize(
    ("below", "above", "severities"),
    [
        ({"share": 0.049}, {"share": 0.051}, "ok warning"),  # of the closure
        ({"size": 2.9}, {"size": 3.1}, "warning note"),  # times the coefficient that the scheme calls for
        ({"size": 0.19}, {"size": 0.21}, "ok warning"),
        ({"size": 4.9}, {"size": 5.1}, "note ok"),
        ({"size": 0.29, "known": False}, {"size": 0.31, "known": False}, "note warning"),
        ({"r_squared": 0.49, "share": 0.2}, {"r_squared": 0.51, "share": 0.2}, "note warning"),
    ],
)  # fmt: skip
def test_limits_of_truncation(below, above, severities):
    assert f"{judged(**below).severity} {judged(**above).severity}" == severities


def test_terms_with_a_variance_inflation_beyond_300_can_hardly_be_told_apart():
    told = ["can hardly tell" in judged(inflation=by, certain=False).statement for by in (299.0, 301.0)]
    assert told == [False, True]


@pytest.mark.parametrize(
    ("below", "above"),
    [({"dx_part": 0.19}, {"dx_part": 0.21}), ({"share": 0.049}, {"share": 0.051}), ({"low": -0.1}, {"low": 0.1})],
)
def test_limits_of_refinement(below, above):
    def severity(dx_part=0.5, share=0.5, low=0.1):
        row = {
            "physical": 0.5, "physical_error": 0.01, "per_dx": 1.0, "per_dx_error": 0.01, "per_dx_low": low,
            "per_dx_high": 2.0, "power_of_dx": 1, "dx_part": dx_part, "share": share,
        }  # fmt: skip
        d = xr.Dataset({n: ("candidate", [v]) for n, v in row.items()}, {"candidate": ["u_xx"]}, {"field": "u"})
        return refinement_finding(d.assign(coefficient=(("grid", "candidate"), [[1.0], [1.0]]))).severity

    assert (severity(**below), severity(**above)) == ("ok", "warning")


@pytest.mark.parametrize(("third", "found"), [(0.43, False), (0.45, True)])
def test_higher_derivatives_are_candidates_where_the_lower_ones_leave_five_per_cent(third, found):
    x, of = grid(64).coordinates("x"), host(CENTRAL, 64)
    states = np.stack([np.sin(x + k) + np.sin(3 * x + k * k) for k in range(12)])
    space = UniformGrid.of(of)
    closure = space.derivative(states, (2,)) + third * space.derivative(states, (3,))
    regression = split(of, closure, np.arange(12.0), states).fields["u"].regression
    assert ("u_xxx" in regression.names) is found
    assert regression.r_squared == pytest.approx(1.0 if found else 0.95, abs=2e-3)


@pytest.mark.parametrize(("first", "order"), [(0.9e-7, 2), (1.1e-7, 1)])
def test_an_error_of_a_ten_millionth_of_the_rate_is_rounding(first, order):
    assert _leading_order(np.array([first, 1e-3]), np.ones(4)) == order
    assert _leading_order(np.array([first, 0.0]), np.ones(4)) == order % 2


# ---- distribution shift -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("furthest", "outside", "severity"),
    [(2.9, 0.2, "note"), (3.1, 0.2, "warning"), (2.0, 0.49, "note"), (2.0, 0.51, "warning")],
)
def test_limits_of_a_shift(furthest, outside, severity):
    """Three times the training's 99 % quantile, or half of the places."""
    d = xr.Dataset(
        {
            "ratio": (("condition", "step"), np.full((1, 2), furthest)),
            "outside": (("condition", "step"), np.full((1, 2), outside)),
            "furthest": ("condition", [furthest]), "first_step": ("condition", [0]),
        },
        {"kind": ("condition", ["new"])},
    )  # fmt: skip
    assert _finding(d, "f", "new").severity == severity


@pytest.mark.parametrize(
    ("times", "places", "leaves"), [(1.24, 3, False), (1.26, 3, True), (2.0, 2, False), (2.0, 3, True)]
)
def test_leaving_is_a_tenth_of_the_places_a_quarter_beyond_the_quantile(times, places, leaves):
    """Of twenty places so many stand so many times as far as the training's 99 % quantile."""
    samples = np.linspace(-1.0, 1.0, 2000)[:, None]  # whatever is beyond the quantile has no sample near it
    cloud = Cloud.of(samples, np.arange(2000) % 5)
    one = float(cloud.distance(np.array([[samples.mean() + 1.0]]))[0])
    rows = np.zeros((1, 4, 20, 1))
    rows[:, :, :places] = samples.mean() - times * cloud.quantile(0.99) / one
    d = _dataset(cloud, rows, (20,), ["new"], ["new 0"], 0.1)
    assert float(d["ratio"].max()) == pytest.approx(times, rel=1e-6)
    assert bool(d["first_step"][0] >= 0) is leaves


def spread_as(*shares):
    """Training samples whose principal components have these shares of the variance."""
    signs = np.array([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0], [1.0, -1.0, -1.0, 1.0]])
    return Cloud.of(signs.T * np.sqrt(shares), np.zeros(4), np.zeros(3))


@pytest.mark.parametrize(("second", "components"), [(0.9e-3, 1), (1.1e-3, 2)])
def test_principal_components_leave_a_thousandth_of_the_variance(second, components):
    assert spread_as(1.0 - second, second, 0.0).directions.shape == (3, components)


@pytest.mark.parametrize(("second", "counted"), [(0.9e-3, 1e-3), (1.1e-3, 1.1e-3)])
def test_no_direction_has_less_than_a_thousandth_of_the_variance(second, counted):
    cloud = spread_as(0.9996 - second, second, 4e-4)
    assert [cloud.spread[1] / 3.0, cloud.rest / 3.0] == pytest.approx([counted, 1e-3])


# ---- rollouts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval", "steps"), [(1.5, 1), (1.6, 2)])
def test_runge_kutta_steps_are_shorter_than_two_over_the_largest_eigenvalue(interval, steps):
    """1.3 times as large an eigenvalue is reckoned with, for states further on."""
    decay = ude.ODE(lambda t, s: {"x": -s.x}, ["x"])
    assert Dynamics(decay, None, interval, get_engine(), np.ones((1, 1))).repeats == steps
