"""Kinds of model: what differs between them when they are trained, stored, shown and asked. One file a kind.

Each registers itself for its classes of model; nothing else names it.
"""

from .backward import BackwardKind
from .continuous import Continuous
from .koopman import KoopmanKind
from .latent import LatentKind
from .map import Map
from .residual import ResidualKind
from .stochastic import Stochastic

__all__ = ["BackwardKind", "Continuous", "KoopmanKind", "LatentKind", "Map", "ResidualKind", "Stochastic"]
