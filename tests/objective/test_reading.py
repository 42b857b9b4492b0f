"""What isn't a Dataset is told how to become one."""

import numpy as np
import pandas as pd
import pytest

from objective.building import decay
from unideq.errors import DataError
from unideq.objective import Observations


@pytest.mark.parametrize(
    ("frame", "recipe"),
    [
        (pd.DataFrame({"time": [0.0, 1.0], "x": [1.0, 2.0]}), 'frame.set_index("time").to_xarray()'),
        (pd.DataFrame({"t": [0.0, 1.0], "x": [1.0, 2.0]}), 'frame.set_index("t").to_xarray().rename(t="time")'),
        (pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index([0.0, 1.0], name="time")), "frame.to_xarray()"),
        (pd.DataFrame({"x": [1.0, 2.0]}, index=pd.Index([0.0, 1.0], name="h")), 'frame.to_xarray().rename(h="time")'),
    ],
)
def test_the_recipe_for_a_frame_works_as_it_stands(frame, recipe):
    with pytest.raises(DataError, match="not DataFrame") as raised:
        Observations.from_data(frame, decay().observables)
    assert f"`{recipe}`" in str(raised.value)
    made = Observations.from_data(eval(recipe), decay().observables)
    np.testing.assert_array_equal(made.series[0].times, [0.0, 1.0])
    np.testing.assert_array_equal(made.series[0].values["x"], [1.0, 2.0])


def test_other_data_are_told_what_a_dataset_looks_like():
    with pytest.raises(DataError, match=r"not ndarray\. Write `xr\.Dataset\("):
        Observations.from_data(np.zeros(3), decay().observables)
