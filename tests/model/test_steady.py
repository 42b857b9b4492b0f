"""Models that begin at the steady state of their inputs: fits, predictions, files, and what is told."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import ModelError, OptionError, SolveError, UnideqWarning

TIMES = np.array([0.0, 0.5, 1.0, 2.0, 4.0])
DOSES = [1.0, 3.0]
STIMULUS = xr.DataArray([1.0, 4.0, 4.0], {"time": [-1.0, 0.25, 4.0]}, "time", attrs={"interpolation": "previous"})


def expression(rate=0.7, made=1.0):
    """A gene, and its product: at rest, dose / (1 + product) = messenger and product = 2 messenger."""
    return ude.ODE(
        lambda t, s, p, net, forcing: {
            "messenger": forcing.stimulus * p.dose * p.made / (1.0 + s.product) - s.messenger,
            "product": p.rate * (2.0 * s.messenger - s.product),
        },
        ["messenger", ude.State("product", positive=True)],
        {"made": ude.Parameter(made, positive=True), "rate": ude.Parameter(rate), "dose": ude.Condition()},
        forcings={"stimulus": STIMULUS},
        initial="steady",
    )  # fmt: skip


def rest(dose, made=1.0):
    """m (1 + 2 m) = dose."""
    return (np.sqrt(1.0 + 8.0 * np.asarray(dose) * made) - 1.0) / 4.0


@pytest.fixture(scope="module")
def solved():
    return expression().solve(TIMES, conditions={"dose": DOSES})


@pytest.fixture(scope="module")
def fit(solved):
    data = xr.Dataset({"messenger": solved["messenger"]}).assign_coords(
        dose=("trajectory", DOSES), trajectory=["a", "b"]
    )
    free = expression(rate=0.4, made=1.5)
    return ude.fit(free, data, phases=ude.BFGS(30), progress=False)


def test_it_begins_where_nothing_moves(solved):
    np.testing.assert_allclose(solved["messenger"][:, 0], rest(DOSES), rtol=1e-8)
    np.testing.assert_allclose(solved["product"][:, 0], 2.0 * rest(DOSES), rtol=1e-8)
    assert (solved["messenger"].values[:, 2] > 1.05 * rest(DOSES)).all()  # until the stimulus grows


def test_a_fit_learns_through_the_steady_state(fit, tmp_path):
    assert not fit.record.layout.of_kind("initial")
    assert float(fit.parameters["rate"]) == pytest.approx(0.7, rel=1e-3)
    assert float(fit.parameters["made"]) == pytest.approx(1.0, rel=1e-3)
    new = fit.predict([0.0, 1.0], conditions={"dose": [6.0, 0.5]})["messenger"].values.reshape(2, 2)
    np.testing.assert_allclose(new[:, 0], rest([6.0, 0.5]), rtol=2e-3)
    fit.save(tmp_path / "rest.nc")
    again = ude.Fit.load(tmp_path / "rest.nc")
    assert again.model.begins_at_rest
    np.testing.assert_array_equal(again.predict([0.0, 1.0])["product"], fit.predict([0.0, 1.0])["product"])


def test_other_initial_values_may_be_given(fit):
    elsewhere = fit.model.solve([0.0, 1.0], {"messenger": 1.0, "product": 0.2}, conditions={"dose": 1.0})
    assert float(elsewhere["product"][0]) == pytest.approx(0.2)
    with pytest.raises(ModelError, match=r"says nothing of `product`.*all initial values, or none"):
        fit.model.solve([0.0, 1.0], {"messenger": 1.0}, conditions={"dose": 1.0})


def test_what_a_steady_state_cannot_be_is_told(fit, tmp_path):
    def model(rhs, initial="steady"):
        return ude.ODE(rhs, ["x", "y"], initial=initial)

    exchange = model(lambda t, s: {"x": s.y - 2.0 * s.x, "y": 2.0 * s.x - s.y})
    with pytest.raises(SolveError, match=r"Trajectory 0 has no one steady state: the equations conserve `x \+ y`"):
        exchange.solve([0.0, 1.0])
    growing = model(lambda t, s: {"x": 1.0 + s.y**2, "y": -s.y})
    with pytest.raises(SolveError, match=r"reaches no steady state from its guess.*`ude.Steady"):
        growing.solve([0.0, 1.0])
    circle = model(lambda t, s: {"x": s.y + 1.0, "y": 1.0 - 3.0 * s.x**2})
    with pytest.warns(UnideqWarning, match="isn't stable: a small deviation never dies out"):
        circle.solve([0.0, 1.0])
    with pytest.raises(ModelError, match=r"`x` begins at its steady state and `y` doesn't"):
        model(lambda t, s: {"x": -s.x, "y": -s.y}, {"x": ude.Steady()})
    with pytest.raises(ModelError, match=r"`initial` needs a dict.*not 'stedy'"):
        model(lambda t, s: {"x": -s.x, "y": -s.y}, "stedy")
    with pytest.raises(OptionError, match=r"begins at its steady state. Take `Trajectory\(\)`"):
        fit.train(ude.Adam(1e-3, 1), objective=ude.MultipleShooting(2), progress=False)
    with pytest.raises(ModelError, match="A script begins at numbers"):
        fit.model.export_julia(tmp_path / "rest.jl", [0.0, 1.0], conditions={"dose": 1.0})


def test_it_may_have_rested_under_other_inputs(tmp_path):
    before = {"stimulus": 0.25, "dose": 1.0}
    rhs = expression()
    rested = ude.ODE(
        lambda t, s, p, net, forcing: {
            "messenger": forcing.stimulus * p.dose * p.made / (1.0 + s.product) - s.messenger,
            "product": p.rate * (2.0 * s.messenger - s.product),
        },
        rhs.states.names, dict(rhs.parameters) | {"dose": ude.Condition()}, forcings={"stimulus": STIMULUS},
        initial=ude.Steady(inputs=before),
    )  # fmt: skip
    rested.save(tmp_path / "rested.json")
    again = ude.ODE.load(tmp_path / "rested.json").solve(TIMES, conditions={"dose": DOSES})
    np.testing.assert_allclose(again["messenger"][:, 0], rest([0.25, 0.25]), rtol=1e-8)
    assert (np.diff(again["messenger"][:, :2]) > 0.1).all()  # at once towards what the start's inputs ask for
    with pytest.raises(ModelError, match="`dose` had a value of its own while the model rested"):
        rested.at(dose=2.0)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"stimulu": 0.0}, r"Unknown forcing or condition `stimulu`.*Did you mean `stimulus`"),
        ({"made": 0.0}, "`made` is a parameter, which is at rest what it is later"),
        ({"stimulus": np.nan}, "must be finite|isn't finite|finite"),
        ({"stimulus": [0.0, 1.0]}, r"`stimulus` at rest has shape \(2,\), not \(\)"),
        ("stimulus", "a dict forcing or condition → its value at rest"),
    ],
)
def test_inputs_at_rest_that_are_none_are_told(inputs, message):
    rate = {"made": 1.0, "dose": ude.Condition()}
    with pytest.raises(ModelError, match=message):
        ude.ODE(
            lambda t, s, p, net, forcing: {"x": forcing.stimulus * p.dose * p.made - s.x},
            ["x"], rate, forcings=["stimulus"], initial=ude.Steady(inputs=inputs),
        )  # fmt: skip
