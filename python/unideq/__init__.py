"""Universal differential equations: write the known part in NumPy, learn the rest, audit what was learned.

Importing this package starts neither Julia nor JAX: an engine starts when something is first computed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import datasets, nn
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
    from .model import ODE, Parameter, State
    from .objective import (
        L1,
        L2,
        Collocation,
        CustomLoss,
        GaussianLikelihood,
        Holdout,
        Huber,
        MultipleShooting,
        Penalty,
        SquaredError,
        Trajectory,
    )
    from .result import Fit, Solution
    from .training import (
        BFGS,
        LBFGS,
        Adam,
        AdamW,
        CosineDecay,
        ExponentialDecay,
        PiecewiseConstant,
        Warmup,
        fit,
        resume,
    )

    __version__: str

_EXPORTS = {
    "datasets": ("datasets",),
    "nn": ("nn",),
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
    "model": ("ODE", "Parameter", "State"),
    "objective": (
        "L1",
        "L2",
        "Collocation",
        "CustomLoss",
        "GaussianLikelihood",
        "Holdout",
        "Huber",
        "MultipleShooting",
        "Penalty",
        "SquaredError",
        "Trajectory",
    ),
    "result": ("Fit", "Solution"),
    "training": (
        "BFGS",
        "LBFGS",
        "Adam",
        "AdamW",
        "CosineDecay",
        "ExponentialDecay",
        "PiecewiseConstant",
        "Warmup",
        "fit",
        "resume",
    ),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "BFGS",
    "L1",
    "L2",
    "LBFGS",
    "ODE",
    "Adam",
    "AdamW",
    "Collocation",
    "CosineDecay",
    "CustomLoss",
    "DataError",
    "EngineMissing",
    "EngineUnsupported",
    "ExponentialDecay",
    "ExtraMissing",
    "FileFormatError",
    "Fit",
    "GaussianLikelihood",
    "Holdout",
    "Huber",
    "ModelError",
    "MultipleShooting",
    "OptionError",
    "Parameter",
    "Penalty",
    "PiecewiseConstant",
    "Solution",
    "SolveError",
    "SquaredError",
    "State",
    "TraceError",
    "Trajectory",
    "UnideqError",
    "UnideqWarning",
    "Warmup",
    "__version__",
    "available_engines",
    "datasets",
    "fit",
    "get_engine",
    "nn",
    "resume",
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
    raise AttributeError(f"module `unideq` has no attribute `{name}`; public names: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
