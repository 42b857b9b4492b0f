"""What a user builds: parameters, states and the equations that bind them."""

from .condition import Condition
from .equations import Equations
from .grouped import Grouped, grouped
from .layout import Entry, Layout
from .learned import LearnedTerm
from .model import Model
from .ode import ODE
from .own_forcing import Forcing, Record, Records, records_in, row_tables, with_rows
from .parameter import Parameter
from .pde import PDE
from .state import State, StateTable
from .stepper import Stepper

__all__ = [
    "ODE",
    "PDE",
    "Condition",
    "Entry",
    "Equations",
    "Forcing",
    "Grouped",
    "Layout",
    "LearnedTerm",
    "Model",
    "Parameter",
    "Record",
    "Records",
    "State",
    "StateTable",
    "Stepper",
    "grouped",
    "records_in",
    "row_tables",
    "with_rows",
]
