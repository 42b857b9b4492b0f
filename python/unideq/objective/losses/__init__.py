"""Losses: what one measurement's misfit costs."""

from .by_variable import ByVariable
from .continuous import GaussianLikelihood, LogNormalLikelihood, StudentTLikelihood
from .counts import NegativeBinomialLikelihood, PoissonLikelihood
from .custom import CustomLoss
from .given import loss_of
from .loss import Likelihood, Loss, NoisyLikelihood, mean_over
from .misfit import Huber, SquaredError

__all__ = [
    "ByVariable",
    "CustomLoss",
    "GaussianLikelihood",
    "Huber",
    "Likelihood",
    "LogNormalLikelihood",
    "Loss",
    "NegativeBinomialLikelihood",
    "NoisyLikelihood",
    "PoissonLikelihood",
    "SquaredError",
    "StudentTLikelihood",
    "loss_of",
    "mean_over",
]
