"""Settings of a training that mean nothing: phases, schedules, objectives, losses, weights, hold-outs."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Adam(0)  # `learning_rate` … 0
ude.Adam(-1e-3)  # `learning_rate` … -0.001
ude.Adam("fast")  # `learning_rate` … 'fast'
ude.Adam("1e-3")  # `learning_rate` … '1e-3' … without quotes
ude.Adam(np.nan)  # `learning_rate` … nan
ude.Adam(None)  # `learning_rate` … None
ude.Adam(True)  # `learning_rate` … True
ude.Adam([1e-3])  # `learning_rate` … [0.001]
ude.Adam(ude.CosineDecay)  # `learning_rate` … CosineDecay
ude.Adam(1e-3, 0)  # `iterations` … 0
ude.Adam(1e-3, 2.5)  # `iterations` … 2.5
ude.Adam(1e-3, "100")  # `iterations` … '100'
ude.Adam(1e-3, None)  # `iterations` … None
ude.Adam(1e-3, True)  # `iterations` … True
ude.Adam(1e-3, np.inf)  # `iterations` … inf
ude.Adam(1e-3, [100])  # `iterations` … [100]
ude.Adam(clip=0)  # `clip` … 0
ude.Adam(clip=-1)  # `clip` … -1
ude.Adam(clip=np.nan)  # `clip` … nan
ude.Adam(clip="x")  # `clip` … 'x'
ude.Adam(clip=True)  # `clip` … True
ude.Adam(skip=1.0)  # `skip` … 1.0
ude.Adam(skip="2")  # `skip` … '2'
ude.Adam(beta1=1.0)  # `beta1` … 1.0
ude.Adam(beta1="0.9")  # `beta1` … '0.9'
ude.Adam(beta2=-0.1)  # `beta2` … -0.1
ude.Adam(epsilon=-1.0)  # `epsilon` … -1.0
ude.Adam(epsilon=None)  # `epsilon` … None
ude.Adam(precision="single")  # `precision` … `float32`
ude.Adam(precision=32)  # `precision` … 32
ude.AdamW(precision=None)  # `precision` … None
ude.BFGS(precision="float32")  # `precision`
ude.Adam(rates=0.1)  # `rates` … {"closure.layer_1": 0.1} … 0.1
ude.Adam(rates=["f"])  # `rates` … ['f']
ude.Adam(rates={"f": 0})  # `rates['f']` … 0 … freeze
ude.Adam(rates={"f": -0.1})  # `rates['f']` … -0.1
ude.Adam(rates={"f": "0.1"})  # `rates['f']` … '0.1'
ude.Adam(rates={"f": np.nan})  # `rates['f']` … nan
ude.Adam(rates={1: 0.1})  # `rates` … 1
ude.Adam(rates={"": 0.1})  # `rates` … ''
ude.BFGS(rates={"f": 0.1})  # `rates`
ude.Adam(objective=5)  # `objective` … 5
ude.Adam(objective="trajectory")  # `objective` … 'trajectory'
ude.Adam(objective=ude.Trajectory)  # `objective` … Trajectory()
ude.Adam(lr=1e-3)  # `lr` … `learning_rate`
ude.AdamW(weight_decay=-1.0)  # `weight_decay` … -1.0
ude.AdamW(weight_decay="0")  # `weight_decay` … '0'
ude.AdamW(clip=0)  # `clip` … 0
ude.SOAP(precondition_every=0)  # `precondition_every` … 0
ude.SOAP(beta1=2)  # `beta1` … 2
ude.SOAP(learning_rate=0)  # `learning_rate` … 0
ude.SOAP(clip=0)  # `clip` … 0
ude.Optax()  # `transformation`
ude.Optax(1e-3)  # `transformation` … `optax.lion(1e-3)` … 0.001
ude.Optax(ude.Adam())  # `transformation` … Adam
ude.Optax(__import__("optax").adam)  # `transformation` … adam
ude.Optax(__import__("optax").adam(1e-3), 0)  # `iterations` … 0
ude.Optax(__import__("optax").lbfgs())  # `value_fn` … `ude.LBFGS(...)`
ude.Optimisers()  # `rule`
ude.Optimisers(5)  # `rule` … 5
ude.Optimisers("Lion", 0)  # `iterations` … 0
ude.Optimisers("Lion", options=1e-3)  # `options` … {"eta": 1e-3} … 0.001
ude.Optimisers("Lion", options={"eta": "x"})  # `options['eta']` … 'x'
ude.Optimisers("Lion", options={"beta": (0.9, None)})  # `options['beta']` … (0.9, None)
ude.Optimisers("Lion", eta=1e-3)  # `eta`
ude.LBFGS(0)  # `iterations` … 0
ude.LBFGS(memory=0)  # `memory` … 0
ude.LBFGS(memory=2.5)  # `memory` … 2.5
ude.LBFGS(tolerance=-1)  # `tolerance` … -1
ude.LBFGS(tolerance=np.nan)  # `tolerance` … nan
ude.LBFGS(line_search=0)  # `line_search` … 0
ude.LBFGS(learning_rate=1.0)  # `learning_rate`
ude.BFGS("500")  # `iterations` … '500'
ude.BFGS(update="dfp")  # `dfp` … `bfgs`
ude.BFGS(update=5)  # `update` … 5
ude.BFGS(update=None)  # `update` … None
ude.GaussNewton(damping=0)  # `damping` … 0
ude.GaussNewton(damping="x")  # `damping` … 'x'
ude.GaussNewton(damping=np.inf)  # `damping` … inf
ude.GaussNewton(tolerance=-1)  # `tolerance` … -1
ude.ExponentialDecay(0, 0.9)  # `learning_rate` … 0
ude.ExponentialDecay(1e-3, -1)  # `rate` … -1
ude.ExponentialDecay(1e-3, 0)  # `rate` … 0
ude.ExponentialDecay(1e-3, np.nan)  # `rate` … nan
ude.ExponentialDecay(1e-3, "x")  # `rate` … 'x'
ude.ExponentialDecay(1e-3, 0.9, 0)  # `every` … 0
ude.ExponentialDecay(1e-3, 0.9, 2.5)  # `every` … 2.5
ude.ExponentialDecay(1e-3, 0.9, "100")  # `every` … '100'
ude.ExponentialDecay("x", 0.9)  # `learning_rate` … 'x'
ude.CosineDecay(1e-3, -5)  # `final` … -5
ude.CosineDecay(1e-3, np.nan)  # `final` … nan
ude.CosineDecay(1e-3, "0")  # `final` … '0'
ude.CosineDecay(1e-3, 2.0)  # `final` … 2.0
ude.CosineDecay(None)  # `learning_rate` … None
ude.Warmup(1e-3, 0)  # `iterations` … 0
ude.Warmup(1e-3, 2.5)  # `iterations` … 2.5
ude.Warmup(1e-3, 10, -1)  # `final` … -1
ude.Warmup(-1, 10)  # `learning_rate` … -1
ude.PiecewiseConstant(1e-3, (20, 10), (0.1, 0.1))  # `boundaries` … (20, 10)
ude.PiecewiseConstant(1e-3, (10, 10), (0.1, 0.1))  # `boundaries` … (10, 10)
ude.PiecewiseConstant(1e-3, (10,), (0.1, 0.1))  # `boundaries` … `factors`
ude.PiecewiseConstant(1e-3, (10,), (-0.1,))  # `factors` … -0.1
ude.PiecewiseConstant(1e-3, (10,), (0,))  # `factors` … 0
ude.PiecewiseConstant(1e-3, (0,), (0.1,))  # `boundaries` … 0
ude.PiecewiseConstant(1e-3, (1.5,), (0.1,))  # `boundaries` … 1.5
ude.PiecewiseConstant(1e-3, 10, 0.1)  # `boundaries` … 10
ude.PiecewiseConstant(1e-3, "10", (0.1,))  # `boundaries` … '10'
ude.PiecewiseConstant(1e-3, (), ())  # `boundaries` … ()
ude.Trajectory(horizon=0)  # `horizon` … 0
ude.Trajectory(horizon=-1)  # `horizon` … -1
ude.Trajectory(horizon="1")  # `horizon` … '1'
ude.Trajectory(horizon=True)  # `horizon` … True
ude.Trajectory(horizon=np.nan)  # `horizon` … nan
ude.Trajectory(horizon=np.inf)  # `horizon` … inf
ude.Trajectory(curriculum=5)  # `curriculum` … 5
ude.Trajectory(curriculum=[(1.0,)])  # `curriculum` … (1.0,)
ude.Trajectory(curriculum=[(1.0, 0)])  # `curriculum` … 0
ude.Trajectory(curriculum=[(1.0, 2.5)])  # `curriculum` … 2.5
ude.Trajectory(curriculum=[(2.0, 10), (1.0, 10)])  # `curriculum` … growing
ude.Trajectory(curriculum=[("1", 10)])  # `curriculum` … '1'
ude.Trajectory(curriculum=[(np.nan, 10)])  # `curriculum` … nan
ude.Trajectory(curriculum=[(np.timedelta64(3, "h"), 10)])  # `curriculum` … np.timedelta64(1, 'h')
ude.Collocation(points=10_000_000)  # `points` … 10000000
ude.Trajectory(batch=0)  # `batch` … 0
ude.Trajectory(batch="16")  # `batch` … '16'
ude.Trajectory(batch=4, seed=-1)  # `seed` … -1
ude.Trajectory(curriculum={1.0: 10})  # `curriculum` … {1.0: 10}
ude.Trajectory(horizon=1.0, curriculum=[(2.0, 10)])  # `curriculum` … horizon
ude.MultipleShooting(1)  # `group_size` … 1
ude.MultipleShooting(2.5)  # `group_size` … 2.5
ude.MultipleShooting("5")  # `group_size` … '5'
ude.MultipleShooting(True)  # `group_size` … True
ude.MultipleShooting(continuity=0)  # `continuity` … 0
ude.MultipleShooting(continuity=True)  # `continuity` … True
ude.MultipleShooting(continuity="10")  # `continuity` … '10'
ude.MultipleShooting(continuity=np.nan)  # `continuity` … nan
ude.MultipleShooting(starts="fixed")  # `starts` … `fixed`
ude.MultipleShooting(starts=None)  # `starts` … None
ude.MultipleShooting(starts=["free"])  # `starts` … ['free']
ude.Collocation(points=1)  # `points` … 1
ude.Collocation(points=2.5)  # `points` … 2.5
ude.Collocation(points="10")  # `points` … '10'
ude.Collocation(points=True)  # `points` … True
ude.Collocation(smoothing=-1)  # `smoothing` … -1
ude.Collocation(smoothing="no")  # `smoothing` … 'no'
ude.Collocation(smoothing=True)  # `smoothing` … True
ude.Collocation(smoothing=np.inf)  # `smoothing` … inf
ude.Unrolled(0)  # `steps` … 0
ude.Unrolled(2.5)  # `steps` … 2.5
ude.Unrolled("4")  # `steps` … '4'
ude.Unrolled(gradient="part")  # `gradient` … `part`
ude.Unrolled(gradient=None)  # `gradient` … None
ude.Unrolled(coupling="serial")  # `coupling` … `serial`
ude.Unrolled(coupling=5)  # `coupling` … 5
ude.Unrolled(warmup=-1)  # `warmup` … -1
ude.Unrolled(warmup=1, gradient="one_step")  # `warmup`
ude.Unrolled(batch=0)  # `batch` … 0
ude.Unrolled(batch=2.5)  # `batch` … 2.5
ude.Unrolled(batch="16")  # `batch` … '16'
ude.Unrolled(stride=0)  # `stride` … 0
ude.Unrolled(seed=-1)  # `seed` … -1
ude.Unrolled(seed=None)  # `seed` … None
ude.Unrolled(checkpoint="no")  # `checkpoint` … True or False … 'no'
ude.Unrolled(checkpoint=1)  # `checkpoint` … True or False
ude.Unrolled(curriculum=[(1, 2)])  # `curriculum` … (1, 2)
ude.Unrolled(curriculum=[(1, 10, 0)])  # `curriculum` … 0
ude.Unrolled(curriculum=[(4, 10, 1e-3), (2, 10, 1e-3)])  # `curriculum` … growing
ude.Unrolled(curriculum=[])  # `curriculum` … []
ude.SquaredError(scale=0)  # `scale` … 0
ude.SquaredError(scale=-1)  # `scale` … -1
ude.SquaredError(scale=np.nan)  # `scale` … nan
ude.SquaredError(scale=np.inf)  # `scale` … inf
ude.SquaredError(scale="x")  # `scale` … 'x'
ude.SquaredError(scale={"x": 0})  # `scale` … 0 … `x`
ude.SquaredError(scale={"x": -1})  # `scale` … -1 … `x`
ude.SquaredError(scale={"x": "1"})  # `scale` … '1' … `x`
ude.SquaredError(scale={1: 1.0})  # `scale` … 1
ude.SquaredError(scale=[("x", 1.0)])  # `scale` … dict
ude.SquaredError(weights={"x": np.nan})  # `weights` … nan
ude.SquaredError(weights={"x": True})  # `weights` … True
ude.SquaredError(weights=2.0)  # `weights` … 2.0
ude.Huber(0)  # `delta` … 0
ude.Huber("a")  # `delta` … 'a'
ude.Huber(np.nan)  # `delta` … nan
ude.Huber(True)  # `delta` … True
ude.Huber(scale=0)  # `scale` … 0
ude.GaussianLikelihood(initial=0)  # `initial` … 0
ude.GaussianLikelihood(initial="0.2")  # `initial` … '0.2'
ude.GaussianLikelihood(sigma=1.0)  # `sigma` … 1.0
ude.GaussianLikelihood(sigma={"x": 0.0})  # `sigma` … 0.0
ude.CustomLoss.of(5)  # `loss` … function … 5
ude.CustomLoss.of(lambda p: p)  # `loss` … called with 2
ude.CustomLoss.of(lambda p, o: o**2)  # predicted
ude.CustomLoss.of(lambda p, o: None)  # None
ude.CustomLoss.of(lambda p, o: np.max(p) - np.max(o))  # one value
ude.CustomLoss.of(lambda p, o: np.mean((p - o) ** 2))  # one value
ude.CustomLoss.of(lambda p, o: np.sum((p - o) ** 2))  # one value
ude.CustomLoss.of(lambda p, o: (p - o).mean() ** 2)  # one value
ude.CustomLoss.of(lambda p, o: np.linalg.norm(p - o))  # one value
ude.CustomLoss.of(lambda p, o: (p - o) ** 2 / np.std(o))  # one value
ude.CustomLoss.of(lambda p, o: p[0] - o[0])  # one value
ude.CustomLoss.of(lambda p, o: (p - o) ** 2, scale=0)  # `scale` … 0
ude.L2(0)  # `weight` … 0
ude.L2(-1)  # `weight` … -1
ude.L2("1")  # `weight` … '1'
ude.L2(np.nan)  # `weight` … nan
ude.L2(True)  # `weight` … True
ude.L2(1e-3, networks=5)  # `networks` … 5
ude.L2(1e-3, networks=[5])  # `networks` … 5
ude.L1(None)  # `weight` … None
ude.L1(1e-3, networks={"f": 1})  # `networks`
ude.Cost(5)  # function … 5
ude.Cost(decay, 0)  # `weight` … 0
ude.Cost(decay, "1")  # `weight` … '1'
ude.Cost(None)  # function … None
ude.Constraint(decay)  # one of `below`, `above` and `equals`
ude.Constraint(decay, below=1.0, above=0.0)  # one of `below`, `above` and `equals` … two constraints
ude.Constraint(decay, below=np.nan)  # `below` … nan
ude.Constraint(decay, below=1.0, tolerance=0.0)  # `tolerance` … 0
ude.Constraint(decay, below=1.0, rounds=0)  # `rounds` … 0
ude.Constraint(decay, below=1.0, weight=0.0)  # `weight` … 0
ude.Constraint(decay, below=1.0, over="path")  # `over` … `path`
ude.Constraint(5, below=1.0)  # function … 5
ude.Cost(decay, over="path")  # `over` … `path` … `integral`
ude.SeriesLoss(5)  # function of (t, predicted, observed) … 5
ude.SeriesLoss(lambda p, o: p)  # called with 3
ude.Holdout()  # `fraction=`
ude.Holdout(0)  # `fraction` … 0
ude.Holdout(1.0)  # `fraction` … 1.0
ude.Holdout("0.25")  # `fraction` … '0.25'
ude.Holdout(True)  # `fraction` … True
ude.Holdout(np.nan)  # `fraction` … nan
ude.Holdout(after="1900")  # `after` … '1900'
ude.Holdout(after=[1.0])  # `after` … [1.0]
ude.Holdout(after=np.nan)  # `after` … nan
ude.Holdout(trajectories={})  # `trajectories` … {}
ude.Holdout(fraction=[0.25])  # `fraction` … [0.25]
ude.LearningRateAnnealing(every=0)  # `every` … 0
ude.LearningRateAnnealing(every="10")  # `every` … '10'
ude.LearningRateAnnealing(rate=0)  # `rate` … 0
ude.LearningRateAnnealing(rate=2)  # `rate` … 2
ude.LearningRateAnnealing(rate="0.1")  # `rate` … '0.1'
ude.LearningRateAnnealing(reference=5)  # `reference` … 5
ude.LearningRateAnnealing(reference=[5])  # `reference` … 5
ude.LearningRateAnnealing(denominator="heavy")  # `denominator` … `heavy`
ude.LearningRateAnnealing(denominator=None)  # `denominator` … None
ude.LearningRateAnnealing(average=["entries"])  # `average` … ['entries']
ude.GradientNorm(every=2.5)  # `every` … 2.5
ude.GradientNorm(rate=np.nan)  # `rate` … nan
ude.GradientNorm(rate=True)  # `rate` … True
ude.NeuralTangentKernel(every=True)  # `every` … True
ude.NeuralTangentKernel(rate=1.5)  # `rate` … 1.5
ude.Causal(chunks=1)  # `chunks` … 1
ude.Causal(chunks="16")  # `chunks` … '16'
ude.Causal(tolerance=0)  # `tolerance` … 0
ude.Causal(tolerance="1")  # `tolerance` … '1'
ude.Causal(terms=5)  # `terms` … 5
ude.Causal(terms=[5])  # `terms` … 5
ude.Causal(terms=())  # `terms` … ()
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
