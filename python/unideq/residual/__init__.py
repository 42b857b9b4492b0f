"""Residual-based training: equations, boundary, initial and data terms of networks, evaluated at points (PINNs)."""

from .batches import PointBatches
from .boundary import Boundary
from .data import Data
from .derivative import d
from .domain import Domain
from .field import Field
from .first_step import check_first
from .objective import Residual
from .point_set import PointSet
from .problem import ResidualProblem
from .samplers import Sampler, Uniform
from .terms import Initial, Interior, Term

__all__ = [
    "Boundary",
    "Data",
    "Domain",
    "Field",
    "Initial",
    "Interior",
    "PointBatches",
    "PointSet",
    "Residual",
    "ResidualProblem",
    "Sampler",
    "Term",
    "Uniform",
    "check_first",
    "d",
]
