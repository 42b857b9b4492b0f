"""What comes back: solutions, fits, their files, plots and reports."""

from .closure_scores import closure_scores, closure_table
from .fit import Fit
from .plot.closure_scores import plot_closure_scores
from .ranking_sweep import RankingSweep, ranking_sweep
from .rollout_metrics import plot_rollout_metrics, rollout_metrics
from .solution import Solution, solve
from .transfer_sweep import TransferSweep, transfer_sweep

__all__ = [
    "Fit",
    "RankingSweep",
    "Solution",
    "TransferSweep",
    "closure_scores",
    "closure_table",
    "plot_closure_scores",
    "plot_rollout_metrics",
    "ranking_sweep",
    "rollout_metrics",
    "solve",
    "transfer_sweep",
]
