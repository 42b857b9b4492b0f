"""Where a field lives: axes with boundary conditions, grids of them, and the schemes that approximate derivatives."""

from . import filters, schemes
from .axis import Axis
from .boundary import Dirichlet, Neumann, Periodic
from .grid import Grid, Symbols
from .resample import restrict
from .symbol import Symbol

__all__ = ["Axis", "Dirichlet", "Grid", "Neumann", "Periodic", "Symbol", "Symbols", "filters", "restrict", "schemes"]
