"""A formula in a network's place: the model is the one written by hand."""

import json

import numpy as np
import pytest

from unideq.errors import ModelError, TraceError
from unideq.model import ODE, Parameter
from unideq.nn import MLP

RNG = np.random.default_rng(0)


def same(one, other, count=5):
    for _ in range(count):
        u = RNG.normal(size=one.size)
        for m in (one, other):
            assert m.vector_field.inputs[1].shape == (one.size,)
        a = one.vector_field.evaluate({"t": 0.3, "u": u, "theta": one.initial_theta()})["du"]
        b = other.vector_field.evaluate({"t": 0.3, "u": u, "theta": other.initial_theta()})["du"]
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def two_outputs(t, s, p, net):
    eaten, born = net.interaction(s.hare, s.lynx)
    return {"hare": p.growth * s.hare - eaten, "lynx": born - p.death * s.lynx}


def ude():
    return ODE(
        two_outputs,
        ["hare", "lynx"],
        {"growth": Parameter(0.5, positive=True), "death": 0.8},
        {"interaction": MLP(2, 2)},
    )


def test_replaced_model_equals_the_hand_written_one():
    model = ude().replace(
        "interaction", lambda p, h, l: (p.b * h * l, p.c * h * l), {"b": Parameter(0.3, positive=True), "c": 0.1}
    )
    by_hand = ODE(
        lambda t, s, p: {
            "hare": p.growth * s.hare - p.b * s.hare * s.lynx,
            "lynx": p.c * s.hare * s.lynx - p.death * s.lynx,
        },
        ["hare", "lynx"],
        {"growth": Parameter(0.5, positive=True), "death": 0.8, "b": Parameter(0.3, positive=True), "c": 0.1},
    )
    same(model, by_hand)
    assert model.equations() == by_hand.equations()
    assert model.layout.entries == by_hand.layout.entries
    assert model.networks == {} and model.learned == {}
    assert json.dumps(model.to_json()["vector_field"]) == json.dumps(by_hand.to_json()["vector_field"])


def test_replaced_model_survives_json_and_with_values():
    model = ude().replace("interaction", lambda p, h, l: (p.b * h * l, h), {"b": 0.3})
    again = ODE.from_json(json.loads(json.dumps(model.to_json())))
    same(model, again)
    assert again.with_values({"b": 2.0})(0, {"hare": 1.0, "lynx": 1.0})["hare"] == pytest.approx(0.5 - 2.0)


def test_output_used_twice_and_called_twice():
    def f(t, s, p, net):
        y = net.f(s.x)
        return {"x": y * y + p.a, "z": net.f(2 * s.z) - y}

    model = ODE(f, ["x", "z"], {"a": 2.0}, {"f": MLP(1, 1)}).replace("f", lambda p, x: p.a * x**2)
    by_hand = ODE(
        lambda t, s, p: {"x": (p.a * s.x**2) ** 2 + p.a, "z": p.a * (2 * s.z) ** 2 - p.a * s.x**2},
        ["x", "z"],
        {"a": 2.0},
    )
    same(model, by_hand)


def test_nested_calls_of_one_network_and_of_two():
    def f(t, s, p, net):
        return {"x": net.f(net.f(s.x)), "y": net.g(net.f(s.y)) + net.f(net.g(s.y))}

    model = ODE(f, ["x", "y"], networks={"f": MLP(1, 1, hidden=(3,)), "g": MLP(1, 1, hidden=(4,))})
    half = model.replace("f", lambda p, x: np.sin(x))
    full = half.replace("g", lambda p, x: x + 1)
    by_hand = ODE(lambda t, s: {"x": np.sin(np.sin(s.x)), "y": np.sin(s.y) + 1 + np.sin(s.y + 1)}, ["x", "y"])
    same(full, by_hand)
    # With only `f` replaced, `g` keeps its weights and computes what it did.
    theta = half.initial_theta()
    values = half.layout.unpack(theta)

    def g(x):
        hidden = np.tanh(values["g.layer_1.weight"][:, 0] * x + values["g.layer_1.bias"])
        return values["g.layer_2.weight"] @ hidden + values["g.layer_2.bias"]

    du = half.vector_field.evaluate({"t": 0, "u": [0.4, -0.9], "theta": theta})["du"]
    np.testing.assert_allclose(du, [np.sin(np.sin(0.4)), (g(np.sin(-0.9)) + np.sin(g(-0.9)))[0]], rtol=1e-12)


def test_pointwise_arrays_take_formulas_of_arrays():
    one = ODE(lambda t, s, p, net: {"x": net.f(s.x)}, {"x": 4}, networks={"f": MLP(1, 1)})
    by_hand = ODE(lambda t, s: {"x": -(s.x**3)}, {"x": 4})
    same(one.replace("f", lambda p, x: -(x**3)), by_hand)
    same(one.replace("f", lambda p, x: [-(x**3)]), by_hand)
    two = ODE(lambda t, s, p, net: {"x": net.f(s.x, t)[1]}, {"x": 4}, networks={"f": MLP(2, 2)})
    same(two.replace("f", lambda p, x, t: (0.0, x * t)), ODE(lambda t, s: {"x": s.x * t}, {"x": 4}))


def test_vector_layout_gets_and_returns_one_array():
    model = ODE(lambda t, s, p, net: {"x": net.f(s.x)}, {"x": (2, 3)}, networks={"f": MLP(3, 3)})
    by_hand = ODE(lambda t, s: {"x": -2 * s.x}, {"x": (2, 3)})
    same(model.replace("f", lambda p, x: -2 * x), by_hand)
    same(model.replace("f", lambda p, x: tuple(-2 * x[..., i] for i in range(3))), by_hand)


def test_replacement_in_array_parameter_models_keeps_offsets_right():
    model = ODE(
        lambda t, s, p, net: {"x": p.k[1] * net.f(s.x) + p.k[0] * net.g(s.x)},
        ["x"],
        {"k": [1.0, 0.5]},
        {"f": MLP(1, 1, hidden=(2,)), "g": MLP(1, 1, hidden=(2,))},
    )
    replaced = model.replace("f", lambda p, x: p.q[2] * x, {"q": [1.0, 2.0, 7.0]})
    final = replaced.replace("g", lambda p, x: x)
    assert final(0, {"x": 2.0})["x"] == pytest.approx(0.5 * 7 * 2 + 2)
    assert replaced.layout.names[:2] == ("k", "q")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("interactoin", lambda p, h, l: (h, l)), "Unknown network `interactoin`. Did you mean `interaction`"),
        (("interaction", lambda p, h: (h, h)), r"formula\(p, argument_0, argument_1\).*too many positional"),
        (("interaction", lambda p, h, l: (h, l, h)), "returned 3 values where the network returned 2"),
        (("interaction", lambda p, h, l: h * l), r"one value of shape \(\); the network returned 2 outputs"),
        (("interaction", lambda p, h, l: (h, np.zeros(3))), r"has shape \(3,\), not \(\)"),
        (("interaction", lambda p, h, l: (p.rate * h, l)), "Unknown parameter `rate`"),
        (("interaction", lambda p, h, l: (h, l), {"death": 1.0}), "has a parameter `death` already"),
        (("interaction", lambda p, h, l: (h, l), {"hare": 1.0}), "`hare` names a state and a parameter"),
        (("interaction", lambda p, h, l: (h, l), {"lambda": 1.0}), "'lambda' is a Python keyword"),
    ],
)
def test_bad_replacements_say_why(arguments, message):
    with pytest.raises(ModelError, match=message):
        ude().replace(*arguments)


def test_formula_that_branches_is_a_trace_error():
    with pytest.raises(TraceError, match=r"np\.where"):
        ude().replace("interaction", lambda p, h, l: (h, l) if h > 0 else (l, h))
