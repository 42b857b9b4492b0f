"""What a fit needs in memory, estimated before anything is compiled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..checks import whole

if TYPE_CHECKING:
    from .ode import ODE

__all__ = ["gradient_bytes", "memory_lines"]


def gradient_bytes(model: ODE, trajectories: int, times: int, seeds: int, max_steps: int) -> int:
    """Bytes that one gradient takes on JAX with an explicit solver, of all seeds and trajectories at once.

    Measured on what XLA reserves (2 to 200 states, 20 and 200 times, networks of 16 and 256 units, 1024 to 16384
    steps): 0.9 to 1.5 times that. A value has 8 bytes. Kept of every trajectory and seed are about √(2·`max_steps`)
    states with the solver's memory, the solution at every time with its derivatives, one step's intermediate values.

    Parameters
    ----------
    trajectories, times, seeds
        How many there are; times a trajectory.
    max_steps
        As in `fit`: the checkpoints are laid out for as many steps, however few are taken.
    """
    checkpoints = math.floor(math.sqrt(2 * max_steps + 0.25) - 1.5)
    operations = sum(node.size for node in model.vector_field.nodes if node.inputs)
    values = checkpoints * (4 * model.size + 11) + 5.2 * times * model.size + 0.85 * operations
    return int(8 * trajectories * seeds * values)


def memory_lines(model: ODE, trajectories: int, times: int, seeds: int, max_steps: int) -> list[str]:
    """Lines of `ODE.describe`."""
    for name, value in (("trajectories", trajectories), ("times", times), ("seeds", seeds), ("max_steps", max_steps)):
        whole(value, name, "describe", least=1)
    size = model.layout.size
    parts = [
        f"gradient {_shown(gradient_bytes(model, trajectories, times, seeds, max_steps))} on JAX",
        f"BFGS {_shown(8 * 3 * seeds * size**2)}",
        f"solution {_shown(8 * seeds * trajectories * (times + 200) * model.size)}",
    ]
    return [
        f"  memory     {trajectories} trajectories × {times} times × {seeds} seeds: {', '.join(parts)}; "
        "beside about 1 GB for the engine"
    ]


def _shown(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"
