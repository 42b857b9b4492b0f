"""What an engine is asked to compute: graphs plus plain settings, all frozen and engine-independent.

A `LossProgram` is a weighted sum of named terms. Its `sources` produce arrays (states along integrations, values at
points); its `loss` graph turns those arrays and θ into the terms.
"""

from ...solvers import SolverSettings
from .balancing import Balancing
from .batches import Batches
from .events import Events
from .given import Given
from .integration import Integration
from .loss_program import LossProgram, MeanSquare
from .pointwise import Pointwise
from .rollout import Rollout
from .source import Source, graph_key, shapes_key

__all__ = [
    "Balancing",
    "Batches",
    "Events",
    "Given",
    "Integration",
    "LossProgram",
    "MeanSquare",
    "Pointwise",
    "Rollout",
    "SolverSettings",
    "Source",
    "graph_key",
    "shapes_key",
]
