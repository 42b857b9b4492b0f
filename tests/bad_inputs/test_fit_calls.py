"""Calls of `fit` that can't be meant so: each is told before anything is compiled."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.fit(people, pair)  # `rate` has a spread … likelihood … loss="gaussian"
ude.fit(ode, data, loss="gaussian", phases=ude.Laplace(5))  # `Laplace` … spread … ude.LogNormal(0.3)
ude.fit(sites, pair.assign_coords(site=("trajectory", [1, 2])), loss="gaussian", phases=ude.Laplace(5))  # `Laplace`
ude.fit(people, pair, loss=ude.GaussianLikelihood(weights={"x": 2.0}), phases=ude.Laplace(5))  # `Laplace` … `weights`
ude.fit(ude.Stepper(people, 0.25), pair, loss="gaussian", phases=ude.Laplace(5))  # `Laplace` … `Stepper`
ude.fit(ude.ODE(lambda t, s, p: {"x": -p.a * p.b * s.x}, ["x"], {
    "a": ude.Parameter(1.0, positive=True, per="trajectory", spread=ude.LogNormal(0.3)),
    "b": ude.Parameter(1.0, positive=True, per="site", spread=ude.LogNormal(0.3))}),
    pair.assign_coords(site=("trajectory", [1, 2])), loss="gaussian", phases=ude.Laplace(5))  # ['site', 'trajectory']
ude.fit(problem, phases=ude.Laplace(5))  # `Laplace` … continuous in time
ude.fit(ude.ODE(lambda t, s, p: {"x": 1.0 - p.a * s.x}, ["x"], {
    "a": ude.Parameter(1.0, positive=True, per="trajectory", spread=ude.LogNormal(0.3))}, initial="steady"), pair,
    loss="gaussian", phases=ude.Laplace(5))  # `Laplace` … initial="steady"
ude.fit(ude.ODE(decay, ["x"], {"rate": ude.Parameter(1.0, positive=True, per="trajectory", spread=ude.LogNormal(0.3))},
    events=[ude.Event(lambda t, s, p: {"x": 1.0}, when=lambda t, s: s.x - 0.1)]), pair,
    loss="gaussian", phases=ude.Laplace(5))  # `Laplace` … events at known times
fit.transfer(data, [])  # Nothing is left to train … []
fit.transfer(data, ())  # Nothing is left to train … ()
fit.transfer(data, None)  # `train` needs names … None
fit.transfer(data, "ratee")  # `ratee` … `rate`
fit.transfer(data, ["f.layer_3"])  # `f.layer_3` … `f.layer_2`
fit.transfer(data, ["f", 2])  # `train` … 2
fit.transfer(data, "All")  # `All`
fit.transfer(None, "f")  # `transfer` needs the data
fit.transfer(3.0 + 0 * data, "f")  # `x` is 3 throughout … data.drop_vars('x')
fit.transfer(data.rename(x="y"), "f")  # `x`
fit.transfer(data, "f", freeze="rate")  # `freeze`
fit.transfer(data, "f", seeds=3)  # `train` goes on with the seeds of the fit
fit.transfer(data, "f", ude.Adam(1e-3, 1, rates={"f.layer_9": 0.1}))  # `f.layer_9` … `f.layer_2`
fit.transfer(data, "f", rate=0.1)  # `rate`
ude.sweep(5, {"a": [1]})  # `train` … 5
ude.sweep(lambda a, **run: fit, 5)  # `over` … 5
ude.sweep(lambda a, **run: fit, {"a": []})  # over["a"] … empty
ude.sweep(lambda a, **run: fit, {"a": [1, 1]})  # over["a"] … twice
ude.sweep(lambda a, **run: fit, {"a": [1, "b"]})  # over["a"] … text and numbers
ude.sweep(lambda a, **run: fit, {"a": [ude.Trajectory()]})  # over["a"] … label → value
ude.sweep(lambda a, **run: fit, {"a": [np.nan]})  # over["a"] … nan
ude.sweep(lambda a, **run: fit, {"a": "bc"})  # over["a"] … 'bc'
ude.sweep(lambda a, **run: fit, {"seeds": [1]})  # `seeds`
ude.sweep(lambda b, **run: fit, {"a": [1]})  # `b` … over
ude.sweep(lambda b, seeds, checkpoint: fit, {"a": [1]})  # `a`, `progress` … **run
ude.sweep(lambda a, **run: fit, {"a": [1]}, seeds=-1)  # seeds
ude.sweep(lambda a, **run: fit, {"a": [1]}, score=5)  # `score` … 5
ude.sweep(lambda a, **run: fit, {"a": [1]}, client=-1)  # `client` … -1
ude.sweep(lambda a, **run: fit, {"a": [1]}, client=2.5)  # `client` … 2.5
ude.sweep(lambda a, **run: fit, {"a": [1]}, client=0, folder=5)  # `folder` … 5
ude.sweep(lambda a, **run: fit, {"a": [1]}, client=0, progress="no")  # `progress` … 'no'
ude.sweep(lambda a, **run: fit, {"a": [1]}, client=0, progress=False, seeds=[7])  # seed 7 … [0, 1]
ude.sweep(lambda a, **run: 5, {"a": [1]}, client=0, progress=False)  # return ude.fit
ude.sweep(lambda a, seeds, **run: trained(a, seeds=seeds), {"a": [1]}, client=0, folder=folder)  # no checkpoint
ude.sweep(trained, {"a": [1]}, client=0, progress=False, score=lambda fit: "low")  # `score` … 'low'
ude.transfer_sweep(fit, data, over="singles")  # `singles`
ude.transfer_sweep(fit, data, over=["f.layer_9"])  # `f.layer_9` … `f.layer_2`
ude.transfer_sweep(fit, data, over=[])  # `over` … "single" … []
ude.transfer_sweep(fit, data, over=5)  # `over` … 5
ude.transfer_sweep(fit, data, fractions=[0.5, 1.0])  # `score=lambda fit, seed: ...`
ude.transfer_sweep(fit, data, fractions=0.5)  # `fractions` … 0.5
ude.transfer_sweep(fit, data, fractions=[np.nan])  # `fractions` … nan
ude.transfer_sweep(fit, data, baselines="best")  # `best` … `full`
ude.transfer_sweep(fit, data, score=5)  # `score` … 5
ude.transfer_sweep(fit, data, score=lambda: 1.0)  # `score` … (fit, seed)
ude.transfer_sweep(fit, data, checkpoints=5)  # `checkpoints` … 5
ude.transfer_sweep(fit, data, progress="no")  # `progress` … 'no'
ude.transfer_sweep(ode, data)  # `transfer_sweep` needs `fit`
fit.adapted(data)  # `adapted` … parameter by group … fit.train(data=...)
ude.fit(5, data)  # `fit` needs a model … int
ude.fit(decay, data)  # `fit` needs a model … function
ude.fit(ude.ODE, data)  # `fit` needs a model … type
ude.fit(None, data)  # `fit` needs a model
ude.fit(ode)  # measurements
ude.fit(ode, 5)  # Dataset … int
ude.fit(ode, [])  # Dataset
ude.fit(ode, data, objective=5)  # `objective` … 5
ude.fit(ode, data, objective="trajectory")  # `objective` … 'trajectory'
ude.fit(ode, data, objective=ude.Trajectory)  # `objective` … Trajectory()
ude.fit(ode, data, objective=ude.Unrolled())  # Stepper
ude.fit(ode, data, objective=ude.Residual())  # ResidualProblem
ude.fit(ode, data, phases=100)  # `phases` … 100
ude.fit(ode, data, phases=[100])  # `phases` … 100
ude.fit(ode, data, phases=[])  # `phases` is empty
ude.fit(ode, data, phases="adam")  # `adam` … `Adam`
ude.fit(ode, data, phases="Adam")  # `Adam` … ude.Adam
ude.fit(ode, data, phases=ude.Adam)  # `phases` … Adam()
ude.fit(ode, data, phases=[ude.BFGS])  # `phases` … BFGS()
ude.fit(ode, data, phases={ude.Adam(1e-3, 1)})  # `phases`
ude.fit(ode, data, phases=True)  # `phases` … True
ude.fit(ode, data, phases=[ude.GaussNewton(5)])  # `GaussNewton` … ude.BFGS
ude.fit(ode, data, phases=ude.Adam(1e-3, 1, objective=ude.Residual()))  # ResidualProblem
ude.fit(ode, data, seeds=0)  # `seeds` … 0
ude.fit(ode, data, seeds=-1)  # `seeds` … -1
ude.fit(ode, data, seeds="3")  # `seeds` … '3'
ude.fit(ode, data, seeds=2.5)  # `seeds` … 2.5
ude.fit(ode, data, seeds=True)  # `seeds` … True
ude.fit(ode, data, seeds=None)  # `seeds` … None
ude.fit(ode, data, seeds=[1, 1])  # `seeds` … [1, 1]
ude.fit(ode, data, seeds=["a"])  # `seeds` … 'a'
ude.fit(ode, data, seeds=[1.5])  # `seeds` … 1.5
ude.fit(ode, data, seeds=[-1])  # `seeds` … -1
ude.fit(ode, data, seeds=[2**64])  # `seeds`
ude.fit(ode, data, seeds={1, 2})  # `seeds` … {1, 2}
ude.fit(ode, data, seeds=3, phases=ude.Adam(1e-3, 1), progress=False)  # network
ude.fit(ode, data, loss="hubber")  # `hubber` … `huber`
ude.fit(ode, data, loss=5)  # `loss` … 5
ude.fit(ode, data, loss={"y": "huber"})  # `loss` … `y` … `x`
ude.fit(ode, data, loss={"x": "hubber"})  # `hubber` … `huber`
ude.fit(ode, data, loss={})  # `loss` … empty
ude.fit(ode, data, loss="poisson")  # counts … `x`
ude.fit(ode, data, loss=[ude.Huber()])  # `loss`
ude.fit(ode, data, loss=ude.Huber)  # `loss` … Huber()
ude.fit(ode, data, loss="custom")  # `custom`
ude.fit(ode, data, loss=lambda p, o: np.max(p) - np.max(o))  # one value
ude.fit(ode, data, loss=lambda p: p)  # called with 2
ude.fit(ode, data, loss=ude.GaussianLikelihood(sigma={"x": "x_sd"}))  # lack `x_sd` … beside `x`
ude.fit(ode, data, loss=ude.GaussianLikelihood(sigma={"x": "x"}))  # `x` beside `x` … own variable
ude.fit(ode, data.assign(x_sd=-data.x), loss=ude.GaussianLikelihood(sigma={"x": "x_sd"}))  # `x_sd` … at time 0
ude.fit(ode, data.assign(x_sd=data.x), loss=ude.GaussianLikelihood(sigma={"x": "xsd"}))  # `x_sd` … `xsd`
ude.fit(ode, data, loss=ude.GaussianLikelihood(below={"x": 1e9}))  # `x` lie beyond a limit … units
ude.fit(ode, data, loss=ude.GaussianLikelihood(below={"y": 0.1}))  # `below` … `y` … `x`
ude.fit(ode, data, loss=ude.GaussianLikelihood(between={"x": 0.1}))  # `between` … 0.1
ude.fit(ode, data, loss=ude.StudentTLikelihood(below={"x": 0.1}))  # `below`
ude.fit(ode, data, loss=ude.SquaredError(scale={"y": 1.0}))  # `scale` … `y`
ude.fit(ode, data, loss=ude.SquaredError(weights={"X": 1.0}))  # `X` … `x`
ude.fit(ode, data, holdout=0)  # `holdout` … 0
ude.fit(ode, data, holdout=1.5)  # 1.5
ude.fit(ode, data, holdout="0.25")  # `holdout` … '0.25'
ude.fit(ode, data, holdout=True)  # `holdout` … True
ude.fit(ode, data, holdout=[0.25])  # `holdout` … [0.25]
ude.fit(ode, data, holdout=ude.Holdout)  # `holdout` … Holdout
ude.fit(ode, data, holdout=ude.Holdout(after=99.0))  # nothing held out
ude.fit(ode, data, holdout=ude.Holdout(after=-1.0))  # nothing to train on
ude.fit(ode, pair, holdout=ude.Holdout(trajectories=["three"]))  # `three`
ude.fit(ode, data, regularise=1e-3)  # no network
ude.fit(hybrid, data, regularise="l2")  # `regularise` … 'l2'
ude.fit(hybrid, data, regularise=-1)  # `regularise` … -1
ude.fit(hybrid, data, regularise=True)  # `regularise` … True
ude.fit(hybrid, data, regularise=np.inf)  # `regularise` … inf
ude.fit(hybrid, data, regularise=ude.L2)  # `regularise` … L2()
ude.fit(hybrid, data, regularise=ude.L2(networks="g"))  # `g` … `f`
ude.fit(hybrid, data, regularise={"f": 1e-3})  # `regularise` … {'f': 0.001}
ude.fit(hybrid, data, cost=5)  # `cost` … 5
ude.fit(ode, None, cost=lambda t, s: s.x)  # xr.Dataset(coords
ude.fit(ode, data.drop_vars("x"), cost=lambda t, s: s.x)  # `x` isn't measured … initial
ude.fit(ode, data, loss=ude.SeriesLoss(lambda t, p, o: p - o))  # one number a trajectory
ude.fit(hybrid, data, cost="smooth")  # `cost` … 'smooth'
ude.fit(hybrid, data, cost=[decay])  # `cost`
ude.fit(hybrid, data, cost={1: decay})  # `cost` … 1
ude.fit(hybrid, data, cost={"a": 5})  # `a` … 5
ude.fit(hybrid, data, cost=ude.Cost)  # `cost` … Cost
ude.fit(hybrid, data, cost={"a": {"weight": 1}})  # `a`
ude.fit(hybrid, data, cost=lambda t, state: None)  # `cost` … None
ude.fit(hybrid, data, cost=lambda t, state: state.y)  # Unknown state `y`
ude.fit(ode, data, solver="tsit6")  # `tsit6` … `tsit5`
ude.fit(ode, data, solver=5)  # `solver` … 5
ude.fit(ode, data, solver=None)  # `solver` … None
ude.fit(ode, data, solver=["tsit5"])  # `solver` … ['tsit5']
ude.fit(ode, data, solver="euler")  # `dt
ude.fit(ode, data, solver=ude.Euler(dt=0))  # `dt` … 0
ude.fit(ode, data, solver=ude.Euler(dt="0.1"))  # `dt` … '0.1'
ude.fit(ode, data, solver=ude.Euler(dt=np.nan))  # `dt` … nan
ude.fit(ode, data, solver=ude.Tsit5(dt=-1))  # `Tsit5` … no `dt`
ude.fit(ode, data, dt=-1)  # `dt` … solver=ude.RK4(dt=0.01)
ude.fit(ode, data, solver=ude.Auto(rtol=0))  # `rtol` … 0
ude.fit(ode, data, solver=ude.Auto(rtol="1e-6"))  # `rtol` … '1e-6'
ude.fit(ode, data, solver=ude.Auto(rtol=np.nan))  # `rtol` … nan
ude.fit(ode, data, solver=ude.Auto(rtol=True))  # `rtol` … True
ude.fit(ode, data, solver=ude.Auto(atol=-1e-6))  # `atol` … -1e-06
ude.fit(ode, data, solver=ude.Auto(atol=["a"]))  # `atol` … 'a'
ude.fit(ode, data, solver=ude.Auto(max_steps=0))  # `max_steps` … 0
ude.fit(ode, data, solver=ude.Auto(max_steps=2.5))  # `max_steps` … 2.5
ude.fit(ode, data, solver=ude.Auto(max_steps="100"))  # `max_steps` … '100'
ude.fit(ode, data, max_steps=None)  # `max_steps` … solver=ude.
ude.fit(ode, data, solver=ude.Auto(max_steps=True))  # `max_steps` … True
ude.fit(ode, data, solver=ude.Auto(adjoint="back"))  # `back` … `backsolve`
ude.fit(ode, data, solver=ude.Auto(adjoint=5))  # `adjoint` … 5
ude.fit(ode, data, estimate_initial="no")  # `estimate_initial` … True or False … 'no'
ude.fit(ode, data, estimate_initial=None)  # `estimate_initial` … True or False
ude.fit(ode, data, estimate_initial=0)  # `estimate_initial` … True or False
ude.fit(ode, data, early_stopping=10)  # `holdout=ude.Holdout(0.25, patience=100)`
ude.fit(ode, data, holdout=ude.Holdout(patience=10))  # `fraction=`
ude.fit(ode, data, holdout=ude.Holdout(0.25, patience=True))  # `patience` … True
ude.fit(ode, data, holdout=ude.Holdout(0.25, patience=2.5))  # `patience` … 2.5
ude.fit(ode, data, holdout=ude.Holdout(0.25, patience=0))  # `patience` … 0
ude.fit(ode, data, holdout=ude.Holdout(0.25, patience="10"))  # `patience` … '10'
ude.fit(ode, data, balance={"x": 1.0})  # `balance` … ResidualProblem
ude.fit(ode, data, checkpoint=5)  # `checkpoint` … 5
ude.fit(ode, data, checkpoint="")  # `checkpoint` … ''
ude.fit(ode, data, checkpoint=True)  # `checkpoint` … True
ude.fit(ode, data, checkpoint=["a.nc"])  # `checkpoint` … ['a.nc']
ude.fit(ode, data, checkpoint=folder)  # can't be written
ude.fit(ode, data, checkpoint=folder / "none" / "a.nc")  # can't be written
ude.fit(ode, data, checkpoint="a\0.nc")  # `checkpoint`
ude.fit(ode, data, engine="")  # `engine` … ''
ude.fit(ode, data, engine="jaxx")  # `jaxx` … `jax`
ude.fit(ode, data, engine=5)  # `engine` … 5
ude.fit(ode, data, engine=["jax"])  # `engine` … ['jax']
ude.fit(ode, data, engine=True)  # `engine` … True
ude.fit(ode, data, progress="no")  # `progress` … True or False … 'no'
ude.fit(ode, data, progress=None)  # `progress` … True or False
ude.fit(ode, data, report_every=0)  # `report_every` … 0
ude.fit(ode, data, report_every=True)  # `report_every` … True
ude.fit(ode, data, report_every=2.5)  # `report_every` … 2.5
ude.fit(ode, data, report_every=np.nan)  # `report_every` … nan
ude.fit(ode, data, report_every="50")  # `report_every` … '50'
ude.fit(ode, data, callback=5)  # `callback` … 5
ude.fit(ode, data, callback="print")  # `callback` … 'print'
ude.fit(ode, data, callback=lambda: None)  # `callback` … called with 1
ude.fit(ode, data, phase=[ude.Adam()])  # `phase` … `phases`
ude.fit(ode, data, optimizer="adam")  # `optimizer` … `phases`
ude.fit(ode, data, epochs=100)  # `epochs` … `phases`
ude.fit(ode, data, batch_size=10)  # `batch_size`
ude.fit(ode, data, phases=ude.Adam(ude.Warmup(1e-3, 100), 50), progress=False)  # `Warmup` … 100 … 50
ude.fit(ode, data, phases=ude.Adam(ude.PiecewiseConstant(1e-3, (100,), (0.1,)), 50),
    progress=False)  # `PiecewiseConstant` … 100 … 50
ude.fit(ode, data, objective=ude.Trajectory(curriculum=[(1.0, 100)]), phases=ude.Adam(1e-3, 50),
    progress=False)  # `curriculum` … 100 … 50
ude.fit(problem, phases=ude.SOAP(ude.Warmup(1e-3, 100), 50), progress=False)  # `Warmup` … 100 … 50
ude.fit(closure, fields, solver="tsit5")  # `solver
ude.fit(closure, fields, objective=ude.MultipleShooting())  # `MultipleShooting` … Stepper
ude.fit(closure, fields, objective=ude.Unrolled(steps=100))  # `steps=100`
ude.fit(closure, fields, objective=ude.Unrolled(coupling="sequential"))  # `correction`
ude.fit(closure, fields, objective=ude.Unrolled(batch=2), phases=ude.BFGS(5))  # `BFGS` … `batch=2`
ude.fit(ode, data, objective=ude.Trajectory(batch=1), phases=ude.BFGS(5))  # `BFGS` … `ude.Trajectory(
ude.fit(closure, fields, objective=ude.Trajectory(batch=2), phases=ude.Adam(1e-3, 5))  # `Unrolled(batch=2)`
ude.fit(closure, fields, objective=ude.Unrolled(batch=2), phases=ude.GaussNewton(5))  # `GaussNewton`
ude.fit(closure, fields, objective=ude.Unrolled(curriculum=[(1, 5, 1e-3)]), phases=ude.Adam(1e-3, 1))  # `phases`
ude.fit(closure, fields, solver=ude.Tsit5(rtol=1e-3))  # `solver=Tsit5 … stepper
ude.fit(closure, fields, estimate_initial=False)  # `estimate_initial=False` … snapshots
ude.fit(closure, fields, rtol=1e-3)  # `rtol` … `solver=ude.Tsit5
ude.fit(closure, fields, solver=ude.Auto(max_steps=7))  # `solver=Auto … stepper
ude.fit(closure, fields, solver=ude.RK4(dt=0.1))  # `solver=RK4 … stepper
ude.fit(problem, data)  # `data` … residual
ude.fit(problem, loss="huber")  # `loss` … residual
ude.fit(problem, solver="tsit5")  # `solver` … residual
ude.fit(problem, holdout=0.2)  # `holdout` … residual
ude.fit(problem, objective=ude.Trajectory())  # `ude.Residual(...)`
ude.fit(problem, objective=ude.Residual)  # Residual()
ude.fit(problem, phases=5)  # `phases` … 5
ude.fit(problem, phases=ude.Adam(1e-3, 1, objective=ude.Trajectory()))  # `ude.Residual(...)`
ude.fit(problem, balance="annealing")  # `balance` … 'annealing'
ude.fit(problem, balance=5)  # `balance` … 5
ude.fit(problem, balance=ude.GradientNorm)  # GradientNorm()
ude.fit(problem, balance={"poisson": -1})  # `poisson` … -1
ude.fit(problem, balance={"poisson": "1"})  # `poisson` … '1'
ude.fit(problem, balance={"poissn": 1})  # `poissn` … `poisson`
ude.fit(problem, balance={5: 1})  # 5
ude.fit(problem, balance=[{"ends": 1}, {"ends": 2}])  # two
ude.fit(problem, balance=ude.LearningRateAnnealing(reference="inner"))  # `inner` … `ends`
ude.fit(problem, balance=ude.LearningRateAnnealing(reference=("poisson", "ends")))  # `reference`
ude.fit(problem, balance=ude.Causal())  # `Causal` … `t`
ude.fit(problem, balance=ude.GradientNorm(), phases=ude.LBFGS(5))  # `balance` … Adam
ude.fit(problem, callback=5)  # `callback` … 5
ude.fit(problem, progress="yes")  # `progress` … True or False
ude.fit(problem, seeds=0)  # `seeds` … 0
ude.fit(problem, report_every=2.5)  # `report_every` … 2.5
ude.fit(problem, engine="")  # `engine` … ''
ude.fit(problem, checkpoint=5)  # `checkpoint` … 5
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
