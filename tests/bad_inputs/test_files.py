"""Names of files that aren't any, files that can't be written, and files that aren't ours."""

import pytest

from bad_inputs.telling import judged, rows

ROWS = rows(r"""
fit.save(5)  # `path` … 5
fit.save(None)  # `path` … None
fit.save(True)  # `path` … True
fit.save("")  # `path` … ''
fit.save(b"a.nc")  # `path` … b'a.nc'
fit.save(["a.nc"])  # `path` … ['a.nc']
fit.save("a\0.nc")  # `path`
fit.save(folder)  # can't be written … folder
fit.save(folder / "none" / "a.nc")  # can't be written
fit.save(folder / ("a" * 300))  # 255 bytes
residual_fit.save(5)  # `path` … 5
residual_fit.save(folder)  # can't be written … folder
ode.save(5)  # `path` … 5
ode.save(None)  # `path` … None
ode.save("")  # `path` … ''
ode.save(folder)  # can't be written … folder
ode.save(folder / "none" / "a.json")  # can't be written
ode.save(folder / ("a" * 300))  # 255 bytes
ude.Fit.load(folder / ("a" * 300))  # 255 bytes
problem.save(5)  # `path` … 5
problem.save(folder)  # can't be written … folder
ode.solve([0.0, 1.0], {"x": 1.0}, engine="jax").save(5)  # `path` … 5
ode.solve([0.0, 1.0], {"x": 1.0}, engine="jax").save(folder)  # can't be written … folder
ude.Fit.load(5)  # `path` … 5
ude.Fit.load(None)  # `path` … None
ude.Fit.load("")  # `path` … ''
ude.Fit.load(folder)  # folder
ude.Fit.load(folder / "none.nc")  # no file
ude.Fit.load(folder / "a.nc", engine=5)  # `engine` … 5
ude.Fit.load(Path("a.nc").write_text)  # `path`
ude.Solution.load(5)  # `path` … 5
ude.Solution.load(folder / "none.nc")  # no file
ude.ODE.load(5)  # `path` … 5
ude.ODE.load(None)  # `path` … None
ude.ODE.load(folder)  # folder
ude.ODE.load(folder / "none.json")  # no file
ude.ODE.load(written("[]"))  # isn't a model file
ude.ODE.load(written("{"))  # can't be read as a model
ude.ODE.load(written('{"unideq_format": 99, "model": {}}'))  # format 99 … upgrade
ude.ODE.load(written('{"unideq_format": "2", "model": {}}'))  # damaged … '2'
ude.ODE.load(written('{"unideq_format": null, "model": {}}'))  # damaged … None
ude.ODE.load(written('{"unideq_format": 1, "model": {}}'))  # model
ude.ODE.load(written('{"unideq_format": 1, "model": 5}'))  # model
ude.ODE.load(written('{"unideq_format": 1, "model": {"kind": []}}'))  # model
ude.ODE.load(written('{"unideq_format": 1, "model": {"kind": "ODE"}}'))  # damaged
ude.ODE.load(written('{"unideq_format": 1, "model": {"kind": "ODE", "states": 5}}'))  # damaged
ude.ODE.load([folder / "a.nc", problem.save(folder / "a.nc")][0])  # model
ude.ResidualProblem.load(5)  # `path` … 5
ude.ResidualProblem.load(folder / "none.json")  # no file
ude.ResidualProblem.load([folder / "a.nc", ode.save(folder / "a.nc")][0])  # ResidualProblem
ude.ResidualProblem.load(written('{"unideq_format": 1, "model": {}}'))  # ResidualProblem
ude.ResidualProblem.load(written('{"unideq_format": 1, "model": 5}'))  # ResidualProblem
ude.Fit.load(written("hello"))  # netCDF-4
ude.Fit.load([folder / "a.nc", ode.save(folder / "a.nc")][0])  # netCDF-4
ude.Fit.load([folder / "a.nc", data.to_netcdf(folder / "a.nc", engine="h5netcdf")][0])  # Unideq
ude.Solution.load([folder / "a.nc", fit.save(folder / "a.nc")][0])  # unideq.Fit.load
ude.resume(5)  # `path` … 5
ude.resume(None)  # `path` … None
ude.resume(folder)  # folder
ude.resume(folder / "none.nc")  # no file
ude.resume([folder / "a.nc", fit.save(folder / "a.nc")][0], engine=["jax"])  # `engine` … ['jax']
ude.resume([folder / "a.nc", fit.save(folder / "a.nc")][0], progress="no")  # `progress` … True or False
ude.fit(ode, data, checkpoint=[folder / "a.nc", fit.save(folder / "a.nc")][0])  # another call
ude.fit(ode, data, checkpoint=written("hello"))  # netCDF-4
ode.export_julia(5, [0.0, 1.0], {"x": 1.0})  # `path` … 5
ode.export_julia("", [0.0, 1.0], {"x": 1.0})  # `path` … ''
ode.export_julia(folder, [0.0, 1.0], {"x": 1.0})  # folder
ode.export_julia(folder / "none" / "a.jl", [0.0, 1.0], {"x": 1.0})  # can't be written
ode.export_julia([folder / "a.jl", (folder / "a.jl").write_text("")][0], [0.0, 1.0], {"x": 1.0})  # overwrite=True
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": 1.0}, overwrite="yes")  # `overwrite` … True or False … 'yes'
ode.export_julia(folder / "a.jl", "now", {"x": 1.0})  # times
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": [1.0, 2.0]})  # one trajectory
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": 1.0}, solver="ode45")  # `ode45`
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": 1.0}, solver=ude.Tsit5(rtol="a"))  # `rtol` … 'a'
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": 1.0}, solver=ude.Tsit5(max_steps=0))  # `max_steps` … 0
ode.export_julia(folder / "a.jl", [0.0, 1.0], {"x": 1.0}, start="a")  # `start` … 'a'
fit.export_julia(5)  # `path` … 5
fit.export_julia(folder / "a.jl", seed=9)  # seed 9
ude.fit(ode, data.assign_attrs(note="a\0b"))  # 'note' of the data … NUL
ude.fit(ode, data.assign_attrs(note=["a", "b\0"]))  # 'note' of the data … NUL
ude.fit(ode, data.assign_attrs({"": "a"}))  # the data … name is empty
ude.fit(ode, data.assign_attrs(CLASS="a"))  # 'CLASS' … netCDF keeps this name
ude.fit(ode, data.assign(x=data.x.assign_attrs(units="\ud800")))  # 'units' of x … surrogate
ude.fit(ode, data.assign_coords(time=data.time.assign_attrs(note="\0")))  # 'note' of time … NUL
""")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_it_is_told(row, tmp_path):
    verdict, said = judged(row, tmp_path)
    assert verdict == "clear", said
