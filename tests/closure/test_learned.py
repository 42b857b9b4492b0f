"""`Learned`: what its forms conserve and how they turn, to rounding; normalisation; and what can't be closed."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import unideq as ude
from unideq.closure.symmetry import odd_fields, turns_of
from unideq.graph import vjp

Learned, CNN = ude.closures.Learned, ude.nn.CNN
WAVES = ude.problems.Burgers(points=16).model()
FLOW = ude.problems.KolmogorovFlow(points=12, forcing=2).model()
RNG = np.random.default_rng(3)
U, OMEGA = RNG.standard_normal(16) + 0.4, RNG.standard_normal((12, 12))


def of(model, outputs=1, inputs=None, **settings):
    """A closure with random weights, biases included, and its term as a function of the field."""
    dims = len(model.grid.shape)
    network = CNN(inputs or dims, outputs, channels=(3,), kernel=3, dimensions=dims)
    closed = model.closed(Learned(network, **settings))
    theta = 0.7 * np.random.default_rng(5).standard_normal(closed.layout.size)
    name = model.fields[0]

    def term(field):
        found = closed.observation.evaluate({"t": 0.0, "u": np.ravel(field), "theta": theta, "c": np.array([100.0])})
        return found[f"{name}_subgrid"]

    return term


@pytest.mark.parametrize(
    ("model", "field", "form"),
    [
        (WAVES, U, {"form": "plain"}),
        (WAVES, U, {"form": "flux"}),
        (WAVES, U, {"form": "skew"}),
        (WAVES, U, {"form": "skew", "dissipation": True, "outputs": 2}),
        (FLOW, OMEGA, {"form": "plain"}),
        (FLOW, OMEGA, {"form": "flux", "outputs": 2}),
        (FLOW, OMEGA, {"form": "skew", "outputs": 3}),
        (FLOW, OMEGA, {"form": "skew", "dissipation": True, "outputs": 4}),
    ],
)
@pytest.mark.parametrize("equivariant", [False, True])
def test_forms_conserve_and_turn_to_rounding(model, field, form, equivariant):
    term = of(model, equivariant=equivariant, **form)
    found = term(field)
    size = float(np.abs(found).max())
    assert size > 1e-3
    transfer, mean = float(np.sum(field * found)), float(np.mean(found))
    rounding = 1e-13 * size * field.size
    assert (abs(mean) < rounding) == (form["form"] != "plain")
    if form.get("dissipation"):
        assert transfer < -1e-3 * size
    else:
        assert (abs(transfer) < rounding) == (form["form"] == "skew")
    for turn in turns_of(model.grid, "a test")[1:]:
        sign = -1.0 if turn.mirrors else 1.0  # of vorticity, and of the velocity along a line
        apart = np.abs(term(sign * turn.of(field)) - sign * turn.of(found)).max()
        assert apart < 1e-13 * size or not equivariant
        assert apart > 1e-3 * size or equivariant


@settings(max_examples=12, deadline=None)
@given(
    points=st.lists(st.integers(5, 9), min_size=1, max_size=2),
    square=st.booleans(),
    form=st.sampled_from(["flux", "skew"]),
    dissipation=st.booleans(),
    fourier=st.booleans(),
    seed=st.integers(0, 99),
)
def test_on_any_grid_closures_conserve_and_turn(points, square, form, dissipation, fourier, seed):
    shape = [points[0]] * len(points) if square else points
    scheme = ude.schemes.Fourier() if fourier else ude.schemes.Central(2)
    grid = ude.Grid(*(ude.Axis(n, 0.0, 1.0, k) for n, k in zip("xy", shape, strict=False)), scheme=scheme)
    dims, lossy = len(shape), dissipation and form == "skew"
    outputs = dims if form == "flux" else (1, 3)[dims - 1] + lossy
    network = CNN(1, outputs, (2,), 3, dims)
    closure = Learned(network, form=form, dissipation=lossy, equivariant=True, odd=("c",) * (seed % 2))
    model = ude.PDE(lambda t, s: -s.c, grid, ["c"]).closed(closure)
    rng = np.random.default_rng(seed)
    theta, field, sign = rng.standard_normal(model.layout.size), rng.standard_normal(shape), -1.0 if seed % 2 else 1.0

    def term(values):
        return model.observation.evaluate({"t": 0.0, "u": values.ravel(), "theta": theta})["c_subgrid"]

    found = term(field)
    rounding = 1e-12 * float(np.abs(found).max()) * field.size
    assert abs(found.sum()) <= rounding
    transfer = float(np.sum(field * found))
    assert form == "flux" or (transfer <= rounding and (lossy or transfer >= -rounding))
    for turn in turns_of(grid, "a test"):
        s = sign if turn.mirrors else 1.0
        np.testing.assert_allclose(term(s * turn.of(field)), s * turn.of(found), atol=rounding)


def test_turns_are_a_group_and_undo_themselves():
    square, oblong = FLOW.grid, ude.Grid(ude.Axis("x", 0.0, 1.0, 4), ude.Axis("y", 0.0, 1.0, 6))
    turns = turns_of(square, "a test")
    assert [len(turns_of(g, "a test")) for g in (square, oblong, WAVES.grid)] == [8, 4, 2]
    assert sum(t.mirrors for t in turns) == 4
    images = {t.of(OMEGA).tobytes() for t in turns}
    assert len(images) == 8
    for one in turns:
        np.testing.assert_array_equal(one.back(one.of(OMEGA)), OMEGA)
        assert {t.of(one.of(OMEGA)).tobytes() for t in turns} == images


def test_equations_say_what_changes_its_sign_in_a_mirror():
    grid = WAVES.grid
    assert odd_fields(WAVES, None, "") == {"u"} and odd_fields(FLOW, None, "") == {"vorticity"}
    logistic = ude.PDE(lambda t, s: s.rho * (1 - s.rho), grid, ["rho"])
    assert odd_fields(logistic, None, "") == set()
    mixed = ude.PDE(lambda t, s: {"u": -s.u * grid.d(s.u), "c": -s.u * grid.d(s.c)}, grid, ["u", "c"])
    assert odd_fields(mixed, None, "") == {"u"}
    assert odd_fields(mixed, ["c"], "") == {"c"}
    closed = FLOW.closed(Learned(CNN(2, 1, (2,), 3, 2)))  # what is learned isn't asked
    assert odd_fields(closed, None, "") == {"vorticity"}
    wind = ude.problems.Burgers(points=16, mean=2.0, advection=ude.schemes.Backward(1)).model()
    with pytest.raises(ude.ModelError, match="one-sided"):
        odd_fields(wind, None, "A test")


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e8])
def test_constant_snapshots_give_finite_terms_and_gradients(constant):
    closed = WAVES.closed(Learned(CNN(1, 1, channels=(3,), kernel=3), form="skew"))
    graph = vjp(closed.observation, ["u", "theta"])
    theta = closed.initial_theta()
    given = {"t": 0.0, "u": np.full(16, constant), "theta": theta, "c": np.zeros(0)}
    cotangents = {f"cotangent.{n}": np.ones(16) for n in ("u", "u_subgrid")}
    found = graph.evaluate({n: v for n, v in {**given, **cotangents}.items() if n in graph.input_names})
    assert all(np.isfinite(v).all() for v in found.values())


def test_a_snapshots_size_doesnt_matter_and_stored_sizes_do():
    term = of(WAVES)
    np.testing.assert_allclose(term(U), term(7.0 * U), rtol=1e-12)
    stored = of(WAVES, normalisation="stored", input_scale=2.0, output_scale=3.0)
    raw = of(WAVES, normalisation="stored", input_scale=1.0)
    np.testing.assert_allclose(stored(U), 3.0 * raw(0.5 * U), rtol=1e-12)


def test_sizes_come_from_data():
    fine = ude.problems.KolmogorovFlow(points=24, forcing=2)
    coarse = replace(fine, points=12).model()
    data = ude.coarsen(fine.data(steps=4, every=2), coarse)
    closure = Learned(CNN(2, 1, (2,), 3, 2), normalisation="stored").scaled(coarse, data)
    assert closure.output_scale == pytest.approx((float(data.vorticity_subgrid.std()),))
    d = coarse.grid.symbols
    psi = coarse.grid.fourier(data.vorticity.values, -1.0 / (d.x**2 + d.y**2))
    assert closure.input_scale == pytest.approx((float(data.vorticity.std()), psi.std()))
    assert Learned(CNN(2, 1, (2,), 3, 2)).scaled(coarse, data.transpose("y", "x", ...)).input_scale is None
    with pytest.raises(ude.DataError, match="vorticity_subgrid"):
        closure.scaled(coarse, data.drop_vars("vorticity_subgrid"))
    with pytest.raises(ude.DataError, match="doesn't vary"):
        closure.scaled(coarse, data.assign(vorticity_subgrid=0.0 * data.vorticity_subgrid))
    with pytest.raises(ude.DataError, match="NaN"):
        closure.scaled(coarse, data.where(data.x > 1))
    with pytest.raises(ude.DataError, match=r"\(24, 24\) points"):
        closure.scaled(coarse, fine.data(steps=1).assign(vorticity_subgrid=lambda d: d.vorticity))


def test_inputs_may_be_a_function_and_networks_of_points_see_patches():
    grid = WAVES.grid
    closure = Learned(ude.nn.MLP(3, 1, hidden=(4,)), inputs=lambda state: grid.patch(state.u, 1), equivariant=True)
    model = WAVES.closed(closure)
    found = model.observation.evaluate({"t": 0.0, "u": U, "theta": model.initial_theta()})["u_subgrid"]
    turned = model.observation.evaluate({"t": 0.0, "u": -U[::-1], "theta": model.initial_theta()})["u_subgrid"]
    np.testing.assert_allclose(turned, -found[::-1], atol=1e-15)
    assert "closure(" in str(model.equations())


def test_settings_are_written_and_read():
    from unideq.stored import from_json

    closure = Learned(CNN(1, 2), form="skew", dissipation=True, equivariant=True, odd=("u",))
    assert from_json(ude.closures.Closure, closure.to_json()) == closure


@pytest.mark.parametrize(("model", "field"), [(WAVES, U), (FLOW, OMEGA)])
@pytest.mark.parametrize("more", [{}, {"form": "flux"}, {"equivariant": True}])
def test_quadratic_terms_grow_with_the_square_of_the_flow(model, field, more):
    outputs = len(model.grid.shape) if more else 1
    term = of(model, 1 if "equivariant" in more else outputs, quadratic=True, **more)
    plain = of(model, 1 if "equivariant" in more else outputs, **more)
    np.testing.assert_allclose(term(3.0 * field), 9.0 * term(field), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(plain(3.0 * field), plain(field), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(term(field), np.var(field) * plain(field), rtol=1e-12, atol=1e-13)
    assert (term(np.full(field.shape, 2.0)) == 0.0).all()


def test_quadratic_terms_are_scaled_by_the_size_of_the_flow():
    fields = np.stack([U, 2.0 * U])
    data = xr.Dataset({"u": (("time", "x"), fields), "u_subgrid": (("time", "x"), 0.3 * fields * np.abs(fields))})
    found = Learned(CNN(1, 1), quadratic=True).scaled(WAVES, data).output_scale[0]
    expected = np.std(0.3 * fields * np.abs(fields)) / np.sqrt(np.mean(np.var(fields, axis=1) ** 2))
    assert found == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ude.DataError, match="doesn't vary within the snapshots"):
        Learned(CNN(1, 1), quadratic=True).scaled(WAVES, data.assign(u=data.u * 0 + data.time + 1.0))


def test_what_a_flow_needs_is_told():
    with pytest.raises(ude.ModelError, match="vorticity, stream function"):
        FLOW.closed(Learned(CNN(1, 1, dimensions=2)))
    with pytest.raises(ude.ModelError, match="needs 2: a flux an axis for each of vorticity"):
        FLOW.closed(Learned(CNN(2, 1, dimensions=2), form="flux"))


def test_walls():
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 16, boundary=ude.Dirichlet(0.0)))
    model = ude.PDE(lambda t, s: grid.laplacian(s.u), grid, ["u"])
    for more in ({"form": "flux"}, {"form": "skew"}, {"equivariant": True}):
        with pytest.raises(ude.OptionError, match="axis `x` has boundary"):
            model.closed(Learned(CNN(1, 1, boundary="edge"), **more))
    assert model.closed(Learned(CNN(1, 1, boundary="edge"))).observables["u_subgrid"] == (16,)
    with pytest.warns(ude.UnideqWarning, match="walls"):
        WAVES.closed(Learned(CNN(1, 1, boundary="zero")))
