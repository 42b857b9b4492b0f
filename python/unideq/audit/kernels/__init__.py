"""What networks of convolutions learned: kernels in Fourier space, layers' spectra, what a transfer changed."""

from .changes import kernel_changes
from .classes import kernel_classes
from .explanation import Explanation, explain
from .landscape import loss_landscape
from .pick import Pick, pick_layer
from .plot_landscape import plot_loss_landscape
from .preactivations import preactivation_spectra
from .spectra import kernel_spectra

__all__ = [
    "Explanation",
    "Pick",
    "explain",
    "kernel_changes",
    "kernel_classes",
    "kernel_spectra",
    "loss_landscape",
    "pick_layer",
    "plot_loss_landscape",
    "preactivation_spectra",
]
