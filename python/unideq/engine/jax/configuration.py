"""The configuration of JAX that the engine computes under, whatever the process has switched on or off.

JAX's switches are global, and other libraries set them: half the precision, errors wherever a NaN appears. Within
`own_configuration()` they have the values that the engine needs, in this thread alone; behind it they are as they were.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np

try:
    from jaxlib.utils import absl_set_min_log_level as _set_log_level
except ImportError:  # another version of jaxlib: its log goes on as it does

    def _set_log_level(level: int) -> None: ...


__all__ = ["configured", "in_precision", "own_configuration"]

P = ParamSpec("P")
R = TypeVar("R")

_SETTINGS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "jax_enable_x64": (jax.enable_x64, True),
    "jax_debug_nans": (jax.debug_nans, False),
    "jax_debug_infs": (jax.debug_infs, False),
    "jax_disable_jit": (jax.disable_jit, False),
    "jax_numpy_dtype_promotion": (jax.numpy_dtype_promotion, "standard"),
    "jax_numpy_rank_promotion": (jax.numpy_rank_promotion, "allow"),
}
"""Switch → the context manager that sets it, and the engine's value."""
_SILENT = 3
"""Level of XLA's log that lets fatal errors through alone. Others come as exceptions as well; what is left is the
message that a compilation takes more than two minutes, which asks users to report a bug."""
_level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "")
_USUAL = int(_level) if _level.isdigit() else 1  # JAX's own default


class own_configuration:
    """Within: float64, NaN is a value (the engine looks for it itself), programs are compiled, XLA keeps quiet.

    With `precision="float32"` all numbers of what is traced and computed are single.

    Compiled functions are told apart by the configuration that they are called under, so all calls need it. It takes a
    microsecond or two.
    """

    __slots__ = ("_double", "_entered")

    def __init__(self, precision: str = "float64") -> None:
        self._double = precision == "float64"

    def __enter__(self) -> None:
        self._entered: list[Any] = []
        _set_log_level(_SILENT)
        for name, (context, usual) in _SETTINGS.items():
            value = usual if self._double or name != "jax_enable_x64" else False
            if getattr(jax.config, name) != value:  # looking costs less than entering
                entered = context(value)
                entered.__enter__()
                self._entered.append(entered)

    def __exit__(self, *error: Any) -> None:
        while self._entered:
            self._entered.pop().__exit__(*error)
        _set_log_level(_USUAL)


def in_precision(tree: Any) -> Any:
    """Arrays of a tree in the precision that is configured.

    JAX would convert them itself, but takes the double of a number that it has met before in double: the compiled code
    then refuses it.
    """
    if jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        return tree
    single = lambda x: x.astype(np.float32) if getattr(x, "dtype", None) == np.float64 else x  # noqa: E731
    return jax.tree.map(single, tree)


def configured(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: the function runs under `own_configuration`."""

    @wraps(function)
    def run(*arguments: P.args, **named: P.kwargs) -> R:
        with own_configuration():
            return function(*arguments, **named)

    return run
