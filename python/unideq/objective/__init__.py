"""What is minimised: objectives, losses and penalties, and the programs that engines run."""

from .base import ObjectiveSpecification, objective_from_json
from .collocation import Collocation
from .loss import CustomLoss, GaussianLikelihood, Huber, Loss, SquaredError, loss_of
from .observations import Holdout, Observations
from .problem import Problem
from .program import Batches, Given, Integration, Objective, Pointwise, Rollout, SolverSettings
from .regularise import L1, L2, Penalty
from .shooting import MultipleShooting
from .stream import Stream
from .trajectory import Trajectory
from .unrolled import Unrolled

__all__ = [
    "L1",
    "L2",
    "Batches",
    "Collocation",
    "CustomLoss",
    "GaussianLikelihood",
    "Given",
    "Holdout",
    "Huber",
    "Integration",
    "Loss",
    "MultipleShooting",
    "Objective",
    "ObjectiveSpecification",
    "Observations",
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
    "objective_from_json",
]
