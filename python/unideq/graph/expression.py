"""Symbolic arrays: what a traced NumPy function leaves behind. Hash-consed: equal expressions are one object.

An `Expression` knows the operation that made it, its inputs and its attributes; shape and dtype are static.
It answers to Python's operators, NumPy's ufuncs (`__array_ufunc__`) and NumPy's functions
(`__array_function__`), so that users' functions need no special mathematics module.
"""

from __future__ import annotations

import itertools
import math
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..checks import shown
from ..errors import TraceError
from .frozen import FrozenArray, freeze
from .in_place import in_place
from .location import is_labelled, labelled, user_line
from .operation import LEAF, OPERATIONS, Operation

__all__ = ["Expression", "apply", "as_expression", "constant", "variable"]

_interned: weakref.WeakValueDictionary[tuple, Expression] = weakref.WeakValueDictionary()
_serial = itertools.count()
_interning = threading.Lock()


class Expression:
    """A symbolic array with static shape and dtype.

    Make one with `variable`, `constant` or by applying operations to others; never by calling the class.

    Attributes
    ----------
    operation
        Name of the operation in `unideq.graph.OPERATIONS`, or `"input"` / `"constant"`.
    inputs
        The expressions that it is computed from.
    attributes
        Settings of the operation, by name. Shared between all users of the expression: never change it.
    shape, dtype
        Static shape; dtype is `"float64"` or `"bool"`.
    """

    __slots__ = ("__weakref__", "attributes", "dtype", "inputs", "operation", "serial", "shape")

    operation: str
    inputs: tuple[Expression, ...]
    attributes: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str
    serial: int
    """Age: inputs are always older than what is made from them, so sorting by it is a topological order."""

    __array_priority__ = 1000

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def value(self) -> np.ndarray:
        """The array of a constant."""
        if self.operation != "constant":
            raise TypeError(f"`{self.operation}` expression has no value: only constants do.")
        return self.attributes["value"]

    @property
    def name(self) -> str:
        """The name of an input."""
        if self.operation != "input":
            raise TypeError(f"`{self.operation}` expression has no name: only inputs do.")
        return self.attributes["name"]

    @property
    def is_constant(self) -> bool:
        """Whether it has a value."""
        return self.operation == "constant"

    @property
    def entry(self) -> Operation:
        """Everything about its operation; `LEAF` for inputs and constants."""
        return OPERATIONS.get(self.operation, LEAF)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def T(self) -> Expression:
        return np.transpose(self)  # type: ignore[return-value]

    def __repr__(self) -> str:
        from .latex import text

        return f"<{self.dtype} expression {self.shape}: {text(self, limit=80)}>"

    def __len__(self) -> int:
        if not self.shape:
            raise TraceError(f"`len()` of a symbolic scalar{user_line()}.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Expression]:
        if not self.shape:
            raise TraceError(
                f"A symbolic scalar can't be unpacked or iterated over{user_line()}. "
                "A network with one output returns the output itself, not a tuple."
            )
        return (self[i] for i in range(self.shape[0]))

    # ---- what can't be recorded -------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        raise TraceError(
            "Python can't branch on a symbolic value: `if`, `while`, `and`, `or`, `not` or a comparison "
            f"chain{user_line()}. Write `np.where(condition, a, b)` for a choice, `np.logical_and(a, b)` for `and`, "
            "`np.maximum`/`np.minimum`/`np.clip` for limits."
        )

    def _no_number(self, kind: str) -> Any:
        raise TraceError(
            f"A symbolic value has no number yet: `{kind}()` (or the `math` module) can't use it{user_line()}. "
            "Use NumPy functions (`np.exp`, `np.sqrt`, …) and leave the value symbolic; to fill an array, join values "
            "with `np.stack([...])` instead of assigning into it."
        )

    def __float__(self) -> float:
        return self._no_number("float")

    def __int__(self) -> int:
        return self._no_number("int")

    def __complex__(self) -> complex:
        return self._no_number("complex")

    def __index__(self) -> int:
        return self._no_number("index")

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TraceError(
            "A symbolic value can't be made a NumPy array (`np.array`, `np.asarray`, a `scipy` "
            f"function…){user_line()}. "
            "Join values with `np.stack([a, b])` or `np.concatenate`, and build with NumPy functions."
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TraceError(
            f"A symbolic array can't be assigned into{user_line()}. "
            "Build the new array instead: `np.where(mask, new, old)`, `np.concatenate([...])` or `np.stack([...])`."
        )

    # ---- identity ---------------------------------------------------------------------------------------------

    def __hash__(self) -> int:
        # Equal expressions are one object. Sets and dicts compare by identity first, so `==` is free to be NumPy's.
        return id(self)

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: Any) -> Expression:
        return self

    def __reduce__(self) -> Any:
        from .graph import Graph, topological
        from .serialise import first_output, to_json

        inputs = [node for node in topological([self]) if node.operation == "input"]
        return first_output, (to_json(Graph(inputs, {"": self})),)

    # ---- indexing and NumPy's methods -------------------------------------------------------------------------

    @property
    def dims(self) -> Any:
        """None: xarray asks for them before it takes a symbolic value for an array of its own kind."""
        raise labelled()

    def __getitem__(self, key: Any) -> Expression:
        from .indexing import index

        return index(self, key)

    def reshape(self, *shape: Any) -> Expression:
        return np.reshape(self, shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape)  # type: ignore

    def ravel(self) -> Expression:
        return np.reshape(self, (-1,))  # type: ignore[call-overload]

    flatten = ravel

    def transpose(self, *axes: Any) -> Expression:
        return np.transpose(self, axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else (axes or None))  # type: ignore

    def sum(self, axis: Any = None, keepdims: bool = False) -> Expression:
        return np.sum(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def mean(self, axis: Any = None, keepdims: bool = False) -> Expression:
        return np.mean(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def max(self, axis: Any = None, keepdims: bool = False) -> Expression:
        return np.max(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def min(self, axis: Any = None, keepdims: bool = False) -> Expression:
        return np.min(self, axis=axis, keepdims=keepdims)  # type: ignore[call-overload]

    def clip(self, min: Any = None, max: Any = None) -> Expression:
        return np.clip(self, min, max)  # type: ignore[call-overload]

    def squeeze(self, axis: Any = None) -> Expression:
        return np.squeeze(self, axis)  # type: ignore[call-overload]

    def dot(self, other: Any) -> Expression:
        return np.dot(self, other)  # type: ignore[call-overload]

    # ---- operators --------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Expression:
        return NotImplemented if _takes_over(other) else apply("add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return apply("add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return NotImplemented if _takes_over(other) else apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> Expression:
        return NotImplemented if _takes_over(other) else apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return NotImplemented if _takes_over(other) else apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return apply("divide", other, self)

    def __pow__(self, other: Any) -> Expression:
        return apply("power", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return apply("power", other, self)

    def __mod__(self, other: Any) -> Expression:
        return np.remainder(self, other)  # type: ignore[return-value]

    def __rmod__(self, other: Any) -> Expression:
        return np.remainder(other, self)  # type: ignore[return-value]

    def __floordiv__(self, other: Any) -> Expression:
        return np.floor_divide(self, other)  # type: ignore[return-value]

    def __rfloordiv__(self, other: Any) -> Expression:
        return np.floor_divide(other, self)  # type: ignore[return-value]

    def __matmul__(self, other: Any) -> Expression:
        return np.matmul(self, other)  # type: ignore[call-overload]

    def __rmatmul__(self, other: Any) -> Expression:
        return np.matmul(other, self)  # type: ignore[call-overload]

    def __neg__(self) -> Expression:
        return apply("negative", self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return apply("absolute", self)

    def __lt__(self, other: Any) -> Expression:
        return apply("less", self, other)

    def __le__(self, other: Any) -> Expression:
        return apply("less_equal", self, other)

    def __gt__(self, other: Any) -> Expression:
        return apply("less", other, self)

    def __ge__(self, other: Any) -> Expression:
        return apply("less_equal", other, self)

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return apply("equal", self, other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return apply("logical_not", apply("equal", self, other))

    def __and__(self, other: Any) -> Expression:
        return apply("logical_and", self, other)

    def __rand__(self, other: Any) -> Expression:
        return apply("logical_and", other, self)

    def __or__(self, other: Any) -> Expression:
        return apply("logical_or", self, other)

    def __ror__(self, other: Any) -> Expression:
        return apply("logical_or", other, self)

    def __invert__(self) -> Expression:
        return apply("logical_not", self)

    def __iadd__(self, other: Any) -> Expression:
        return in_place(self, "+=")

    def __isub__(self, other: Any) -> Expression:
        return in_place(self, "-=")

    def __imul__(self, other: Any) -> Expression:
        return in_place(self, "*=")

    def __itruediv__(self, other: Any) -> Expression:
        return in_place(self, "/=")

    def __ipow__(self, other: Any) -> Expression:
        return in_place(self, "**=")

    # ---- NumPy's protocols ------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        from .numpy_protocol import apply_ufunc

        return apply_ufunc(ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, types: Any, arguments: Sequence[Any], settings: dict[str, Any]) -> Any:
        from .numpy_protocol import apply_function

        return apply_function(function, arguments, settings)


def _takes_over(other: Any) -> bool:
    """Whether a binary operation is the other's business: NumPy's sign for that is `__array_ufunc__ = None`."""
    return getattr(other, "__array_ufunc__", True) is None


def _intern(
    operation: str,
    inputs: tuple[Expression, ...],
    frozen: tuple,
    attributes: dict[str, Any],
    shape: tuple[int, ...],
    dtype: str,
) -> Expression:
    key = (operation, tuple([id(i) for i in inputs]), frozen)
    found = _interned.get(key)
    if found is not None:
        return found
    with _interning:
        found = _interned.get(key)  # another thread may have made it meanwhile
        if found is not None:
            return found
        made = object.__new__(Expression)
        made.operation = operation
        made.inputs = inputs
        made.attributes = attributes
        made.shape = shape
        made.dtype = dtype
        made.serial = next(_serial)
        _interned[key] = made
        return made


def variable(name: str, shape: Sequence[int] = ()) -> Expression:
    """An input of a graph: a float64 array that gets its value when the graph is evaluated."""
    shape = tuple(int(n) for n in shape)
    return _intern("input", (), (("name", name), ("shape", shape)), {"name": name, "shape": shape}, shape, "float64")


def constant(value: Any) -> Expression:
    """A constant array (numbers become float64, booleans stay)."""
    array = np.asarray(value)
    kind = array.dtype.kind
    if kind not in "biuf":
        hint = " Call it." if callable(value) else ""
        raise TraceError(f"Only real numbers and booleans can stand in a model, not {shown(value)}{user_line()}.{hint}")
    dtype = "bool" if kind == "b" else "float64"
    frozen = FrozenArray(array.astype(dtype, copy=False))
    return _intern("constant", (), (("value", frozen),), {"value": frozen.array}, array.shape, dtype)


def as_expression(value: Any) -> Expression:
    """An expression as it is; numbers, arrays and (nested) lists holding expressions are converted."""
    if isinstance(value, Expression):
        return value
    if isinstance(value, (list, tuple)) and _holds_expression(value):
        return np.stack([as_expression(v) for v in value])  # type: ignore[return-value]
    try:
        return constant(value)
    except TraceError:
        if is_labelled(value):
            raise labelled() from None
        raise
    except (TypeError, ValueError) as error:
        raise TraceError(f"`{type(value).__name__}` can't stand in an expression{user_line()}: {error}.") from error


def _holds_expression(value: Any) -> bool:
    return isinstance(value, Expression) or (isinstance(value, (list, tuple)) and any(map(_holds_expression, value)))


def apply(operation: str, *inputs: Any, **attributes: Any) -> Expression:
    """Apply an operation by name: checks shapes, folds constants, simplifies, and returns the one such expression."""
    rule = OPERATIONS[operation]
    arguments = tuple([i if isinstance(i, Expression) else as_expression(i) for i in inputs])
    if rule.prepare is not None:
        arguments, attributes = rule.prepare(arguments, attributes)
    frozen: tuple = ()
    if attributes:
        frozen = tuple([(k, freeze(attributes[k])) for k in sorted(attributes)])
        attributes = {k: v.array if isinstance(v, FrozenArray) else v for k, v in frozen}
    shape, dtype = rule.infer(arguments, attributes)
    if arguments and rule.foldable and all([a.operation == "constant" for a in arguments]):
        with np.errstate(all="ignore"):
            return constant(np.asarray(rule.evaluate(*(a.value for a in arguments), **attributes)))
    if rule.simplify is not None:
        simpler = rule.simplify(arguments, attributes, shape)
        if simpler is not None:
            return simpler
    return _intern(operation, arguments, frozen, attributes, shape, dtype)
