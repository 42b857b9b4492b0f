"""Equinox modules as functions of flat weights: described, drawn, called and differentiated by JAX."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..checks import refused, shown
from ..errors import ModelError, OptionError

__all__ = ["OPERATIONS", "described", "drawn", "evaluate"]

_given: dict[str, Described] = {}
"""Fingerprint → the module, of those that were given in this process."""


@dataclass(frozen=True)
class Described:
    """A module, and what it says: `call(weights (n,), x (inputs,)) -> (outputs,)`; `first`: its own weights (n,);
    `given`: the module itself, or the function that makes it."""

    key: str
    inputs: int
    outputs: int
    structure: tuple[tuple[str, tuple[int, ...]], ...]
    call: Callable[[Any, Any], Any]
    first: np.ndarray
    given: Any = None


def described(given: Any, inputs: int) -> Described:
    """What there is to know of a module, or of what a function makes of a key; it can be computed with from then on.

    Raises
    ------
    OptionError
        If it can't be used, with JAX's message.
    """
    with jax.enable_x64(True):
        module = _made(given, 0)
        features = inputs or next((n for n in map(partial(_size, module), ("in_size", "in_features")) if n), 0)
        if not features:
            raise OptionError(
                f"`Equinox`: {type(module).__name__} doesn't tell its number of inputs. Say `inputs=`, the number of "
                "features of one sample."
            )
        found = replace(_read(module, features), given=given)
    _given[found.key] = found
    return found


def drawn(given: Any, key: str, seed: int) -> dict[str, np.ndarray]:
    """First weights by name: the module's own, or those that a function makes of the seed's key."""
    known = _module(key)
    with jax.enable_x64(True):
        flat = _read(_made(known.given if isinstance(given, str) else given, seed), known.inputs).first
    return dict(zip((name for name, _ in known.structure), _split(flat, known.structure), strict=True))


def _made(given: Any, seed: int) -> Any:
    needs = "an `equinox.Module`, or a function that makes one of a key"
    if isinstance(given, type) or not (isinstance(given, eqx.Module) or callable(given)):
        raise refused(given, "module", "Equinox", needs)
    if isinstance(given, eqx.Module):
        return eqx.nn.inference_mode(given)
    try:
        module = given(jax.random.PRNGKey(seed))
    except Exception as error:
        raise OptionError(f"`Equinox`: the function that makes the module failed: {_first_line(error)}.") from None
    if not isinstance(module, eqx.Module):
        raise refused(module, "module", "Equinox", needs, hint="What the function made is none.")
    return eqx.nn.inference_mode(module)


def _size(module: Any, name: str) -> int:
    value = getattr(module, name, 0)
    return value if isinstance(value, int) else 0


def _read(module: Any, inputs: int) -> Described:
    weights, rest = eqx.partition(module, eqx.is_inexact_array)
    placed = jax.tree_util.tree_flatten_with_path(weights)[0]
    paths, leaves = [path for path, _ in placed], [leaf for _, leaf in placed]
    if any(jnp.iscomplexobj(leaf) for leaf in leaves):
        raise OptionError("`Equinox`: the module has complex weights; θ is real.")
    form = jax.tree.structure(weights)
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path in paths]
    structure = tuple((name, tuple(leaf.shape)) for name, leaf in zip(names, leaves, strict=True))

    def call(flat: Any, x: Any) -> Any:
        return eqx.combine(jax.tree.unflatten(form, _split(flat, structure)), rest)(x)

    first = np.concatenate([np.asarray(leaf, float).ravel() for leaf in leaves]) if leaves else np.zeros(0)
    try:
        program = jax.make_jaxpr(call)(first, np.zeros(inputs))
    except Exception as error:
        raise OptionError(
            f"`Equinox`: {type(module).__name__} can't be called with one sample of shape ({inputs},) alone: "
            f"{_first_line(error)}."
        ) from None
    shapes = [value.shape for value in program.out_avals]
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise OptionError(
            f"`Equinox`: {type(module).__name__} maps a sample ({inputs},) to {shown(shapes)}, and needs to give one "
            "array of shape (outputs,)."
        )
    described_as = re.sub(r"0x[0-9a-f]+", "", str(program)).encode()  # without addresses
    constants = b"".join(np.asarray(c).tobytes() for c in program.consts)
    key = hashlib.sha256(described_as + constants + repr(structure).encode()).hexdigest()[:16]
    return Described(key, inputs, shapes[0][0], structure, call, first)


def _split(flat: Any, structure: Any) -> list[Any]:
    parts, at = [], 0
    for _, shape in structure:
        size = int(np.prod(shape))
        parts.append(flat[at : at + size].reshape(shape))
        at += size
    return parts


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


# ---- operations of graphs -----------------------------------------------------------------------------------------


def _module(key: str) -> Described:
    """The module of a fingerprint.

    Raises
    ------
    ModelError
        If it wasn't given in this process.
    """
    if key not in _given:
        raise ModelError(
            f"The Equinox module `{key}` isn't in this process: files hold its weights, and not its code. Give it back "
            "once, as it was made for the fit: `ude.nn.Equinox(module)`, and compute again."
        )
    return _given[key]


def _value(x: Any, weights: Any, source: str, **_: Any) -> Any:
    module = _module(source)
    rows = jax.vmap(module.call, in_axes=(None, 0))(weights, jnp.reshape(x, (-1, module.inputs)))
    return jnp.reshape(rows, (*jnp.shape(x)[:-1], module.outputs))


def _reverse(x: Any, weights: Any, cotangent: Any, source: str, **_: Any) -> Any:
    _, pull = jax.vjp(partial(_value, source=source), x, weights)
    by_x, by_weights = pull(cotangent)
    return jnp.concatenate([by_x.reshape(-1), by_weights])


def _forward(x: Any, weights: Any, *tangents: Any, source: str, wrt: str, **_: Any) -> Any:
    along = dict(zip(("x", "weights") if wrt == "both" else (wrt,), tangents, strict=True))
    pushed = along.get("x", jnp.zeros_like(x)), along.get("weights", jnp.zeros_like(weights))
    return jax.jvp(partial(_value, source=source), (x, weights), pushed)[1]


OPERATIONS: dict[str, Callable[..., Any]] = {"module": _value, "module_vjp": _reverse, "module_jvp": _forward}
"""Operation → what computes it from JAX arrays."""


def evaluate(operation: str, arrays: tuple[np.ndarray, ...], attributes: dict[str, Any]) -> np.ndarray:
    """An operation on NumPy arrays."""
    with jax.enable_x64(True):
        return np.asarray(OPERATIONS[operation](*map(jnp.asarray, arrays), **attributes))
