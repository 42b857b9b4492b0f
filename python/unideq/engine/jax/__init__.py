"""The embedded engine: graphs compiled by JAX (XLA), integrated by diffrax, minimised in compiled loops.

Programs compute in float64 unless they say otherwise, under a configuration of their own (`configuration`): JAX's
switches stay as they are.
"""

from __future__ import annotations

import os

import jax

from ...errors import EngineError
from .engine import JaxEngine
from .kept_code import keep_compiled_code

__all__ = ["JaxEngine", "make"]


def make() -> JaxEngine:
    """Start the engine.

    Raises
    ------
    EngineError
        If JAX finds no device to compute on.
    """
    try:
        jax.devices()
    except RuntimeError as error:
        asked = os.environ.get("JAX_PLATFORMS", "")
        where = f" with `JAX_PLATFORMS={asked}` in the environment. Unset it, or set it to `cpu`" if asked else ""
        raise EngineError(f"JAX finds no device to compute on{where}: {error}") from None
    keep_compiled_code()
    return JaxEngine()
