"""What is minimised: objectives, losses and penalties, and the programs that engines run."""

from .balance import Causal, ConFIG, GradientNorm, LearningRateAnnealing, NeuralTangentKernel, PCGrad
from .base import ObjectiveSpecification
from .collocation import Collocation
from .holdout import Holdout
from .loss import CustomLoss, GaussianLikelihood, Huber, Loss, SquaredError, loss_of
from .observations import Observations
from .problem import Problem
from .program import Balancing, Batches, Given, Integration, Objective, Pointwise, Rollout, SolverSettings
from .regularise import L1, L2, Penalty
from .shooting import MultipleShooting
from .stream import Stream
from .trajectory import Trajectory
from .unrolled import Unrolled

__all__ = [
    "L1",
    "L2",
    "Balancing",
    "Batches",
    "Causal",
    "Collocation",
    "ConFIG",
    "CustomLoss",
    "GaussianLikelihood",
    "Given",
    "GradientNorm",
    "Holdout",
    "Huber",
    "Integration",
    "LearningRateAnnealing",
    "Loss",
    "MultipleShooting",
    "NeuralTangentKernel",
    "Objective",
    "ObjectiveSpecification",
    "Observations",
    "PCGrad",
    "Penalty",
    "Pointwise",
    "Problem",
    "Rollout",
    "SolverSettings",
    "SquaredError",
    "Stream",
    "Trajectory",
    "Unrolled",
    "loss_of",
]
