"""`SOLVERS`: the entries of the table of solvers by name; the classes of `table.py` enter themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .solver import Solver

__all__ = ["SOLVERS"]

SOLVERS: dict[str, type[Solver]] = {}
"""Solver name → its entry."""
