"""Networks as specifications that expand into graph operations."""

from .activation import ACTIVATIONS
from .cnn import CNN
from .equinox import Equinox
from .fourier_features import FourierFeatures
from .grid_network import GridNetwork
from .initializer import INITIALIZERS
from .lux import Lux
from .mlp import MLP
from .modified_mlp import ModifiedMLP
from .network import Network
from .pirate_net import PirateNet
from .recurrent import GRU, LSTM
from .resnet import ResNet

__all__ = [
    "ACTIVATIONS",
    "CNN",
    "GRU",
    "INITIALIZERS",
    "LSTM",
    "MLP",
    "Equinox",
    "FourierFeatures",
    "GridNetwork",
    "Lux",
    "ModifiedMLP",
    "Network",
    "PirateNet",
    "ResNet",
]
