"""Universal differential equations: write the known part in NumPy, learn the rest, audit what was learned.

Importing this package starts neither Julia nor JAX: an engine starts when something is first computed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import audit, datasets, nn, problems
    from .audit import FlowMap, Shift, Truncation
    from .engine import available as available_engines
    from .engine import get_engine, set_engine
    from .errors import (
        DataError,
        EngineMissing,
        EngineUnsupported,
        ExtraMissing,
        FileFormatError,
        ModelError,
        OptionError,
        SolveError,
        TraceError,
        UnideqError,
        UnideqWarning,
    )
    from .grid import Axis, Dirichlet, Grid, Neumann, Periodic, restrict, schemes
    from .model import ODE, PDE, Condition, Parameter, State, Stepper
    from .objective import (
        L1,
        L2,
        Causal,
        Collocation,
        ConFIG,
        CustomLoss,
        GaussianLikelihood,
        GradientNorm,
        Holdout,
        Huber,
        LearningRateAnnealing,
        MultipleShooting,
        NeuralTangentKernel,
        PCGrad,
        Penalty,
        SquaredError,
        Stream,
        Trajectory,
        Unrolled,
    )
    from .optimise import (
        BFGS,
        LBFGS,
        SOAP,
        Adam,
        AdamW,
        CosineDecay,
        ExponentialDecay,
        FirstOrder,
        GaussNewton,
        Optax,
        Optimisers,
        PiecewiseConstant,
        Schedule,
        Warmup,
    )
    from .residual import (
        Boundary,
        Data,
        Domain,
        Field,
        Initial,
        Interior,
        PointSet,
        Residual,
        ResidualProblem,
        d,
        samplers,
    )
    from .result import Fit, Solution, plot_rollout_metrics, rollout_metrics
    from .solvers import Auto, ExplicitRungeKutta, Rosenbrock, Solver
    from .solvers.table import *  # noqa: F403
    from .training import fit, resume

    __version__: str

_EXPORTS = {
    "audit": ("audit", "FlowMap", "Shift", "Truncation"),
    "datasets": ("datasets",),
    "nn": ("nn",),
    "problems": ("problems",),
    "engine": ("get_engine", "set_engine"),
    "errors": (
        "DataError",
        "EngineMissing",
        "EngineUnsupported",
        "ExtraMissing",
        "FileFormatError",
        "ModelError",
        "OptionError",
        "SolveError",
        "TraceError",
        "UnideqError",
        "UnideqWarning",
    ),
    "grid": ("Axis", "Dirichlet", "Grid", "Neumann", "Periodic", "restrict", "schemes"),
    "model": ("ODE", "PDE", "Condition", "Parameter", "State", "Stepper"),
    "objective": (
        "L1",
        "L2",
        "Collocation",
        "Causal",
        "ConFIG",
        "GradientNorm",
        "LearningRateAnnealing",
        "NeuralTangentKernel",
        "PCGrad",
        "CustomLoss",
        "GaussianLikelihood",
        "Holdout",
        "Huber",
        "MultipleShooting",
        "Penalty",
        "SquaredError",
        "Stream",
        "Trajectory",
        "Unrolled",
    ),
    "residual": (
        "Boundary",
        "Data",
        "Domain",
        "Field",
        "Initial",
        "Interior",
        "PointSet",
        "Residual",
        "ResidualProblem",
        "d",
        "samplers",
    ),
    "result": ("Fit", "Solution", "plot_rollout_metrics", "rollout_metrics"),
    "solvers": ("Auto", "ExplicitRungeKutta", "Rosenbrock", "Solver"),
    "optimise": (
        "BFGS",
        "LBFGS",
        "SOAP",
        "Adam",
        "AdamW",
        "CosineDecay",
        "ExponentialDecay",
        "FirstOrder",
        "GaussNewton",
        "Optax",
        "Optimisers",
        "PiecewiseConstant",
        "Schedule",
        "Warmup",
    ),
    "training": ("fit", "resume"),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "BFGS",
    "L1",
    "L2",
    "LBFGS",
    "ODE",
    "PDE",
    "SOAP",
    "Adam",
    "AdamW",
    "Auto",
    "Axis",
    "Boundary",
    "Causal",
    "Collocation",
    "ConFIG",
    "Condition",
    "CosineDecay",
    "CustomLoss",
    "Data",
    "DataError",
    "Dirichlet",
    "Domain",
    "EngineMissing",
    "EngineUnsupported",
    "ExplicitRungeKutta",
    "ExponentialDecay",
    "ExtraMissing",
    "Field",
    "FileFormatError",
    "FirstOrder",
    "Fit",
    "FlowMap",
    "GaussNewton",
    "GaussianLikelihood",
    "GradientNorm",
    "Grid",
    "Holdout",
    "Huber",
    "Initial",
    "Interior",
    "LearningRateAnnealing",
    "ModelError",
    "MultipleShooting",
    "Neumann",
    "NeuralTangentKernel",
    "Optax",
    "Optimisers",
    "OptionError",
    "PCGrad",
    "Parameter",
    "Penalty",
    "Periodic",
    "PiecewiseConstant",
    "PointSet",
    "Residual",
    "ResidualProblem",
    "Rosenbrock",
    "Schedule",
    "Shift",
    "Solution",
    "SolveError",
    "Solver",
    "SquaredError",
    "State",
    "Stepper",
    "Stream",
    "TraceError",
    "Trajectory",
    "Truncation",
    "UnideqError",
    "UnideqWarning",
    "Unrolled",
    "Warmup",
    "__version__",
    "audit",
    "available_engines",
    "d",
    "datasets",
    "fit",
    "get_engine",
    "nn",
    "plot_rollout_metrics",
    "problems",
    "restrict",
    "resume",
    "rollout_metrics",
    "samplers",
    "schemes",
    "set_engine",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `import unideq` itself costs next to nothing."""
    if name == "__version__":
        from .versions import unideq_version

        return unideq_version()
    if name == "available_engines":
        return importlib.import_module(".engine", __name__).available
    if name in _HOME:
        module = importlib.import_module(f".{_HOME[name]}", __name__)
        value = module if name == _HOME[name] else getattr(module, name)
        globals()[name] = value
        return value
    if name[:1].isupper():
        solvers = importlib.import_module(".solvers", __name__)
        for entry in solvers.SOLVERS.values():
            globals().setdefault(entry.__name__, entry)
        if name in globals():
            return globals()[name]
    raise AttributeError(
        f"module `unideq` has no attribute `{name}`; public names: {', '.join(__all__)}, and the solvers"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
