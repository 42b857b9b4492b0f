"""Solving, evaluating and rolling out from what is no time, no state, no parameter."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ode("now", {"x": 1.0})  # `t` … 'now'
ode(None, {"x": 1.0})  # `t` … None
ode(1j, {"x": 1.0})  # `t` … 1j
ode(np.datetime64("2020-01-01"), {"x": 1.0})  # `t` … datetime64
ode([0.0, 1.0], {"x": 1.0})  # `t` … [0.0, 1.0]
ode(0.0, 1.0)  # `state` … 1.0
ode(0.0, [1.0])  # `state` … [1.0]
ode(0.0, None)  # `state` … None
ode(0.0, {})  # No value for state `x`
ode(0.0, {"y": 1.0})  # `y`
ode(0.0, {"x": "a"})  # `x` … 'a'
ode(0.0, {"x": "1.5"})  # `x` … '1.5'
ode(0.0, {"x": 1j})  # `x` … 1j
ode(0.0, {"x": True})  # `x` … True
ode(0.0, {"x": None})  # `x` … None
ode(0.0, {"x": [1.0, 2.0]})  # `x` … shape
ode(0.0, {"x": 1.0}, {"rat": 1.0})  # `rat` … `rate`
ode(0.0, {"x": 1.0}, {"rate": "1"})  # `rate` … '1'
ode(0.0, {"x": 1.0}, {"rate": 1j})  # `rate` … 1j
ode(0.0, {"x": 1.0}, {"rate": True})  # `rate` … True
ode(0.0, {"x": 1.0}, {"rate": -1.0})  # `rate` … -1
ode(0.0, {"x": 1.0}, {"rate": np.nan})  # `rate` … nan
ode(0.0, {"x": 1.0}, [1.0, 2.0])  # shape
ode(0.0, {"x": 1.0}, [1j])  # 1j
ode(0.0, {"x": 1.0}, [np.nan])  # nan
ode(0.0, {"x": 1.0}, "a")  # 'a'
ode.solve("now", {"x": 1.0})  # times … not numbers
ode.solve(None, {"x": 1.0})  # times … None
ode.solve([], {"x": 1.0})  # times
ode.solve([1.0, 0.0], {"x": 1.0})  # times … increasing
ode.solve([0.0, np.nan], {"x": 1.0})  # times … finite
ode.solve([[0.0, 1.0]], {"x": 1.0})  # times
ode.solve([0.0, 1j], {"x": 1.0})  # times … complex
ode.solve([True, False], {"x": 1.0})  # times … bool
ode.solve(["0", "1"], {"x": 1.0})  # times
ode.solve([0.0, 1.0], 1.0)  # `initial` … 1.0
ode.solve([0.0, 1.0], [1.0])  # `initial` … [1.0]
ode.solve([0.0, 1.0])  # No value for state `x`
ode.solve([0.0, 1.0], {"y": 1.0})  # `y`
ode.solve([0.0, 1.0], {"x": "a"})  # `x` … 'a'
ode.solve([0.0, 1.0], {"x": 1j})  # `x` … 1j
ode.solve([0.0, 1.0], {"x": np.array([1j, 2j])})  # `x` … 1.j
ode.solve([0.0, 1.0], {"x": True})  # `x` … True
ode.solve([0.0, 1.0], {"x": np.nan})  # `x` … finite
ode.solve([0.0, 1.0], {"x": None})  # `x` … None
ode.solve([0.0, 1.0], {"x": np.zeros((2, 2))})  # `x` … shape
ode.solve([0.0, 1.0], {"x": np.zeros(0)})  # `x`
ode.solve([0.0, 1.0], {"x": pd.Timestamp("2020-01-01")})  # `x` … Timestamp
ode.solve([0.0, 1.0], {"x": np.ma.masked_array([1.0, 2.0], [0, 1])})  # `x` … masked
ode.solve([0.0, 1.0], {"x": 1.0}, {"k": 1.0})  # `k`
ode.solve([0.0, 1.0], {"x": 1.0}, {"rate": 1j})  # `rate` … 1j
ode.solve([0.0, 1.0], {"x": 1.0}, start="0")  # `start` … '0'
ode.solve([0.0, 1.0], {"x": 1.0}, start=1j)  # `start` … 1j
ode.solve([0.0, 1.0], {"x": 1.0}, start=np.nan)  # `start` … nan
ode.solve([0.0, 1.0], {"x": 1.0}, start=5.0)  # `start` (5)
ode.solve([0.0, 1.0], {"x": 1.0}, start=True)  # `start` … True
ode.solve([0.0, 1.0], {"x": 1.0}, solver="rk45")  # `rk45` … `rk4`
ode.solve([0.0, 1.0], {"x": 1.0}, solver=4)  # `solver` … 4
ode.solve([0.0, 1.0], {"x": 1.0}, solver="rk4")  # `dt
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.RK4(dt="0.1"))  # `dt` … '0.1'
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.RK4(dt=-1))  # `dt` … -1
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.Auto(rtol="a"))  # `rtol` … 'a'
ode.solve([0.0, 1.0], {"x": 1.0}, rtol=1e-8)  # `rtol` … `solver=ude.Tsit5
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.Auto(atol=0))  # `atol` … 0
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.Auto(atol=True))  # `atol` … True
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.Auto(max_steps=0.5))  # `max_steps` … 0.5
ode.solve([0.0, 1.0], {"x": 1.0}, solver=ude.Auto(max_steps="1000"))  # `max_steps` … '1000'
ode.solve([0.0, 1.0], {"x": 1.0}, throw="no")  # `throw` … True or False … 'no'
ode.solve([0.0, 1.0], {"x": 1.0}, engine="")  # `engine` … ''
ode.solve([0.0, 1.0], {"x": 1.0}, engine=["jax"])  # `engine` … ['jax']
ode.solve([0.0, 1.0], {"x": 1.0}, engine="jaxs")  # `jaxs` … `jax`
ode.solve([0.0, 1.0], {"x": 1.0}, method="RK45")  # `method` … `solver`
ode.solve([0.0, 1.0], {"x": 1.0}, events=[])  # `events`
closure.rollout({"u": u}, -1)  # `steps` … -1
closure.rollout({"u": u}, 2.5)  # `steps` … 2.5
closure.rollout({"u": u}, 3, precision="half")  # `precision` … `float32`
closure.rollout({"u": u}, "3")  # `steps` … '3'
closure.rollout({"u": u}, 3, every=2)  # `every`
closure.rollout({"u": u}, 3, every=0)  # `every` … 0
closure.rollout({"u": u[:3]}, 3)  # `u` … shape
closure.rollout({"u": 1j * u}, 3)  # `u` … complex
closure.rollout({"v": u}, 3)  # `v`
closure.rollout(u, 3)  # `initial`
closure.rollout(None, 3)  # `u`
closure.rollout({"u": u}, 3, conditions={"strong": 1.0})  # `strong` … `strength`
sites.solve([0.0, 1.0], {"x": 1.0}, conditions={"site": "a"})  # `site` … `rate` … isn't trained
sites.with_groups({"rate": {"a": 1.0}}).solve([0.0, 1.0], {"x": 1.0}, conditions={"site": "b"})  # `rate` … 'b' … 'a'
sites.with_groups({"rate": {"a": 1.0}}).solve([0.0, 1.0], {"x": 1.0})  # `rate` … isn't said whose … {'site': 'a'}
sites.solve([0.0, 1.0], {"x": 1.0}, {"rate": -1.0})  # `rate` … positive
sites.solve([0.0, 1.0], {"x": 1.0}, {"rate": [1.0, 2.0]}, conditions={"rte": 1.0})  # `rte` … `rate`
driven.solve([0.0, 1.0], {"x": 1.0})  # `inflow` … none is given
driven.solve([0.0, 1.0], {"x": 1.0}, conditions={"volume": 1.0})  # `inflow` … none is given
driven.solve([0.0, 1.0], {"x": 1.0}, forcings={"inflow": data.x})  # `volume` has no default
driven.solve([0.0, 1.0], {"x": 1.0}, conditions={"volum": 1.0}, forcings={"inflow": data.x})  # `volum` … `volume`
driven.solve([0.0, 1.0], {"x": 1.0}, conditions={"volume": 1.0}, forcings={"inflw": data.x})  # `inflw` … `inflow`
driven.solve([0.0, 1.0], {"x": 1.0}, conditions={"volume": 1.0}, forcings={"inflow": 5.0})  # `inflow` … float
driven.solve([0.0, 1.0], {"x": [1.0, 2.0]}, conditions={"volume": [1.0, 2.0, 3.0]},
    forcings={"inflow": data.x})  # number of trajectories … 2 … 3
driven.solve([8.0, 9.0], {"x": 1.0}, conditions={"volume": 1.0}, forcings={"inflow": data.x})  # share no time
driven(0.0, {"x": 1.0}, volume=1.0)  # `inflow`
driven(0.0, {"x": 1.0}, inflow=1.0)  # `volume`
driven(0.0, {"x": 1.0}, inflow=1.0, volum=1.0)  # `volum`
closure.rollout({"u": u}, 3, conditions={"strength": "a"})  # `strength` … 'a'
closure.rollout({"u": u}, 3, conditions={"strength": 1j})  # `strength` … 1j
closure.rollout({"u": u}, 3, conditions={"strength": np.nan})  # `strength` … finite
closure.rollout({"u": u}, 3, conditions=1.0)  # `conditions` … 1.0
closure.rollout({"u": np.stack([u, u])}, 3, conditions={"strength": [1.0, 2.0, 3.0]})  # 3
closure.rollout({"u": u}, 3, start="0")  # `start` … '0'
closure.rollout({"u": u}, 3, start=1j)  # `start` … 1j
closure.rollout({"u": u}, 3, engine="")  # `engine` … ''
closure.rollout({"u": u}, 3, parameters={"closure": 1.0})  # `closure`
closure.rollout({"u": u}, 3, parameters=[1.0])  # shape
closure.solve([0.0, 0.07], {"u": u})  # 0.07 … steps
closure.solve([0.0, 0.05], {"u": u}, solver="rk4")  # `solver`
closure.solve([0.0, 0.05], {"u": u}, throw=1)  # `throw` … True or False
closure.solve([0.0, 0.05], {"u": u}, start="a")  # `start` … 'a'
closure(0.0, {"u": u}, strong=1.0)  # `strong` … `strength`
closure("0", {"u": u})  # `t` … '0'
closure.export_julia("a.jl", [0.0, 1.0])  # stepper
heat.linear_symbols({})  # linear
fit.predict("now")  # times … not numbers
fit.predict([1.0, 0.0])  # times
fit.predict([0.0, 1j])  # times … complex
fit.predict(pd.date_range("2020", periods=3))  # times
fit.predict([0.0, 1.0], initial=1.0)  # `initial` … 1.0
fit.predict([0.0, 1.0], initial={"y": 1.0})  # `y`
fit.predict([0.0, 1.0], initial={"x": "1"})  # `x` … '1'
fit.predict([0.0, 1.0], initial={"x": 1j})  # `x` … 1j
fit.predict([0.0, 1.0], seed=7)  # seed 7
fit.predict([0.0, 1.0], seed="best")  # seed 'best'
fit.predict([0.0, 1.0], seed=1.5)  # seed 1.5
fit.predict([0.0, 1.0], seed=True)  # seed True
fit.predict([0.0, 1.0], seed=[0, 1])  # seed [0, 1]
fit.predict([0.0, 1.0], steps=3)  # `steps`
fit.predict(steps=3)  # `steps`
fit.predict([0.0, 1.0], conditions={"a": 1.0})  # `a`
fit.predict([0.0, 1.0], forcings={"a": data.x})  # `a`
step_fit.predict(steps=2, forcings={"a": data.x})  # `forcings` … stepper
fit.trained(seed=9)  # seed 9
fit.trained(seed="all")  # seed 'all'
step_fit.predict(steps=2.5)  # `steps` … 2.5
step_fit.predict(steps="3")  # `steps` … '3'
step_fit.predict(steps=-1)  # `steps` … -1
step_fit.predict(steps=True)  # `steps` … True
step_fit.predict([0.0, 0.05], steps=3)  # not both
step_fit.predict([0.0, 0.03])  # 0.03
step_fit.predict(steps=2, conditions={"strength": 1.0})  # `conditions` … `initial`
step_fit.predict(steps=2, initial={"u": u}, conditions={"strong": 1.0})  # `strong`
step_fit.predict(steps=2, initial={"u": u[:3]})  # `u` … shape
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
