"""Ready problems: well-known PDEs with settings that just work, and the reference data that they generate.

Each is a frozen settings class: `model()` is the PDE, `stepper()` its time stepping, `initial()` draws initial
states, `data()` rolls out and returns an `xarray.Dataset` with units and provenance, on the problem's own grid or a
coarser one. Those in many dimensions have no grid: `problem()` is a `BackwardProblem`, `value` what is known of it.

Examples
--------
>>> import unideq as ude
>>> data = ude.problems.Burgers(points=64).data(trajectories=2, steps=10)
>>> dict(data.u.sizes)
{'trajectory': 2, 'time': 11, 'x': 64}
"""

from __future__ import annotations

from .advection import Advection
from .allen_cahn import AllenCahn
from .burgers import Burgers
from .cylinder_wake import CylinderWake
from .fisher_kpp import FisherKPP
from .forced_burgers import ForcedBurgers
from .high_dimensional import (
    BlackScholesBarenblatt,
    BurgersType,
    HamiltonJacobiBellman,
    HighDimensional,
    HighDimensionalAllenCahn,
    QuadraticGradient,
    ReactionDiffusion,
)
from .kolmogorov_flow import KolmogorovFlow
from .korteweg_de_vries import KortewegDeVries
from .kuramoto_sivashinsky import KuramotoSivashinsky
from .ready import ReadyProblem
from .two_dimensional_turbulence import TwoDimensionalTurbulence

__all__ = [
    "Advection",
    "AllenCahn",
    "BlackScholesBarenblatt",
    "Burgers",
    "BurgersType",
    "CylinderWake",
    "FisherKPP",
    "ForcedBurgers",
    "HamiltonJacobiBellman",
    "HighDimensional",
    "HighDimensionalAllenCahn",
    "KolmogorovFlow",
    "KortewegDeVries",
    "KuramotoSivashinsky",
    "QuadraticGradient",
    "ReactionDiffusion",
    "ReadyProblem",
    "TwoDimensionalTurbulence",
    "available",
]


def available() -> dict[str, str]:
    """The problems: class name and equation, in alphabetical order."""
    return {
        name: globals()[name].equation
        for name in __all__
        if name not in ("HighDimensional", "ReadyProblem", "available")
    }
