"""Exported Julia scripts: readable, complete, and with the same solution."""

from __future__ import annotations

import csv
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from unideq.errors import ModelError, OptionError
from unideq.graph import Expression, Graph, apply, constant, convolve, irfft, rfft, variable
from unideq.graph.julia_helpers import HELPERS
from unideq.graph.julia_names import Names
from unideq.graph.julia_source import JuliaSource, julia_array
from unideq.graph.operation import OPERATIONS
from unideq.julia_location import usable_julia
from unideq.solvers import SOLVERS, counterpart, solver_settings

TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def run_julia(script: Path, *arguments: str) -> str:
    """The output of a script, run by the `julia` that the engine uses, in its project."""
    found = usable_julia()
    if found is None:
        pytest.skip("no Julia was found")
    command = [str(found.executable), f"--project={found.project}", "--startup-file=no", str(script), *arguments]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "JULIA_LOAD_PATH")}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def lorenz() -> ude.ODE:
    def rhs(t, state, p):
        x, y, z = state.x, state.y, state.z
        return {"x": p.sigma * (y - x), "y": x * (p.rho - z) - y, "z": x * y - p.beta * z}

    parameters = {"sigma": 10.0, "rho": 28.0, "beta": ude.Parameter(8 / 3, units="1/s", description="aspect ratio")}
    return ude.ODE(rhs, ["x", "y", "z"], parameters, initial={"x": 1.0, "y": 0.5, "z": 20.0})


def predation() -> ude.ODE:
    def rhs(t, state, p, net):
        eaten, born = net.interaction(state.hare, state.lynx)
        return {"hare": p.growth * state.hare - eaten, "lynx": born - p.death * state.lynx}

    return ude.ODE(
        rhs,
        ["hare", "lynx"],
        {"growth": ude.Parameter(0.5, positive=True, units="1/yr"), "death": ude.Parameter(0.3, lower=0.0, upper=1.0)},
        {"interaction": ude.nn.MLP(2, 2, (5, 4), input_scale=2.0, output_activation="softplus", output_scale=0.3)},
        observe=lambda t, state, p: {"hare": state.hare, "total": state.hare + state.lynx},
        initial={"hare": 1.0, "lynx": 1.2},
    )


def forced() -> ude.ODE:
    times = np.linspace(0.0, 4.0, 9)
    rain = xr.DataArray(np.sin(times), dims="time", coords={"time": times}, attrs={"interpolation": "cubic"})
    both = np.stack([np.cos(times), times**2], axis=1)
    light = xr.DataArray(both, dims=("time", "place"), coords={"time": times})

    def rhs(t, state, p, net, forcing):
        return {"water": forcing.rain - p.loss * state.water + 0.1 * forcing.light[0] * np.sin(t), "sun": forcing.light}

    return ude.ODE(
        rhs,
        {"water": (), "sun": 2},
        {"loss": 0.4},
        forcings={"rain": rain, "light": light},
        initial={"water": 0.5, "sun": [0.0, 1.0]},
    )


def ring() -> ude.ODE:
    """Array states, choices and powers, names that Julia uses otherwise, a network over a field."""

    def rhs(t, state, p, net):
        u, end = state.u, state.end
        source = np.where(u > 0.5, u**2, np.maximum(u, 0.1)) ** p.power - net.source(u)
        turned = end.T @ end - end + np.log(np.abs(end) + 1.0) ** 1.5
        return {"u": p.e * (np.roll(u, 1) - 2 * u + np.roll(u, -1)) + 0.1 * source, "end": turned - 0.1 * np.sum(u)}

    return ude.ODE(
        rhs,
        {"u": 6, "end": (2, 3 - 1)},
        {"e": 0.7, "power": 1.3},
        {"source": ude.nn.MLP(1, 1, (4,), activation="gelu")},
        initial={"u": np.linspace(0.0, 1.0, 6), "end": [[0.1, 0.2], [0.3, 0.4]]},
    )


def spectral() -> ude.PDE:
    """Dealiased products, a Fourier symbol and a network of the slope: transforms forth and back."""
    grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 16), scheme=ude.schemes.Fourier())

    def rhs(t, state, p, net):
        return -0.5 * p.speed * grid.d(grid.product(state.u, state.u)) + 0.1 * net.closure(state.u, grid.d(state.u))

    return ude.PDE(
        rhs,
        grid,
        ["u"],
        {"speed": 1.0},
        {"closure": ude.nn.MLP(2, 1, (4,), "tanh")},
        initial={"u": 1.0 + np.sin(grid.coordinates("x"))},
        linear=lambda d, p: 0.1 * d.x**2 - 0.02 * d.x**3,
    )


def plane() -> ude.PDE:
    """Diffusion on a plane and a convolutional closure."""
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 6), ude.Axis("y", 0.0, 1.0, 5), scheme=ude.schemes.Central(2))
    x, y = (2 * np.pi * c for c in grid.mesh())
    return ude.PDE(
        lambda t, state, p, net: p.diffusion * grid.laplacian(state.u) + net.closure(state.u),
        grid,
        ["u"],
        {"diffusion": 0.02},
        {"closure": ude.nn.CNN(1, 1, (3,), kernel=3, dimensions=2)},
        initial={"u": np.sin(x) * np.cos(y) + 0.2 * np.cos(x)},
    )


def walls() -> ude.PDE:
    """A wall whose value swings, one with a slope, and a flux that is carried by WENO."""
    ends = (ude.Dirichlet(lambda t: 1.0 + 0.2 * np.sin(t)), ude.Neumann(0.1))
    grid = ude.Grid(ude.Axis("x", 0.0, 1.0, 12, boundary=ends), scheme=ude.schemes.Central(2))

    def rhs(t, state, p):
        return 0.05 * grid.laplacian(state.u) - p.speed * grid.flux_divergence(state.u, lambda u: 0.5 * u**2)

    return ude.PDE(rhs, grid, ["u"], {"speed": 0.3}, initial={"u": 1.0 + 0.1 * grid.coordinates("x") ** 2})


def switched() -> ude.ODE:
    """A storm between two hours of a calm hundred, and a rate that jumps on the quarter-hour."""
    rain = xr.DataArray([0.0, 0.0, 9.0, 0.0, 0.0], {"time": [0.0, 40.0, 40.5, 41.0, 100.0]}, ("time",))
    steps = xr.DataArray([0.1, 0.4, 0.2], {"time": [0.0, 30.25, 60.75]}, ("time",), attrs={"interpolation": "previous"})
    return ude.ODE(
        lambda t, state, p, net, forcing: {"water": forcing.rain - forcing.loss * state.water},
        ["water"],
        forcings={"rain": rain, "loss": steps},
        initial={"water": 0.5},
    )


MODELS = {
    "switched": (switched, 90.0),
    "lorenz": (lorenz, 1.5),
    "predation": (predation, 5.0),
    "forced": (forced, 4.5),
    "ring": (ring, 2.0),
    "spectral": (spectral, 0.5),
    "plane": (plane, 0.5),
    "walls": (walls, 0.5),
}


# ---- as text ------------------------------------------------------------------------------------------------------


def test_a_script_is_readable(tmp_path: Path):
    lorenz().export_julia(tmp_path / "lorenz.jl", np.linspace(0.0, 2.0, 21), solver="vern7")
    text = (tmp_path / "lorenz.jl").read_text(encoding="utf-8")
    for line in (
        "# d x/dt = sigma·(y - x)",
        "using OrdinaryDiffEqVerner",
        "const beta = 2.6666666666666665  # [1/s], aspect ratio",
        "    x = u[1]",
        "    du[1] = sigma * (y - x)",
        "    du[2] = x * (rho - z) - y",
        "    du[3] = x * y - beta * z",
        "initial_state = [1.0, 0.5, 20.0]  # x, y, z",
        "time_span = (0.0, 2.0)",
        "times = range(0.0, 2.0; length = 21)",
        "sol = solve(problem, Vern7(); reltol = 1e-08, abstol = 1e-08, saveat = times, maxiters = 100000)",
    ):
        assert line in text.splitlines(), line
    assert not re.search("python|juliacall|/(home|root|work|tmp)/", text, re.IGNORECASE)


def test_networks_are_functions_with_matrices_of_weights(tmp_path: Path):
    model = predation()
    model.export_julia(tmp_path / "model.jl", [0.0, 1.0], parameters={"interaction.layer_3.bias": [0.25, -0.125]})
    lines = (tmp_path / "model.jl").read_text(encoding="utf-8").splitlines()
    start = lines.index("function interaction(z1, z2)")
    assert lines[start + 2] == "    x2 = tanh.(interaction_W1 * x1 .+ interaction_b1)"
    assert lines[start + 3] == "    x3 = tanh.(interaction_W2 * x2 .+ interaction_b2)"
    assert "const interaction_b3 = [0.25, -0.125]" in lines
    assert "    interaction1 = interaction(hare, lynx)" in lines
    assert "    du[1] = growth * hare - interaction1[1]" in lines
    assert 'columns = ["time", "hare", "lynx", "total"]' in lines
    assert sum(line.startswith("const interaction_W") for line in lines) == 3


def test_names_that_julia_uses_get_an_underscore(tmp_path: Path):
    ring().export_julia(tmp_path / "ring.jl", [0.0, 1.0])
    text = (tmp_path / "ring.jl").read_text(encoding="utf-8")
    assert "const e_ = 0.7" in text
    assert "    u_ = u[1:6]" in text
    assert "    end_ = reshape_rows(u[7:10], 2, 2)" in text
    assert '"end[1 1]"' in text


def test_only_needed_helpers_are_written(tmp_path: Path):
    lorenz().export_julia(tmp_path / "lorenz.jl", [0.0, 1.0])
    text = (tmp_path / "lorenz.jl").read_text(encoding="utf-8")
    assert not [name for name in HELPERS if name in text]


def test_a_file_is_replaced_only_on_demand(tmp_path: Path):
    path = tmp_path / "model.jl"
    path.write_text("mine")
    with pytest.raises(OptionError, match="overwrite=True"):
        lorenz().export_julia(path, [0.0, 1.0])
    assert path.read_text() == "mine"
    lorenz().export_julia(path, [0.0, 1.0], overwrite=True)
    assert "lorenz" not in path.read_text() and "ODEProblem" in path.read_text()
    with pytest.raises(OptionError, match="can't be written"):
        lorenz().export_julia(tmp_path / "nowhere" / "model.jl", [0.0, 1.0])


def test_a_script_has_one_trajectory(tmp_path: Path):
    with pytest.raises(ModelError, match="one trajectory"):
        lorenz().export_julia(tmp_path / "model.jl", [0.0, 1.0], initial={"x": [1.0, 2.0]})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_or_the_nearest_to_it_has_a_name_in_julia(name, tmp_path):
    solver = SOLVERS[name](dt=0.25) if SOLVERS[name].fixed else name
    lorenz().export_julia(tmp_path / "model.jl", [0.0, 1.0], solver=solver)
    package, algorithm = counterpart(solver_settings(solver), "julia").entry.engines["julia"].split(".")
    text = (tmp_path / "model.jl").read_text(encoding="utf-8")
    assert f"using {package}\n" in text
    assert f"solve(problem, {algorithm}(); " in text
    assert algorithm.lower() == {"dopri5": "dp5", "dopri8": "vern8"}.get(name, name)


def test_fixed_steps_are_kept(tmp_path: Path):
    lorenz().export_julia(tmp_path / "model.jl", [0.0, 1.0], solver=ude.RK4(dt=0.01))
    assert "RK4(); dt = 0.01, adaptive = false, " in (tmp_path / "model.jl").read_text()


def test_steps_end_at_a_forcings_kinks_and_jumps(tmp_path: Path):
    switched().export_julia(tmp_path / "model.jl", [0.0, 90.0], solver=ude.Tsit5(rtol=1e-6))
    text = (tmp_path / "model.jl").read_text(encoding="utf-8")
    assert "stops = [30.25, 40.0, 40.5, 41.0, 60.75]  # " in text
    assert "jumps = prevfloat.([30.25, 60.75])  # " in text
    assert "saveat = times, tstops = stops, d_discontinuities = jumps, maxiters" in text
    switched().export_julia(tmp_path / "fixed.jl", [0.0, 90.0], solver=ude.RK4(dt=0.5))
    assert "tstops" not in (tmp_path / "fixed.jl").read_text(encoding="utf-8")
    switched().export_julia(tmp_path / "met.jl", [0.0, 90.0], solver=ude.RK4(dt=0.25))
    assert "saveat = times, d_discontinuities = jumps" in (tmp_path / "met.jl").read_text(encoding="utf-8")


def late(start: float = 1.7e9) -> tuple[ude.ODE, np.ndarray]:
    """Fast decay under a forcing, seconds since 1970; and output times."""
    knots = start + np.array([0.0, 1.0, 2.0])
    push = xr.DataArray([0.0, 1.0, 0.0], {"time": knots}, ("time",))
    model = ude.ODE(
        lambda t, state, p, net, forcing: {"x": 1e4 * (forcing.push - state.x)},
        ["x"],
        forcings={"push": push},
        observe=lambda t, state, p, net, forcing: {"x": state.x, "pushed": forcing.push, "since": t - start},
        initial={"x": 1.0},
    )
    return model, start + np.array([0.0, 2**-13, 0.5, 1.75])


def test_a_clock_that_starts_late_counts_from_the_first_knot(tmp_path: Path):
    model, times = late()
    model.export_julia(tmp_path / "model.jl", times)
    text = (tmp_path / "model.jl").read_text(encoding="utf-8")
    assert "time_origin = 1.7e9  # " in text or "time_origin = 1700000000.0  # " in text
    assert "time_span = (0.0, 1.75)" in text
    assert "zip(time_origin .+ sol.t, sol.u)" in text


def test_a_fit_exports_what_it_learned(tmp_path: Path):
    times = np.linspace(0.0, 3.0, 13)
    decay = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 1.0})
    data = decay.solve(times, initial={"x": 2.0}, parameters={"rate": 0.7}, engine="jax").dataset
    fit = ude.fit(decay, data, phases=ude.Adam(0.1, 5), engine="jax", progress=False)
    fit.export_julia(tmp_path / "model.jl")
    text = (tmp_path / "model.jl").read_text()
    assert float(fit.parameters["rate"]) != 1.0
    assert f"const rate = {float(fit.parameters['rate'])!r}" in text
    assert f"initial_state = [{float(fit.parameters['initial.x'][0])!r}]" in text


# ---- run by Julia -------------------------------------------------------------------------------------------------


@pytest.mark.julia
@pytest.mark.parametrize("name", MODELS)
def test_a_script_gives_the_models_solution(name: str, tmp_path: Path):
    make, end = MODELS[name]
    model, times = make(), np.linspace(0.0, end, 7)
    theta = model.initial_theta(seed=3)
    expected = model.solve(times, parameters=theta, solver=ude.Tsit5(**TIGHT), engine="jax").dataset
    model.export_julia(tmp_path / "model.jl", times, parameters=theta, solver=ude.Tsit5(**TIGHT))
    run_julia(tmp_path / "model.jl", str(tmp_path / "table.csv"))
    with open(tmp_path / "table.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    table = np.array(rows, dtype=float)
    np.testing.assert_allclose(table[:, 0], times, rtol=1e-15)
    wanted = [np.asarray(v.values).reshape(len(times), -1) for v in expected.data_vars.values()]
    np.testing.assert_allclose(table[:, 1:], np.concatenate(wanted, axis=1), rtol=1e-6, atol=1e-8)
    assert [re.sub(r"\[.*", "", h) for h in dict.fromkeys(header[1:])] == [
        n for n, v in zip(expected.data_vars, wanted, strict=True) for _ in range(v.shape[1])
    ]


@pytest.mark.julia
def test_a_late_clock_gives_the_models_solution(tmp_path: Path):
    model, times = late()
    early, since = late(0.0)
    expected = early.solve(since, engine="jax", solver=ude.Auto(**TIGHT)).dataset
    model.export_julia(tmp_path / "model.jl", times, solver=ude.Auto(**TIGHT))
    run_julia(tmp_path / "model.jl", str(tmp_path / "table.csv"))
    table = np.loadtxt(tmp_path / "table.csv", delimiter=",", skiprows=1)
    np.testing.assert_array_equal(table[:, 0], times)
    wanted = np.stack([expected[n].values for n in ("x", "pushed", "since")], axis=1)
    np.testing.assert_allclose(table[:, 1:], wanted, atol=1e-8)


_FUNCTIONS = [name for name, o in OPERATIONS.items() if o.family == "elementwise" and o.arity == 1]


def every_operation() -> dict[str, Any]:
    """Outputs that use all operations, on arrays of one to three axes, of inputs x (2, 3), v (4,) and s ()."""
    x, v, s = variable("x", (2, 3)), variable("v", (4,)), variable("s")
    cube = apply("multiply", apply("reshape", x, shape=(2, 3, 1)), apply("reshape", v, shape=(1, 1, 4)))
    pieces = {
        "breaks": np.array([0.0, 1.0]),
        "anchors": np.array([0.0, 0.0, 1.0]),
        "coefficients": np.arange(18.0).reshape(2, 3, 3),
    }
    flat = {**pieces, "coefficients": np.arange(6.0).reshape(2, 3)}
    stencil = {"coefficients": (0.5, -2.0, 1.0), "offsets": (-1, 0, 1)}
    outputs: dict[str, Any] = {name: apply(name, x) for name in _FUNCTIONS if name != "logical_not"}
    outputs |= {
        "arithmetic": (x - 2.0 * x[:, :1] / (s - x[0])) * -3.0 - (s - (s - x)),
        "power": apply("power", x, v[:3]) + x**2 + x**-3 + x**0.5,
        "smaller": np.minimum(np.maximum(x, v[:3]), s) + apply("arctan2", x, s),
        "chosen": np.where((x < s) & ~(x <= v[0]) | (x == 0.0), x, constant(np.array([1.0, np.inf, 3.0]))),
        "reshaped": cube.reshape(4, 6).T,
        "flattened": cube.reshape(-1),
        "transposed": apply("transpose", cube, axes=(2, 0, 1)),
        "stretched": apply("broadcast_to", x[:, 1:2], shape=(3, 2, 2)),
        "filled": apply("broadcast_to", s, shape=(2, 2)),
        "joined": apply("concatenate", x, x[:1], axis=0),
        "joined_3": apply("concatenate", cube, 2.0 * cube, axis=1),
        "stacked": np.stack([s, v[0], x[1, 2]]),
        "sliced": cube[1:, ::2, 1:3],
        "padded": apply("pad", x, window=((1, 3, 1), (0, 5, 2)), shape=(4, 5)),
        "gathered": cube[:, np.array([2, 0, 0])],
        "scattered": apply("scatter_add", cube, indices=np.array([1, 1, 0]), axis=1, size=4),
        "rolled": np.roll(cube, 1, axis=2) + np.roll(v, -1),
        "summed": np.sum(cube, axis=1) + np.sum(v),
        "largest": apply("amax", cube, axes=(0, 2)) * np.max(v),
        "product": x @ np.arange(6.0).reshape(3, 2) @ x,
        "row": v[:2] @ x,
        "column": x @ v[1:],
        "dot": v @ v,
        "batched": np.matmul(cube, apply("transpose", cube[:1], axes=(0, 2, 1))),
        **{
            f"{name}_{boundary}": apply(name, cube, **stencil, axis=1, boundary=boundary)
            for name in ("stencil", "stencil_adjoint")
            for boundary in ("periodic", "zero", "edge")
        },
        "spectrum": rfft(cube),
        "spectrum_2": rfft(x, 2),
        "wave": irfft(apply("reshape", cube, shape=(2, 6, 2)), (10,)),
        "wave_odd": irfft(apply("reshape", cube, shape=(2, 6, 2)), (11,)),
        "wave_2": irfft(apply("reshape", cube, shape=(2, 3, 2, 2)), (3, 2)),
        "wave_2_odd": irfft(apply("reshape", cube, shape=(3, 4, 2)), (3, 7)),
        "convolved": convolve(cube, np.arange(18.0).reshape(2, 3, 3), "periodic"),
        "convolved_zero": convolve(x, apply("reshape", x, shape=(1, 2, 3)), "zero"),
        "convolved_2": convolve(cube, np.arange(12.0).reshape(2, 2, 1, 3), ("zero", "periodic")),
        "kernel": apply("convolution_kernel", cube, 2.0 * cube[:, :1], size=(3,), boundary="zero"),
        "kernel_2": apply("convolution_kernel", cube, cube[1:], size=(3, 1), boundary=("periodic", "zero")),
        "forcing": apply("piecewise_polynomial", s, **flat),
        "forcing_vector": apply("piecewise_polynomial", s, **pieces),
        "forcing_times": apply("piecewise_polynomial", v, **pieces),
        "stopped": apply("stop_gradient", x),
        "learned": apply("learned", x * x, x, network="square", layout="pointwise"),
    }
    return outputs


def written() -> tuple[Graph, dict[str, Any], list[str]]:
    """A graph of all operations, values of its inputs, and a script that prints its outputs."""
    rng = np.random.default_rng(4)
    values: dict[str, Any] = {"x": rng.normal(size=(2, 3)), "v": rng.normal(size=4), "s": np.array(0.3)}
    inputs: list[Expression] = [variable(n, a.shape) for n, a in values.items()]
    graph = Graph(inputs, every_operation())
    source = JuliaSource(Names(*values), {i: i.name for i in inputs})
    statements, texts = source.write(list(graph.outputs.values()))
    lines = [
        *source.definitions(),
        *(f"{name} = {julia_array(np.asarray(value))}" for name, value in values.items()),
        *(f"{name} = {text}" for name, text in source.constants.items()),
        *(f"{name}{text}" for name, text in source.defined.items()),
        *statements,
        "show_rows(x) = println(join(size(x), ' '), ';', join(vec(permutedims(collect(x), ndims(x):-1:1)), ' '))",
        "show_rows(x::Number) = println(';', x)",
        *(f"show_rows({text})" for text in texts),
    ]
    return graph, values, lines


def test_every_operation_can_be_written():
    graph, _, _ = written()
    # A Lux model is Julia source already, and an Equinox module Python's.
    written_here = {n for n, o in OPERATIONS.items() if o.family not in ("network", "module")}
    assert {n.operation for n in graph.nodes} >= written_here


@pytest.mark.julia
def test_every_operation_has_numpys_semantics(tmp_path: Path):
    graph, values, lines = written()
    script = tmp_path / "operations.jl"
    script.write_text("\n".join(lines), encoding="utf-8")
    found = run_julia(script).splitlines()
    expected = graph.evaluate(values)
    assert len(found) == len(expected)
    for (name, array), line in zip(expected.items(), found, strict=True):
        shape, numbers = line.split(";")
        assert tuple(map(int, shape.split())) == array.shape, name
        np.testing.assert_allclose(np.array(numbers.split(), dtype=float), array.ravel(), rtol=1e-12, err_msg=name)
