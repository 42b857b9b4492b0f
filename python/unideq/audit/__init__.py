"""What was learned, and can it be trusted? Audits and their checks, recovery of equations, checks of gradients."""

from .auditing import audit
from .belief import Belief
from .check import Check, Outcome
from .closure import ClosureSpectrum, Coupled, GradientModel
from .distribution import Distribution, StochasticSubject
from .finding import Finding
from .kernels import (
    kernel_changes,
    kernel_spectra,
    loss_landscape,
    pick_layer,
    plot_loss_landscape,
    preactivation_spectra,
)
from .martingale import BackwardSubject, MartingaleResidual
from .pathology import (
    Balance,
    Causality,
    Concentration,
    Conflict,
    Generalisation,
    Progress,
    ResidualSubject,
    Stiffness,
)
from .rankings import Rankings
from .report import Audit
from .rollout import FlowMap, Integrator, Shift
from .subject import StatesSubject, Subject
from .truncation import Truncation

__all__ = [
    "Audit",
    "BackwardSubject",
    "Balance",
    "Belief",
    "Causality",
    "Check",
    "ClosureSpectrum",
    "Concentration",
    "Conflict",
    "Coupled",
    "Distribution",
    "Finding",
    "FlowMap",
    "Generalisation",
    "GradientModel",
    "Integrator",
    "MartingaleResidual",
    "Outcome",
    "Progress",
    "Rankings",
    "ResidualSubject",
    "Shift",
    "StatesSubject",
    "Stiffness",
    "StochasticSubject",
    "Subject",
    "Truncation",
    "audit",
    "kernel_changes",
    "kernel_spectra",
    "loss_landscape",
    "pick_layer",
    "plot_loss_landscape",
    "preactivation_spectra",
]
