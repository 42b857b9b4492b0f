"""Interventions and rankings that can't be: of unknown inputs, of no trajectory, of nothing to order."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.Intervention(5)  # `add` … 5
ude.Intervention(add={"u": "1"})  # `add: u` … '1'
ude.Intervention(add={"u": np.nan})  # `add: u` … nan
ude.Intervention(set={"u": True})  # `set: u` … True
ude.Intervention(add={"u": 1.0}, set={"u": 2.0})  # `u` … one of the two
ude.Intervention(add={"u": 1.0}, during=3.0)  # `during` … (first, last)
ude.Intervention(add={"u": 1.0}, during=(3.0, 3.0))  # `during` … increase
ude.Intervention(add={"u": 1.0}, during=(0.0, 1.0, 2.0))  # `during`
ude.Intervention(add={"u": 1.0}, during=("2020-01-01", "2020-01-02"))  # `during` … numbers
ude.Intervention(plus={"u": 1.0})  # `plus`
ude.Ranking("x", [{}])  # `increasing` … two entries
ude.Ranking("x", {"u": 1.0})  # `increasing`
ude.Ranking("x", [{}, "u"])  # `increasing` … 'u'
ude.Ranking("x", [{}, {"u": 1.0}, [{"u": 1.0}]])  # `u + 1` stands twice
ude.Ranking("x", [{}, []])  # `increasing`
ude.Ranking(5, [{}, {"u": 1.0}])  # `of` … 5
ude.Ranking("x", [{}, {"u": 1.0}], weight=-1.0)  # `weight` … -1
ude.Ranking("x", [{}, {"u": 1.0}], sharpness=0.0)  # `sharpness` … 0
ude.Ranking("x", [{}, {"u": 1.0}], over="integral")  # `integral` … `times`
ude.Ranking("x", [{}, {"u": 1.0}], where="a")  # `where` … dict
ude.fit(driven, runs, rankings=[ude.Ranking("x", [{}, {"inflow": 1.0}])])  # `rankings` … dict
ude.fit(driven, runs, rankings={"a": {}})  # `rankings: a`
ude.fit(driven, runs, rankings={"x": ude.Ranking("x", [{}, {"inflow": 1.0}])})  # ranking `x` … variable
ude.fit(driven, runs, cost={"a": lambda t, s: s.x}, rankings={"a": ude.Ranking("x", [{}, {"inflow": 1.0}])})  # a cost
ude.fit(driven, runs, rankings=ude.Ranking("x", [{}, {"inflw": 1.0}]))  # `inflw` … `inflow` … `ranking`
ude.fit(driven, runs, rankings=ude.Ranking("y", [{}, {"inflow": 1.0}]))  # `y` … `x` … `ranking`
ude.fit(driven, runs, rankings=ude.Ranking("x", [{}, {"x": 1.0}]))  # `x` … a state
ude.fit(driven, runs, rankings=ude.Ranking(lambda t, s: s.z, [{}, {"inflow": 1.0}]))  # `z`
ude.fit(driven, runs, rankings=ude.Ranking("x", [{}, ude.Intervention({"volume": 1.0}, during=(0.0, 1.0))]))  # `volume` … condition … `during`
ude.fit(driven, runs, rankings=ude.Ranking("x", [{}, ude.Intervention({"inflow": 1.0}, during=(7.0, 9.0))]))  # trajectory 'a' … from 0 to 3
ude.fit(driven, runs, holdout=0.25, rankings=ude.Ranking("x", [{}, ude.Intervention({"inflow": 1.0}, during=(2.0, 3.0))]))  # 'a' … to 2
ude.fit(driven, runs, rankings=ude.Ranking("x", [{}, {"inflow": 1.0}], where={"trajectory": "c"}))  # 'c' … 'a', 'b'
ude.fit(driven, runs, rankings=ude.Ranking("x", [{}, {"inflow": 1.0}], where={"site": "c"}))  # `site` … `ranking`
ude.fit(ode, data, rankings=ude.Ranking("x", [{}, {"rate": 1.0}]))  # `rate` … a parameter … ude.Condition()
ude.fit(ode, data, rankings=ude.Ranking("x", [{}, {"u": 1.0}]))  # `u` … forcings=['u']
ude.fit(closure, fields, rankings=ude.Ranking("u", [{}, {"strength": 1.0}]))  # `rankings … continuous in time … ODE or PDE
ude.fit(people, pair, loss="gaussian", phases=ude.Laplace(2), rankings=ude.Ranking("x", [{}, {"u": 1.0}]))  # `u`
ude.fit(problem, rankings=ude.Ranking("x", [{}, {"u": 1.0}]))  # `rankings`
fit.rankings()  # no rankings … rankings=
fit.rankings(ude.Ranking("x", [{}, {"u": 1.0}]))  # `u` … forcings=['u']
fit.audit("rankings")  # `rankings` … no rankings
fit.predict(intervention={"rate": 1.0})  # `rate` … parameter
fit.predict(intervention=5)  # `intervention` … 5
step_fit.predict(intervention={"strength": 1.0})  # `intervention` … stepper
step_fit.rankings(ude.Ranking("u", [{}, {"strength": 1.0}]))  # Rankings … continuous in time
residual_fit.rankings()  # `rankings` isn't for
driven.solve([0.0, 1.0], {"x": 0.0}, conditions={"volume": 1.0}, forcings={"inflow": runs.inflow[0]}, intervention={"inflw": 1.0})  # `inflw` … `inflow`
driven.solve([0.0, 1.0], {"x": 0.0}, conditions={"volume": 1.0}, forcings={"inflow": runs.inflow[0]}, intervention=ude.Intervention({"inflow": 1.0}, during=(2.0, 3.0)))  # trajectory 0 … from 0 to 1
ude.ranking_sweep(driven, runs, [0.1, 0.0], rankings=ude.Ranking("x", [{}, {"inflow": 1.0}]))  # `weights` … [0.1, 0.0]
ude.ranking_sweep(driven, runs, [0.0, 0.1], rankings=None)  # `rankings`
ude.ranking_sweep(driven, runs, [0.1], rankings=ude.Ranking("x", [{}, {"inflow": 1.0}]), checkpoint="a.nc")  # `checkpoint`
ude.structural_ode({})  # `parents` … empty
ude.structural_ode({"y": "x"})  # `parents: y` … 'x'
ude.structural_ode({"y": ["y", "z"]})  # `z` … parents of `y`
ude.structural_ode({"y": ["y", "y"]})  # `y` stands twice
ude.structural_ode({"y": ["y"]}, mechanisms={"z": lambda t, s: s.y})  # `z` … `y`
ude.structural_ode({"y": ["y"], "x": ["y"]}, mechanisms={"y": lambda t, s: s.x})  # `x` … `y`
ude.structural_ode({"y": ["y"]}, mechanisms={"y": 5})  # `mechanisms: y` … 5
ude.structural_ode({"y": ["y"]}, hidden="a")  # `hidden`
""")  # noqa: E501


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
