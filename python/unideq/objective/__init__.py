"""What is minimised: objectives, losses and costs, and the programs that engines run."""

from .a_priori import APriori
from .collocation import Collocation
from .constraint import Constraint
from .cost import Cost
from .estimation_problem import EstimationProblem
from .filtering import FilterLikelihood
from .holdout import Holdout
from .intervention import Intervention
from .linearity import Linearity
from .losses import (
    CustomLoss,
    GaussianLikelihood,
    Huber,
    Likelihood,
    LogNormalLikelihood,
    Loss,
    NegativeBinomialLikelihood,
    NoisyLikelihood,
    PoissonLikelihood,
    SeriesLoss,
    SquaredError,
    StudentTLikelihood,
    loss_of,
)
from .matching import DistributionMatching
from .objective import Objective
from .observations import Observations
from .program import Balancing, Batches, Given, Integration, LossProgram, Pointwise, Rollout, SolverSettings
from .ranking import Ranking
from .regularise import L1, L2
from .shooting import MultipleShooting
from .stream import Stream
from .trajectory import Trajectory
from .transitions import TransitionLikelihood
from .unrolled import Unrolled
from .weighting_rules import Causal, ConFIG, GradientNorm, LearningRateAnnealing, NeuralTangentKernel, PCGrad

__all__ = [
    "L1",
    "L2",
    "APriori",
    "Balancing",
    "Batches",
    "Causal",
    "Collocation",
    "ConFIG",
    "Constraint",
    "Cost",
    "CustomLoss",
    "DistributionMatching",
    "EstimationProblem",
    "FilterLikelihood",
    "GaussianLikelihood",
    "Given",
    "GradientNorm",
    "Holdout",
    "Huber",
    "Integration",
    "Intervention",
    "LearningRateAnnealing",
    "Likelihood",
    "Linearity",
    "LogNormalLikelihood",
    "Loss",
    "LossProgram",
    "MultipleShooting",
    "NegativeBinomialLikelihood",
    "NeuralTangentKernel",
    "NoisyLikelihood",
    "Objective",
    "Observations",
    "PCGrad",
    "Pointwise",
    "PoissonLikelihood",
    "Ranking",
    "Rollout",
    "SeriesLoss",
    "SolverSettings",
    "SquaredError",
    "Stream",
    "StudentTLikelihood",
    "Trajectory",
    "TransitionLikelihood",
    "Unrolled",
    "loss_of",
]
