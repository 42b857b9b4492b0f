"""Activations against their formulas, evaluated through the graph."""

import numpy as np
import pytest
from scipy.special import expit

from unideq.errors import OptionError
from unideq.graph import Graph, variable
from unideq.nn import ACTIVATIONS
from unideq.nn.activation import activation

X = np.array([-3.0, -0.7, -1e-3, 0.0, 0.4, 2.5])

FORMULAS = {
    "identity": X,
    "tanh": np.sinh(X) / np.cosh(X),
    "sigmoid": 1 / (1 + np.exp(-X)),
    "softplus": np.log(1 + np.exp(X)),
    "relu": np.where(X > 0, X, 0),
    "leaky_relu": np.where(X > 0, X, 0.01 * X),
    "elu": np.where(X > 0, X, np.exp(X) - 1),
    "gelu": 0.5 * X * (1 + np.tanh(0.7978845608028654 * (X + 0.044715 * X**3))),
    "swish": X * expit(X),
    "rbf": np.exp(-(X**2)),
    "sin": np.sin(X),
    "cos": np.cos(X),
    "exp": np.exp(X),
    "square": X**2,
}


def through_graph(name, values):
    x = variable("x", np.shape(values))
    return Graph((x,), {"y": activation(name)(x)}).evaluate({"x": values})["y"]


def test_every_activation_has_a_formula_here():
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_activation_equals_its_formula(name):
    np.testing.assert_allclose(through_graph(name, X), FORMULAS[name], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "elu", "tanh", "swish", "relu", "gelu", "rbf"])
def test_saturating_activations_stay_finite_far_out(name):
    assert np.isfinite(through_graph(name, np.array([-700.0, 700.0]))).all()


def test_softplus_of_700_is_700():
    assert through_graph("softplus", np.array([700.0]))[0] == 700.0


def test_unknown_activation_names_the_closest():
    with pytest.raises(OptionError, match=r"Unknown activation `thanh`. Did you mean `tanh`\?.*`softplus`"):
        activation("thanh")
