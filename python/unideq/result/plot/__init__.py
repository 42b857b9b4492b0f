"""Pictures of a fit. None of them touches pyplot's state: they draw on the axes they are given, or return a figure.

One picture a module: measurements and predictions, residuals, learned terms, history; `overview` puts them together,
`residual_overview` those of a residual problem, `backward_overview` those of a backward one.
"""

from .backward_fit import backward_overview
from .data import plot_data
from .history import history_alone, plot_history
from .koopman import koopman_overview, plot_eigenfunction, plot_eigenvalues
from .learned import plot_learned
from .overview import overview
from .residual import plot_residuals
from .residual_fit import plot_map, residual_overview
from .residual_history import plot_causal, plot_losses, plot_parameters, plot_weights

__all__ = [
    "backward_overview",
    "history_alone",
    "koopman_overview",
    "overview",
    "plot_causal",
    "plot_data",
    "plot_eigenfunction",
    "plot_eigenvalues",
    "plot_history",
    "plot_learned",
    "plot_losses",
    "plot_map",
    "plot_parameters",
    "plot_residuals",
    "plot_weights",
    "residual_overview",
]
