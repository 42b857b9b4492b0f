"""Models with delays: what they say, their files, where their solvers stop; JAX refuses them."""

import numpy as np
import pytest

import unideq as ude
from engine import delays
from unideq.engine.clock import clocked
from unideq.errors import EngineUnsupported


@pytest.fixture(scope="module")
def model():
    def rhs(t, s, p, net):
        return {"x": -p.rate * s.lag(2.0).x + net.f(s.lag(0.5).x), "y": s.lag(2.0).y[1] - s.y}

    states = {"x": (), "y": 2}
    return ude.ODE(rhs, states, {"rate": 3.0}, {"f": ude.nn.MLP(1, 1, (3,))}, initial={"x": 1.0, "y": 0.0})


def test_it_says_what_it_reads(model):
    lines = str(model.equations()).splitlines()
    assert lines[0].endswith("f(x(t - 0.5)) - rate·x(t - 2)")
    assert "y(t - 2)[1]" in lines[1]
    assert "delay      2\n  delay      0.5" in model.describe()
    assert not model.learned
    still = model(0.0, {"x": 2.0, "y": [1.0, 5.0]}, {"rate": 0.0})
    np.testing.assert_array_equal(still["y"], [4.0, 0.0])


def test_files_and_changed_models_keep_the_delays(model, tmp_path):
    model.save(tmp_path / "model.json")
    again = ude.ODE.load(tmp_path / "model.json")
    assert again.delays == model.delays == model.with_values({"rate": 1.0}).delays == (2.0, 0.5)
    assert str(again.equations()) == str(model.equations())
    formula = model.replace("f", lambda p, x: p.k * x, {"k": 1.0})
    assert str(formula.equations()).splitlines()[0] == "d x/dt = k·x(t - 0.5) - rate·x(t - 2)"


def test_a_state_may_be_called_lag():
    named = ude.ODE(lambda t, s: {"lag": -s.lag}, ["lag"])
    assert not named.delays
    assert str(named.equations()) == "d lag/dt = -lag"


def test_solvers_stop_where_the_kink_at_the_start_comes_back():
    (source,) = delays.program().sources
    stops = clocked(source).stops
    assert stops.shape[0] == 2
    np.testing.assert_allclose(stops[0][np.isfinite(stops[0])], np.arange(0.5, 4.3, 0.5))
    np.testing.assert_allclose(stops[0], stops[1])  # on its own clock each begins at 0


def test_jax_names_the_engine_that_solves_them(model):
    with pytest.raises(EngineUnsupported, match=r"`jax` solves no equations with delays.*engine `julia` does"):
        model.solve([0.0, 1.0], engine="jax")
