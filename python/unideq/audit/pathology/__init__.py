"""The known pathologies of residual training: gradients, curvature and residuals over training."""

from .causality import Causality
from .concentration import Concentration
from .conflict import Conflict
from .generalisation import Generalisation
from .gradient_balance import Balance
from .pathology import Pathology, PathologyOutcome
from .progress import Progress
from .stiffness import Stiffness
from .subject import ResidualSubject

__all__ = [
    "Balance",
    "Causality",
    "Concentration",
    "Conflict",
    "Generalisation",
    "Pathology",
    "PathologyOutcome",
    "Progress",
    "ResidualSubject",
    "Stiffness",
]
