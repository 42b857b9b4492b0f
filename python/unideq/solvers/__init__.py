"""Solvers of initial-value problems: the one table of them, which is what a user gives as `solver=`, too.

An entry is a class (`table.py`): what it is, what each engine calls it, and its settings, which it checks by itself.
"""

from .adjoints import ADJOINTS
from .settings import SolverSettings, checked_atol
from .solver import Adaptive, FixedStep, Solver
from .table import SOLVERS, Auto, solver_settings

__all__ = [
    "ADJOINTS",
    "SOLVERS",
    "Adaptive",
    "Auto",
    "FixedStep",
    "Solver",
    "SolverSettings",
    "checked_atol",
    "solver_settings",
]
