"""Recovery: formulas for a learned term, from a library of candidates, refitted inside the equation and compared."""

from .library import Library, LibraryTerm
from .recovery import Recovery, recover

__all__ = ["Library", "LibraryTerm", "Recovery", "recover"]
