"""Names are read as Python reads them, and none may be one that files and results have beside it."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import DataError, ModelError
from unideq.model.names import RESERVED, TERMS
from unideq.objective import Observations

MICRO, MU = "\u00b5", "\u03bc"
GRID = ude.Grid(ude.Axis("x", 0.0, 1.0, 8))


def _with(kind, name):
    """A model, or a residual problem, that has something of a kind with a name."""
    if kind == "state":
        return ude.ODE(lambda t, state: {name: -state[name]}, [name])
    if kind == "observable":
        return ude.ODE(lambda t, state: {"x": -state.x}, ["x"], observe=lambda t, state: {name: 2.0 * state.x})
    if kind == "parameter":
        return ude.ODE(lambda t, state, p: {"x": -p[name] * state.x}, ["x"], {name: 1.0})
    if kind == "condition":
        return ude.ODE(lambda t, state, p: {"x": -p[name] * state.x}, ["x"], {name: ude.Condition(1.0)})
    if kind == "coordinate":
        return ude.ResidualProblem(
            {name: (0, 1)}, {"u": ude.nn.MLP(1, 1, (2,))}, {"pde": ude.Interior(lambda at, field: field.u - at[name])}
        )
    columns = {"z": np.zeros(3), name: np.zeros(3)}
    return ude.ResidualProblem(
        {"z": (0, 1)},
        {"u": ude.nn.MLP(1, 1, (2,))},
        {"at": ude.PointSet(lambda at, field: field.u - at[name], at=columns)},
    )


WHEN_MEASURED = [("observable", term) for term in TERMS]  # `fit` refuses these; see the tests of problems


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n, kinds in RESERVED.items() for k in kinds if (k, n) not in WHEN_MEASURED]
)
def test_names_of_our_own_are_refused_where_they_would_stand_beside_them(name, kind):
    with pytest.raises(ModelError, match=rf"(?i){kind} name '{name}' is taken: .*`{name}_`"):
        _with(kind, name)
    assert _with(kind, f"{name}_") is not None


@pytest.mark.parametrize("kind", ["state", "observable", "parameter", "condition"])
@pytest.mark.parametrize("name", ["time", "trajectory", "seed", "iteration", "keys", "t"])
def test_dimensions_of_all_results_are_nobodys_name(name, kind):
    with pytest.raises(ModelError, match="is taken"):
        _with(kind, name)


def test_a_name_that_is_free_for_one_kind_stays_free():
    assert _with("parameter", "start").parameters.keys() == {"start"}
    assert _with("parameter", "continuity") is not None
    assert [_with(*free) is not None for free in WHEN_MEASURED] == [True] * len(TERMS)
    assert ude.ODE(
        lambda t, state, p, net: {"x": net.initial(state.x)}, ["x"], networks={"initial": ude.nn.MLP(1, 1, (2,))}
    ).networks.keys() == {"initial"}


def test_names_of_dimensions_are_refused():
    with pytest.raises(ModelError, match="`x_0` names a quantity, and a dimension of `x`"):
        ude.ODE(lambda t, state: {"x": -state.x, "x_0": state.x[0]}, {"x": 3, "x_0": ()})
    with pytest.raises(ModelError, match="`k_0`"):
        ude.ODE(lambda t, state, p: {"k_0": np.sum(p.k) * state.k_0}, ["k_0"], {"k": np.ones(2)})
    with pytest.raises(ModelError, match="`x`"):
        ude.PDE(lambda t, state, p: {"u": -p.x * state.u}, GRID, ["u"], {"x": 1.0})


def test_micro_and_mu_are_one_letter():
    model = ude.ODE(lambda t, state, p: {MICRO: -p[MICRO + "max"] * state[MU]}, [MICRO], {MICRO + "max": 2.0})
    assert model.states.names == (MU,) and list(model.parameters) == [MU + "max"]
    for state in (MICRO, MU):
        for parameter in (MICRO + "max", MU + "max"):
            assert model(0.0, {state: 1.0}, {parameter: 3.0})[MU] == -3.0
            assert float(model.with_values({parameter: 4.0}).parameters[MU + "max"].array) == 4.0
    scope: dict = {}
    exec(
        f"def rhs(t, state, p):\n    return {{'{MICRO}': -p.{MICRO}max * state.{MICRO}}}", scope
    )  # as a user writes it
    written = ude.ODE(scope["rhs"], [MICRO], {MICRO + "max": 2.0})
    assert written(0.0, {MICRO: 1.0})[MU] == -2.0


@pytest.mark.parametrize("name", [MICRO, MU])
def test_data_may_spell_a_name_either_way(name):
    model = ude.ODE(lambda t, state: {MU: -state[MU]}, [MICRO], initial={MICRO: 1.0})
    data = xr.Dataset({name: ("time", np.ones(3))}, coords={"time": np.arange(3.0)})
    assert Observations.of(data, model).names == (MU,)
    both = data.rename({name: MU}).assign({MICRO: ("time", np.ones(3))})
    with pytest.raises(DataError, match="twice"):
        Observations.of(both, model)


def test_two_spellings_of_one_name_are_refused():
    with pytest.raises(ModelError, match="one name"):
        ude.ODE(lambda t, state, p: {"x": -p[MU] * state.x}, ["x"], {MICRO: 1.0, MU: 2.0})
    with pytest.raises(ModelError, match="share the name"):
        ude.ODE(lambda t, state: {MU: -state[MU]}, [MICRO, MU])
