"""Residual-based training: equations, boundary, initial and data terms of networks, evaluated at points (PINNs)."""

from .derivative import d
from .domain import Domain
from .field import Field
from .objective import PointBatches, Residual
from .problem import ResidualProblem
from .samplers import Sampler, Uniform
from .terms import Boundary, Initial, Interior, PointSet, Term

__all__ = [
    "Boundary",
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
    "d",
]
