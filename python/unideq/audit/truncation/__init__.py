"""Truncation error in what was learned: modified equations of the schemes, and regression of the closure on them."""

from .refinement import RefinementOutcome
from .truncation import Truncation, TruncationOutcome

__all__ = ["RefinementOutcome", "Truncation", "TruncationOutcome"]
