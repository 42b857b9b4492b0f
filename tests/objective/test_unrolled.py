"""Unrolled objectives: their derivatives by hand and by differences, their terms, their options."""

import numpy as np
import pytest

import unideq as ude
from unideq.errors import DataError, ModelError, OptionError, UnideqError
from unideq.objective import Objective, Observations
from unideq.stored import from_json

from .stepping import GRID, advection, growth, made, series, spiral, spiral_data, waves

DATA = series([1.0, 1.4, 2.5, 3.0])
PLAIN = ude.SquaredError(scale={"u": 1.0})
G = 1.7  # 1 + rate


def derivative(objective, data=DATA, rate=G - 1.0):
    """(value, d value / d rate) of a growth model on data."""
    problem = made(growth(), data, loss=PLAIN)
    engine = ude.get_engine()
    theta = problem.layout.pack({"rate": rate})[None]
    found = engine.value_and_gradient(objective.build(problem), theta)
    return float(found.total[0]), float(found.gradient[0, 0])  # rate's scale is 1


def by_differences(program, theta, step=1e-6):
    engine = ude.get_engine()
    result = np.empty_like(theta)
    for k in range(len(theta)):
        ends = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[k] += sign * step
            ends.append(float(engine.value(program, moved[None]).total[0]))
        result[k] = (ends[0] - ends[1]) / (2 * step)
    return result


TWO = DATA.isel(time=slice(0, 3))  # one window of two steps: 1 → 1.4 → 2.5


def test_the_full_gradient_goes_through_all_steps():
    value, slope = derivative(ude.Unrolled(2, "full"), TWO)
    assert value == pytest.approx(((G - 1.4) ** 2 + (G**2 - 2.5) ** 2) / 2, rel=1e-12)
    assert slope == pytest.approx((G - 1.4) + (G**2 - 2.5) * 2 * G, rel=1e-12)


def test_without_temporal_gradient_the_value_is_the_same_and_each_state_is_given():
    value, slope = derivative(ude.Unrolled(2, "none"), TWO)
    assert value == pytest.approx(derivative(ude.Unrolled(2, "full"), TWO)[0], rel=1e-12)
    assert slope == pytest.approx((G - 1.4) + (G**2 - 2.5) * G, rel=1e-12)


def test_one_step_starts_every_step_from_the_truth():
    value, slope = derivative(ude.Unrolled(2, "one_step"), TWO)
    assert value == pytest.approx(((G - 1.4) ** 2 + (1.4 * G - 2.5) ** 2) / 2, rel=1e-12)
    assert slope == pytest.approx((G - 1.4) + (1.4 * G - 2.5) * 1.4, rel=1e-12)


def test_warm_up_steps_carry_neither_loss_nor_gradient():
    value, slope = derivative(ude.Unrolled(2, "full", warmup=1))
    assert value == pytest.approx(((G**2 - 2.5) ** 2 + (G**3 - 3.0) ** 2) / 2, rel=1e-12)
    # The state after the warm-up is G, taken as given; from there on u = G·g and G·g².
    assert slope == pytest.approx((G**2 - 2.5) * G + (G**3 - 3.0) * 2 * G * G, rel=1e-12)


def test_one_step_of_one_is_the_same_however_the_gradient_goes():
    found = [derivative(ude.Unrolled(1, gradient)) for gradient in ("full", "none", "one_step")]
    assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert found[2] == pytest.approx(found[0], rel=1e-12)


def test_checkpointing_changes_nothing_but_memory():
    kept, again = (derivative(ude.Unrolled(3, checkpoint=c)) for c in (False, True))
    assert kept == pytest.approx(again, rel=1e-13)


@pytest.mark.parametrize("gradient", ["full", "one_step"])
def test_gradients_agree_with_finite_differences(gradient):
    problem = made(spiral(), spiral_data(8), regularise=None)
    program = ude.Unrolled(3, gradient).build(problem)
    theta = problem.initial_theta(0)
    found = ude.get_engine().value_and_gradient(program, theta[None])
    assert found.gradient[0] == pytest.approx(by_differences(program, theta), rel=1e-6)


def test_gradients_of_a_network_in_a_field_agree_with_finite_differences():
    net = {"closure": ude.nn.MLP(1, 1, (3,))}
    pde = ude.PDE(lambda t, s, p, net: -GRID.d(s.u) + 0.1 * net.closure(s.u), GRID, ["u"], networks=net)
    stepper = ude.Stepper(pde, 0.05)
    problem = made(stepper, advection(1.2).rollout({"u": waves()}, 4), regularise=1e-2)
    program = ude.Unrolled(3).build(problem)
    theta = problem.initial_theta(1)
    found = ude.get_engine().value_and_gradient(program, theta[None])
    assert set(found.terms) == {"u", "regularisation"}
    assert found.gradient[0] == pytest.approx(by_differences(program, theta), rel=1e-5, abs=1e-9)


def test_the_truth_has_no_loss_and_each_field_has_its_term():
    problem = made(spiral(), spiral_data(10))
    theta = problem.layout.pack({"a": 0.3, "b": 1.0})[None]
    found = ude.get_engine().value(ude.Unrolled(4).build(problem), theta)
    assert set(found.terms) == {"x", "y"}
    assert float(found.total[0]) < 1e-28


def test_weights_and_scales_of_the_loss_act():
    weighted = ude.SquaredError(scale={"x": 2.0, "y": 1.0}, weights={"y": 3.0})
    plain = ude.SquaredError(scale={"x": 1.0, "y": 1.0})
    totals = []
    for loss in (weighted, plain):
        problem = made(spiral(), spiral_data(6), loss=loss)
        found = ude.get_engine().value(ude.Unrolled(2).build(problem), problem.initial_theta(0)[None])
        totals.append((float(found.total[0]), {n: float(v[0]) for n, v in found.terms.items()}))
    (total, _), (_, terms) = totals
    assert total == pytest.approx(terms["x"] / 4 + 3 * terms["y"], rel=1e-12)


def test_penalties_are_averaged_over_the_states_visited():
    cost = ude.Cost(lambda t, s, p: s.u**2 + t, weight=2.0)
    problem = made(growth(), TWO, loss=PLAIN, cost={"size": cost})
    theta = problem.layout.pack({"rate": G - 1.0})[None]
    found = ude.get_engine().value(ude.Unrolled(2).build(problem), theta)
    assert float(found.terms["size"][0]) == pytest.approx((G**2 + 1 + G**4 + 2) / 2, rel=1e-12)


def test_a_likelihood_estimates_the_noise_of_rollouts():
    problem = made(spiral(), spiral_data(8), loss="gaussian")
    program = ude.Unrolled(2).build(problem)
    theta = problem.initial_theta(0)
    found = ude.get_engine().value_and_gradient(program, theta[None])
    assert "noise.x" in problem.layout
    assert found.gradient[0] == pytest.approx(by_differences(program, theta), rel=1e-5)


def test_missing_values_of_an_observable_that_is_no_state_are_left_out():
    ode = ude.ODE(
        lambda t, s, p: {"u": p.rate * s.u}, ["u"], {"rate": 0.7}, observe=lambda t, s: {"u": s.u, "v": 2 * s.u}
    )
    stepper = ude.Stepper(ode, 1.0, "euler")
    data = TWO.assign(v=("time", [2.0, np.nan, 5.0]))
    problem = made(stepper, data, loss=ude.SquaredError(scale={"u": 1.0, "v": 1.0}))
    found = ude.get_engine().value(ude.Unrolled(2).build(problem), problem.initial_theta(0)[None])
    assert float(found.terms["v"][0]) == pytest.approx((2 * G**2 - 5.0) ** 2, rel=1e-12)


def test_a_mini_batch_is_a_selection_of_all_windows():
    problem = made(spiral(), spiral_data(20))
    engine, objective = ude.get_engine(), ude.Unrolled(4, batch=7)
    batches = objective.batches(problem, engine.evaluate)
    everything = ude.Unrolled(4).build(problem).sources
    known = {row.tobytes() for row in everything[0].data["start"]}
    seen = set()
    for i in range(8):  # 51 windows, and 56 places
        starts, targets = batches(i)
        assert targets["x"].shape == (7, 4)
        seen |= {row.tobytes() for row in starts["start"]}
    assert seen == known
    again = objective.batches(problem, engine.evaluate)(5)
    assert (again[0]["start"] == batches(5)[0]["start"]).all()
    other_stage = objective.batches(problem, engine.evaluate, salt=1)(5)
    assert (other_stage[0]["start"] != batches(5)[0]["start"]).any()


def test_targets_of_a_window_follow_its_start():
    problem = made(growth(), DATA)
    starts, targets = ude.Unrolled(2).build(problem).sources
    assert starts.data["start"].ravel().tolist() != []
    rows = {float(s): t.tolist() for s, t in zip(starts.data["start"][:, 0], targets.data["u"], strict=True)}
    assert rows == {1.0: [1.4, 2.5], 1.4: [2.5, 3.0]}
    starts, targets = ude.Unrolled(2, "one_step").build(problem).sources
    pairs = sorted(zip(starts.data["start"][:, 0].tolist(), targets.data["u"][:, 0].tolist(), strict=True))
    assert pairs == [(1.0, 1.4), (1.4, 2.5), (1.4, 2.5), (2.5, 3.0)]
    assert sorted(starts.data["t"].tolist()) == [0.0, 1.0, 1.0, 2.0]


def test_a_trajectory_of_a_stepper_is_one_rollout_through_all_its_snapshots():
    problem = made(spiral(), spiral_data(9, 2))
    program = ude.Trajectory().build(problem)
    assert program.sources[0].steps == 9
    theta = problem.layout.pack({"a": 0.3, "b": 1.0})[None]
    assert float(ude.get_engine().value(program, theta).total[0]) < 1e-28
    some = spiral_data(9, 2).isel(time=[0, 3, 6])
    sparse = ude.Trajectory().build(made(spiral(), some)).sources[0]
    assert (sparse.steps, sparse.every) == (6, 3)


def test_a_trajectory_of_a_stepper_may_lack_measurements():
    data = spiral_data(9, 1).copy(deep=True)
    data["x"].values[0, 4] = np.nan
    problem = made(spiral(), data)
    theta = problem.layout.pack({"a": 0.3, "b": 1.0})[None]
    found = ude.get_engine().value_and_gradient(ude.Trajectory().build(problem), theta)
    assert float(found.total[0]) < 1e-28
    assert np.isfinite(found.gradient).all()


def test_settings_survive_json_and_a_curriculum_unfolds():
    given = ude.Unrolled(curriculum=[(1, 20, 1e-2), (4, 10, 1e-3)], batch=8, gradient="none", warmup=1, stride=2)
    assert from_json(Objective, given.to_json()) == given
    assert [(o.steps, n, rate, o.batch, o.curriculum) for o, n, rate in given.stages()] == [
        (1, 20, 1e-2, 8, None),
        (4, 10, 1e-3, 8, None),
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "`steps` as a whole number >= 1"),
        ({"steps": 2.5}, "`steps` as a whole number >= 1"),
        ({"gradient": "some"}, "full"),
        ({"coupling": "serial"}, "sequential"),
        ({"warmup": -1}, "`warmup` as a whole number >= 0, not -1"),
        ({"batch": 0}, "`batch` as a whole number >= 1 or None, not 0"),
        ({"warmup": 1, "gradient": "one_step"}, "there is no `warmup`"),
        ({"curriculum": [(1, 2)]}, "triples"),
        ({"curriculum": []}, "triples"),
        ({"curriculum": [(1, 10, -1e-3)]}, "learning rate > 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(OptionError, match=words):
        ude.Unrolled(**settings)


def test_a_model_that_does_not_step_is_sent_elsewhere():
    ode = ude.ODE(lambda t, s, p: {"u": p.rate * s.u}, ["u"], {"rate": 1.0})
    problem_data = Observations.of(DATA, ode)
    assert not problem_data.stepped
    with pytest.raises(ModelError, match=r"continuous in time.*Stepper"):
        ude.fit(ode, DATA, objective=ude.Unrolled(), progress=False)


@pytest.mark.parametrize("objective", [ude.MultipleShooting(2), ude.Collocation()])
def test_objectives_of_continuous_models_refuse_steppers(objective):
    with pytest.raises(UnideqError, match=r"Stepper|stepper"):
        ude.fit(growth(), DATA, objective=objective, progress=False)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"objective": ude.Unrolled(curriculum=[(1, 5, 1e-3)]), "phases": ude.Adam(1e-3, 5)}, "makes the phases"),
        ({"objective": ude.Unrolled(batch=2), "phases": ude.BFGS(5)}, "`BFGS` compares values"),
        ({"objective": ude.Unrolled(coupling="sequential")}, "has none"),
        ({"solver": ude.RK4(dt=0.1)}, "a stepper has its scheme"),
    ],
)
def test_calls_that_contradict_themselves_are_refused(settings, words):
    with pytest.raises(UnideqError, match=words):
        ude.fit(growth(), DATA, progress=False, **settings)


def test_a_single_snapshot_is_no_trajectory():
    with pytest.raises(DataError, match="two snapshots"):
        ude.Trajectory().build(made(growth(), series([1.0])))
