"""How to minimise: phases of optimisers, their schedules, turns and states. Engines run them; nothing here computes."""

from .adam import Adam, AdamW
from .first_order import FirstOrder
from .gauss_newton import GaussNewton
from .laplace import Laplace
from .libraries import Optax, Optimisers
from .matrices import Matrix, checked_matrices, weight_matrices
from .phase import Phase, check_engine, optimizers_of
from .quasi_newton import BFGS, LBFGS, QuasiNewton
from .schedule import CosineDecay, ExponentialDecay, PiecewiseConstant, Schedule, Warmup
from .soap import SOAP
from .state import Arrays, State, restore
from .turn import turn_graph

__all__ = [
    "BFGS",
    "LBFGS",
    "SOAP",
    "Adam",
    "AdamW",
    "Arrays",
    "CosineDecay",
    "ExponentialDecay",
    "FirstOrder",
    "GaussNewton",
    "Laplace",
    "Matrix",
    "Optax",
    "Optimisers",
    "Phase",
    "PiecewiseConstant",
    "QuasiNewton",
    "Schedule",
    "State",
    "Warmup",
    "check_engine",
    "checked_matrices",
    "optimizers_of",
    "restore",
    "turn_graph",
    "weight_matrices",
]
