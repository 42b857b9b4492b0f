"""Measurements that can't be what is meant."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
ude.fit(ode, data.x)  # Dataset … DataArray
ude.fit(ode, data.to_dataframe())  # DataFrame … to_xarray
ude.fit(ode, {"x": [1.0]})  # Dataset … dict
ude.fit(ode, np.zeros(3))  # Dataset … ndarray
ude.fit(ode, "data.nc")  # Dataset … str
ude.fit(ode, [data, 5])  # Dataset
ude.fit(ode, (data, None))  # Dataset
ude.fit(ode, data.rename(x="X"))  # `X` … `x`
ude.fit(ode, data.rename(x="y"))  # `y` … `x`
ude.fit(ode, data.rename(time="t"))  # needs `time`
ude.fit(ode, data.drop_vars("time"))  # `time` dimension has no coordinate
ude.fit(ode, data.drop_vars("x"))  # no variable
ude.fit(ode, data.isel(time=[]))  # zero length
ude.fit(ode, data.isel(time=[1, 0]))  # increase … sortby
ude.fit(ode, data.isel(time=[0, 0]))  # twice
ude.fit(ode, data.assign_coords(time=data.time.where(data.time > 0)))  # NaN
ude.fit(ode, data.assign_coords(time=data.time.astype(str)))  # Times … not numbers
ude.fit(ode, data.assign_coords(time=data.time.astype(complex)))  # Times … complex128
ude.fit(ode, data.assign_coords(time=data.time > 1))  # Times … bool
ude.fit(ode, data.astype(str))  # `x` … not numbers
ude.fit(ode, data.astype(complex))  # `x` … complex128
ude.fit(ode, data * np.nan)  # nothing but NaN
ude.fit(ode, data / (data.time - 1))  # `x` … infinite
ude.fit(ode, data.expand_dims(place=2))  # `x` … place
ude.fit(ode, data.assign(x=5.0))  # `x` … needs `time`
ude.fit(ode, [data, data.assign_coords(trajectory=1).expand_dims("trajectory")])  # `trajectory` dimension
ude.fit(ode, pair.assign_coords(trajectory=["one", "one"]))  # 'one'
ude.fit(ode, pair.isel(trajectory=[]))  # trajectory
ude.fit(ode, data.assign_coords(start=5.0))  # `start` … 5
ude.fit(ode, data.assign_coords(start=np.nan))  # `start` … nan
ude.fit(ode, data.assign_coords(start="zero"))  # `start` … zero
ude.fit(ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": "dose"}), data)  # `dose`
ude.fit(ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": "dose"}), data.assign_coords(dose="big"))  # not numbers
ude.fit(ude.ODE(decay, ["x"], {"rate": 1.0}, initial={"x": "dose"}), data.assign_coords(dose=np.nan))  # `dose` … nan
ude.fit(ude.ODE(lambda t, s: {"x": s.y, "y": -s.x}, ["x", "y"]), data)  # `y`
ude.fit(ude.ODE(decay, {"x": ude.State(positive=True)}, {"rate": 1.0}), -data, phases=ude.Adam(1e-3, 1),
    progress=False)  # `x` … positive
ude.fit(sites, pair)  # 'one' lack … `site` … `rate` … assign_coords(site
ude.fit(sites, pair.assign_coords(Site=("trajectory", ["a", "b"])))  # `site` … `Site` … rename
ude.fit(sites, pair.assign_attrs(site="a"))  # `site` … attributes
ude.fit(sites, pair.assign_coords(site=("time", pair.time.values)))  # `site` … varies along ('time',)
ude.fit(sites, pair.assign_coords(site=("trajectory", [1.0, np.nan])))  # `site` … 'two' … nan
ude.fit(sites, pair.assign_coords(site=("trajectory", ["a", ""])))  # `site` … 'two' … empty text
ude.fit(sites, pair.assign_coords(site=("trajectory", np.array([None, "a"]))))  # `site` … 'one' … nan
ude.fit(sites, pair.assign_coords(site=("trajectory", np.array([1, "a"], object))))  # numbers and by texts
ude.fit(driven, data)  # `inflow`
ude.fit(driven, runs.drop_vars("inflow"))  # forcing … `inflow`
ude.fit(driven, runs.rename(inflow="inflw"))  # `inflow` … `inflw`
ude.fit(driven, runs.assign(inflow=runs.inflow.where(runs.trajectory != "b")))  # `inflow` … 'b' … no value
ude.fit(driven, runs.assign(inflow=runs.inflow.astype(str)))  # `inflow` … not numbers
ude.fit(driven, runs.assign(inflow=runs.inflow / runs.time))  # `inflow` … infinite
ude.fit(driven, runs.assign(inflow=("trajectory", [1.0, 2.0])))  # `inflow` … `inflow_time` … `ude.Condition()`
ude.fit(driven, runs.assign(inflow=runs.inflow.expand_dims(place=2)))  # `inflow` … shape (2,) … ude.Forcing(shape=(2,))
ude.fit(driven, late)  # `inflow` of trajectory 'b' … from t = 50 … share no time
ude.fit(driven, runs.assign_coords(volume=("trajectory", [1.0, np.nan])))  # `volume` of trajectory 'b' … nan
ude.fit(driven, runs.drop_vars("volume"))  # 'a' … lacks the condition `volume`
ude.fit(driven, runs.rename(volume="volum"))  # `volume` … `volum`
ude.fit(driven, [runs.isel(trajectory=0), runs.isel(trajectory=1).drop_vars("volume")])  # 'b' … lacks … `volume`
ude.fit(driven, runs.assign_coords(volume="big"))  # `volume` … not numbers
ude.fit(driven, runs.assign(inflow=runs.inflow.assign_attrs(interpolation="spline")))  # `spline`
ude.fit(driven, minutes)  # `inflow` … `m` … `h`
ude.fit(closure, data)  # `x` … `u`
ude.fit(closure, fields.isel(x=slice(8)))  # `x`
ude.fit(closure, fields.rename(x="y"))  # `u` … x
ude.fit(closure, fields.assign_coords(x=fields.x + 1))  # `x`
ude.fit(closure, fields.isel(time=[0, 1, 3]))  # time
ude.fit(closure, fields.assign_coords(time=fields.time * 1.3))  # dt
ude.fit(closure, fields.isel(time=[0]))  # snapshot
ude.fit(closure, fields.assign_coords(strength=np.nan))  # `strength` … nan
ude.fit(closure, fields.assign_coords(strength="high"))  # `strength` … not numbers
ude.fit(closure, ude.Stream("nowhere.zarr"))  # nowhere.zarr
ude.fit(ode, ude.Stream("nowhere.zarr"))  # nowhere.zarr
ude.Stream(5)  # `Stream` … int
ude.Stream(None)  # `Stream` … NoneType
ude.Stream("")  # `Stream` … ''
ude.Stream("a.nc", buffer=0)  # buffer … 0
ude.Stream("a.nc", buffer="1e6")  # buffer … '1e6'
ude.Stream("a.nc", buffer=2.5)  # buffer … 2.5
ude.restrict(5, grid)  # Dataset … int
ude.restrict(fields.u, grid)  # Dataset … DataArray
ude.restrict(fields, 5)  # `grid` … 5
ude.restrict(fields.rename(x="y"), grid)  # `x`
ude.restrict(fields, walls)  # `x`
ude.coarsen(5, grid)  # Dataset … 5
ude.coarsen(fields, 5)  # `coarse` … 5
ude.coarsen(fields, grid, "gaussian")  # `filter` … gaussian
ude.coarsen(fields, grid, ude.filters.Box(-1.0))  # `width` … -1
ude.coarsen(fields, grid, ude.filters.Box(1e-3))  # narrower than the spacing
ude.coarsen(fields, grid, ude.filters.Gaussian(99.0))  # 99 … long
ude.coarsen(fields, walls)  # periodic
ude.coarsen(fields, ude.Grid(grid.axes[0].with_points(999)))  # 999 points
ude.coarsen(fields.rename(x="y"), grid)  # `x`
ude.restrict(fields.where(fields.time > 0.06), ude.Grid(grid.axes[0].with_points(8)))  # NaN
ude.restrict(fields.isel(x=[0, 1, 5]), grid)  # `x`
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
