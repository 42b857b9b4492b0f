"""SOAP: the algorithm replayed with NumPy, what it is invariant to, rejected steps, resuming, fresh batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unideq as ude
from unideq.engine import Engine, Minimisation
from unideq.errors import OptionError
from unideq.model.layout import Entry, Layout
from unideq.objective.program import LossProgram
from unideq.optimise import checked_matrices, weight_matrices

from ..problems import phase_of
from ..soap_problems import BLOCKS, PARAMETERS, SETTINGS, SIZE, Redrawn, gradient, start, two_layers

pytestmark = pytest.mark.usefixtures("only_full_reports")


def minimised(
    engine: Engine, objective: LossProgram, theta: np.ndarray, settings: dict[str, Any], name: str = "soap", **more: Any
) -> Any:
    run = Minimisation(objective, theta, phase_of(name, settings), **{"report_every": 1000, "matrices": BLOCKS, **more})
    return engine.minimise(run, lambda _: True).last


# ---- the algorithm ------------------------------------------------------------------------------------------------


class Matrix:
    """The authors' algorithm for one matrix W, with its first moment kept in W's own coordinates, as in the paper."""

    def __init__(self, shape: tuple[int, int], every: int, beta: float = 0.95, epsilon: float = 1e-8) -> None:
        self.every, self.beta, self.epsilon = every, beta, epsilon
        self.left, self.right = np.zeros((shape[0], shape[0])), np.zeros((shape[1], shape[1]))
        self.mean, self.square = np.zeros(shape), np.zeros(shape)
        self.bases: tuple[np.ndarray, np.ndarray] | None = None
        self.step = 0

    def direction(self, g: np.ndarray) -> np.ndarray:
        if self.bases is None:
            self._learn(g)
            self.bases = self._first(self.left), self._first(self.right)
            return np.zeros_like(g)
        b, (q, p) = self.beta, self.bases
        self.step += 1
        self.mean = b * self.mean + (1 - b) * g
        self.square = b * self.square + (1 - b) * (q.T @ g @ p) ** 2
        correct = 1 - b**self.step
        turned = (q.T @ self.mean @ p / correct) / (np.sqrt(self.square / correct) + self.epsilon)
        self._learn(g)
        if self.step % self.every == 0:
            q_new, rows = self._next(self.left, q)
            p_new, columns = self._next(self.right, p)
            self.bases, self.square = (q_new, p_new), self.square[rows][:, columns]
        return q @ turned @ p.T

    def _learn(self, g: np.ndarray) -> None:
        self.left = self.beta * self.left + (1 - self.beta) * g @ g.T
        self.right = self.beta * self.right + (1 - self.beta) * g.T @ g

    @staticmethod
    def _first(matrix: np.ndarray) -> np.ndarray:
        return np.linalg.eigh(matrix + ramp(matrix))[1][:, ::-1]

    @staticmethod
    def _next(matrix: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        regular = matrix + ramp(matrix)
        order = np.argsort(-np.diag(basis.T @ regular @ basis), kind="stable")
        return np.linalg.qr(regular @ basis[:, order])[0], order


def ramp(matrix: np.ndarray) -> np.ndarray:
    """What is added on the diagonal: 1e-9 of its largest entry down to half of that."""
    size = len(matrix)
    return np.diag(1e-9 * matrix.diagonal().max() * (1 - np.arange(size) / (2 * size)))


def test_iterates_are_those_of_the_algorithm_replayed_with_numpy(engine: Engine):
    theta, rate, every = start()[0], 0.01, 5
    result = minimised(engine, two_layers(), theta[None], SETTINGS, batches=Redrawn())
    matrices = [Matrix((rows, columns), every) for _, rows, columns in BLOCKS]
    mean, square, seen = np.zeros(PARAMETERS), np.zeros(PARAMETERS), 0
    for i in range(SETTINGS["iterations"]):
        (given,) = Redrawn()(i)
        g = gradient(theta, given)
        direction = np.zeros_like(theta)
        if seen:  # biases: Adam; the first gradient moves nothing
            mean, square = 0.95 * mean + 0.05 * g, 0.95 * square + 0.05 * g**2
            direction = mean / (1 - 0.95**seen) / (np.sqrt(square / (1 - 0.95**seen)) + 1e-8)
        for matrix, (offset, rows, columns) in zip(matrices, BLOCKS, strict=True):
            part = slice(offset, offset + rows * columns)
            direction[part] = matrix.direction(g[part].reshape(rows, columns)).ravel()
        theta, seen = theta - rate * direction, seen + 1
    np.testing.assert_allclose(result.theta[0], theta, rtol=0, atol=1e-10)
    kept = result.state["bases.left"][0]
    np.testing.assert_allclose(kept, np.concatenate([m.left.ravel() for m in matrices]), rtol=1e-8, atol=1e-12)


def orthogonal(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((SIZE, SIZE)))[0]


@pytest.mark.parametrize(("name", "follows"), [("soap", True), ("adam", False)])
def test_soap_follows_a_turned_weight_matrix_and_adam_does_not(engine: Engine, name: str, follows: bool):
    """With A written as uᵀ A' v, A' = u A vᵀ sees the turned gradient: SOAP takes the turned step, up to its ramp."""
    u, v = orthogonal(3), orthogonal(4)
    theta = start()
    turned = theta.copy()
    turned[0, : SIZE**2] = (u @ theta[0, : SIZE**2].reshape(SIZE, SIZE) @ v.T).ravel()
    settings = {n: v for n, v in SETTINGS.items() if name == "soap" or n != "precondition_every"}
    plain = minimised(engine, two_layers(), theta, settings, name, batches=Redrawn())
    other = minimised(engine, two_layers(u, v), turned, settings, name, batches=Redrawn())
    difference = np.abs(other.total - plain.total).max() / plain.total.max()
    assert difference < 1e-6 if follows else difference > 1e-3


def test_the_bases_are_orthogonal_and_diagonalise_the_preconditioners(engine: Engine):
    """Asked at every iteration of a slow run, one power iteration each is enough to follow them."""
    state = minimised(engine, two_layers(), start(), {**SETTINGS, "learning_rate": 1e-4, "precondition_every": 1}).state
    for side in ("left", "right"):
        matrix = state[f"bases.{side}"][0, : SIZE**2].reshape(SIZE, SIZE)
        basis = state[f"bases.{side}_basis"][0, : SIZE**2].reshape(SIZE, SIZE)
        np.testing.assert_allclose(basis.T @ basis, np.eye(SIZE), atol=1e-12)
        diagonal = basis.T @ matrix @ basis
        assert np.abs(diagonal - np.diag(np.diag(diagonal))).max() < 1e-3 * np.diag(diagonal).max()
        assert (np.diag(diagonal)[1:] < np.diag(diagonal)[:-1]).all()


def test_without_blocks_soap_is_adam(engine: Engine):
    settings = {"learning_rate": 0.01, "iterations": 10, "beta1": 0.95, "beta2": 0.95}
    soap, adam = (minimised(engine, two_layers(), start(), settings, name, matrices=()) for name in ("soap", "adam"))
    assert (soap.theta == adam.theta).all()
    assert set(soap.state) == set(adam.state)


# ---- runs ---------------------------------------------------------------------------------------------------------


def test_seeds_go_their_own_ways(engine: Engine):
    theta = np.concatenate([start(), start(2)])
    together = minimised(engine, two_layers(), theta, SETTINGS, batches=Redrawn())
    for i in range(2):
        alone = minimised(engine, two_layers(), theta[i : i + 1], SETTINGS, batches=Redrawn())
        np.testing.assert_allclose(together.theta[i], alone.theta[0], atol=1e-9)


def test_a_run_resumes_bit_for_bit(engine: Engine):
    whole = minimised(engine, two_layers(), start(), SETTINGS)
    for pause in (1, 12):
        half = minimised(engine, two_layers(), start(), {**SETTINGS, "iterations": pause})
        rest = minimised(engine, two_layers(), start(), SETTINGS, state=half.state)
        assert all((rest.state[name] == values).all() for name, values in whole.state.items())


def test_a_refused_gradient_costs_half_the_rate_and_teaches_nothing(engine: Engine):
    rates = {"iterations": 6, "precondition_every": 5}
    before = minimised(engine, two_layers(), start(), {**SETTINGS, **rates, "iterations": 5}, batches=Redrawn(5))
    after = minimised(engine, two_layers(), start(), {**SETTINGS, **rates}, batches=Redrawn(5))
    assert after.rejected[0].tolist() == [False] * 5 + [True]
    for name in ("mean", "square", "bases.left", "bases.right", "bases.left_basis", "bases.right_basis"):
        assert (after.state[name] == before.state[name]).all(), name
    assert after.state["factor"][0] == 0.5
    np.testing.assert_allclose(after.learning_rate[0, -1], 0.5 * SETTINGS["learning_rate"])
    assert not (after.theta == before.theta).all()  # a shorter step from the last good point


def test_bases_begin_with_the_first_gradient_that_is_taken(engine: Engine):
    result = minimised(engine, two_layers(), start(), {**SETTINGS, "iterations": 12}, batches=Redrawn(0))
    assert result.rejected[0].tolist() == [True] + [False] * 11
    assert result.state["accepted"][0] == 11
    assert (result.theta != start()).all()


def test_fixed_entries_stay(engine: Engine):
    free = np.ones(PARAMETERS, bool)
    free[: SIZE**2] = False
    result = minimised(engine, two_layers(), start(), SETTINGS, free=free)
    assert (result.theta[0, : SIZE**2] == start()[0, : SIZE**2]).all()
    assert (result.theta[0, SIZE**2 :] != start()[0, SIZE**2 :]).all()


# ---- blocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [[[0, 4, 4], [10, 4, 4]], [[30, 4, 4]], [[0, 0, 4]]])
def test_blocks_that_do_not_fit_are_refused(engine: Engine, blocks: list[list[int]]):
    with pytest.raises(OptionError, match="doesn't fit"):
        checked_matrices(blocks, PARAMETERS)
    with pytest.raises(OptionError, match="doesn't fit"):
        minimised(engine, two_layers(), start(), SETTINGS, matrices=blocks)


def test_blocks_are_the_free_matrices_of_networks():
    entries = [
        Entry("growth", (), "parameter"),
        Entry("net.weight_0", (3, 2), "network"),
        Entry("net.bias_0", (3,), "network"),
        Entry("net.frozen", (2, 2), "network", free=False),
        Entry("rates", (2, 2), "parameter"),
        Entry("net.weight_1", (1, 3), "network"),
    ]
    assert weight_matrices(Layout(entries)) == ((1, 3, 2), (18, 1, 3))


# ---- on an equation -----------------------------------------------------------------------------------------------


def helmholtz(at: Any, field: Any) -> Any:
    """u_xx + u_yy + u = q, solved by u = sin(πx) sin(2πy)."""
    source = (1 - 5 * np.pi**2) * np.sin(np.pi * at.x) * np.sin(2 * np.pi * at.y)
    return ude.d(field.u, at.x, 2) + ude.d(field.u, at.y, 2) + field.u - source


def test_soap_ends_well_below_adam_on_a_helmholtz_equation(engine: Engine):
    """Measured after 600 iterations at the best rate for both: Adam 13.7, SOAP 3.9 (from seed 1: 16.8 and 5.2)."""
    problem = ude.ResidualProblem(
        {"x": (-1, 1), "y": (-1, 1)},
        {"u": ude.nn.MLP(2, 1, hidden=(16, 16))},
        {"pde": ude.Interior(helmholtz), "walls": ude.Boundary(lambda at, field: field.u, weight=100.0)},
    )
    specification = ude.Residual(points=64)
    objective, theta = specification.build(problem), problem.initial_theta(0)[None]
    matrices = weight_matrices(problem.layout)
    totals = {}
    for name in "adam", "soap":
        settings = {"learning_rate": 1e-2, "iterations": 600}
        drawn = specification.batches(problem, engine.evaluate)
        last = minimised(engine, objective, theta, settings, name, batches=drawn, matrices=matrices)
        totals[name] = last.total[0, -100:].mean()
    assert totals["soap"] < 0.5 * totals["adam"]
