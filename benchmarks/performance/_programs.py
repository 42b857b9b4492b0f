"""Unideq's programs as a Julia process without Python gets them (`julia/unideq.jl`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from _models import Work
from _peers import Peer, PeerMissing, julia_peer

from unideq.objective import Integration

__all__ = ["integration_problem", "objective_problem", "unideq_in_julia"]


def unideq_in_julia(threads: int = 1) -> Peer | PeerMissing:
    """A Julia process with the bundled package."""
    from unideq.julia_packages import bundled_package

    return julia_peer("unideq.jl", str(bundled_package()), threads=threads)


def objective_problem(work: Work) -> dict[str, Any]:
    """Program, data and θ of a loss."""
    from unideq.engine.julia.data import objective_data, whole_data
    from unideq.engine.julia.program import objective_json

    data = whole_data(work.objective, objective_data(work.objective))
    return {"objective": objective_json(work.objective), "data": data, "theta": work.theta}


def integration_problem(integration: Integration, theta: np.ndarray, u0: np.ndarray) -> dict[str, Any]:
    """Program, data and θ of a forward solve."""
    from unideq.engine.julia.data import source_data
    from unideq.engine.julia.program import source_json

    return {
        "integration": source_json(integration),
        "data": source_data(integration),
        "theta": theta,
        "u0": u0,
        "size": sum(int(np.prod(shape)) for shape in integration.shapes.values()),
    }
