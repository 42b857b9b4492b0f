"""What `solver=` takes: a name, or a solver that owns its settings."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.engine import get_engine
from unideq.solvers import SOLVERS, Auto, SolverSettings, solver_settings


def decay(rate):
    return ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": rate})


@pytest.mark.parametrize("name", ["auto", *SOLVERS])
def test_a_name_is_short_for_the_solver_of_that_name(name):
    entry = Auto if name == "auto" else SOLVERS[name]
    assert getattr(ude, entry.__name__) is entry
    assert entry.__name__.lower() == entry.name == name
    made = entry(dt=0.25) if entry.fixed else entry()
    settings = solver_settings(made)
    assert settings == SolverSettings(name, 1e-6, None, 0.25 if entry.fixed else None, 4096, "auto")
    if not entry.fixed:
        assert solver_settings(name) == settings


def test_what_a_solver_leaves_open_is_the_callers():
    open_settings = solver_settings(ude.Tsit5(atol={"x": 1e-9}), rtol=1e-8, max_steps=7)
    assert (open_settings.rtol, open_settings.max_steps, open_settings.atol) == (1e-8, 7, {"x": 1e-9})
    set_ones = solver_settings(ude.Tsit5(rtol=1e-3, max_steps=9), rtol=1e-8, max_steps=7)
    assert (set_ones.rtol, set_ones.max_steps) == (1e-3, 9)
    assert solver_settings(ude.RK4(dt=0.5, max_steps=9), max_steps=7).max_steps == 9


def test_solvers_are_equal_where_their_settings_are():
    assert ude.Tsit5(rtol=1e-8) == ude.Tsit5(rtol=1e-8) != ude.Tsit5()
    assert ude.Tsit5() != ude.Dopri5()
    assert repr(ude.RK4(dt=0.5)) == "RK4(max_steps=None, adjoint='auto', dt=0.5)"


@pytest.mark.parametrize(
    ("solver", "short"),
    [
        (ude.RK4(dt=0.25), {"solver": ude.RK4(dt=0.25, max_steps=None)}),
        (ude.Tsit5(), {"solver": "tsit5"}),
        (ude.Auto(), {}),
    ],
)
def test_solves_and_fits_take_it(solver, short):
    model, times = decay(1.0), np.linspace(0.0, 1.0, 5)
    found, known = (model.solve(times, {"x": 2.0}, **given) for given in ({"solver": solver}, short))
    np.testing.assert_array_equal(found["x"], known["x"])
    np.testing.assert_allclose(found["x"], 2.0 * np.exp(-times), rtol=1e-3)
    setup = {"phases": ude.Adam(1e-2, 1), "progress": False}
    fits = [ude.fit(decay(0.8), found.dataset, **setup, **given) for given in ({"solver": solver}, short)]
    assert fits[0].record.settings == fits[1].record.settings
    assert fits[0].record.fingerprint == fits[1].record.fingerprint
    assert fits[0].engine is get_engine()
