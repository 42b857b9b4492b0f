"""Time-stepping schemes as compositions of graphs: explicit, implicit-explicit, and exponential."""

from .etd import ETD1, ETDRK2, ETDRK4
from .explicit import RK4, SSPRK3, Euler, Heun
from .imex import ImexEuler, ImexRK2
from .scheme import Scheme

__all__ = ["SCHEMES", "Scheme"]

SCHEMES: dict[str, Scheme] = {
    s.name: s for s in (Euler(), Heun(), RK4(), SSPRK3(), ImexEuler(), ImexRK2(), ETD1(), ETDRK2(), ETDRK4())
}
"""Name → scheme."""
