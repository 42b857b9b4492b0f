"""Koopman models that are made wrongly, data that windows can't be cut from, and settings that mean nothing."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Koopman("x", 0.25, up, down)  # write `states=['x']`
ude.Koopman([], 0.25, up, down)  # at least one state
ude.Koopman(["x"], 0, up, down)  # `dt` … 0
ude.Koopman(["x"], -0.25, up, down)  # `dt` … -0.25
ude.Koopman(["x"], "0.25", up, down)  # `dt` … '0.25' … without quotes
ude.Koopman(["x"], np.nan, up, down)  # `dt` … nan
ude.Koopman(["x"], None, up, down)  # `dt` … None
ude.Koopman(["x"], 0.25)  # `encoder`
ude.Koopman(["x"], 0.25, up)  # `decoder`
ude.Koopman(["x"], 0.25, 2, down)  # `encoder` … 2
ude.Koopman(["x"], 0.25, ude.nn.MLP, down)  # `encoder` … MLP
ude.Koopman(["x"], 0.25, up, lambda y: y)  # `decoder` … function
ude.Koopman(["x"], 0.25, ude.nn.CNN(1, 2, (4,)), down)  # `encoder` … a network of a state's values
ude.Koopman(["x", "y"], 0.25, up, down)  # `encoder` takes 1 inputs … states have 2 … MLP(2, 2)
ude.Koopman({"x": 3}, 0.25, up, down)  # `encoder` takes 1 inputs … states have 3
ude.Koopman(["x"], 0.25, up, up)  # `decoder` goes from 1 to 2 … encoder's 2 … MLP(2, 1)
ude.Koopman(["x"], 0.25, up, ude.nn.MLP(3, 1))  # `decoder` goes from 3 to 1
ude.Koopman(["x"], 0.25, up, down, "generater")  # `generater` … `generator`
ude.Koopman(["x"], 0.25, up, down, 2)  # `dynamics` … 2
ude.Koopman(["x"], 0.25, up, down, None)  # `dynamics` … None
ude.Koopman(["x"], 0.25, up, down, pairs=2)  # `pairs` … 2
ude.Koopman(["x"], 0.25, up, down, pairs=-1)  # `pairs` … -1
ude.Koopman(["x"], 0.25, up, down, pairs=0.5)  # `pairs` … 0.5
ude.Koopman(["x"], 0.25, up, down, "matrix", pairs=1)  # `pairs` … Leave it out
ude.Koopman(["x"], 0.25, up, down, "parametrised")  # `auxiliary=ude.nn.MLP(1, 2
ude.Koopman(["x"], 0.25, up, down, "parametrised", auxiliary=5)  # `auxiliary` … 5
ude.Koopman(["x"], 0.25, up, down, "parametrised", auxiliary=ude.nn.MLP(2, 2))  # `auxiliary` goes from 2 to 2 … 1
ude.Koopman(["x"], 0.25, up, down, "parametrised", auxiliary=ude.nn.MLP(1, 3))  # `auxiliary` goes from 1 to 3 … 2
ude.Koopman(["x"], 0.25, up, down, "parametrised", pairs=0, auxiliary=up)  # pairs … 0 pairs
ude.Koopman(["x"], 0.25, ude.nn.MLP(1, 3), ude.nn.MLP(3, 1), "parametrised", auxiliary=up)  # 3 outputs … Give it 2
ude.Koopman(["x"], 0.25, up, down, auxiliary=up)  # `auxiliary` … dynamics="parametrised"
ude.Koopman(["x"], 0.25, up, down, parameters={"frequncy": [1.0]})  # `frequncy` … `frequency`
ude.Koopman(["x"], 0.25, up, down, parameters={"frequency": [1.0, 2.0]})  # `frequency` needs shape (1,) … (2,)
ude.Koopman(["x"], 0.25, up, down, parameters={"frequency": [np.nan]})  # finite
ude.Koopman(["x"], 0.25, up, down, parameters={"frequency": "1"})  # '1'
ude.Koopman(["x"], 0.25, up, down, parameters=[1.0])  # `parameters` needs a dict
ude.Koopman(["x"], 0.25, up, down, "matrix", parameters={"matrix": [1.0]})  # `matrix` needs shape (2, 2)
ude.Koopman(["x"], 0.25, up, down, latent=2)  # `latent`
ude.Koopman(["frequency"], 0.25, up, down)  # `frequency` … state … parameter
ude.Linearity(0)  # `horizon` … 0
ude.Linearity("8")  # `horizon` … '8'
ude.Linearity(2.5)  # `horizon` … 2.5
ude.Linearity(linear=0)  # `linear` … 0
ude.Linearity(linear=True)  # `linear` … True
ude.Linearity(prediction=-1)  # `prediction` … -1
ude.Linearity(linearity=np.nan)  # `linearity` … nan
ude.Linearity(infinity="x")  # `infinity` … 'x'
ude.Linearity(reconstruction=0, prediction=0)  # `reconstruction` or `prediction` … zero
ude.Linearity(batch=0)  # `batch` … 0
ude.Linearity(stride=0)  # `stride` … 0
ude.Linearity(seed=-1)  # `seed` … -1
ude.Linearity(steps=3)  # `steps`
ude.fit(lifted, data)  # windows of 11 … has 9 … smaller `horizon`
ude.fit(lifted, data, objective=ude.Linearity(8), holdout=0.5)  # windows of 9 … hold out less
ude.fit(lifted, data, objective=ude.Linearity(4, linear=20))  # windows of 21 … `linear`
ude.fit(lifted, data.isel(time=[0, 1, 2, 4, 5, 6]), objective=ude.Linearity(2))  # no snapshot at time 0.75
ude.fit(lifted, data.assign_coords(time=data.time**2), objective=ude.Linearity(2))  # aren't evenly spaced
ude.fit(lifted, data.assign_coords(time=data.time * 1.1), objective=ude.Linearity(2))  # dt … not a whole number
ude.fit(lifted, data.where(data.time != 1.0), objective=ude.Linearity(2))  # no snapshot at time 1
ude.fit(lifted, 0.0 * data + 3.0, objective=ude.Linearity(2))  # `x` doesn't vary
ude.fit(lifted, data.rename(x="z"), objective=ude.Linearity(2))  # z … x
ude.fit(lifted)  # needs measurements
ude.fit(lifted, data, objective=ude.Unrolled())  # `ude.Linearity(...)` … `Unrolled`
ude.fit(lifted, data, objective=ude.Trajectory())  # `ude.Linearity(...)` … `Trajectory`
ude.fit(lifted, data, objective="linearity")  # `objective` … 'linearity'
ude.fit(lifted, data, objective=ude.Linearity(2), loss="huber")  # `loss` … SquaredError
ude.fit(lifted, data, objective=ude.Linearity(2), loss="gaussian")  # `loss` … SquaredError
ude.fit(lifted, data, objective=ude.Linearity(2), solver="tsit5")  # `solver='tsit5'` … Leave it out
ude.fit(lifted, data, objective=ude.Linearity(2), cost=ude.Cost(lambda t, s: s.x))  # `cost
ude.fit(lifted, data, objective=ude.Linearity(2, batch=2), phases=[ude.BFGS(5)])  # `batch=2`
ude.fit(lifted, data, objective=ude.Linearity(2, infinity=1.0), phases=[ude.GaussNewton(2)], progress=False)  # infinity
ude.fit(ode, data, objective=ude.Linearity(2))  # `Koopman` … ODE
ude.fit(hybrid, data, phases=[ude.Adam(1e-3, 5, objective=ude.Linearity(2))])  # `Koopman` … ODE
lifted.encode([1.0, 2.0])  # `states` … 1 values … (2,)
lifted.encode({"y": 1.0})  # `y`
lifted.encode({})  # No value for state `x`
lifted.encode("x")  # `states` … 'x'
lifted.decode([1.0])  # `coordinates` … 2 values … (1,)
lifted.decode(3.0)  # `coordinates` … 2 values
lifted.modes(at=[1.0])  # `at` … (2,)
lifted.modes(at=[np.nan, 0.0])  # `at` … finite
lifted.rollout({"x": 1.0}, -1)  # `steps` … -1
lifted.rollout({"y": 1.0}, 1)  # `y`
lifted.solve([0.0, 0.3], {"x": 1.0})  # 0.3 … whole number of steps
lifted.continuous("this")  # has none
lifted.export_julia("a.jl", [0.0, 1.0])  # no vector field
turning.spectrum()  # `model.spectrum(states=data)`
ude.Stepper(lifted, 0.25)  # Koopman
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
