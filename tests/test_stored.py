"""Whatever is written to JSON under a name: one registry, one way back, one wording where a description is damaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import unideq as ude
from unideq.errors import FileFormatError
from unideq.grid.boundary import Condition
from unideq.grid.schemes.base import Scheme
from unideq.model import Model
from unideq.nn import Network
from unideq.objective import Objective
from unideq.objective.losses import Loss
from unideq.objective.regularise import Regulariser
from unideq.objective.weighting_rules import Balance
from unideq.optimise import Phase, Schedule
from unideq.residual.samplers import Sampler
from unideq.residual.terms import Term
from unideq.solvers.tableau import ExplicitTableau, Tableau
from unideq.stored import Stored, from_json, members, stored

FAMILIES: dict[type[Stored], set[str]] = {
    Network: {"MLP", "ModifiedMLP", "PirateNet", "FourierFeatures", "CNN", "ResNet", "Lux"},
    Sampler: {"grid", "latin_hypercube", "residual_adaptive", "sobol", "uniform"},
    Objective: {"trajectory", "multiple_shooting", "collocation", "unrolled", "residual"},
    Loss: {"squared_error", "huber", "gaussian", "custom"},
    Regulariser: {"L1", "L2"},
    Balance: {"LearningRateAnnealing", "GradientNorm", "NeuralTangentKernel", "ConFIG", "PCGrad"},
    Scheme: {"Backward", "Central", "Compact", "DRP", "Forward", "Fourier", "TVD", "Upwind", "WENO"},
    Term: {"interior", "boundary", "initial", "points", "measured"},
    Phase: {"adam", "adamw", "soap", "lbfgs", "bfgs", "gauss_newton", "optax", "optimisers"},
    Schedule: {"CosineDecay", "ExponentialDecay", "PiecewiseConstant", "Warmup"},
    Tableau: {"ExplicitTableau", "RosenbrockTableau"},
    Condition: {"dirichlet", "neumann"},
    Model: {"ODE", "PDE", "Stepper"},
}
THINGS = [
    (Network, ude.nn.FourierFeatures(ude.nn.MLP(8, 1, (4,), input_scale=(1.0,) * 8), 2, scale=(1.0, 2.0))),
    (Sampler, ude.samplers.ResidualAdaptive(base=ude.samplers.Sobol(), every=np.int64(50))),
    (Objective, ude.Trajectory(curriculum=[(1.0, 20), (5.0, 20)])),
    (Objective, ude.Residual({"a": 3}, ude.samplers.TensorGrid(), causal=ude.Causal(terms=("a",)))),
    (Loss, ude.GaussianLikelihood(sigma={"x": 2.0}, below={"x": "limit"}, between={"x": "top"})),
    (Regulariser, ude.L1(1e-3, ("net",))),
    (Balance, ude.LearningRateAnnealing()),
    (Scheme, ude.schemes.WENO()),
    (Phase, ude.Adam(ude.PiecewiseConstant(1e-2, (3, 5), (0.1, 0.2)), 20, objective=ude.Collocation())),
    (Phase, ude.Optimisers("Lion", 5, {"eta": 1e-3, "beta": (0.9, 0.99)})),
    (Schedule, ude.Warmup(1e-2, 5)),
    (Tableau, ExplicitTableau([[], [0.5]], [0.0, 1.0], [0.0, 0.5], 2)),
    (Condition, ude.Dirichlet(lambda t: np.sin(t))),
]


@pytest.mark.parametrize("base", FAMILIES, ids=lambda base: base.family)
def test_names_in_files_stay_what_they_are(base: type[Stored]):
    assert FAMILIES[base] <= set(members(base))


@pytest.mark.parametrize(("base", "thing"), THINGS, ids=lambda x: type(x).__name__)
def test_what_was_written_is_read_back(base: type[Stored], thing: Stored):
    assert from_json(base, json.loads(json.dumps(thing.to_json(), allow_nan=False))) == thing


@pytest.mark.parametrize(("base", "thing"), THINGS, ids=lambda x: type(x).__name__)
def test_unknown_names_and_damaged_settings_are_named(base: type[Stored], thing: Stored):
    data = thing.to_json()
    with pytest.raises(FileFormatError, match=rf"Unknown {base.family} `{data[base.tag]}x`\. Did you mean"):
        from_json(base, {**data, base.tag: f"{data[base.tag]}x"})
    for wrong in ({**data, "colour": "red"}, {n: v for n, v in data.items() if n != base.tag}, None, 3, []):
        with pytest.raises(FileFormatError, match=rf"description of a .*{base.family} is damaged"):
            from_json(base, wrong)


def test_a_loss_of_ones_own_has_a_name_and_is_read_back():
    @stored
    @dataclass(frozen=True)
    class Absolute(Loss):
        kind: ClassVar[str] = "absolute_of_a_test"

        def elementwise(self, predicted, observed, scale, noise):
            return abs(predicted - observed) * (1.0 / scale)

    assert from_json(Loss, Absolute().to_json()) == Absolute()
    assert ude.objective.loss_of("absolute_of_a_test") == Absolute()
