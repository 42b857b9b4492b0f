"""Closures that close nothing, and what can't be fitted a priori: told before anything is compiled."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
coarse.closed(None)  # ude.closures … NoneType
coarse.closed(5)  # ude.closures … int
coarse.closed("learned")  # ude.closures … str
ode.closed(lambda t, s: -s.x)  # an `ODE` … right-hand side
closure.closed(lambda t, s: -s.u)  # a `Stepper` … Close the PDE
coarse.closed(ude.nn.CNN(1, 1))  # ude.closures … CNN
coarse.closed(ude.closures.Learned)  # `Learned` itself
coarse.closed()  # `closure`
coarse.closed(lambda t, s: None)  # must return a dict
coarse.closed(lambda t, s: {})  # closes nothing
coarse.closed(lambda t, s: {"w": s.u})  # `w`
coarse.closed(lambda t, s: s.u[:-1])  # (15,) … (16,)
coarse.closed(lambda t, s: np.mean(s.u))  # shape () … (16,)
coarse.closed(lambda t, s: 1j * s.u)  # real numbers … 1j
coarse.closed(lambda t, s: s.u * np.nan)  # finite
coarse.closed(lambda t, s: s.lag(1.0).u)  # lag
coarse.closed(lambda t, s, p: p.drga * s.u, {"drag": 1.0})  # `drga` … `drag`
coarse.closed(lambda t, s, p: p.drag * s.u, {"drag": "1"})  # `drag` … '1'
coarse.closed(lambda t, s, p: p.drag * s.u, [1.0])  # `parameters` needs a dict
coarse.closed(lambda t, s, p: p.viscosity * s.u, {"viscosity": 1.0})  # `viscosity`
coarse.closed(lambda t, s, p: p.u_subgrid * s.u, {"u_subgrid": 1.0})  # `u_subgrid`
coarse.closed(lambda t, s, p: -s.u, {"drag": 1.0})  # `drag` isn't used
coarse.closed(lambda t, s: -s.u, network=ude.nn.CNN(1, 1))  # `network` … `networks`
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1)), {"a": 1.0})  # brings its parameters
coarse.closed(ude.closures.Learned(ude.nn.CNN(2, 1)))  # takes 2 inputs … 1: u
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 2)))  # 2 outputs … needs 1
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), form="skew", dissipation=True))  # needs 2
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1, dimensions=2)))  # `dimensions=1`
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1, boundary="zero")))  # walls … boundary="periodic"
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), fields="v"))  # `v`
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), equivariant=True, odd="v"))  # `v` … u
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), normalisation="stored"))  # scaled
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), normalisation="stored", input_scale=[1.0, 2.0]))  # 2 numbers
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), output_scale=[1.0, 2.0]))  # 2 numbers
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), inputs=lambda state: [state.w]))  # `w`
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), inputs=lambda state: [state.u[1:]]))  # (15,)
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), inputs=lambda state: [state.u, state.u]))  # takes 1
coarse.closed(ude.closures.Learned(ude.nn.CNN(1, 1), name="a b"))  # 'a b'
ude.closures.Learned()  # `network`
ude.closures.Learned(5)  # `network` … 5
ude.closures.Learned(ude.nn.CNN)  # `network` … CNN
ude.closures.Learned(ude.nn.CNN(1, 1), inputs=5)  # `inputs` … 5
ude.closures.Learned(ude.nn.CNN(1, 1), fields=5)  # `fields` … 5
ude.closures.Learned(ude.nn.CNN(1, 1), fields=[])  # `fields`
ude.closures.Learned(ude.nn.CNN(1, 1), form="flx")  # `flx` … `flux`
ude.closures.Learned(ude.nn.CNN(1, 1), form=1)  # `form` … 1
ude.closures.Learned(ude.nn.CNN(1, 1), normalisation="batch")  # `normalisation` … `batch`
ude.closures.Learned(ude.nn.CNN(1, 1), normalization="stored")  # `normalization` … `normalisation`
ude.closures.Learned(ude.nn.CNN(1, 1), quadratic=2)  # `quadratic` … 2
ude.closures.Learned(ude.nn.CNN(1, 1), quadratic=True, normalisation="stored")  # normalisation="snapshot"
ude.closures.Learned(ude.nn.CNN(1, 1), equivariant="yes")  # `equivariant` … 'yes'
ude.closures.Learned(ude.nn.CNN(1, 1), dissipation=True)  # form="skew"
ude.closures.Learned(ude.nn.CNN(1, 1), odd=("u",))  # equivariant=True
ude.closures.Learned(ude.nn.CNN(1, 1), input_scale=1.0)  # normalisation="stored"
ude.closures.Learned(ude.nn.CNN(1, 1), normalisation="stored", input_scale=0.0)  # `input_scale` … 0.0
ude.closures.Learned(ude.nn.CNN(1, 1), output_scale=-1.0)  # `output_scale` … -1.0
ude.closures.Learned(ude.nn.CNN(1, 1), output_scale=np.nan)  # `output_scale` … nan
ude.closures.Learned(ude.nn.CNN(1, 1), output_scale="1")  # `output_scale` … '1'
ude.closures.Learned(ude.nn.CNN(1, 1), name="")  # `name`
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(coarse, 5)  # `data` … 5
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(5, filtered)  # `model` … 5
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(coarse, filtered.drop_vars("u_subgrid"))  # `u_subgrid`
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(coarse, filtered * 0.0)  # doesn't vary
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(coarse, filtered.where(filtered.x > 1))  # NaN
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(coarse, filtered.isel(x=slice(8)))  # (8,) … (16,)
ude.closures.Learned(ude.nn.CNN(1, 1)).scaled(coarse, filtered.rename(x="z"))  # `u_subgrid` … x
ude.coarsen(ude.problems.Burgers(points=32).data(steps=1), closed)  # has a closure
ude.APriori(batch=0)  # `batch` … 0
ude.APriori(batch=2.5)  # `batch` … 2.5
ude.APriori(spectral=-1.0)  # `spectral` … -1.0
ude.APriori(spectral="1")  # `spectral` … '1'
ude.APriori(spectral=np.inf)  # `spectral` … inf
ude.APriori(augment="yes", batch=4)  # `augment` … 'yes'
ude.APriori(augment=True)  # `batch=
ude.APriori(odd=("u",))  # augment=True
ude.APriori(augment=True, batch=4, odd=5)  # `odd` … 5
ude.APriori(seed=-1)  # `seed` … -1
ude.APriori(steps=4)  # `steps`
ude.Unrolled(spectral=-1.0)  # `spectral` … -1.0
ude.fit(coarse, filtered[["u"]], objective=ude.APriori())  # observes nothing else … closed
ude.fit(ode, data, objective=ude.APriori())  # observes nothing else
ude.fit(closed, filtered[["u"]], objective=ude.APriori())  # `u_subgrid` … coarsen
ude.fit(closed, filtered[["u_subgrid"]], objective=ude.APriori())  # `u` isn't measured
ude.fit(ude.Stepper(closed, 0.01), filtered[["u_subgrid"]], objective=ude.APriori())  # `u` isn't in the data
ude.fit(closed, filtered.assign(u_subgrid=filtered.u_subgrid.where(filtered.time > 0)),
    objective=ude.APriori())  # `u_subgrid` has NaN
ude.fit(closed, filtered.assign(u=filtered.u.where(filtered.time > 0)), objective=ude.APriori())  # `u` has NaN
ude.fit(closed, filtered.assign(u_subgrid=0.0 * filtered.u_subgrid + 2.0), objective=ude.APriori())  # doesn't vary
ude.fit(closed, filtered.isel(x=slice(8)), objective=ude.APriori())  # grid
ude.fit(closed, filtered, objective=ude.APriori(),
    cost=ude.Cost(lambda t, s: np.mean(s.u), over="end"))  # solves nothing
ude.fit(closed, filtered, objective=ude.APriori(), loss=ude.GaussianLikelihood("sigma"))  # sigma
ude.fit(closed, filtered, objective=ude.APriori(batch=4), phases=ude.BFGS(5))  # `batch=4`
ude.fit(closed, filtered, objective=ude.APriori(batch=4, augment=True, odd="w"), phases=ude.Adam())  # `w`
ude.fit(closed, filtered, objective=ude.Unrolled())  # `Unrolled` … stepper
ude.fit(closed, ude.Stream(filtered), objective=ude.APriori())  # `Stream` … `Stepper`
ude.fit(closed, filtered, objective=ude.APriori(), balance={"u": 1.0})  # `balance`
ude.fit(problem, objective=ude.APriori())  # `objective`
ude.closures.Smagorinsky("a")  # `coefficient` … 'a'
ude.closures.Smagorinsky(-0.1)  # `coefficient` … -0.1
ude.closures.Smagorinsky(np.nan)  # `coefficient` … nan
ude.closures.Smagorinsky([0.1, 0.2])  # `coefficient` … [0.1, 0.2]
ude.closures.Smagorinsky(ude.Parameter([0.1, 0.2]))  # `coefficient` … one number for all
ude.closures.Smagorinsky(ude.Parameter(0.1, per="trajectory"))  # `coefficient` … one number for all
ude.closures.Smagorinsky(width=0)  # `width` … 0
ude.closures.Smagorinsky(cs=0.1)  # `cs` … `coefficient`
ude.closures.Leith(None)  # `coefficient` … None
ude.closures.Leith(width=np.inf)  # `width` … inf
ude.closures.DynamicSmagorinsky(0.17, 0)  # `ratio` … 0
ude.closures.DynamicSmagorinsky(clip=1)  # `clip` … True or False … 1
ude.closures.DynamicLeith(ratio="two")  # `ratio` … 'two'
ude.closures.DynamicLeith(coefficient=0.1)  # `coefficient` … `width`
ude.closures.NonlinearGradient(-1)  # `width` … -1
ude.closures.NonlinearGradient("box")  # `width` … 'box'
coarse.closed(ude.closures.Smagorinsky)  # Smagorinsky … itself
coarse.closed(ude.closures.Smagorinsky(width=0.01))  # width … spacing … 2 spacings
coarse.closed(ude.closures.NonlinearGradient(100.0))  # width … length
coarse.closed(ude.closures.Leith())  # `Leith` … Smagorinsky
ude.problems.CylinderWake(points=(16, 16)).model().closed(ude.closures.DynamicLeith())  # `u`, `v` … vorticity
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
