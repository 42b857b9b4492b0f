"""Events that can't be: into unknown states, at times that aren't, without end."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Dose()  # `state`
ude.Dose("x", 1.0)  # `at`
ude.Dose("x", None, at=0.0)  # `amount` … None
ude.Dose("x", True, at=0.0)  # `amount` … True
ude.Dose("x", 1j, at=0.0)  # `amount` … 1j
ude.Dose("x", np.nan, at=0.0)  # `amount` … nan
ude.Dose("x", [1.0, "a"], at=[0.0, 1.0])  # `amount` … 'a'
ude.Dose("x", 1.0, at=[])  # `at` … empty
ude.Dose("x", 1.0, at=np.inf)  # `at` … inf
ude.Dose("x", 1.0, at=0.0, duration=-1.0)  # `duration` … negative
ude.Dose(5, 1.0, at=0.0)  # `state` … 5
ude.Dose("x", 1.0, time=0.0)  # `time`
ude.Event(5, at=0.0)  # `change` … 5
ude.Event(decay)  # `at` … `when` … neither
ude.Event(decay, at=0.0, when=decay)  # `at` … `when` … both
ude.Event(decay, at=0.0, direction="down")  # `direction` … `when`
ude.Event(decay, when=decay, direction="below")  # `direction` … `down`
ude.Event(decay, when=5.0)  # `when` … 5.0
ude.Event(decay, when=decay, values="a")  # `values` … tables
ude.ODE(decay, ["x"], {"rate": 1.0}, events=ude.Dose("x", 1.0, at=0.0))  # `events=[...]`
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[5])  # `events` … `ude.Dose
ude.ODE(decay, ["x"], {"rate": 1.0}, events={"x": 1.0})  # `events` … list
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Dose("gut", 1.0, at=0.0)])  # Dose … gut … `x`
ude.ODE(lambda t, s: {"x": -s.x}, {"x": (2,)}, events=[ude.Dose("x", 1.0, at=0.0)])  # `x` … several values
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Dose("x", 1.0, at="rate")])  # `rate` is a parameter … when
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Dose("x", 1.0, at="x")])  # `x` … a name of its own
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Event(lambda t, s: {"y": 0.0}, at=0.0)])  # y … state … `x`
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Event(lambda t, s: 0.0, at=0.0)])  # dict … return {"x": ...}
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Event(lambda t, s: {"x": np.nan}, at=0.0)])  # `x` … nan
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Event(decay, when=lambda t, s, p: p.rate)])  # never … crosses zero
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Event(decay, when=lambda t, s: 0.0)])  # never … crosses zero
ude.ODE(decay, ["x"], {"rate": 1.0}, events=[ude.Event(decay, when=lambda t, s: s.y)])  # `y` … `x`
dosed.solve([0.0, 1.0])  # table `dose_time` … `events={'dose_time': [...]}`
dosed.solve([0.0, 1.0], events={"dose": 1.0})  # table `dose_time`
dosed.solve([0.0, 1.0], events={"dose": 1.0, "dose_times": 0.5})  # `dose_times` … `dose_time`
dosed.solve([0.0, 1.0], events={"dose": [1.0, 2.0], "dose_time": [0.5, 0.6, 0.7]})  # 3 times … 2 numbers … `dose`
dosed.solve([0.0, 1.0], events={"dose": [1.0, np.nan], "dose_time": [0.5, 0.6]})  # `dose` … t = 0.6 … nan
dosed.solve([0.0, 1.0], events={"dose": [1.0, 2.0], "dose_time": [0.5, np.nan]})  # 2 … `dose` … no time … `dose_time`
dosed.solve([0.0, 1.0], events={"dose": "a", "dose_time": 0.5})  # `dose` … numbers … 'a'
dosed.solve([0.0, 1.0], events={"dose": 1.0, "dose_time": -0.5})  # t = -0.5 … before … start
dosed.solve([0.0, 1.0], events={"dose": 1.0, "dose_time": 1.5})  # t = 1.5 … after … end
dosed.solve([0.0, 1.0], events=[1.0])  # `events` … dict
dosed.solve([0.0, 1.0], events={"dose": np.ones((2, 1)), "dose_time": np.zeros((3, 1))})  # number of trajectories
dosed.solve([0.0, 1.0], events={"dose": 1.0, "dose_time": 0.5}, solver=ude.RK4(dt=0.2), engine="jax")  # t = 0.5 … `dt`
ode.solve([0.0, 1.0], {"x": 1.0}, events={"dose": 1.0})  # `dose`
falling.solve([0.0, 1.0], solver=ude.RK4(dt=0.1), engine="jax")  # crosses zero … adaptive
falling.solve([0.0, 5.0], engine="jax")  # Zeno
ude.Stepper(falling, dt=0.1)  # A stepper has no events … `bounce`
falling.export_julia(folder / "a.jl", [0.0, 1.0])  # can't have events … `bounce`
ude.fit(dosed, doses.drop_vars("dose"), engine="jax")  # lack … `dose`
ude.fit(dosed, doses.rename(dose="doses"), engine="jax")  # `doses` … `dose`
ude.fit(dosed, doses.assign(dose_time=doses.x), engine="jax")  # `dose_time` … `time`
ude.fit(dosed, doses.assign(dose_time=doses.dose_time - 9).assign_coords(start=0.0))  # `start` … 'a' … first event
ude.fit(dosed, doses.assign(dose=doses.dose * np.nan), engine="jax")  # 'a' … no number … `dose`
ude.fit(dosed, doses.assign(dose=doses.dose.astype(str)), engine="jax")  # `dose` … numbers
ude.fit(dosed, doses, objective=ude.Collocation(), engine="jax")  # `Collocation` … events … jump
ude.fit(dosed, doses, solver=ude.Tsit5(adjoint="backsolve"), engine="jax", progress=False)  # `backsolve` … events
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
