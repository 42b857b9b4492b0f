"""What `describe` says a gradient takes is what XLA reserves for it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import unideq as ude
from result.growth import untrained
from unideq.errors import OptionError
from unideq.model.memory import gradient_bytes
from unideq.objective import Trajectory
from unideq.result.sampling import problem_of


def model(states: int, hidden: int) -> ude.ODE:
    networks = {"f": ude.nn.MLP(states, states, (hidden,))}
    return ude.ODE(lambda t, s, p, net: {"x": -p.k * s.x + net.f(s.x)}, {"x": states}, {"k": 1.0}, networks)


@pytest.mark.parametrize(("states", "times", "hidden"), [(2, 20, 16), (20, 60, 32)])
def test_the_estimate_is_what_xla_reserves(states, times, hidden):
    pytest.importorskip("jax")
    from unideq.engine import get_engine
    from unideq.engine.jax.configuration import own_configuration
    from unideq.engine.jax.engine import JaxEngine, _loss_and_gradient

    t = np.linspace(0.0, 2.0, times)
    values = np.exp(-t)[None, :, None] * np.ones((10, times, states))
    fit = untrained(model(states, hidden), xr.Dataset({"x": (("trajectory", "time", "i"), values)}, {"time": t}), 2)
    objective = Trajectory().build(problem_of(fit.record))
    engine = get_engine("jax")
    assert isinstance(engine, JaxEngine)
    with own_configuration():
        function, data = engine._of_objective("memory", objective, 2, lambda: _loss_and_gradient(objective))
        found = function.lower(fit.record.theta, data).compile().memory_analysis().temp_size_in_bytes  # type: ignore
    ratio = gradient_bytes(model(states, hidden), 10, times, 2, 4096) / found
    assert 0.8 < ratio < 1.6


def test_describe_estimates_memory_where_it_is_told_what_of():
    text = model(2, 16).describe(trajectories=400, times=20, seeds=4)
    assert "400 trajectories × 20 times × 4 seeds: gradient 2" in text
    assert "MB on JAX, BFGS " in text
    assert "memory" not in model(2, 16).describe()
    with pytest.raises(OptionError, match="`seeds`"):
        model(2, 16).describe(trajectories=3, seeds=0)
