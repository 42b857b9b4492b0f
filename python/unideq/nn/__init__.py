"""Networks as specifications that expand into graph operations."""

from .activation import ACTIVATIONS
from .cnn import CNN
from .grid_network import GridNetwork
from .initializer import INITIALIZERS
from .lux import Lux
from .mlp import MLP
from .network import Network, network_from_json
from .resnet import ResNet

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "INITIALIZERS",
    "MLP",
    "GridNetwork",
    "Lux",
    "Network",
    "ResNet",
    "network_from_json",
]
