"""Graphs as readable Julia source: scalars are numbers, arrays have NumPy's shapes, indices count from 1.

One table entry an operation, in the module of its family. Parts used more than once and long ones become local
variables; the rest is written inline.
"""

from __future__ import annotations

from .literals import julia_array, julia_number
from .writer import JuliaSource

__all__ = ["JuliaSource", "julia_array", "julia_number"]
