"""Recurrent cells against their equations as libraries have them, and within a model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

import unideq as ude
from nn.point_formulas import expanded, random_weights
from unideq.stored import from_json

X, H, C = np.array([0.3, -1.2]), np.array([0.5, -0.4, 0.9]), np.array([0.1, 0.8, -0.6])


def gates(w, count):
    read = (w["read.weight"] @ X + w["read.bias"]).reshape(count, 3)
    return read, (w["kept.weight"] @ H + w["kept.bias"]).reshape(count, 3)


def gru(w):
    """As PyTorch and Equinox write it."""
    read, kept = gates(w, 3)
    reset, keep = expit(read[0] + kept[0]), expit(read[1] + kept[1])
    return (1 - keep) * np.tanh(read[2] + reset * kept[2]) + keep * H


def lstm(w):
    read, kept = gates(w, 4)
    enter, forget, new, leave = (r + k for r, k in zip(read, kept, strict=True))
    cell = expit(forget) * C + expit(enter) * np.tanh(new)
    return np.concatenate([expit(leave) * np.tanh(cell), cell])


@pytest.mark.parametrize(("cell", "formula", "memory"), [(ude.nn.GRU, gru, H), (ude.nn.LSTM, lstm, [*H, *C])])
def test_a_step_is_that_of_the_equations(cell, formula, memory):
    network = cell(2, 3)
    weights = random_weights(network)
    x = np.concatenate([X, memory])
    np.testing.assert_allclose(expanded(network, weights, x), formula(weights), rtol=1e-12)
    np.testing.assert_allclose(expanded(network, weights, np.stack([x, x]))[1], formula(weights), rtol=1e-12)
    assert network.size == sum(w.size for w in weights.values())
    assert from_json(ude.nn.Network, network.to_json()) == network


def test_weights_are_drawn_gate_by_gate():
    drawn = ude.nn.LSTM(2, 3).draw(np.random.default_rng(0))
    np.testing.assert_array_equal(drawn["read.bias"], np.repeat([0.0, 1.0, 0.0, 0.0], 3))
    for gate in drawn["kept.weight"].reshape(4, 3, 3):
        np.testing.assert_allclose(gate @ gate.T, np.eye(3), atol=1e-12)


def test_a_cell_is_called_in_a_model_with_what_it_reads_and_its_memory():
    model = ude.ODE(
        lambda t, state, p, net: {"h": net.cell(np.concatenate([np.stack([np.sin(t)]), state.h])) - state.h},
        {"h": (3,)},
        networks={"cell": ude.nn.GRU(1, 3)},
    )
    slope = model(0.7, {"h": H})["h"]
    w = {n.removeprefix("cell."): v for n, v in model.layout.unpack(model.initial_theta(0)).items()}
    read = (w["read.weight"][:, 0] * np.sin(0.7) + w["read.bias"]).reshape(3, 3)
    kept = (w["kept.weight"] @ H + w["kept.bias"]).reshape(3, 3)
    reset, keep = expit(read[0] + kept[0]), expit(read[1] + kept[1])
    np.testing.assert_allclose(slope, (1 - keep) * (np.tanh(read[2] + reset * kept[2]) - H), rtol=1e-12)
