"""Latent models that can't be: parts that don't fit each other, series that can't be encoded, futures that would be."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.RecurrentEncoder(0)  # `units` … 0
ude.RecurrentEncoder(8, cell="rnn")  # `rnn` … `gru`
ude.RecurrentEncoder(8, cell=ude.nn.GRU)  # `cell`
ude.SetEncoder(8, heads=-1)  # `heads` … -1
ude.SetEncoder(8, hidden=(0,))  # `hidden` … 0
ude.SetEncoder(8, head=2)  # `head` … `heads`
ude.nn.GRU(0, 4)  # `features` … 0
ude.nn.LSTM(2, "4")  # `units` … '4'
ude.nn.GRU(2, 4, initializer="glorot")  # `glorot` … `glorot_normal`
ude.nn.GRU(2)  # `units`
ude.Latent(ode, ode)  # `encoder` … ude.RecurrentEncoder(32)
ude.Latent(ude.RecurrentEncoder, ode)  # `encoder` … ude.RecurrentEncoder(32)
ude.Latent("gru", ode)  # `encoder` … 'gru'
ude.Latent(ude.RecurrentEncoder(3), heat)  # a `PDE` … states with a shape
ude.Latent(ude.RecurrentEncoder(3), closure)  # a `Stepper` … the ODE that it steps … solver
ude.Latent(ude.RecurrentEncoder(3), decay)  # `ODE` … dynamics
ude.Latent(ude.RecurrentEncoder(3), driven)  # `inflow` … a forcing of a trajectory's own … one forcing for all
ude.Latent(ude.RecurrentEncoder(3), dosed)  # an event
ude.Latent(ude.RecurrentEncoder(3), sites)  # `rate` … one value a group … state whose derivative is 0
ude.Latent(ude.RecurrentEncoder(3), ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": ude.Parameter(1.0)}))  # `x` … encoder … Leave out its initial value
ude.Latent(ude.RecurrentEncoder(3), ude.ODE(decay, ["x"], {"rate": 1.0}, initial="steady"))  # `x` … encoder
ude.Latent(ude.RecurrentEncoder(3), ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": 1.0}))  # nothing is left for the encoder
ude.Latent(ude.RecurrentEncoder(3), ode, {"y": ude.nn.MLP(2, 1)})  # `y` … 2 inputs … 1 states
ude.Latent(ude.RecurrentEncoder(3), ode, {"y": 5})  # `y` … ude.nn.MLP(1, 1)
ude.Latent(ude.RecurrentEncoder(3), ode, {})  # shows nothing
ude.Latent(ude.RecurrentEncoder(3), ode, 5)  # `decoder` … 5
ude.Latent(ude.RecurrentEncoder(3), ode, lambda t, s: s.y)  # `y` … `x`
ude.Latent(ude.RecurrentEncoder(3), ode, lambda t, s: s.x)  # dict observable
ude.Latent(ude.RecurrentEncoder(3), ode, lambda t, s, p, net: {"y": net.g(s.x)})  # `g`
ude.Latent(ude.RecurrentEncoder(3), ode, networks={"encoder_cell": ude.nn.MLP(1, 1)})  # `encoder_cell`
ude.Latent(ude.RecurrentEncoder(3), ode, variational="yes")  # `variational` … 'yes'
ude.Latent(ude.RecurrentEncoder(3), ode, context=0.0)  # `context` … 0
ude.Latent(ude.RecurrentEncoder(3), ode, context="1h")  # `context` … '1h'
ude.Latent(ude.RecurrentEncoder(3), ode, prior_weight=-1.0)  # `prior_weight` … -1
ude.Latent(ude.RecurrentEncoder(3), ode, beta=4.0)  # `beta`
ude.recurrent(["x"])  # `dt`
ude.recurrent(["x"], dt=0.0)  # `dt` … 0
ude.recurrent(["x"], dt=0.1, cell="rnn")  # `rnn` … `gru`
ude.recurrent([], dt=0.1)  # state
ude.recurrent(["x"], dt=0.1, units=0)  # `units` … 0
ude.fit(ude.recurrent(["x"], dt=0.1), pair, solver="tsit5")  # steps of 0.1 … Leave out `solver`
ude.Latent(ude.RecurrentEncoder(3), ode, step=-1.0)  # `step` … -1
latent.solve([0.0, 1.0])  # `x` … fit.predict(data=series)
ude.fit(latent, data)  # `y`
ude.fit(latent, glow.where(glow.trajectory == "one"))  # 'two'
ude.fit(latent, xr.full_like(glow, np.nan))  # `y`
ude.fit(ude.Latent(ude.RecurrentEncoder(3), ude.ODE(decay, ["x"], {"rate": 1.0}), context=0.5), data.isel(time=slice(4, None)).assign_coords(start=0.0))  # needs a measurement … none within 0.5 of its start
ude.fit(latent, glow.expand_dims(pixel=3, axis=2))  # `y` … shape
ude.fit(latent, glow, objective=ude.MultipleShooting(3))  # `MultipleShooting` … ude.Trajectory
ude.fit(latent, glow, objective=ude.Collocation())  # `Collocation` … ude.Trajectory
ude.fit(latent, glow, cost=ude.Cost(lambda t, s: s.x))  # `cost` … dynamics
ude.fit(latent, glow, rankings={})  # `rankings`
ude.fit(latent, glow, estimate_initial=False)  # `estimate_initial` … encoder
ude.fit(latent, glow, balance={})  # `balance`
ude.fit(latent, glow, phases=ude.Laplace(2))  # `Laplace`
ude.fit(ude.Latent(ude.SetEncoder(3), ode, variational=True), pair, phases=ude.BFGS(5))  # `BFGS` … drawn anew … Adam
ude.fit(ude.Latent(ude.SetEncoder(3), ode, variational=True), pair, loss="huber")  # likelihood … loss="gaussian"
latent_fit.predict(data=glow, since=-1.0)  # 'one' … `since` = -1
latent_fit.predict(data=glow, since="soon")  # `since` … 'soon'
latent_fit.predict(since=1.0)  # `since` … `data`
latent_fit.predict(data=data)  # `y`
latent_fit.predict(data=glow, initial={"x": 1.0})  # `initial` and `data`
latent_fit.predict(data=xr.full_like(glow, np.nan))  # nothing but NaN
latent_fit.predict(steps=3)  # `steps`
latent_fit.adapted(glow)  # `adapted`
latent_fit.recover("encoder_cell")  # `encoder_cell` isn't called by the equations
""")  # noqa: E501


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_bad_latent_model_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
