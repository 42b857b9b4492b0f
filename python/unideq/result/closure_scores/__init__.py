"""Scores of closures: what their terms are worth a priori, and what becomes of the flow that they are coupled to."""

from .scores import closure_scores
from .table import closure_table

__all__ = ["closure_scores", "closure_table"]
