"""Residual problems: parts and their names, values with NumPy, files bit for bit, and bad input named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.engine import get_engine
from unideq.errors import FileFormatError, ModelError, TraceError, UnideqWarning
from unideq.residual import check_first

BOX = {"x": (0.0, 1.0), "y": (0.0, 2.0), "t": (0.0, 1.0)}


def momentum(at: Any, field: Any, p: Any, net: Any) -> Any:
    along = ude.d(field.u, at.t) + field.u * ude.d(field.u, at.x) - p.nu * ude.d(field.u, at.y, 2)
    return {"along": along - net.force(field.q), "both": (field.v, field.u + ude.d(field.q, at.y))}


def full() -> ude.ResidualProblem:
    """All that a problem can have."""
    measured = xr.Dataset({"u": (("x",), [0.1, np.nan, 0.3])}, {"x": [0.0, 0.5, 1.0], "y": 1.0, "t": 0.5})
    angle = np.linspace(0, 6, 12)
    domain = ude.Domain(
        BOX,
        inside=lambda at: np.hypot(at["x"] - 0.5, at["y"] - 1.0) < 0.5,
        boundary={"x": 0.5 + 0.5 * np.cos(angle), "y": 1 + 0.5 * np.sin(angle), "nx": np.cos(angle)},
    )
    return ude.ResidualProblem(
        domain,
        {
            ("psi", "q"): ude.Field(ude.nn.MLP(3, 2, hidden=(4,)), transform=lambda at, raw: (at.t * raw.psi, raw.q)),
            "s": ude.Field(ude.nn.ModifiedMLP(6, 1, hidden=(4, 4)), periodic={"x": 2}, standardise=False),
        },
        {
            "momentum": ude.Interior(momentum, points=40, sampler=ude.samplers.LatinHypercube(redraw=5)),
            "rim": ude.Boundary(lambda at, field: at.nx * field.u, weight=3.0),
            "floor": ude.Boundary(lambda at, field: field.s - field(x=0.25).s, sides={"y": 1.0}),
            "start": ude.Initial(lambda at, field: field.psi + field.s),
            "gauge": ude.PointSet(lambda at, field: field.q, at={"x": [0.5], "y": [1.0], "t": [0.0]}),
            "data": ude.Data(measured),
        },
        parameters={"nu": ude.Parameter(0.1, lower=0.0, upper=1.0, units="m2/s")},
        networks={"force": ude.nn.MLP(1, 1, hidden=(3,))},
        outputs={
            "u": lambda at, field: ude.d(field.psi, at.y),
            "v": lambda at, field, p: -ude.d(field.psi, at.x) + 0.0 * p.nu,
        },
    )


FULL = full()


def test_the_parts_are_named():
    assert FULL.field_names == ("psi", "q", "s")
    assert FULL.output_names == ("u", "v")
    assert list(FULL.terms) == ["momentum", "rim", "floor", "start", "gauge", "data.u"]
    assert list(FULL.networks) == ["psi_q", "s", "force"]
    assert FULL.layout.names[:2] == ("nu", "psi_q.layer_1.weight")
    assert FULL.residuals["gauge"].input_names == ("x", "y", "t", "theta")
    assert FULL.residuals["rim"].input_names == ("x", "y", "t", "nx", "theta")
    assert FULL.residuals["momentum"].outputs["both"].shape == (2,)
    assert repr(FULL).startswith("ResidualProblem(domain=['x', 'y', 't'], fields=['psi', 'q', 's'], terms=['momentum'")


def test_a_description_tells_what_a_problem_is_made_of():
    text = FULL.describe()
    assert "coordinate y from 0 to 2" in text
    assert "psi, q: MLP(3, 2, hidden=(4,)) (26 weights); transformed" in text
    assert "(6, 1, hidden=(4, 4)" in text
    assert "; periodic in x" in text
    assert "parameter  nu = Parameter(0.1, lower=0.0, upper=1.0, units='m2/s')" in text
    assert "data.u: measured, 2 points, weight 1;" in text


def test_values_are_those_of_the_engine_and_have_the_points_shape():
    theta = FULL.initial_theta(4)
    x, y = np.linspace(0, 1, 3)[:, None], np.linspace(0, 2, 4)
    found = FULL({"x": x, "y": y, "t": 0.3}, theta)
    assert list(found) == ["psi", "q", "s", "u", "v"]
    flat = {"x": np.repeat(x.ravel(), 4), "y": np.tile(y, 3), "t": np.full(12, 0.3)}
    known = get_engine("jax").evaluate(FULL.solution, {**flat, "theta": theta}, list(flat))
    for name, values in found.items():
        assert values.shape == (3, 4)
        np.testing.assert_allclose(values.ravel(), known[name], rtol=1e-12, atol=1e-15)


def test_outputs_are_derivatives_of_the_fields():
    h, at = 1e-5, {"x": 0.4, "y": 1.1, "t": 0.6}
    up, down = (FULL({**at, "y": 1.1 + s * h})["psi"] for s in (1, -1))
    assert FULL(at)["u"] == pytest.approx((up - down) / (2 * h), rel=1e-8)
    assert FULL(at)["u"].shape == ()


def test_values_may_be_asked_for_at_named_parameters():
    at = {"x": 0.4, "y": 1.1, "t": 0.6}
    slow, fast = (FULL.residual("momentum", at, {"nu": nu})["momentum.along"] for nu in (0.1, 0.2))
    assert slow != fast
    with pytest.raises(ModelError, match="θ needs shape"):
        FULL(at, np.zeros(3))
    with pytest.raises(ModelError, match=r"no `t`, only `x`, `y`\. Give a dict of x, y, t"):
        FULL({"x": 0.4, "y": 1.1})
    with pytest.raises(ModelError, match="don't broadcast"):
        FULL({"x": [0.4, 0.5], "y": [1.1, 1.2, 1.3], "t": 0})


def test_many_points_are_evaluated_as_few_are():
    rng = np.random.default_rng(0)
    at = {n: low + (high - low) * rng.random(2500) for n, (low, high) in BOX.items()}
    last = {n: v[-1] for n, v in at.items()}
    assert FULL(at)["s"][-1] == pytest.approx(FULL(last)["s"], rel=1e-13)
    assert FULL({n: np.empty(0) for n in BOX})["s"].shape == (0,)


def test_values_elsewhere_are_those_at_the_other_place():
    at = {"x": 0.4, "y": 1.1, "t": 0.6}
    known = FULL(at)["s"] - FULL({**at, "x": 0.25})["s"]
    assert FULL.residual("floor", at)["floor"] == pytest.approx(known, rel=1e-12)


# ---- files ----------------------------------------------------------------------------------------------------------


def test_a_problem_comes_back_from_json_bit_for_bit(tmp_path: Any):
    FULL.save(tmp_path / "problem.json")
    again = ude.ResidualProblem.load(tmp_path / "problem.json")
    text = json.dumps(FULL.to_json(), allow_nan=False)
    assert json.dumps(again.to_json(), allow_nan=False) == text
    objective = ude.Residual(points=16)
    for name in FULL.terms:
        for iteration in (0, 7):
            ours, theirs = (objective.draw(p, name, iteration) for p in (FULL, again))
            for column, values in ours.items():
                np.testing.assert_array_equal(theirs[column], values)
    np.testing.assert_array_equal(again.initial_theta(3), FULL.initial_theta(3))
    at = {"x": 0.4, "y": 1.1, "t": 0.6}
    assert again(at) == FULL(at)
    assert again.describe() == FULL.describe()
    ours, theirs = (objective.build(p) for p in (FULL, again))
    assert ours.weights == theirs.weights
    assert (
        get_engine("jax").value(ours, FULL.initial_theta()).total
        == get_engine("jax").value(theirs, FULL.initial_theta()).total
    )


def test_functions_are_not_kept_and_that_is_said():
    again = ude.ResidualProblem.from_json(FULL.to_json())
    with pytest.raises(ModelError, match="keeps its traced residual"):
        again.terms["rim"].function()
    with pytest.raises(ModelError, match="keeps the traced solution"):
        again.fields["psi", "q"].transform()  # type: ignore[misc]


def test_a_shape_that_cannot_be_traced_is_asked_for_again():
    def inside(at: Any) -> Any:
        return np.array([x > 0.5 for x in np.asarray(at["x"], dtype=float)])

    made = ude.ResidualProblem(
        ude.Domain({"x": (0, 1)}, inside), {"u": ude.nn.MLP(1, 1)}, {"pde": ude.Interior(lambda at, field: field.u)}
    )
    again = ude.ResidualProblem.from_json(json.loads(json.dumps(made.to_json())))
    with pytest.raises(ModelError, match="Set it again before points are drawn"):
        ude.Residual().draw(again, "pde", 0)
    again.domain.inside = inside
    np.testing.assert_array_equal(ude.Residual().draw(again, "pde", 0)["x"], ude.Residual().draw(made, "pde", 0)["x"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "ODE"}, "doesn't describe a `ResidualProblem`"),
        ({"domain": {}}, "damaged"),
        ({"terms": {"pde": {"kind": "outside"}}}, "Unknown term `outside`"),
    ],
)
def test_damaged_descriptions_are_refused(change: dict[str, Any], message: str):
    with pytest.raises(FileFormatError, match=message):
        ude.ResidualProblem.from_json({**FULL.to_json(), **change})


# ---- bad input ------------------------------------------------------------------------------------------------------

MLP = ude.nn.MLP(1, 1, hidden=(3,))
PDE = {"pde": ude.Interior(lambda at, field: ude.d(field.u, at.x) - 1)}


def made(terms: Any = PDE, fields: Any = None, domain: Any = None, **more: Any) -> ude.ResidualProblem:
    return ude.ResidualProblem(domain or {"x": (0, 1)}, {"u": MLP} if fields is None else fields, terms, **more)


def interior(function: Any) -> dict[str, Any]:
    return {"pde": ude.Interior(function)}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: made({}), "needs terms"),
        (lambda: made(None), "needs terms"),
        (lambda: made([PDE["pde"]]), "`terms` needs a dict"),
        (lambda: made({"pde": lambda at, field: field.u}), r"Term `pde` needs e.g. `unideq.Interior\(function\)`"),
        (lambda: made(fields={}), "needs fields"),
        (lambda: made(fields={"x": MLP}), "`x` names a coordinate and a field"),
        (lambda: made(fields={"u": MLP, ("u", "v"): ude.nn.MLP(1, 2)}), "Two networks have a field `u`"),
        (lambda: made(fields={("u", "u"): ude.nn.MLP(1, 2)}), "names of their own"),
        (lambda: made(fields={"seed": MLP}), "taken"),
        (lambda: made(fields={"u": ude.nn.MLP}), "not MLP itself"),
        (lambda: made(parameters={"u": 1.0}), "`u` names a parameter and a field"),
        (lambda: made(networks={"force": 3}), "Network `force` needs"),
        (lambda: made(interior(lambda at, field: field.v)), "Unknown field `v`"),
        (lambda: made(interior(lambda at, field: at.y * field.u)), "Unknown coordinate `y`"),
        (lambda: made(interior(lambda at, field, p: p.k * field.u)), "Unknown parameter `k`"),
        (lambda: made(interior(lambda at, field, p, net: net.f(field.u))), "Unknown network `f`"),
        (lambda: made(interior(lambda at: np.sin(at.x))), "`pde` doesn't depend on anything unknown"),
        (lambda: made(interior(lambda at, field: {"a": field.u, "b": at.x})), r"`pde.b` doesn't depend on anything"),
        (lambda: made(interior(lambda at, field: 1.0)), "`pde` doesn't depend on anything unknown"),
        (lambda: made(interior(lambda at, field: None)), "residual `pde` is None"),
        (lambda: made(interior(lambda at, field: ())), "`pde` returned nothing"),
        (lambda: made(interior(lambda at, field: {})), "`pde` returned an empty dict"),
        (lambda: made(interior(lambda at, field: np.ones((2, 2)) * field.u)), r"has shape \(2, 2\) at one point"),
        (lambda: made(interior(lambda a, b, c, d, e: a)), "wants 5 arguments"),
        (lambda: made(outputs={"w": lambda at, field: np.stack([field.u] * 2)}), r"output `w` has shape \(2,\)"),
        (lambda: made(outputs={"u": lambda at, field: field.u}), "`u` names a field and a output"),
    ],
)
def test_parts_that_do_not_fit_are_named(make: Any, message: str):
    with pytest.raises(ModelError, match=message):
        make()


def test_a_fixed_parameter_alone_is_nothing_to_learn():
    with pytest.raises(ModelError, match="doesn't depend on anything unknown"):
        made(interior(lambda at, field, p: p.k * at.x), parameters={"k": ude.Parameter(1.0, free=False)})


def test_python_branches_on_fields_are_refused_where_they_stand():
    with pytest.raises(TraceError, match=r"test_problem\.py:\d+"):
        made(interior(lambda at, field: field.u if field.u > 0 else -field.u))


def test_what_no_term_reads_is_warned_of():
    with pytest.warns(UnideqWarning, match="Parameter `k` isn't used by any term"):
        made(parameters={"k": 1.0})
    with pytest.warns(UnideqWarning, match="No term reads field `v`"):
        made(fields={"u": MLP, "v": MLP})


@pytest.mark.parametrize("engine", [None, "jax"])
def test_a_residual_that_is_not_finite_at_the_first_step_is_named_with_its_point(engine: str | None):
    def root(at: Any, field: Any) -> Any:
        return {"fine": field.u, "broken": (field.u, np.sqrt(at.x - 0.5) + 0.0 * field.u)}

    problem = made({**PDE, "root": ude.Interior(root, points=50)})
    objective = ude.Residual().build(problem)
    evaluate = None if engine is None else get_engine(engine).evaluate
    x = dict(objective.sources[1].data)["x"]
    first, count = x[x < 0.5][0], (x < 0.5).sum()
    message = rf"`root\.broken` is nan at x = {first:.6g}, and so at {count} of the first 50 points"
    with pytest.raises(ModelError, match=message):
        check_first(problem, objective, problem.initial_theta(0), evaluate)
    whole = made(interior(lambda at, field: field.u))
    check_first(whole, ude.Residual().build(whole), np.stack([whole.initial_theta(s) for s in (0, 1)]), evaluate)


def test_a_term_of_parameters_alone_is_a_term():
    problem = made({**PDE, "prior": ude.Interior(lambda at, field, p: p.k - 2.0, points=4)}, parameters={"k": 1.5})
    value = get_engine("jax").value(ude.Residual().build(problem), problem.initial_theta(0))
    assert value.terms["prior"] == pytest.approx(0.25, rel=1e-14)


def test_errors_inside_a_term_say_which_term():
    def wrong(at, field):
        return ude.d(field.u, field.u)

    with pytest.raises(ude.TraceError, match="In term `pde`: `d` differentiates in coordinates"):
        ude.ResidualProblem({"x": (0, 1)}, {"u": ude.nn.MLP(1, 1)}, {"pde": ude.Interior(wrong)})
