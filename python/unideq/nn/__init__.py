"""Networks as specifications that expand into graph operations."""

from .activation import ACTIVATIONS
from .initializer import INITIALIZERS
from .lux import Lux
from .mlp import MLP
from .network import Network, network_from_json

__all__ = ["ACTIVATIONS", "INITIALIZERS", "MLP", "Lux", "Network", "network_from_json"]
