"""A first gradient in a fresh process, timed: `python -m unideq.julia_smoke` prints seconds as JSON."""

import time

_BEGAN = time.perf_counter()

import json  # noqa: E402
from typing import Any  # noqa: E402

__all__ = ["main"]


def main() -> None:
    """Import, start Julia, and compute a loss with its gradient: for one model, again, and for another model."""
    import numpy as np
    import xarray as xr

    from unideq import ODE, Adam, Trajectory, nn
    from unideq.engine import get_engine
    from unideq.objective import Observations
    from unideq.solvers.table import Tsit5
    from unideq.training import Trainer, kind_of

    imported = time.perf_counter()
    engine = get_engine("julia")
    started = time.perf_counter()

    def gradient(width: int) -> tuple[Any, np.ndarray]:
        def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
            eaten, born = net.interaction(state.prey, state.predator)
            return {"prey": p.growth * state.prey - eaten, "predator": born - p.death * state.predator}

        networks = {"interaction": nn.MLP(2, 2, (width, width), "tanh")}
        model = ODE(rhs, ["prey", "predator"], {"growth": 1.3, "death": 1.8}, networks)
        times = np.linspace(0.0, 3.0, 31)
        data = xr.Dataset(
            {"prey": ("time", 1 + np.sin(times)), "predator": ("time", 1 + np.cos(times))}, coords={"time": times}
        )
        settings = kind_of(model).chosen(Trajectory(), Adam(), solver=Tsit5(atol=1e-6))
        problem = Trainer(model, Observations.from_data(data, model.observables), settings, engine).task.problem
        return Trajectory().build(problem), problem.initial_theta(0)

    objective, theta = gradient(5)
    built = time.perf_counter()
    value = engine.value_and_gradient(objective, theta)
    first = time.perf_counter()
    engine.value_and_gradient(objective, theta)
    again = time.perf_counter()
    assert value.gradient is not None and np.isfinite(value.gradient).all(), "the first gradient isn't finite"
    engine.value_and_gradient(*gradient(6))
    seconds = {
        "import": imported - _BEGAN,
        "start": started - imported,
        "model": built - started,
        "first": first - built,
        "total": first - _BEGAN,
        "again": again - first,
        "next_model": time.perf_counter() - again,
    }
    print(json.dumps({name: round(value, 6) for name, value in seconds.items()}))


if __name__ == "__main__":
    main()
