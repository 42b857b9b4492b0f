"""Pictures of a fit. None of them touches pyplot's state: they draw on the axes they are given, or return a figure.

One picture a module: measurements and predictions, residuals, learned terms, history; `overview` puts them together.
"""

from .data import plot_data
from .history import plot_history
from .learned import plot_learned
from .overview import overview
from .residual import plot_residuals

__all__ = ["overview", "plot_data", "plot_history", "plot_learned", "plot_residuals"]
