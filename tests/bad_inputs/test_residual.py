"""Residual problems, their terms, samplers and results, made or asked wrongly."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Domain(5)  # 5
ude.Domain({})  # coordinate
ude.Domain({"x": 5})  # `x` … 5
ude.Domain({"x": (0, 1, 2)})  # `x` … (0, 1, 2)
ude.Domain({"x": (1, 0)})  # `x` … low < high
ude.Domain({"x": (0, "1")})  # `x` … '1'
ude.Domain({"x": (0, np.nan)})  # `x` … nan
ude.Domain({"x": (0, 1j)})  # `x` … 1j
ude.Domain({"x": (False, True)})  # `x` … True
ude.Domain({"x": None})  # `x` … None
ude.Domain({"x": "01"})  # `x` … '01'
ude.Domain({"time": (0, 1)})  # Call time `t`
ude.Domain({"2x": (0, 1)})  # '2x'
ude.Domain({5: (0, 1)})  # 5
ude.Domain({"x": (0, 1)}, inside=5)  # `inside` … 5
ude.Domain({"x": (0, 1)}, boundary=5)  # boundary
ude.Domain({"x": (0, 1)}, boundary={"x": ["a"]})  # boundary … numbers
ude.Domain({"x": (0, 1)}, boundary={"x": [5.0]})  # boundary … 5
ude.Domain({"x": (0, 1)}, boundary={"x": []})  # no points
ude.Field(5)  # network … 5
ude.Field(ude.nn.MLP)  # MLP itself
ude.Field(ude.nn.CNN(1, 1))  # CNN
ude.Field(ude.nn.MLP(1, 1), transform=5)  # `transform` … 5
ude.Field(ude.nn.MLP(1, 1), periodic=5)  # `periodic` … 5
ude.Field(ude.nn.MLP(1, 1), periodic={"x": 0})  # `periodic` … 0
ude.Field(ude.nn.MLP(1, 1), periodic={"x": "1"})  # `periodic` … '1'
ude.Field(ude.nn.MLP(1, 1), periodic=[5])  # `periodic` … [5]
ude.Field(ude.nn.MLP(1, 1), standardise="no")  # `standardise` … True or False … 'no'
ude.Field(ude.nn.MLP(1, 1), standardise=1)  # `standardise` … True or False
ude.Interior(5)  # function … 5
ude.Interior(None)  # function … None
ude.Interior(decay, points=0)  # `points` … 0
ude.Interior(decay, points=2.5)  # `points` … 2.5
ude.Interior(decay, points="100")  # `points` … '100'
ude.Interior(decay, points=True)  # `points` … True
ude.Interior(decay, weight=-1)  # `weight` … -1
ude.Interior(decay, weight="1")  # `weight` … '1'
ude.Interior(decay, weight=np.nan)  # `weight` … nan
ude.Interior(decay, weight=True)  # `weight` … True
ude.Interior(decay, weight=np.inf)  # `weight` … inf
ude.Interior(decay, sampler="sobol")  # `sampler` … 'sobol'
ude.Interior(decay, sampler=ude.samplers.Sobol)  # `sampler` … Sobol
ude.Boundary("u", sides={"x": 0})  # function … 'u'
ude.Boundary(decay, points=-1)  # `points` … -1
ude.Boundary(decay, sides=5)  # `sides` … 5
ude.Boundary(decay, sides={"x": "left"})  # `sides` … 'left'
ude.Boundary(decay, sides={"x": np.nan})  # `sides` … nan
ude.Boundary(decay, sides={"x": 1j})  # `sides` … 1j
ude.Initial(5)  # function … 5
ude.Initial(decay, weight="1")  # `weight` … '1'
ude.Initial(decay, at="0")  # `at` … `function`
ude.PointSet(decay)  # at=
ude.PointSet(decay, at=5)  # `PointSet` … dict
ude.PointSet(decay, at={"x": "a"})  # `PointSet` … numbers
ude.PointSet(decay, at={"x": [1.0, 2.0], "y": [1.0]})  # shapes
ude.PointSet(decay, at={"x": [1j]})  # `PointSet` … 1j
ude.PointSet(decay, at={"x": [np.nan]})  # `PointSet` … nan
ude.PointSet(decay, {"x": [1.0]})  # at=
ude.Data(5)  # Dataset … int
ude.Data(data, scale=0)  # `scale` … 0
ude.Data(data, scale="std")  # `scale` … 'std'
ude.Data(data, scale=np.nan)  # `scale` … nan
ude.Data(data, scale=-1.0)  # `scale` … -1
ude.Data(data, points=0)  # `points` … 0
ude.Data(data, weight=None)  # `weight` … None
ude.samplers.Uniform(redraw=0)  # `redraw` … 0
ude.samplers.Uniform(redraw="1")  # `redraw` … '1'
ude.samplers.Sobol(redraw=True)  # `redraw` … True
ude.samplers.TensorGrid(redraw=5)  # `redraw` … 5
ude.samplers.ResidualAdaptive(every=0)  # `every` … 0
ude.samplers.ResidualAdaptive(candidates="a")  # `candidates` … 'a'
ude.samplers.ResidualAdaptive(power=-1)  # `power` … -1
ude.samplers.ResidualAdaptive(power="1")  # `power` … '1'
ude.samplers.ResidualAdaptive(offset=-1)  # `offset` … -1
ude.samplers.ResidualAdaptive(offset=np.nan)  # `offset` … nan
ude.Residual(points=0)  # `points` … 0
ude.Residual(points="100")  # `points` … '100'
ude.Residual(points=2.5)  # `points` … 2.5
ude.Residual(points={"pde": 0})  # `points` … 0
ude.Residual(points={5: 10})  # `points` … 5
ude.Residual(sampler="uniform")  # `sampler` … 'uniform'
ude.Residual(sampler=ude.samplers.Uniform)  # `sampler` … Uniform
ude.Residual(seed=-1)  # `seed` … -1
ude.Residual(seed="0")  # `seed` … '0'
ude.Residual(seed=1.5)  # `seed` … 1.5
ude.Residual(causal=True)  # `causal` … True
ude.Residual(causal=ude.Causal)  # `causal` … Causal
ude.fit(problem, objective=ude.Residual(points={"poissn": 10}))  # `poissn` … `poisson`
ude.fit(problem, objective=ude.Residual(causal=ude.Causal()))  # `Causal` … `t`
ude.ResidualProblem({"x": (0, 1)}, {}, problem.terms)  # field
ude.ResidualProblem({"x": (0, 1)}, ude.nn.MLP(1, 1), {})  # fields
ude.ResidualProblem({"x": (0, 1)}, {"u": 5}, {})  # `u` … 5
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(2, 1)}, problem.terms)  # `u` … 2 inputs
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 2)}, problem.terms)  # `u` … 2 outputs
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, {})  # terms
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, None)  # terms
with_term(5)  # `a` … int
with_term(ude.Interior(lambda at, field: None))  # `a` … None
with_term(ude.Interior(lambda at, field: 1.0))  # `a` … unknown
with_term(ude.Interior(lambda at, field: field.v))  # `v`
with_term(ude.Interior(lambda at, field: at.y + field.u))  # `y`
with_term(ude.Interior(lambda at, field: ude.d(field.u, 0)))  # `a` … coordinate
with_term(ude.Interior(lambda at, field: ude.d(field.u, at.x, 0)))  # `a` … order
with_term(ude.Interior(lambda at, field: ude.d(field.u, "x")))  # `a` … at.x
with_term(ude.Interior(lambda at, field: ude.d("u", at.x)))  # `a` … 'u'
with_term(ude.Boundary(lambda at, field: field.u, sides={"x": 5}))  # `a` … 5
with_term(ude.Boundary(lambda at, field: field.u, sides={"y": 0}))  # `a` … `y`
with_term(ude.Initial(lambda at, field: field.u))  # `a` … `t`
with_term(ude.Data(data))  # `x`
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, problem.terms, parameters=5)  # `parameters` needs a dict
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, problem.terms, outputs={"v": 5})  # `v` … int
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, problem.terms, networks={"f": 5})  # `f` … int
ude.ResidualProblem({"x": (0, 1)}, {"u": ude.Field(ude.nn.MLP(1, 1), periodic="y")}, problem.terms)  # `y`
ude.d(5)  # coordinate
ude.d(5, 3)  # coordinate
problem(5)  # dict
problem({})  # dict
problem({"y": [0.0]})  # `y`
problem({"x": "a"})  # `x` … 'a'
problem({"x": 1j})  # `x` … 1j
problem({"x": None})  # `x` … None
problem({"x": [0.0]}, [1.0])  # shape
problem({"x": [0.0]}, {"forse": 1.0})  # `forse` … `force`
problem({"x": [0.0]}, {"force": 1j})  # `force` … 1j
problem.residual("poissn", {"x": [0.0]})  # `poissn` … `poisson`
problem.residual(5, {"x": [0.0]})  # 5
residual_fit.predict(points=5)  # `points`
residual_fit.predict(points={"y": [0.0]})  # `x`
residual_fit.predict(points={"x": ["a"]})  # number
residual_fit.predict(points={"x": [1j]})  # 1j
residual_fit.predict(x="a")  # `x` … 'a'
residual_fit.predict(x=1j)  # `x` … 1j
residual_fit.predict(x=np.nan)  # `x` is NaN
residual_fit.predict(x=[5.0])  # leaves the domain
residual_fit.predict(y=0.0)  # `y` … `x`
residual_fit.predict(x=np.zeros((2, 2)))  # `x` … shape
residual_fit.predict(grid=1)  # `grid` … 1
residual_fit.predict(grid="10")  # `grid` … '10'
residual_fit.predict(grid={"y": 5})  # `y`
residual_fit.predict(grid=5, points={"x": [0.0]})  # not both
residual_fit.predict(seed=9)  # seed 9
residual_fit.predict(seed="best")  # seed 'best'
residual_fit.residuals(terms="poissn")  # `poissn` … `poisson`
residual_fit.residuals(terms=5)  # `terms` … 5
residual_fit.error(5)  # Dataset … int
residual_fit.error(data)  # `u
residual_fit.error(xr.Dataset({"u": ("x", ["a"])}, {"x": [0.0]}))  # `u` … number
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
