"""Parabolic equations in many dimensions, solved along random paths: forward–backward stochastic equations.

A `BackwardProblem` is declared in NumPy functions, laid over a path of Brownian increments (`unideq.backward.path`),
and trained on fresh paths (`Martingale`).
"""

from .objective import Martingale
from .problem import BackwardProblem

__all__ = ["BackwardProblem", "Martingale"]
