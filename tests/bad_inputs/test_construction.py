"""Models that are made wrongly: states, parameters, conditions, networks, forcings, functions, steppers."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.ODE(5, ["x"])  # `rhs` needs a function … not int
ude.ODE(decay, "x")  # write `states=['x']`
ude.ODE(decay, [])  # at least one state
ude.ODE(decay, 5)  # `states` needs a list of names … not 5
ude.ODE(decay, None)  # `states` needs a list of names … not None
ude.ODE(decay, {"x", "y"})  # `states` … order
ude.ODE(decay, ["x", 5])  # names are strings, not 5
ude.ODE(decay, [["x"]])  # names are strings
ude.ODE(decay, ["1x"])  # '1x' isn't a Python identifier
ude.ODE(decay, {"x": "a"})  # can't have shape 'a'
ude.ODE(decay, {"x": 1.5})  # can't have shape 1.5
ude.ODE(decay, {"x": 0})  # can't have shape 0
ude.ODE(decay, {"x": True})  # shape … True
ude.ODE(decay, {"x": (2, True)})  # shape … True
ude.ODE(decay, ["x"], [1.0])  # `parameters` needs a dict
ude.ODE(decay, ["x"], {"rate": "fast"})  # `rate` … 'fast'
ude.ODE(decay, ["x"], {"rate": "1.5"})  # `rate` … '1.5' … without quotes
ude.ODE(decay, ["x"], {"rate": None})  # `rate` … None
ude.ODE(decay, ["x"], {"rate": True})  # `rate` … True
ude.ODE(decay, ["x"], {"rate": []})  # `rate` … []
ude.ODE(decay, ["x"], {"rate": 1 + 2j})  # `rate` … (1+2j)
ude.ODE(decay, ["x"], {"rate": np.datetime64("2020-01-01")})  # `rate` … datetime64
ude.ODE(decay, ["x"], {"rate": np.ma.masked_array([1.0, 2.0], [0, 1])})  # `rate` … masked
ude.ODE(decay, ["x"], {"rate": pd.Timedelta("1h")})  # `rate` … Timedelta
ude.ODE(decay, ["x"], {5: 1.0})  # names are strings, not 5
ude.ODE(decay, ["x"], {"rate": ude.Parameter})  # `rate` … Parameter
ude.ODE(decay, ["x"], {"rate": {"value": 1}})  # `rate` … {'value': 1}
ude.ODE(decay, ["x"], {"rate": np.nan})  # `rate` … finite
ude.ODE(decay, ["x"], {"rate": 1.0}, {"f": 5})  # Network `f` … int
ude.ODE(decay, ["x"], {"rate": 1.0}, {"f": ude.nn.MLP})  # Network `f` … MLP itself
ude.ODE(decay, ["x"], {"rate": 1.0}, ude.nn.MLP(1, 1))  # `networks` needs a dict … not MLP
ude.ODE(decay, ["x"], {"rate": 1.0}, {"f": lambda x: x})  # Network `f` … function
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": 5})  # Forcing `r` needs an xarray DataArray
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": [1.0, 2.0]})  # Forcing `r` needs an xarray DataArray
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings=data.x)  # `forcings` needs a dict
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings="r")  # `forcings` … `forcings=['r']`
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings=["r", "r"])  # 'r' … twice
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings=["x"])  # `x` … state … forcing
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings=["rate"])  # `rate` … parameter … forcing
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings=[5])  # 5
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings=["r"])  # `r` isn't used
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": pair.x.isel(trajectory=[])})  # `r` … no trajectory
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": pair.x * np.nan})  # `r` of trajectory … no value
ude.Stepper(driven, 0.1)  # stepper … `inflow`
ude.Forcing("spline")  # `spline` … `cubic`
ude.Forcing(shape=(0,))  # `shape` … 0
ude.Forcing(shape="wide")  # `shape`
ude.Forcing(units=3)  # `units` … text
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x.rename(time="day")})  # Forcing `r` … needs `time`
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x[:1]})  # Forcing `r` has 1 times
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x.astype(str)})  # Forcing `r` holds … not numbers
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x.astype(complex)})  # Forcing `r` holds complex128
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x.where(data.time > 1)})  # Forcing `r` is NaN
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x.assign_attrs(interpolation="spline")})  # `spline` … `cubic`
ude.ODE(decay, ["x"], {"rate": 1.0}, forcings={"r": data.x.assign_attrs(interpolation=3)})  # interpolation … 3
ude.ODE(decay, ["x"], {"rate": 1.0}, observe=5)  # `observe` needs a function
ude.ODE(decay, ["x"], {"rate": 1.0}, observe=lambda t, state: state.x)  # `observe` must return a dict
ude.ODE(decay, ["x"], {"rate": 1.0}, observe=lambda t, state: {"y": None})  # `y` … None
ude.ODE(decay, ["x"], {"rate": 1.0}, observe=lambda t, state: {})  # `observe` must return a dict
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"y": 1.0})  # Unknown state `y`
ude.ODE(decay, ["x"], {"rate": 1.0}, initial=3.0)  # `initial` needs a dict
ude.ODE(decay, ["x"], {"rate": 1.0}, initial="stedy")  # `initial` needs a dict … `"steady"` … 'stedy'
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": ude.Steady("low")})  # guess of the steady x … 'low'
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": None})  # initial value of `x` … None
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": [1.0, 2.0]})  # initial value of `x` has shape (2,)
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": 1j})  # initial value of `x` … 1j
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": True})  # initial value of `x` … True
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": np.nan})  # initial value of `x` … finite
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": np.datetime64("2020-01-01")})  # initial value of `x` … datetime64
ude.ODE(decay, {"x": ude.State(positive=True)}, {"rate": 1.0}, initial={"x": -1.0})  # `x` … positive
ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic="yes")])  # `algebraic` … 'yes'
ude.ODE(lambda t, s: [-s.x, s.x - 1.0], ["x", ude.State("z", algebraic=True)])  # residual of `z` … index 2
ude.ODE(lambda t, s: [-s.z, s.y - s.x, s.y - 1.0], ["x",
    *(ude.State(n, algebraic=True) for n in "yz")])  # No residual … `z`
ude.ODE(lambda t, s: [s.z - 1.0], [ude.State("z", algebraic=True)])  # All states are algebraic (`z`
ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic=True)],
    initial={"z": ude.Parameter(1.0)})  # `z` is estimated … algebraic … where the search
ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic=True)],
    initial={"z": "z0"})  # `z` is read from the data
ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic=True)],
    events=[ude.Dose("x", 1.0, at=1.0)])  # Events … algebraic … `x_dose` and `z`
ude.Stepper(ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic=True)]), 0.1)  # stepper … `z`
ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic=True)]).solve([0.0, 1.0], {"x": 1.0},
    engine="jax")  # Engine `jax` solves no algebraic equations … `engine="julia"`
ude.fit(ude.ODE(lambda t, s: [-s.x, s.z - s.x], ["x", ude.State("z", algebraic=True)]), data,
    engine="jax")  # `jax` … `julia`
ude.ODE(lambda t, s: {"x": -s.lag(0).x}, ["x"])  # `state.lag` … `delay` … > 0
ude.ODE(lambda t, s: {"x": -s.lag("1").x}, ["x"])  # `state.lag` … '1'
ude.ODE(lambda t, s: {"x": -s.lag(np.nan).x}, ["x"])  # `state.lag` … nan
ude.ODE(lambda t, s, p: {"x": -s.lag(p.tau).x}, ["x"], {"tau": 1.0})  # `state.lag` needs a number
ude.ODE(lambda t, s: {"x": -s.lag(t).x}, ["x"])  # `state.lag` needs a number
ude.ODE(lambda t, s: {"x": -s.lag(1.0).y}, ["x"])  # Unknown state `y`
ude.ODE(lambda t, s: {"x": -s.lag(1.0)}, ["x"])  # all states … `state.lag(...).x`
ude.ODE(lambda t, s: {"x": 2.0 * s.lag(1.0) * s.x}, ["x"])  # all states … `state.lag(...).x`
ude.ODE(lambda t, s: {"x": -s.x}, ["x"], observe=lambda t, s: {"y": s.lag(1.0).x})  # `state.lag` … right-hand side
ude.ODE(lambda t, s: {"x": -s.lag(1.0).x}, ["x"], events=[ude.Dose("x", 1.0, at=1.0)])  # Events … delays … state.lag(1)
ude.ODE(lambda t, s: {"x": -s.lag(1.0).x}, ["x"], initial="steady")  # `initial="steady"` … delays … state.lag(1)
ude.ODE(lambda t, s: [-s.lag(1.0).x, s.z - s.x], ["x", ude.State("z", algebraic=True)])  # Algebraic … delays … `z`
ude.Stepper(ude.ODE(lambda t, s: {"x": -s.lag(1.0).x}, ["x"]), 0.1)  # stepper … state.lag(1)
ude.ODE(lambda t, s: {"x": -s.lag(1.0).x}, ["x"]).solve([0.0, 1.0], {"x": 1.0},
    engine="jax")  # `jax` … delays … `julia`
ude.ODE(lambda t, state: None, ["x"])  # returned nothing
ude.ODE(lambda t, state: {"y": 1.0}, ["x"])  # Unknown state `y`
ude.ODE(lambda t, state: {"x": "a"}, ["x"])  # not 'a'
ude.ODE(lambda t, state: {"x": 1j * state.x}, ["x"])  # not 1j
ude.ODE(lambda t, state: {"x": state.y}, ["x"])  # Unknown state `y`
ude.ODE(lambda t, state, p: {"x": p.q}, ["x"])  # Unknown parameter `q`
ude.ODE(lambda t, state: {"x": 1.0 if state.x > 0 else 2.0}, ["x"])  # np.where
ude.ODE(lambda t, state: {"x": float(state.x)}, ["x"])  # float
ude.ODE(lambda t, state: {"x": state.x(t - 1)}, ["x"])  # not callable … delays
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[])  # `events`
ude.ODE(decay, ["x"], {"rate": 1.0}, mass_matrix=np.eye(1))  # `mass_matrix`
ude.ODE(decay, ["x"], {"rate": 1.0}, diffusion=decay)  # `diffusion`
ude.ODE(decay, ["x"], {"rate": 1.0}, parameter={"k": 1})  # `parameter` … `parameters`
ude.State("x", positive="yes")  # `positive` … True or False … 'yes'
ude.State("x", positive=1)  # `positive` … True or False
ude.State("x", shape=True)  # shape True
ude.State("x", units=5)  # `units` … text … 5
ude.State("x", description=["a"])  # `description` … text
ude.State("x", shape=-1)  # shape -1
ude.Parameter("1.5")  # '1.5' … without quotes
ude.Parameter(True)  # True
ude.Parameter([])  # []
ude.Parameter([[]])  # [[]]
ude.Parameter(None)  # None
ude.Parameter(1 + 1j)  # (1+1j)
ude.Parameter([1.0, 1j])  # 1j
ude.Parameter([1.0, [2.0, 3.0]])  # [1.0, [2.0, 3.0]]
ude.Parameter(np.ma.masked_array([1.0, 2.0], [0, 1]))  # masked
ude.Parameter(np.datetime64("2020-01-01"))  # datetime64
ude.Parameter(np.timedelta64(3, "h"))  # timedelta64
ude.Parameter(pd.Timestamp("2020-01-01"))  # Timestamp
ude.Parameter(np.inf)  # finite
ude.Parameter(lambda t: t)  # function
ude.Parameter({"a": 1.0})  # {'a': 1.0}
ude.Parameter(1.0, free="no")  # `free` … True or False … 'no'
ude.Parameter(1.0, free=0)  # `free` … True or False
ude.Parameter(1.0, free=None)  # `free` … True or False
ude.Parameter(1.0, positive="no")  # `positive` … True or False … 'no'
ude.Parameter(1.0, positive=1)  # `positive` … True or False
ude.Parameter(1.0, lower="0")  # lower … '0'
ude.Parameter(1.0, lower=np.nan)  # lower … nan
ude.Parameter(1.0, lower=True)  # lower … True
ude.Parameter(1.0, upper=[2.0])  # upper … [2.0]
ude.Parameter(1.0, upper=2j)  # upper … 2j
ude.Parameter(1.0, upper=-np.inf)  # upper … -inf
ude.Parameter(1.0, lower=2.0, upper=1.0)  # lower bound 2.0 isn't below its upper bound 1.0
ude.Parameter(1.0, lower=1.0)  # above its lower bound
ude.Parameter(-1.0, positive=True)  # positive
ude.Parameter(1.0, units=1)  # `units` … text
ude.Parameter(1.0, per=1)  # `per` … text … 1
ude.Parameter(1.0, per="")  # per='' … coordinate
ude.Parameter(1.0, per=("site",))  # `per` … ("site", "year") … ('site',)
ude.Parameter(1.0, per=("site", "site"))  # `per` … ("site", "year")
ude.Parameter(1.0, per=("site", 1))  # `per` … text … 1
ude.Parameter(1.0, per=("site", "trajectory"))  # `per` … ("site", "year")
ude.Parameter(1.0, positive=True, spread=ude.LogNormal(0.3))  # spread … per="trajectory"
ude.Parameter(1.0, per="site", spread=ude.LogNormal(0.3))  # `LogNormal` … positive=True
ude.Parameter(1.0, positive=True, per="site", spread=ude.Normal(0.3))  # `Normal` … negative … ude.LogNormal
ude.Parameter(1.0, lower=0.0, upper=2.0, per="site", spread=ude.LogNormal(0.3))  # `LogNormal` … bounds … 2.0
ude.Parameter(1.0, per="site", spread=0.3)  # `spread` … ude.LogNormal(0.3) … float
ude.Parameter(1.0, per="site", spread=ude.Normal)  # `spread` … ude.Normal(0.5)
ude.Normal(0.0)  # `deviation` … 0
ude.LogNormal(-1.0)  # `deviation` … -1
ude.LogNormal("wide")  # `deviation` … 'wide'
ude.LogNormal(0.3, free=1)  # `free` … True or False
ude.Laplace(0)  # `iterations` … 0
ude.Laplace(objective=ude.Trajectory())  # `Laplace` … `objective`
ude.Parameter([1.0, 2.0], per="site")  # per='site' … one number a group
ude.ODE(decay, ["x"], {"rate": ude.Parameter(1.0, per="x")})  # `rate` … per `x`
ude.ODE(decay, ["x"], {"rate": ude.Parameter(1.0, per="time")})  # `rate` … per `time`
ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": ude.Parameter(1.0, per="site")})  # `x` … per='site'
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, {"a": ude.Interior(lambda at, f, p: f.u * p.k)},
    parameters={"k": ude.Parameter(1.0, per="site")})  # `k` … `site` … no trajectories
ude.Stepper(lambda fields: fields, 0.1, grid=grid, fields=["u"], parameters={"k": ude.Parameter(1.0, per="site")},
    correction=lambda t, s, p: {"u": p.k * s.u})  # `k` … `site` … black box
ude.PDE(lambda t, s: {"u": 0 * s.u}, grid, ["u"], {"k": ude.Parameter(1.0, per="site")},
    linear=lambda d, p: p.k * d.x**2)  # trainable parameter `k`
ude.Parameter(1.0, description=None)  # `description` … text
ude.Condition("1.5")  # '1.5'
ude.Condition(True)  # True
ude.Condition([1.0])  # [1.0]
ude.Condition(1j)  # 1j
ude.Condition(np.inf)  # inf
ude.Condition(1.0, units=3)  # `units` … text
ude.PDE(decay, 5, ["u"])  # `grid` … int
ude.PDE(decay, grid, "u")  # fields=['u']
ude.PDE(lambda t, s: 0.0 * s.u, grid, {"u": 16})  # Field `u` … shape
ude.PDE(decay, grid, ["x"])  # `x` names a field and an axis
ude.PDE(decay, grid, 5)  # `fields` needs a list
ude.PDE(decay, grid, {"u": {"colour": 1}})  # `u` … colour
ude.PDE(lambda t, s: 0.0 * s.u, grid, ["u"], linear=5)  # `linear of u` … int
ude.PDE(lambda t, s: 0.0 * s.u, walls, ["u"], linear=lambda d: d.x**2)  # periodic
ude.PDE(lambda t, s: 0.0 * s.u, grid, ["u"], linear=lambda d: d.y**2)  # `y`
ude.PDE(lambda t, s: s.u[:3], grid, ["u"])  # shape (3,)
ude.Stepper(5, 0.1)  # int
ude.Stepper(ode)  # `dt`
ude.Stepper(ode, 0)  # `dt` … > 0 … 0
ude.Stepper(ode, -0.1)  # `dt` … -0.1
ude.Stepper(ode, "0.1")  # `dt` … '0.1' … without quotes
ude.Stepper(ode, np.nan)  # `dt` … nan
ude.Stepper(ode, True)  # `dt` … True
ude.Stepper(ode, None)  # `dt` … None
ude.Stepper(ode, [0.1])  # `dt` … [0.1]
ude.Stepper(ode, np.timedelta64(1, "h"))  # `dt` … timedelta64
ude.Stepper(ode, 0.1, "rk5")  # `rk5` … `rk4`
ude.Stepper(ode, 0.1, 4)  # `scheme` … 4
ude.Stepper(ode, 0.1, None)  # `scheme` … None
ude.Stepper(ode, 0.1, ["rk4"])  # `scheme` … ['rk4']
ude.Stepper(ode, 0.1, "etdrk4")  # linear
ude.Stepper(ode, 0.1, substeps=0)  # `substeps` … 0
ude.Stepper(ode, 0.1, substeps=1.5)  # `substeps` … 1.5
ude.Stepper(ode, 0.1, substeps="2")  # `substeps` … '2'
ude.Stepper(ode, 0.1, coupling="serial", correction=decay)  # `serial` … `sequential`
ude.Stepper(ode, 0.1, coupling=1, correction=decay)  # `coupling` … 1
ude.Stepper(ode, 0.1, coupling="sequential")  # needs a `correction`
ude.Stepper(ode, 0.1, correction=5)  # `correction` … int
ude.Stepper(ode, 0.1, correction=lambda t, s: {"y": s.x})  # `y`
ude.Stepper(ode, 0.1, grid=grid)  # `grid`
ude.Stepper(closure, 0.1)  # stepped again
closure.with_scheme("rk5")  # `rk5` … `rk4`
closure.with_scheme(4)  # `scheme` … 4
closure.with_scheme("etdrk4")  # linear … `with_scheme("rk4")`
closure.with_scheme(substeps=0)  # `substeps` … 0
closure.with_scheme(dt="0.1")  # `dt` … '0.1'
ude.Stepper(lambda f: f, 0.1, grid=grid, fields=["u"]).with_scheme("rk4")  # no scheme of ours
ude.Stepper(lambda f: f, 0.1)  # `grid=`
ude.Stepper(lambda f: f, 0.1, grid=grid, fields="u")  # fields=['u']
ude.Stepper(lambda f: f, 0.1, grid=5, fields=["u"])  # `grid` … int
ude.Stepper(lambda f: 5, 0.1, grid=grid, fields=["u"]).rollout({"u": u}, 1)  # returned int
ude.Stepper(lambda f: {"u": f["u"][:3]}, 0.1, grid=grid, fields=["u"]).rollout({"u": u}, 1)  # shape (3,)
ude.Stepper(lambda f: {"u": 1j * f["u"]}, 0.1, grid=grid, fields=["u"]).rollout({"u": u}, 1)  # `u` … complex
closure.with_solver(decay)  # black box
ude.Stepper(lambda f: f, 0.1, grid=grid, fields=["u"]).with_solver(5)  # function … 5
ode.replace("g", lambda p, x: x)  # `g`
hybrid.replace("f", 5)  # `f` … 5
hybrid.replace("f", lambda p, x: x, [1.0])  # `parameters` needs a dict
hybrid.replace("f", lambda p, x: x, {"c": "1"})  # `c` … '1'
ode.with_values({"k": 1.0})  # Unknown parameter `k`
ode.with_values({"rate": "1"})  # `rate` … '1'
ode.with_values({"rate": 1j})  # `rate` … 1j
ode.with_values({"rate": True})  # `rate` … True
ode.with_values({"rate": -1.0})  # `rate` … positive
ode.with_values({"rate": [1.0, 2.0]})  # `rate` … shape
ode.with_values(5)  # dict
closure.at(strong=1.0)  # `strong` … `strength`
closure.at(strength="a")  # `strength` … 'a'
closure.at(strength=1j)  # `strength` … 1j
closure.at(strength=[1.0, 2.0])  # `strength` … 2
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
