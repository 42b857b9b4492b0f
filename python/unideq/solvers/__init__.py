"""Solvers of initial-value problems: the one table of them, which is what a user gives as `solver=`, too.

An entry is a class (`table.py`): what it is, what each engine calls it, and its settings, which it checks by itself.
"""

from .adjoints import ADJOINTS
from .brought import ExplicitRungeKutta, Rosenbrock
from .engines import adjoints_of, check_beyond, check_solver, counterpart, solvers_of, stiff_solver
from .entries import SOLVERS
from .settings import SolverSettings, checked_atol
from .solver import Adaptive, FixedStep, Solver
from .table import Auto, solver_settings
from .tableau import ExplicitTableau, RosenbrockTableau, Tableau

__all__ = [
    "ADJOINTS",
    "SOLVERS",
    "Adaptive",
    "Auto",
    "ExplicitRungeKutta",
    "ExplicitTableau",
    "FixedStep",
    "Rosenbrock",
    "RosenbrockTableau",
    "Solver",
    "SolverSettings",
    "Tableau",
    "adjoints_of",
    "check_beyond",
    "check_solver",
    "checked_atol",
    "counterpart",
    "solver_settings",
    "solvers_of",
    "stiff_solver",
]
