"""Balancing rules as settings: which entries they count, which terms take part, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import unideq as ude
from unideq.errors import OptionError
from unideq.graph import Graph, variable
from unideq.model import Entry, Layout
from unideq.objective.program import LossProgram
from unideq.objective.weight_matrices import weight_matrices
from unideq.objective.weighting_rules import RULES, labels_of

LAYOUT = Layout(
    [
        Entry("k", ()),
        Entry("u.encoder_u.weight", (3, 2), "network"),
        Entry("u.encoder_u.bias", (3,), "network"),
        Entry("u.layer_1.weight", (3, 2), "network"),
        Entry("u.layer_1.bias", (3,), "network"),
        Entry("u.layer_2.direction", (1, 3), "network"),
        Entry("u.layer_2.scale", (1,), "network"),
        Entry("u.frequencies", (2, 2), "network"),
        Entry("u.gate", (2, 3), "network"),
        Entry("v.layer_1.weight", (2, 2), "network", free=False),
    ]
)


def objective(**weights: float) -> LossProgram:
    """Terms of these weights."""
    theta = variable("theta", (LAYOUT.size,))
    terms = {name: theta[i] * theta[i] for i, name in enumerate(weights)}
    return LossProgram((), Graph([theta], terms), weights)


def of(layout: Layout, *names: str) -> np.ndarray:
    mask = np.zeros(layout.size, bool)
    for name in names:
        mask[layout.offsets[name] : layout.offsets[name] + layout[name].size] = True
    return mask


def test_annealing_counts_free_weight_matrices_without_encoders_and_embeddings():
    rule = ude.LearningRateAnnealing(reference="pde")
    data = rule.balancing(objective(pde=1.0, walls=1.0), LAYOUT)
    np.testing.assert_array_equal(data.counted > 0, of(LAYOUT, "u.layer_1.weight", "u.layer_2.direction"))
    assert (data.rule, data.every, data.rate, data.denominator) == ("annealing", 10, 0.1, "weighted")


def test_a_modified_mlp_counts_its_layers_and_not_its_encoders():
    problem = ude.ResidualProblem(
        {"x": (-1, 1)},
        {"u": ude.nn.ModifiedMLP(1, 1, hidden=(4, 4, 4))},
        {"pde": ude.Interior(lambda at, field: ude.d(field.u, at.x, 2))},
    )
    matrices = {n for n in problem.layout.names if n.endswith(".weight") and "encoder" not in n}
    assert len(matrices) == len([n for n in problem.layout.names if n.endswith(".weight")]) - 2
    np.testing.assert_array_equal(weight_matrices(problem.layout) > 0, of(problem.layout, *matrices))


def test_matrices_of_the_mean_of_means_count_the_same():
    counted = weight_matrices(LAYOUT, evenly=True)
    assert counted[of(LAYOUT, "u.layer_1.weight")].tolist() == [1 / 6] * 6
    assert counted[of(LAYOUT, "u.layer_2.direction")].tolist() == [1 / 3] * 3
    assert counted.sum() == pytest.approx(2.0)
    rule = ude.LearningRateAnnealing(reference="pde", average="matrices")
    np.testing.assert_array_equal(rule.balancing(objective(pde=1.0, walls=1.0), LAYOUT).counted, counted)


def test_matrices_with_ratios_of_their_own_have_rows():
    rule = ude.LearningRateAnnealing(reference="pde", average="ratios")
    counted = rule.balancing(objective(pde=1.0, walls=1.0), LAYOUT).counted
    assert counted.shape == (2, LAYOUT.size)
    np.testing.assert_array_equal(counted[0] > 0, of(LAYOUT, "u.layer_1.weight"))
    np.testing.assert_array_equal(counted[1] > 0, of(LAYOUT, "u.layer_2.direction"))


def test_a_model_without_matrices_counts_what_is_free():
    layout = Layout([Entry("k", ()), Entry("m", (), free=False), Entry("u.kernel", (2, 2, 3), "network")])
    np.testing.assert_array_equal(weight_matrices(layout), [0.0, 0.0, *[1.0] * 12])
    layout = Layout([Entry("k", ()), Entry("m", (), free=False)])
    np.testing.assert_array_equal(weight_matrices(layout), [1.0, 0.0])


@pytest.mark.parametrize("rule", [ude.GradientNorm(every=7, rate=0.5), ude.NeuralTangentKernel(every=7, rate=0.5)])
def test_other_rules_count_everything_free(rule):
    data = rule.balancing(objective(pde=1.0, walls=1.0), LAYOUT)
    np.testing.assert_array_equal(data.counted > 0, LAYOUT.free_mask)
    assert (data.every, data.rate) == (7, 0.5)


def test_terms_of_weight_zero_take_no_part():
    data = ude.ConFIG().balancing(objective(pde=1.0, chunk=0.0, walls=2.0), LAYOUT)
    assert data.terms == ("pde", "walls")


def test_a_term_with_several_residuals_is_meant_by_its_name():
    whole = objective(**{"ns.mass": 1.0, "ns.momentum": 1.0, "nsx": 1.0, "walls": 1.0})
    assert labels_of("ns", whole) == ("ns.mass", "ns.momentum")
    rule = ude.LearningRateAnnealing(reference=("ns", "nsx"))
    assert rule.balancing(whole, LAYOUT).reference == ("ns.mass", "ns.momentum", "nsx")


def test_every_rule_of_the_engines_has_settings():
    rules = (ude.LearningRateAnnealing, ude.GradientNorm, ude.NeuralTangentKernel, ude.ConFIG, ude.PCGrad)
    assert tuple(rule.rule for rule in rules) == RULES


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ude.LearningRateAnnealing(every=0), "`every` as a whole number >= 1, not 0"),
        (lambda: ude.GradientNorm(every=2.5), "`every` as a whole number >= 1, not 2.5"),
        (lambda: ude.NeuralTangentKernel(rate=0.0), "`rate` as a number > 0 and <= 1, not 0.0"),
        (lambda: ude.GradientNorm(rate=1.5), "`rate` as a number > 0 and <= 1, not 1.5"),
        (lambda: ude.LearningRateAnnealing(denominator="plane"), "Did you mean `plain`"),
        (lambda: ude.LearningRateAnnealing(average="matrix"), "Did you mean `matrices`"),
        (lambda: ude.Causal(chunks=1), "`chunks` as a whole number >= 2, not 1"),
        (lambda: ude.Causal(tolerance=-1.0), "`tolerance` as a number > 0, not -1.0"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(OptionError, match=message):
        make()


def test_a_rule_that_does_not_fit_the_terms_is_refused():
    with pytest.raises(OptionError, match=r"balances terms against each other, and there is only `pde`"):
        ude.ConFIG().balancing(objective(pde=1.0, chunk=0.0), LAYOUT)
    with pytest.raises(OptionError, match="Did you mean `pde`"):
        ude.LearningRateAnnealing(reference="pdf").balancing(objective(pde=1.0, walls=1.0), LAYOUT)
    with pytest.raises(OptionError, match="`reference=` one or more of `pde`, `walls`"):
        ude.LearningRateAnnealing().balancing(objective(pde=1.0, walls=1.0), LAYOUT)
    with pytest.raises(OptionError, match="no term to move"):
        ude.LearningRateAnnealing(reference=("pde", "walls")).balancing(objective(pde=1.0, walls=1.0), LAYOUT)
