"""Koopman models: known eigenvalues found again, on both engines; forecasts, files, pictures, refusals."""

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.result.info import describe_file
from unideq.training.kind import kind_of

DT, MU, LAMBDA = 0.1, -0.05, -1.0
"""x' = μ x, y' = λ (y − x²): eigenfunctions x and y − λ x² / (λ − 2μ), eigenvalues μ and λ."""
BEND = LAMBDA / (LAMBDA - 2 * MU)


def exact(x, y, t):
    return x * np.exp(MU * t), (y - BEND * x**2) * np.exp(LAMBDA * t) + BEND * (x * np.exp(MU * t)) ** 2


def snapshots(count=24, steps=9, seed=0):
    x, y = np.random.default_rng(seed).uniform(-0.5, 0.5, (2, count, 1))
    t = DT * np.arange(steps)
    a, b = exact(x, y, t)
    return xr.Dataset({"x": (("trajectory", "time"), a), "y": (("trajectory", "time"), b)}, {"time": t})


def slow(**settings):
    networks = {
        "encoder": ude.nn.MLP(2, 2, (12,), input_scale=0.3),
        "decoder": ude.nn.MLP(2, 2, (12,), output_scale=0.3),
    }
    return ude.Koopman(["x", "y"], DT, **networks, **{"pairs": 0, **settings})


PHASES = (ude.Adam(1e-2, 200), ude.BFGS(700, update="self_scaled_broyden"))


@pytest.fixture(scope="module")
def fit():
    objective = ude.Linearity(8, stride=8)
    return ude.fit(slow(), snapshots(), objective=objective, phases=PHASES, progress=False, engine="jax")


# ---- what is found ------------------------------------------------------------------------------------------------


def test_eigenvalues_of_a_slow_manifold_are_found(fit):
    spectrum = fit.tree["spectrum"].to_dataset().isel(seed=0)
    np.testing.assert_allclose(np.sort(spectrum["growth"]), [LAMBDA, MU], rtol=0.01)
    np.testing.assert_array_equal(spectrum["frequency"], 0.0)
    np.testing.assert_allclose(np.sort(spectrum["multiplier_real"]), np.exp([LAMBDA * DT, MU * DT]), rtol=1e-3)


def test_eigenfunctions_are_the_straight_and_the_bent_coordinate(fit):
    test = snapshots(seed=1)
    found = fit.model.eigenfunctions(test[["x", "y"]])["real"]
    order = np.argsort(fit.model.spectrum()["growth"].values)
    truth = np.stack([test.y - BEND * test.x**2, test.x], axis=-1)
    for k in (0, 1):
        own, its = found.values[..., order[k]].ravel(), truth[..., k].ravel()
        slope, shift = np.polyfit(its, own, 1)
        assert np.abs(own - slope * its - shift).max() < 0.02 * np.ptp(own)


def test_forecasts_go_far_beyond_the_windows(fit):
    start, times = {"x": 0.4, "y": -0.3}, DT * np.arange(60)
    forecast = fit.predict(time=times, initial=start)
    x, y = exact(0.4, -0.3, times)
    np.testing.assert_allclose(forecast["x"], x, atol=2e-3)
    np.testing.assert_allclose(forecast["y"], y, atol=2e-3)


def test_forecasts_encode_once_and_decode_what_the_generator_moved(fit):
    model = fit.model
    state = {"x": 0.2, "y": 0.1}
    rolled = model.rollout(state, 5, engine="jax")
    rates = model.rates(np.zeros(2))["rate"]
    y = model.encode(state) * np.exp(rates * 5 * DT)
    for name, value in model.decode(y).items():
        assert float(rolled[name][-1]) == pytest.approx(float(value), rel=1e-12)
    again = model.solve(DT * np.arange(6), state, engine="jax").dataset
    np.testing.assert_array_equal(again["x"], rolled["x"])


def test_modes_of_a_linear_decoder_rebuild_the_states():
    model = ude.Koopman(["x", "y"], DT, ude.nn.MLP(2, 3), ude.nn.MLP(3, 2, ()), parameters={"frequency": [2.0]})
    state = {"x": 0.3, "y": -0.2}
    modes, values = model.modes(), model.eigenfunctions(state)
    phi = values["real"].values + 1j * values["imaginary"].values
    v = modes["x_real"].values + 1j * modes["x_imaginary"].values
    offset = model.decode(np.zeros(3))["x"]
    whole = offset + (phi * v).sum()
    assert whole.imag == pytest.approx(0.0, abs=1e-14)
    assert whole.real == pytest.approx(float(model.decode(model.encode(state))["x"]), rel=1e-12)


def test_a_matrix_has_the_eigenvalues_of_its_steps():
    turn = np.array([[0.9 * np.cos(0.3), -0.9 * np.sin(0.3)], [0.9 * np.sin(0.3), 0.9 * np.cos(0.3)]])
    model = slow(dynamics="matrix", pairs=None, parameters={"matrix": turn})
    found = model.spectrum()
    np.testing.assert_allclose(np.sort(found["frequency"]), [-0.3 / DT, 0.3 / DT])
    np.testing.assert_allclose(found["growth"], np.log(0.9) / DT)
    along = model.eigenfunctions(model.rollout({"x": 0.1, "y": 0.2}, 1, engine="jax"))
    assert along["modulus"].dims == ("time", "eigenvalue")


# ---- graphs -------------------------------------------------------------------------------------------------------

SPECTRA = {
    "matrix": {"dynamics": "matrix", "pairs": None, "parameters": {"matrix": [[0.9, 0.2], [-0.1, 0.8]]}},
    "rates": {"parameters": {"rate": [-0.3, 0.2]}},
    "pairs": {"pairs": 1, "parameters": {"frequency": [2.0], "growth": [-0.4]}},
    "frequency": {"dynamics": "parametrised", "pairs": 1, "auxiliary": ude.nn.MLP(1, 1, (4,), output_shift=1.0)},
    "both": {"dynamics": "parametrised", "pairs": 1, "auxiliary": ude.nn.MLP(1, 2, (4,), output_shift=1.0)},
}


@pytest.mark.parametrize("name", SPECTRA)
def test_orbits_are_repeated_steps(name):
    model = slow(**SPECTRA[name])
    theta, y = model.initial_theta(3), np.array([0.4, -0.2])
    orbit = model.orbit(4, every=2).evaluate({"u": y, "theta": theta})["u"]
    rows = []
    for k in range(8):
        y = model.advance.evaluate({"u": y, "theta": theta})["u"]
        if k % 2:
            rows.append(y)
    np.testing.assert_allclose(orbit, rows, rtol=1e-11)


def residuals_by_hand(model, theta, windows, horizon, linear):
    """The three terms, window by window, in NumPy."""
    terms = np.zeros(3)
    for x in windows:
        y = [model.encode(row, theta) for row in x]
        at, decoded, lifted = y[0], [], []
        for _ in range(max(horizon, linear)):
            at = model.advance.evaluate({"u": at, "theta": theta})["u"]
            lifted.append(at)
            decoded.append(np.array(list(model.decode(at, theta).values())))
        first = np.array(list(model.decode(y[0], theta).values()))
        terms += [
            ((first - x[0]) ** 2).mean(),
            ((np.array(decoded[:horizon]) - x[1 : horizon + 1]) ** 2).mean(),
            ((np.array(lifted[:linear]) - np.array(y[1 : linear + 1])) ** 2).mean(),
        ]
    return terms / len(windows)


@pytest.mark.parametrize(("name", "horizon", "linear"), [("pairs", 2, 3), ("both", 3, 2)])
def test_terms_are_those_of_the_paper(name, horizon, linear):
    data, model = snapshots(4, 7), slow(**SPECTRA[name])
    objective = ude.Linearity(horizon, linear=linear, stride=2, infinity=0.5)
    unit = ude.SquaredError(scale={"x": 1.0, "y": 1.0})
    settings = {"objective": objective, "loss": unit, "phases": [ude.Adam(1e-9, 1)], "progress": False}
    made = ude.fit(model, data, engine="jax", **settings)
    x = np.stack([data.x, data.y], axis=-1)
    windows = np.concatenate([x[:, k : k + 4] for k in (0, 2)])
    terms = made.tree["training"].ds.term_value.isel(seed=0, iteration=0)
    theta = model.initial_theta(0)
    by_hand = residuals_by_hand(model, theta, windows, horizon, linear)
    np.testing.assert_allclose(terms.sel(term=["reconstruction", "prediction", "linearity"]), by_hand, rtol=1e-9)
    y = model.encode(windows[:, 0], theta)
    after = np.stack([model.advance.evaluate({"u": one, "theta": theta})["u"] for one in y])
    decoded = [np.stack(list(model.decode(at, theta).values()), axis=-1) for at in (y, after)]
    largest = sum(np.abs(part - windows[:, k]).max() for k, part in enumerate(decoded))
    assert float(terms.sel(term="infinity")) == pytest.approx(largest, rel=1e-9)


def test_data_may_be_several_steps_apart():
    fine, coarse = slow(), snapshots(6, 9).isel(time=slice(None, None, 2))
    settings = {"phases": [ude.Adam(1e-9, 1)], "progress": False, "engine": "jax"}
    found = ude.fit(fine, coarse, objective=ude.Linearity(4), **settings).tree["training"].ds.term_value
    x = np.stack([coarse.x / coarse.x.std(), coarse.y / coarse.y.std()], axis=-1)
    assert np.isfinite(found).all()
    assert x.shape == (6, 5, 2)
    predicted = ude.fit(fine, coarse, objective=ude.Linearity(4), **settings).predict(time=DT * np.arange(9))
    assert predicted.sizes["time"] == 9


# ---- the house ----------------------------------------------------------------------------------------------------


def test_everything_a_fit_answers(fit, tmp_path):
    fit.save(tmp_path / "slow.nc")
    again = ude.Fit.load(tmp_path / "slow.nc")
    assert again.tree.identical(fit.tree)
    np.testing.assert_array_equal(again.predict()["x"], fit.predict()["x"])
    assert isinstance(again.model, ude.Koopman)
    assert str(again.model.equations()) == "y = encoder(x, y)\nd y/dt = rate·y  of the others\n(x, y) = decoder(y)"
    assert "a fit" in describe_file(tmp_path / "slow.nc")
    figure = fit.plot(tmp_path / "slow.png")
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert {"eigenvalues", "training", "x", "y"} < set(titles)
    fit.report(tmp_path / "slow.html")
    assert "encoder" in (tmp_path / "slow.html").read_text(encoding="utf-8")
    told = str(fit.audit())
    assert told


def test_runs_go_on_where_they_were_interrupted(tmp_path):
    settings = {"objective": ude.Linearity(4, batch=16), "phases": [ude.Adam(1e-2, 20)], "progress": False}
    settings |= {"report_every": 5, "engine": "jax", "holdout": 0.3}
    data, model = snapshots(8, 16), slow(**SPECTRA["both"])
    whole = ude.fit(model, data, **settings)
    seen = []

    def twice(report):
        seen.append(report.iteration)
        if len(seen) == 2:
            raise KeyboardInterrupt

    path = tmp_path / "part.nc"
    assert ude.fit(model, data, checkpoint=path, callback=twice, **settings).status.startswith("interrupted")
    np.testing.assert_array_equal(ude.resume(path, progress=False).theta, whole.theta)
    assert whole.tree["spectrum"].ds["frequency"].dims == ("seed", "trajectory", "time", "eigenvalue")
    assert np.isfinite(whole.tree["training"].ds["held_out_total"]).all()
    assert whole.plot().axes


def test_gauss_newton_takes_its_sums_of_squares():
    phases = [ude.GaussNewton(8)]
    settings = {"objective": ude.Linearity(4), "phases": phases, "progress": False, "engine": "jax"}
    found = ude.fit(slow(), snapshots(4, 9), **settings)
    total = found.tree["training"].ds.total.values[0]
    assert total[-1] < 1e-2 * total[0]


def test_what_makes_no_sense_is_refused_by_name(fit):
    kind = kind_of(fit.model)
    for name in ("cost", "solver", "rankings", "estimate_initial", "balance"):
        with pytest.raises(ude.OptionError, match=f"`{name}"):
            kind.check_arguments({name: 1})
    with pytest.raises(ude.OptionError, match="no vector field"):
        fit.export_julia("slow.jl")
    with pytest.raises(ude.ModelError, match="has none"):
        fit.model.continuous("this")
