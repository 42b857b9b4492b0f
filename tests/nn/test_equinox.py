"""Equinox modules as networks: weights by name, values and derivatives, fits, files, and what is refused."""

from __future__ import annotations

import json
import pickle
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine.julia.program import evaluation_json
from unideq.errors import EngineUnsupported, ModelError, OptionError
from unideq.graph import Graph, jvp, variable, vjp
from unideq.nn import Equinox, Network, equinox_modules
from unideq.stored import from_json

TIME = np.linspace(0.0, 2.0, 9)
DATA = xr.Dataset({"x": ("time", np.exp(-0.8 * TIME))}, {"time": TIME})


def module(key: Any = None) -> Any:
    return eqx.nn.MLP(2, 1, 3, 1, activation=jax.nn.tanh, key=jax.random.PRNGKey(0) if key is None else key)


def called(network: Equinox) -> tuple[Graph, dict[str, np.ndarray]]:
    """Two samples through the network, and the module's own weights."""
    weights = network.draw(np.random.default_rng(0))
    inputs = {name: variable(name, shape) for name, shape in network.weight_shapes().items()}
    x = variable("x", (2, 2))
    values = {**weights, "x": np.array([[0.3, -0.2], [1.0, 0.5]])}
    return Graph([x, *inputs.values()], {"y": network.expand(inputs, x)}), values


def test_weights_are_the_modules_own_by_their_places_and_values_are_its():
    network, made = Equinox(module()), module()
    assert network.weight_shapes() == {
        "layers.0.weight": (3, 2), "layers.0.bias": (3,), "layers.1.weight": (1, 3), "layers.1.bias": (1,),
    }  # fmt: skip
    assert (network.inputs, network.outputs, network.size) == (2, 1, 13)
    graph, values = called(network)
    np.testing.assert_array_equal(values["layers.0.weight"], made.layers[0].weight)
    expected = jax.vmap(made)(values["x"])
    np.testing.assert_allclose(graph.evaluate(values)["y"], expected, rtol=1e-6)  # the module computes in float32


def test_a_function_of_a_key_draws_other_weights_for_every_seed():
    network = Equinox(module)
    first, again, other = (network.draw(np.random.default_rng(seed))["layers.0.weight"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_derivatives_are_those_of_differences():
    graph, values = called(Equinox(module()))
    names, step = ["x", "layers.0.weight"], 1e-6
    rng = np.random.default_rng(3)
    tangents = {name: rng.standard_normal(values[name].shape) for name in names}
    moved = [graph.evaluate({**values, **{n: values[n] + s * step * tangents[n] for n in names}})["y"] for s in (1, -1)]
    difference = (moved[0] - moved[1]) / (2 * step)
    forward = jvp(graph, names).evaluate({**values, **{f"tangent.{n}": t for n, t in tangents.items()}})["y"]
    np.testing.assert_allclose(forward, difference, rtol=1e-7)
    cotangent = rng.standard_normal((2, 1))
    reverse = vjp(graph, names).evaluate({**values, "cotangent.y": cotangent})
    product = sum(np.sum(reverse[n] * tangents[n]) for n in names)
    np.testing.assert_allclose(product, np.sum(cotangent * forward), rtol=1e-12)
    with pytest.raises(EngineUnsupported, match=r"The Equinox module `.*` has no second derivatives"):
        vjp(jvp(graph, names), names)


@pytest.fixture(scope="module")
def fit() -> ude.Fit:
    network = Equinox(lambda key: eqx.nn.MLP(1, 1, 3, 1, activation=jax.nn.tanh, key=key))
    model = ude.ODE(lambda t, state, p, net: {"x": net.rate(state.x)}, ["x"], networks={"rate": network})
    return ude.fit(model, DATA, phases=[ude.BFGS(25)], seeds=2, progress=False, engine="jax")


def test_a_fit_learns_through_it_with_a_right_gradient(fit):
    assert fit.record.best_total.min() < 1e-3 * fit.record.history.joined(2)["total"][:, 0].min()
    assert fit.check_gradient().passed
    assert str(fit.model.equations()).splitlines()[0] == "d x/dt = rate(x)"


def test_a_file_is_read_without_the_module_and_computes_once_it_is_given_back(fit, tmp_path, monkeypatch):
    fit.save(tmp_path / "fit.nc")
    monkeypatch.setattr(equinox_modules, "_given", {})  # as in a new process
    loaded = ude.Fit.load(tmp_path / "fit.nc")
    assert loaded.record.best_total.tolist() == fit.record.best_total.tolist()
    with pytest.raises(ModelError, match=r"isn't in this process.*ude\.nn\.Equinox\(module\)"):
        loaded.model.networks["rate"].draw(np.random.default_rng(0))
    given = Equinox(lambda key: eqx.nn.MLP(1, 1, 3, 1, activation=jax.nn.tanh, key=key))
    assert given == loaded.model.networks["rate"]
    np.testing.assert_array_equal(loaded.predict().x, fit.predict().x)


def test_modules_are_told_apart_by_what_they_compute():
    one, same, other = (Equinox(eqx.nn.MLP(2, 1, 3, 1, activation=f, key=jax.random.PRNGKey(k)))
                        for f, k in ((jax.nn.tanh, 0), (jax.nn.tanh, 1), (jax.nn.relu, 0)))  # fmt: skip
    assert one.key == same.key != other.key
    assert from_json(Network, json.loads(json.dumps(one.to_json()))) == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_julia_names_the_engine_that_can():
    graph, _ = called(Equinox(module()))
    with pytest.raises(EngineUnsupported, match=r"can't run Equinox modules\. Use `engine=\"jax\"`"):
        evaluation_json(graph)


class Pair(eqx.Module):
    weight: jax.Array

    def __call__(self, x: Any) -> Any:
        return x, self.weight


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (eqx.nn.MLP, "needs `module` as an `equinox.Module`"),
        (3, "needs `module` as an `equinox.Module`"),
        (lambda key: 3, "What the function made is none"),
        (lambda key: key.missing, "the function that makes the module failed"),
        (eqx.nn.Lambda(jax.nn.tanh), "Lambda doesn't tell its number of inputs. Say `inputs=`"),
    ],
)
def test_what_is_no_module_is_refused(given: Any, message: str):
    with pytest.raises(OptionError, match=message):
        Equinox(given)


def test_a_module_that_doesnt_map_a_sample_to_a_sample_is_refused():
    with pytest.raises(OptionError, match=r"maps a sample \(2,\) to"):
        Equinox(Pair(jax.numpy.ones(2)), inputs=2)
    with pytest.raises(OptionError, match=r"MLP can't be called with one sample of shape \(5,\) alone"):
        Equinox(module(), inputs=5)
