"""Parameters: bounds, checks and repr."""

import numpy as np
import pytest

from unideq.errors import ModelError
from unideq.model import Parameter


def test_positive_means_lower_bound_zero():
    assert Parameter(0.5, positive=True).lower == 0.0
    assert Parameter(0.5, positive=True, lower=0.1).lower == 0.1
    assert Parameter(0.5, positive=True, lower=-1.0).lower == 0.0


def test_infinite_bounds_are_no_bounds():
    p = Parameter(1.0, lower=-np.inf, upper=np.inf)
    assert p.lower is None and p.upper is None


def test_repr_shows_what_was_set():
    assert repr(Parameter(0.5, positive=True, units="1/yr")) == "Parameter(0.5, lower=0.0, units='1/yr')"
    assert repr(Parameter([1, 2], free=False, upper=3)) == "Parameter([1.0, 2.0], upper=3.0, free=False)"


def test_json_makes_the_same_parameter():
    p = Parameter([1.0, 2.0], lower=0.0, upper=5.0, free=False, units="mol", description="amounts")
    again = Parameter(**p.to_json())
    assert again.to_json() == p.to_json()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": -0.8, "positive": True}, "initial value -0.8 isn't positive. Give a value inside the bounds"),
        ({"value": 0.0, "positive": True}, "initial value 0.0 isn't positive"),
        ({"value": 1.0, "lower": 2.0}, "initial value 1.0 isn't above its lower bound 2.0"),
        ({"value": [1.0, 9.0], "upper": 5.0}, "isn't below its upper bound 5.0"),
        ({"value": 1.0, "lower": 3.0, "upper": 2.0}, "lower bound 3.0 isn't below its upper bound 2.0"),
        ({"value": float("nan")}, "needs a finite initial value, not nan"),
        ({"value": "fast"}, "`Parameter` needs `value` as numbers, not 'fast'"),
        ({"value": 1.0, "lower": "low"}, "`Parameter` needs `lower` as a number or None, not 'low'"),
        ({"value": 1.0, "upper": float("nan")}, "upper bound can't be nan"),
    ],
)
def test_bad_parameters_say_why(arguments, message):
    with pytest.raises(ModelError, match=message):
        Parameter(**arguments)
