"""What a model is: expressions, operations, shapes, derivatives, and their NumPy evaluation. Pure data, no engine."""

from . import operations
from .batching import batched
from .derivative import gradient, jvp, pullback, pushforward, vjp
from .expression import Expression, apply, as_expression, constant, variable
from .factoring import factored
from .graph import Graph, topological
from .jacobian import Jacobian, jacobian
from .latex import equations, latex, text
from .location import tracing
from .numpy_protocol import supported_functions
from .operation import OPERATIONS, Operation, register
from .operations.elementwise import register_elementwise
from .serialise import fingerprint, from_json, to_json
from .sparsity import colour, sparsity
from .spectral_functions import convolve, irfft, rfft
from .transform import partition, rebuild, substitute

__all__ = [
    "OPERATIONS",
    "Expression",
    "Graph",
    "Jacobian",
    "Operation",
    "apply",
    "as_expression",
    "batched",
    "colour",
    "constant",
    "convolve",
    "equations",
    "factored",
    "fingerprint",
    "from_json",
    "gradient",
    "irfft",
    "jacobian",
    "jvp",
    "latex",
    "operations",
    "partition",
    "pullback",
    "pushforward",
    "rebuild",
    "register",
    "register_elementwise",
    "rfft",
    "sparsity",
    "substitute",
    "supported_functions",
    "text",
    "to_json",
    "topological",
    "tracing",
    "variable",
    "vjp",
]
