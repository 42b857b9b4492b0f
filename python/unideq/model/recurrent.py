"""`recurrent`: a recurrent network as a forecaster of series, for comparisons with equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..checks import known_arguments, number, whole
from ..errors import ModelError
from ..nn import MLP
from .encoder import CELLS, RecurrentEncoder
from .latent import Latent
from .ode import ODE
from .state import StateTable

__all__ = ["recurrent"]


@known_arguments
def recurrent(
    observables: Sequence[str] | Mapping[str, Any],
    dt: float,
    units: int = 32,
    cell: str = "gru",
    context: float | None = None,
) -> Latent:
    """A recurrent forecaster: a cell reads a series, and another goes on from its memory in steps of `dt`.

    Each step reads what the one before forecast, h⁺ = cell(x(h), h), and a linear layer shows x(h). It is trained,
    compared, saved and plotted like any latent model: a step of a cell is one of Euler's method with
    dh/dt = (cell(x(h), h) − h) / dt, which `fit` takes for its solver. Between two steps forecasts are interpolated.

    Parameters
    ----------
    observables
        Names of what is measured, or name → shape.
    dt
        Time of a step, in time units: that between two measurements, where it is one.
    units
        Length of the cells' memories.
    cell
        `gru` or `lstm`.
    context
        See `Latent`: up to when after its start a series is read.

    Raises
    ------
    ModelError, OptionError
        If a name, a shape or a setting can't be used.

    Examples
    --------
    >>> import numpy as np, xarray as xr, unideq as ude
    >>> times = np.arange(12) * 0.5
    >>> phases = np.linspace(0.0, 6.0, 8)[:, None]
    >>> data = xr.Dataset({"x": (("trajectory", "time"), np.sin(times + phases))}, {"time": times})
    >>> model = ude.recurrent(["x"], dt=0.5, units=8, context=3.0)
    >>> fit = ude.fit(model, data, phases=ude.Adam(1e-2, 5), progress=False, engine="jax")
    >>> fit.record.method
    'euler'

    References
    ----------
    Sutskever, Vinyals and Le, "Sequence to Sequence Learning with Neural Networks", NeurIPS 2014, arXiv:1409.3215.
    """
    shown, encoder = StateTable(observables), RecurrentEncoder(units, cell)
    step = float(number(dt, "dt", "recurrent", above=0, error=ModelError))
    count = int(whole(units, "units", "recurrent", least=1))
    kept = CELLS[encoder.cell](shown.size, count)

    def seen(memory: Any, net: Any) -> Any:
        flat = net.shown(memory[:count]) if count > 1 else net.shown(memory[0])
        return np.reshape(flat, (shown.size,))

    def rhs(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        given = np.concatenate([seen(state.memory, net), state.memory])
        return {"memory": (net.cell(given) - state.memory) * (1.0 / step)}

    def observe(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        values = seen(state.memory, net)
        return {s.name: np.reshape(values[shown.windows[s.name]], s.shape) for s in shown}

    networks = {"cell": kept, "shown": MLP(count, shown.size, ())}
    dynamics = ODE(rhs, {"memory": kept.outputs}, networks=networks, observe=observe)
    return Latent(encoder, dynamics, context=context, step=step)
