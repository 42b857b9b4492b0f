"""What a user builds: parameters, states and the equations that bind them."""

from .condition import Condition
from .encoder import Encoder, RecurrentEncoder, SetEncoder
from .equations import Equations
from .event import Dose, Event
from .grouped import Grouped, grouped
from .initial import Steady
from .koopman import Koopman
from .latent import Latent
from .layout import Entry, Layout
from .learned import LearnedTerm
from .model import Model
from .ode import ODE
from .own_forcing import Forcing, Record, Records, records_in, row_tables, with_rows
from .parameter import Parameter
from .pde import PDE
from .recurrent import recurrent
from .sde import SDE
from .spread import LogNormal, Normal, Spread
from .state import State, StateTable
from .stepper import Stepper
from .structural import structural_ode
from .triggers import Trigger, event_row, tables_of

__all__ = [
    "ODE",
    "PDE",
    "SDE",
    "Condition",
    "Dose",
    "Encoder",
    "Entry",
    "Equations",
    "Event",
    "Forcing",
    "Grouped",
    "Koopman",
    "Latent",
    "Layout",
    "LearnedTerm",
    "LogNormal",
    "Model",
    "Normal",
    "Parameter",
    "Record",
    "Records",
    "RecurrentEncoder",
    "SetEncoder",
    "Spread",
    "State",
    "StateTable",
    "Steady",
    "Stepper",
    "Trigger",
    "event_row",
    "grouped",
    "records_in",
    "recurrent",
    "row_tables",
    "structural_ode",
    "tables_of",
    "with_rows",
]
