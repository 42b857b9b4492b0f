"""Attributes of data in files: what netCDF has no like of is kept as its text, names of files may be long."""

import numpy as np
import pytest
import xarray as xr

from unideq.result.file import read_tree, write_tree


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("mg/l", "mg/l"),
        (3, 3),
        (None, "None"),
        ({"b": 1}, "{'b': 1}"),
        (True, "True"),
        (10**30, str(10**30)),
        (["x", "y"], ["x", "y"]),
        (np.array(["x", "y"]), ["x", "y"]),
        ([1, "x"], "[1, 'x']"),
        (np.zeros((2, 2)), str(np.zeros((2, 2)))),
    ],
    ids=repr,
)
def test_attributes_of_all_sorts_are_written(given, kept, tmp_path):
    data = xr.Dataset({"x": ("time", [1.0, 2.0], {"note": given})}, {"time": [0.0, 1.0]}, {"note": given})
    write_tree(xr.DataTree.from_dict({"/observed": data}), tmp_path / "a.nc")
    read = read_tree(tmp_path / "a.nc")["/observed"].to_dataset()
    for attrs in (read.attrs, read["x"].attrs):
        assert np.asarray(attrs["note"]).tolist() == kept


def test_names_of_files_may_be_as_long_as_file_systems_take(tmp_path):
    path = tmp_path / ("a" * 252 + ".nc")
    write_tree(xr.DataTree.from_dict({"/": xr.Dataset(attrs={"note": "here"})}), path)
    assert read_tree(path).attrs["note"] == "here"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
