"""Unideq.jl's flat functions as Python ones: strings and addresses of arrays in, arrays filled by Julia out.

Arrays are C-contiguous float64. Julia reads and writes them in place during a call and keeps none of them.
"""

from __future__ import annotations

import os
import threading
from typing import Any

import numpy as np

from ...errors import EngineError
from .errors import translated
from .start import RunningJulia

__all__ = ["Bridge", "address", "contiguous"]

_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True


def contiguous(values: Any) -> np.ndarray:
    """As a C-contiguous float64 array."""
    return np.asarray(values, dtype=np.float64, order="C")  # not `ascontiguousarray`, which gives numbers an axis


def address(array: np.ndarray) -> int:
    """Where an array's first number lies; the caller keeps the array alive."""
    return array.ctypes.data


class Bridge:
    """Calls into Unideq.jl from the Python thread that started Julia.

    Parameters
    ----------
    julia
        A started Julia.
    """

    def __init__(self, julia: RunningJulia) -> None:
        import juliacall

        self.julia = julia
        self._error = juliacall.JuliaError
        self._thread = threading.get_ident()
        self._functions: dict[str, Any] = {}
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork)

    def call(self, name: str, doing: str, *arguments: Any) -> Any:
        """`Unideq.name(arguments...)`; what Julia throws arrives as an error of ours.

        Parameters
        ----------
        name
            Julia function; `!` is spelled `_b`.
        doing
            What it does, for error messages: `compiling the objective`.
        """
        if _forked or threading.get_ident() != self._thread:
            raise self._wrong_place()
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = getattr(self.julia.package, name)
        try:
            return function(*arguments)
        except self._error as error:
            raise translated(error, doing) from error

    @staticmethod
    def _wrong_place() -> EngineError:
        if _forked:
            return EngineError(
                "Julia can't go on in a forked process. Start the process anew instead, e.g. with "
                '`multiprocessing.get_context("spawn")`.'
            )
        return EngineError(
            "Julia runs in the Python thread that started it, and this is another. Call `unideq` from that one thread; "
            "for parallel work give Julia threads (`UNIDEQ_THREADS=4`) or use processes."
        )
