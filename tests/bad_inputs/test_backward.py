"""Backward problems, their objective, fits and ready problems, made or asked wrongly."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
backward(terminal=lambda x: x**2)  # `terminal` … (3,) … np.sum
backward(terminal=lambda x: np.sum(x * np.ones(4)))  # (3,) … (4,)
backward(terminal=lambda x: x[3])  # 3
backward(terminal=lambda x: None)  # `terminal` is None
backward(terminal=lambda x, y: y)  # `terminal` wants 2 arguments
backward(terminal=5)  # `terminal` needs a function
backward(terminal=lambda x: np.log(-1.0 - np.sum(x**2)))  # g(X) isn't finite
backward(terminal=lambda x: np.nan)  # finite
backward(generator=lambda t, x, y, z: z)  # `generator` … (3,) … np.sum
backward(generator=lambda t, x, y, z: {"f": y})  # `generator` is a dict
backward(generator=lambda t, x, u, z, p: u)  # `generator` wants 5 arguments
backward(generator="y")  # `generator` needs a function
backward(generator=lambda y: y if y > 0 else 0.0)  # np.where
backward(initial=5.0)  # `initial`
backward(initial=[])  # `initial` … empty
backward(initial=[[0.0, 1.0]])  # `initial`
backward(initial="0")  # `initial` … '0'
backward(initial=[0.0, np.nan, 1.0])  # `initial` … nan
backward(initial=[0.0], terminal=lambda x: x[0] + x[1])  # 1
backward(horizon=0.0)  # `horizon` … > 0 … 0
backward(horizon=-1.0)  # `horizon` … -1
backward(horizon="1")  # `horizon` … '1'
backward(horizon=np.inf)  # `horizon` … inf
backward(diffusion=np.ones(4))  # `diffusion` has shape (4,) … 3 coordinates
backward(diffusion=np.ones((4, 3)))  # `diffusion` has shape (4, 3)
backward(diffusion=lambda t, x: np.ones((3, 2, 1)) * t)  # `diffusion` has shape (3, 2, 1)
backward(diffusion=0.0)  # `diffusion` is 0
backward(diffusion=None)  # `diffusion` … None
backward(diffusion="1")  # `diffusion` … '1'
backward(diffusion=np.nan)  # `diffusion` … nan
backward(drift=np.ones(2))  # `drift` in 3 dimensions … (2,)
backward(drift=lambda t, x: np.ones((3, 3)) @ x * np.exp(800.0 * np.sum(x**2)), steps=9)  # X isn't finite
backward(drift="x")  # `drift` … 'x'
backward(steps=0)  # `steps` … 0
backward(steps=2.5)  # `steps` … 2.5
backward(learns="gradiant")  # `learns` … gradiant … `gradient`
backward(learns=1)  # `learns` … 1
backward(guided="yes")  # `guided` … True or False
backward(start=np.nan)  # `start` … nan
backward(difusion=1.0)  # `difusion` … `diffusion`
backward(network=ude.nn.MLP)  # `network` … MLP itself
backward(network=5)  # `network` … int
backward(network=ude.nn.CNN(1, 1))  # CNN
backward(network=ude.nn.MLP(3, 3))  # t and x (4 numbers) … takes 3 … MLP(4, 3
backward(network=ude.nn.MLP(4, 1))  # z … gives 1
backward(network=ude.nn.MLP(4, 3), learns="gradients")  # takes x (3 numbers)
backward(network=ude.nn.MLP(4, 3), learns="solution")  # gives u (1)
backward()(2.0, [0.0, 0.0, 0.0])  # `t` … 0 to 1
backward()(0.5, [0.0, 0.0])  # `x` … (M, 3)
backward().frozen("u1")  # `u1` … `u0`
ude.Martingale(paths=1)  # `paths` … 1
ude.Martingale(paths="64")  # `paths` … '64'
ude.Martingale(path=64)  # `path` … `paths`
ude.Martingale(seed=-1)  # `seed` … -1
ude.fit(backward(), data)  # `data` isn't for backward problems … Martingale
ude.fit(backward(), objective=ude.Residual())  # `objective` … ude.Martingale
ude.fit(backward(), loss="huber")  # `loss` isn't for backward problems
ude.fit(backward(), solver="rk4")  # `solver` isn't for backward problems
ude.fit(backward(), balance={"x": 1.0})  # `balance` isn't for backward problems
ude.fit(backward(), phases=ude.LBFGS(5))  # fresh batches need Adam
ude.fit(backward(), phases=ude.Adam(1e-3, 1, objective=ude.Residual()))  # `objective` … ude.Martingale
ude.fit(ode, data, objective=ude.Martingale())  # `Martingale` … `BackwardProblem`
ude.BackwardProblem.load(folder / "none.json")  # no file
ude.BackwardProblem.load([folder / "a.nc", ode.save(folder / "a.nc")][0])  # BackwardProblem
ude.BackwardProblem.load(written('{"unideq_format": 1, "model": {"kind": "BackwardProblem"}}'))  # damaged
ude.problems.BurgersType(dimension=0)  # `dimension` … 0
ude.problems.HamiltonJacobiBellman(strength=-1.0)  # `strength` … -1
ude.problems.ReactionDiffusion(level="a")  # `level` … 'a'
ude.problems.QuadraticGradient(dimensions=3)  # `dimensions` … `dimension`
backward_fit.predict(0)  # `paths` … 0
backward_fit.predict(2, draw=-1)  # `draw` … -1
backward_fit.predict(2, seed=7)  # seed 7
backward_fit.plot(exact="1")  # `exact` … '1'
backward_fit.audit("martingal")  # `martingal` … `martingale`
backward_fit.audit("truncation")  # `truncation` looks at … a fit of a backward problem
backward_fit.audit(ude.audit.MartingaleResidual(refine=1))  # `refine` … 1
backward_fit.audit(data=data)  # `data` of `audit`
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
