"""Lorenz system to t = 100 at 1e-8, called from Python, against native Julia, diffrax, SciPy and torchdiffeq.

The system is chaotic: solutions part before t = 100 whatever the tolerance, so the error is measured at t = 10, and
steps are counted. torchdiffeq takes far longer a step; it solves to t = 1 and its time is scaled by the span.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from _models import forward, lorenz, plain_values
from _peers import Field, julia_peer, torch_peer, versions_of
from _programs import integration_problem, unideq_in_julia
from scipy.integrate import solve_ivp

from unideq.engine import available, get_engine
from unideq.harness import Study
from unideq.solvers import SOLVERS

SPAN, TOLERANCE, MAX_STEPS = 100.0, 1e-8, 200_000
START = np.array([1.0, 0.0, 0.0])
GRIDS = {"end": np.array([SPAN]), "1001 points": np.linspace(0.0, SPAN, 1001)}
COMPARED = 10.0
"""Time at which errors are taken: later ones only tell that the system is chaotic."""
TORCH_SPAN = 1.0
OURS = "unideq/julia"


def numpy_field(t: float, u: Any, sigma: float, rho: float, beta: float) -> Any:
    x, y, z = u
    return [sigma * (y - x), x * (rho - z) - y, x * y - beta * z]


def compiled_field() -> Callable[..., Any]:
    """The same, compiled by numba."""
    import numba

    @numba.njit
    def field(t: float, u: Any, sigma: float, rho: float, beta: float) -> Any:
        x, y, z = u[0], u[1], u[2]
        return np.array([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    return field


def enter_unideq(field: Field, engine_name: str, solver: str, times: np.ndarray) -> None:
    """The engine's own call, and `model.solve`, which makes an xarray Dataset of it."""
    model = lorenz()
    theta = model.initial_theta()
    integration = forward(model, START, 0.0, times, solver, TOLERANCE, MAX_STEPS)

    def integrate() -> Callable[[], Any]:
        engine = get_engine(engine_name)
        return lambda: engine.integrate(integration, theta)

    def facts(result: Any) -> dict[str, Any]:
        counted = {name: int(values[0]) for name, values in result.statistics.items()}
        return {"states": result.arrays["solve.u"][0], "steps": counted.get("steps")}

    field.enter(f"unideq/{engine_name}", integrate, facts)
    initial = dict(zip(model.states.names, START, strict=True))

    def solve() -> Any:
        return model.solve(
            times, initial, start=0.0, solver=SOLVERS[solver](rtol=TOLERANCE, atol=TOLERANCE, max_steps=MAX_STEPS),
            engine=engine_name,
        )  # fmt: skip

    field.enter(
        f"unideq/{engine_name}, model.solve",
        lambda: solve,
        lambda found: {
            "states": np.stack([np.asarray(found[name]).ravel() for name in model.states.names], axis=-1),
            "steps": int(np.asarray(found.statistics["steps"]).ravel()[0]),
        },
    )


def enter_diffrax(field: Field, solver: str, times: np.ndarray, values: np.ndarray) -> None:
    import diffrax
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    chosen = {"tsit5": diffrax.Tsit5, "dopri8": diffrax.Dopri8}[solver]()

    def rate(t: Any, u: Any, p: Any) -> Any:
        return jnp.stack([p[0] * (u[1] - u[0]), u[0] * (p[1] - u[2]) - u[1], u[0] * u[1] - p[2] * u[2]])

    @jax.jit
    def solve(u0: Any, p: Any, ts: Any) -> Any:
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            chosen,
            0.0,
            SPAN,
            None,
            u0,
            p,
            saveat=diffrax.SaveAt(ts=ts) if len(times) > 1 else diffrax.SaveAt(t1=True),
            stepsize_controller=diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE),
            max_steps=None,
        )
        return found.ys, found.stats["num_steps"]

    arguments = jnp.asarray(START), jnp.asarray(values), jnp.asarray(times)
    field.enter(
        f"diffrax {solver}",
        lambda: lambda: solve(*arguments),
        lambda found: {"states": np.asarray(found[0]), "steps": int(found[1])},
    )


def enter_scipy(field: Field, method: str, times: np.ndarray, values: np.ndarray, compiled: bool) -> None:
    def make() -> Callable[[], Any]:
        rate = compiled_field() if compiled else numpy_field
        return lambda: solve_ivp(
            rate, (0.0, SPAN), START, method, t_eval=times, args=tuple(values), rtol=TOLERANCE, atol=TOLERANCE
        )

    name = f"SciPy {method}{' + numba' if compiled else ''}"
    field.enter(name, make, lambda found: {"states": found.y.T, "evaluations": int(found.nfev)})


def reference_at(time: float, values: np.ndarray) -> np.ndarray:
    """The state there, to about 1e-9."""
    return solve_ivp(numpy_field, (0.0, time), START, "DOP853", args=tuple(values), rtol=3e-14, atol=1e-14).y[:, -1]


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"rounds": 15, "slow_rounds": 1, "solvers": ["tsit5", "vern7"]},
        full={"rounds": 60, "slow_rounds": 5, "solvers": ["tsit5", "vern7", "vern9", "dopri8"]},
    )
    model = lorenz()
    theta = model.initial_theta()
    values = plain_values(model, theta)
    exact = reference_at(COMPARED, values)
    native, bare, torch = julia_peer("lorenz.jl"), unideq_in_julia(), torch_peer()

    def record(field: Field, rounds: int, scale: float = 1.0) -> None:
        rows = field.race(rounds, OURS)
        for name, row in rows.items():
            facts = field.entrants[name].facts
            states = np.asarray(facts["states"])
            known = len(states) > 1 and scale == 1.0
            error = float(np.abs(states[round(COMPARED / SPAN * 1000)] - exact).max()) if known else None
            times = {key: row[key] * scale for key in ("median_ms", "low_ms", "high_ms")}
            counts = {key: facts.get(key) for key in ("steps", "evaluations")}
            study.record(peer=name, **{**row, **times}, **counts, error_at_10=error, note=None)
        for name, why in field.absent.items():
            study.record(peer=name, note=why)

    for unit in study.units(output=list(GRIDS), solver=study.settings["solvers"]):
        solver, times = unit["solver"], GRIDS[unit["output"]]
        field = Field()
        for engine_name in sorted(set(available()) & set(SOLVERS[solver].engines)):
            enter_unideq(field, engine_name, solver, times)
        if solver != "dopri8":
            problem = {"theta": values, "u0": START, "times": times, "start": 0.0, "tolerance": TOLERANCE}
            field.enter_peer(native, {**problem, "solver": solver}, "native Julia")
            integration = forward(model, START, 0.0, times, solver, TOLERANCE, MAX_STEPS)
            bring = lambda integration=integration: integration_problem(integration, theta, START)  # noqa: E731
            field.enter_program(bare, bring, "unideq/julia")
        if solver in ("tsit5", "dopri8"):
            enter_diffrax(field, solver, times, values)
        record(field, study.settings["rounds"])
    for unit in study.units(output=list(GRIDS), solver=["scipy"]):
        field = Field()
        for method in ("DOP853", "LSODA"):
            for compiled in (False, True):
                enter_scipy(field, method, GRIDS[unit["output"]], values, compiled)
        record(field, study.settings["slow_rounds"])
    for _ in study.units(output=["end"], solver=["dopri5"]):
        field = Field()
        problem = {"case": "lorenz", "theta": values, "u0": START, "times": [TORCH_SPAN], "start": 0.0}
        field.enter_peer(torch, {**problem, "tolerance": TOLERANCE}, f"torchdiffeq (t = {TORCH_SPAN:g}, scaled)")
        record(field, study.settings["slow_rounds"], SPAN / TORCH_SPAN)

    headline: dict[str, Any] = {}
    for output in GRIDS:
        for solver in study.settings["solvers"]:
            rows = {row["peer"]: row for row in study.rows_where(output=output, solver=solver)}
            for name in ("in place", "static arrays"):
                peer, ours = rows.get(f"native Julia: {name}"), rows.get(OURS)
                if peer and ours and peer.get("ratio"):
                    headline[f"{solver}, {output}: over native Julia, {name}"] = 1.0 / peer["ratio"]
                    headline[f"{solver}, {output}: over native Julia, {name}, per step"] = (
                        peer["steps"] / ours["steps"] / peer["ratio"]
                    )
    study.finish(headline={**headline, "goal": 1.1, "peers": versions_of(native, bare, torch)})


if __name__ == "__main__":
    main()
