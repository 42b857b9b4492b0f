"""What is asked of a fit and can't be answered: pictures, recoveries, audits, gradient checks, metrics."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
fit.plot(5)  # `path` … 5
fit.plot(True)  # `path` … True
fit.plot("")  # `path` … ''
fit.plot(folder)  # can't be written
fit.plot(folder / "none" / "a.png")  # can't be written
fit.plot(folder / "a.xyz")  # can't be written … png
fit.plot(folder / "a.png", dpi=0)  # `dpi` … 0
fit.plot(folder / "a.png", dpi="150")  # `dpi` … '150'
fit.plot(folder / "a.png", dpi=np.nan)  # `dpi` … nan
fit.plot(variables=["y"])  # `y` … `x`
fit.plot(variables=5)  # `variables` … 5
fit.plot(variables=[])  # `variables` … []
fit.plot(trajectories=["a"])  # Unknown trajectory a
fit.plot(trajectories=5)  # 5
fit.plot(networks=["g"])  # `g` … `f`
fit.plot(networks=5)  # `networks` … 5
fit.plot(colour="red")  # `colour`
fit.report(5)  # `path` … 5
fit.report(folder)  # can't be written
fit.report(folder / "none" / "a.html")  # can't be written
fit.explain()  # `explain` … ude.nn.CNN … none
fit.explain(network="g")  # `g` … `f`
ude.kernel_spectra(fit)  # `kernel_spectra` … ude.nn.CNN
ude.kernel_spectra(ode)  # `kernel_spectra` needs `fit` … ODE
ude.kernel_changes(fit)  # `kernel_changes` … ude.nn.CNN
ude.kernel_changes(None)  # `kernel_changes` needs `fit`
ude.preactivation_spectra(fit, data, network="f")  # `f` is `MLP`
ude.pick_layer(fit, 5)  # `pick_layer` needs `data` … 5
ude.pick_layer(fit, data)  # ude.nn.CNN
ude.plot_loss_landscape(fit)  # `plot_loss_landscape` needs `landscape`
ude.loss_landscape(5)  # `loss_landscape` needs `fit` … 5
ude.loss_landscape(fit, points=4)  # odd number of `points` … 4
ude.loss_landscape(fit, points=1)  # `points` … 1
ude.loss_landscape(fit, span=-1.0)  # `span` … -1
ude.loss_landscape(fit, span=np.nan)  # `span` … nan
ude.loss_landscape(fit, directions=3)  # `directions` … 3
ude.loss_landscape(fit, within="f.layer_9")  # `f.layer_9` … `f.layer_2`
ude.loss_landscape(fit, within="rate")  # Nothing moves
ude.loss_landscape(fit, within=5)  # `within` … 5
ude.loss_landscape(fit, draw=-1)  # `draw` … -1
ude.loss_landscape(fit, seed=9)  # seed 9
ude.audit.kernels.kernel_classes("abc", (8,))  # `kernels` … 'abc'
ude.audit.kernels.kernel_classes(np.ones((3, 3)), (2, 2))  # doesn't fit a grid
ude.audit.kernels.kernel_classes(np.ones(3), 8)  # `shape` … 8
ude.audit.kernels.kernel_classes(np.ones((3, 3, 3)), (8, 8, 8))  # one or two dimensions
fit.check_gradient(seed=9)  # seed 9
fit.check_gradient(directions=0)  # `directions` … 0
fit.check_gradient(directions="8")  # `directions` … '8'
fit.check_gradient(directions=2.5)  # `directions` … 2.5
fit.check_gradient(step=0)  # `step` … 0
fit.check_gradient(step="1e-3")  # `step` … '1e-3'
fit.check_gradient(step=2.0)  # `step` … 2
fit.check_gradient(tolerance="x")  # `tolerance` … 'x'
fit.check_gradient(tolerance=-1)  # `tolerance` … -1
fit.check_gradient(step_size=1e-3)  # `step_size` … `step`
fit.recover("g")  # `g` … `f`
fit.recover(5)  # 5
fit.recover(criterion="x")  # `x` … `bic`
fit.recover(criterion=5)  # `criterion` … 5
fit.recover(criterion="x", rollout=False)  # `x` … `bic`
fit.recover(method="lasso")  # `lasso`
fit.recover(method=None)  # `method` … None
fit.recover(library=-1)  # degree … -1
fit.recover(library=1.5)  # 1.5
fit.recover(library=True)  # True
fit.recover(library={"sin": 5})  # `sin`
fit.recover(library=[np.sin])  # `library`
fit.recover(max_terms=0)  # `max_terms` … 0
fit.recover(max_terms="5")  # `max_terms` … '5'
fit.recover(max_terms=None)  # `max_terms` … None
fit.recover(budget=0)  # `budget` … 0
fit.recover(budget=np.nan)  # `budget` … nan
fit.recover(parsimony=-1)  # `parsimony` … -1
fit.recover(parsimony="6")  # `parsimony` … '6'
fit.recover(ensemble="no")  # `ensemble` … True or False … 'no'
fit.recover(rollout="no")  # `rollout` … True or False … 'no'
fit.recover(refit=1)  # `refit` … True or False
fit.recover(final_fit="no")  # `final_fit` … True or False … 'no'
fit.recover(progress="no")  # `progress` … True or False … 'no'
fit.recover(degree=2)  # `degree` … `library`
step_fit.audit(checks="truncaton")  # `truncaton` … `truncation`
step_fit.audit(checks=5)  # `checks` … 5
step_fit.audit(checks=[])  # `checks` … []
step_fit.audit(checks=[5])  # 5
step_fit.audit(ude.FlowMap)  # `checks` … brackets … `FlowMap()`
step_fit.audit([ude.Shift(), "shift"])  # two checks `shift`
step_fit.audit("balance")  # `balance` … a fit of a residual problem … `flow_map`
step_fit.audit(ude.audit.Balance())  # `balance` … a fit of a residual problem … `flow_map`
step_fit.audit(ude.FlowMap(conditions=0))  # `conditions` … 0
step_fit.audit(ude.audit.Integrator(steps=0))  # `steps` … 0
step_fit.audit(ude.audit.Integrator(tolerance=0))  # `tolerance` … 0
step_fit.audit(ude.audit.Integrator(most="all"))  # `most` … 'all'
step_fit.audit(ude.audit.Integrator)  # `checks` … brackets … `Integrator()`
step_fit.audit("integrater")  # `integrater` … `integrator`
step_fit.audit(ude.FlowMap(conditions="8"))  # `conditions` … '8'
step_fit.audit(ude.FlowMap(conditions=True))  # `conditions` … True
step_fit.audit(ude.FlowMap(steps=0))  # `steps` … 0
step_fit.audit(ude.FlowMap(steps="10"))  # `steps` … '10'
step_fit.audit(ude.FlowMap(steps=2.5))  # `steps` … 2.5
step_fit.audit(ude.FlowMap(first=0))  # `first` … 0
step_fit.audit(ude.FlowMap(first="a"))  # `first` … 'a'
step_fit.audit(ude.FlowMap(step=50))  # `step` … `steps`
step_fit.audit("coupled")  # `coupled` … no closure … closed
step_fit.audit(ude.audit.Coupled(turnovers=0))  # `turnovers` … 0
step_fit.audit(ude.audit.Coupled(conditions=0))  # `conditions` … 0
step_fit.audit(ude.audit.ClosureSpectrum(factor=0.5))  # `factor` … 0.5
step_fit.audit(ude.audit.ClosureSpectrum(above=1.0))  # `above` … 1
step_fit.audit(ude.audit.GradientModel(correlation="high"))  # `correlation` … 'high'
step_fit.audit(ude.audit.GradientModel(width=-1.0))  # `width` … -1
step_fit.audit(ude.Shift(steps=-1))  # `steps` … -1
step_fit.audit(ude.Shift(radius=-1))  # `radius` … -1
step_fit.audit(ude.Shift(radius="2"))  # `radius` … '2'
step_fit.audit(ude.Shift(seed="a"))  # `seed` … 'a'
step_fit.audit(ude.Shift(seed=-1))  # `seed` … -1
step_fit.audit(ude.Shift(conditions=0))  # `conditions` … 0
step_fit.audit(ude.Shift(network="g"))  # `g` … `closure`
step_fit.audit(ude.Shift(candidates={}))  # `candidates` … `conditions`
step_fit.audit(ude.Truncation(network="g"))  # `g` … `closure`
step_fit.audit(ude.Truncation(network=5))  # 5 … `closure`
step_fit.audit(ude.Truncation(resolution=0))  # `resolution` … 0
step_fit.audit(ude.Truncation(resolution="0.1"))  # `resolution` … '0.1'
step_fit.audit(ude.Truncation(resolution=np.nan))  # `resolution` … nan
step_fit.audit(ude.Truncation(max_terms=0))  # `max_terms` … 0
step_fit.audit(ude.Truncation(max_terms="4"))  # `max_terms` … '4'
step_fit.audit(ude.Truncation(candidates=5))  # `candidates` … 5
step_fit.audit(ude.Truncation(candidates={"u³": 5}))  # `u³` … 5
step_fit.audit(ude.Truncation(spacing=5))  # `spacing` … 5
step_fit.audit(ude.Truncation(spacing={"x": -1.0}))  # `spacing` … -1
step_fit.audit(ude.Truncation(spacing={"x": "a"}))  # `spacing` … 'a'
step_fit.audit(ude.Truncation(data_model=5))  # `data_model` … 5
step_fit.audit(ude.Truncation(refined=5))  # `refined` … 5
step_fit.audit(truth=5)  # `truth` … 5
step_fit.audit(data=5)  # not int
step_fit.audit(data=data)  # `u`
step_fit.audit(new=5)  # `new` … 5
step_fit.audit("flow_map", new={"v": u})  # lacks the state u
step_fit.audit("flow_map", new={"u": u[:3]})  # `u` … shape
step_fit.audit("flow_map", new={"u": 1j * u})  # `u` … complex128
step_fit.audit(check="shift")  # `check` … `checks`
step_fit.audit(steps=50)  # `steps` … `checks`
ude.audit.Finding("mine", "bad", "All is lost.")  # `bad` … `warning`
ude.audit.Finding("mine", "ok", "")  # `statement` … ''
ude.audit.Finding("mine", "ok", "Fine.", 5)  # `evidence` … 5
ude.audit.Outcome(5)  # `findings` … 5
ude.audit.Outcome(["all is well"])  # `findings` … Finding … 'all is well'
ude.audit.Outcome(groups={"a": 5})  # `groups: a` … 5
ude.audit.Outcome(groups={"a/b": data})  # `groups` … 'a/b'
ude.audit.Outcome(panels={"a": 5})  # `panels: a` … 5
residual_fit.audit(checks="gradient")  # `gradient`
residual_fit.audit(checks=5)  # `checks` … 5
residual_fit.audit("shift")  # `shift` … a fit to states over time … `balance`
residual_fit.audit(new={"u": u})  # `new` … states over time … `ude.audit.Balance(points=1000)`
residual_fit.audit(points=100)  # `points` … `checks`
residual_fit.audit(ude.audit.Balance(points=0))  # `points` … 0
residual_fit.audit(ude.audit.Balance(points="256"))  # `points` … '256'
residual_fit.audit(ude.audit.Balance(snapshots=1))  # `snapshots` … 1
residual_fit.audit(ude.audit.Balance(snapshots="8"))  # `snapshots` … '8'
residual_fit.audit(ude.audit.Balance(seed=9))  # seed 9
residual_fit.audit(ude.audit.Stiffness(hessian="no"))  # `hessian` … `points`
residual_fit.audit([ude.audit.Balance(points=8), ude.audit.Conflict(points=9)])  # `gradients` … same settings
residual_fit.plot(5)  # `path` … 5
residual_fit.plot(fields=["v"])  # `v` … `u`
residual_fit.plot(fields=5)  # `fields` … 5
residual_fit.plot(reference=5)  # `reference` … 5
residual_fit.plot(reference=data)  # `u`
residual_fit.plot(y=0.5)  # `y` … `x`
residual_fit.plot(x=0.5)  # free
residual_fit.plot(x="a")  # `x` … 'a'
residual_fit.plot(dpi=-1)  # `dpi` … -1
residual_fit.report(5)  # `path` … 5
residual_fit.report(folder / "a.html", reference=5)  # Dataset … int
step_fit.rollout_metrics(5)  # not int
step_fit.rollout_metrics(seed=9)  # seed 9
ude.closure_scores(5, seen)  # `candidates` … dict … 5
ude.closure_scores({}, seen)  # `candidates` … empty
ude.closure_scores({"a": 5}, seen)  # `a` … int … a fit
ude.closure_scores({"a": None}, seen)  # `a` … no closure … `coarse=`
ude.closure_scores({"a": ode}, seen)  # `a` … no field `u`
ude.closure_scores({"a": heat}, 5)  # `data` … `ude.coarsen … 5
ude.closure_scores({"a": heat}, fields)  # no subgrid term … `u` … `ude.coarsen
ude.closure_scores({"a": heat}, seen.rename(u="v", u_subgrid="v_subgrid"))  # `a` … no field `v` … u
ude.closure_scores({"a": heat}, seen.isel(x=slice(8)))  # `a` … `x`
ude.closure_scores({"a": heat}, seen.assign_coords(x=seen.x + 1))  # `a` … `x`
ude.closure_scores({"a": heat}, seen.rename(x="y"))  # `a` … x
ude.closure_scores({"a": heat}, seen.drop_vars("x"))  # `x` has no coordinate
ude.closure_scores({"a": heat}, seen.assign(u_subgrid=seen.u_subgrid.isel(x=0)))  # `u_subgrid` … space
ude.closure_scores({"a": heat}, seen.assign(u_subgrid=0.0 * seen.u))  # `u_subgrid` is 0 everywhere
ude.closure_scores({"a": heat}, seen.where(seen.time > 0))  # `u` holds NaN
ude.closure_scores({"a": heat}, seen.isel(time=[0]), dt=0.05)  # one … `coupled=False`
ude.closure_scores({"a": heat}, seen.isel(time=[0, 1, 3]), dt=0.05)  # even times … 0.05 to 0.1
ude.closure_scores({"a": heat}, seen)  # `a` … `dt=`
ude.closure_scores({"a": heat}, seen, dt=0.03)  # 0.05 isn't a whole number of steps … 0.03
ude.closure_scores({"a": heat}, seen, dt=-1)  # `dt` … -1
ude.closure_scores({"a": heat}, seen, dt=0.05, scheme="rk5")  # scheme … `rk5`
ude.closure_scores({"a": heat}, seen, dt=0.05, steps=0)  # `steps` … 0
ude.closure_scores({"a": heat}, seen, dt=0.05, steps=4, skip=4)  # `skip` is 4 … 4 steps
ude.closure_scores({"a": heat}, seen, dt=0.05, starts=99)  # `starts` is 99
ude.closure_scores({"a": heat}, seen, dt=0.05, threshold=2)  # `threshold` … 2
ude.closure_scores({"a": heat}, seen, dt=0.05, blow_up=0.5)  # `blow_up` … 0.5
ude.closure_scores({"a": heat}, seen, coupled="no")  # `coupled` … 'no'
ude.closure_scores({"a": heat}, seen, field="v")  # `v` … `u`
ude.closure_scores({"a": heat}, seen, vorticity="yes")  # `vorticity` … 'yes'
ude.closure_scores({"a": heat}, seen, coarse=grid)  # `coarse` … PDE
ude.closure_scores({"a": heat}, seen, engine="fortran")  # fortran
ude.closure_scores({"a": closure}, seen.assign_coords(strength=np.nan))  # `strength` … nan
ude.closure_scores({"a": lambda t, s: 1.0}, seen, coarse=heat)  # shape () … (16,)
ude.closure_table(fields)  # closure_scores
ude.plot_closure_scores(5)  # closure_scores … 5
ude.rollout_metrics(5, fields)  # 5
ude.rollout_metrics(fields, 5)  # 5
ude.rollout_metrics(fields, fields.rename(u="v"))  # `u`
ude.rollout_metrics(fields, fields, threshold="a")  # `threshold` … 'a'
ude.rollout_metrics(fields, fields, threshold=2.0)  # `threshold` … 2
ude.rollout_metrics(fields, fields, diverged=0)  # `diverged` … 0
ude.rollout_metrics(fields, fields, clip=-1)  # `clip` … -1
ude.plot_rollout_metrics(5)  # 5
ude.plot_rollout_metrics(fields)  # rollout_metrics
ude.plot_rollout_metrics(ude.rollout_metrics(fields, fields), "v")  # `v`
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
