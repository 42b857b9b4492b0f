"""What a user builds: parameters, states and the equations that bind them."""

from .equations import Equations
from .layout import Entry, Layout
from .learned import LearnedTerm
from .ode import ODE
from .parameter import Parameter
from .state import State, StateTable

__all__ = ["ODE", "Entry", "Equations", "Layout", "LearnedTerm", "Parameter", "State", "StateTable"]
