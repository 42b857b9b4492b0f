"""Losses: what one measurement's misfit costs."""

from .by_variable import ByVariable
from .continuous import GaussianLikelihood, LogNormalLikelihood, StudentTLikelihood
from .counts import NegativeBinomialLikelihood, PoissonLikelihood
from .custom import CustomLoss
from .given import loss_of
from .loss import Likelihood, Loss, Measurements, NoisyLikelihood, mean_over
from .misfit import Huber, SquaredError
from .series import SeriesLoss

__all__ = [
    "ByVariable",
    "CustomLoss",
    "GaussianLikelihood",
    "Huber",
    "Likelihood",
    "LogNormalLikelihood",
    "Loss",
    "Measurements",
    "NegativeBinomialLikelihood",
    "NoisyLikelihood",
    "PoissonLikelihood",
    "SeriesLoss",
    "SquaredError",
    "StudentTLikelihood",
    "loss_of",
    "mean_over",
]
