"""The diffusion of an `SDE`: traced from the user's function, its columns, and what it adds to the drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelError, unknown
from ...graph import Expression, apply, constant, pushforward, sparsity
from ..names import normal_keys
from ..trace import call, fitted, traced

if TYPE_CHECKING:
    from ..sde import SDE

__all__ = [
    "CALCULI",
    "NOISES",
    "along",
    "columns",
    "correction",
    "covariance",
    "drift",
    "driven",
    "own_alone",
    "traced_diffusion",
]  # fmt: skip

NOISES = ("diagonal", "scalar", "general")
CALCULI = ("ito", "stratonovich")


def traced_diffusion(model: SDE, function: Any) -> dict[str, Expression]:
    """The diffusion in named values: (n,) where each state has a Brownian motion of its own, else (n, m), and its
    columns `motion.0`, … (n,)."""
    result = call(function, model._arguments(), "diffusion")
    if len(model.states) == 1 and not isinstance(result, Mapping):
        result = {model.states.names[0]: result}
    if not isinstance(result, Mapping):
        raise ModelError(
            f"`diffusion` needs a dict state → value, not {type(result).__name__}: "
            f'`return {{"{model.states.names[0]}": ...}}`.'
        )
    given = normal_keys(result)
    for name in given:
        if name not in model.states.names:
            raise ModelError(f"`diffusion` returned something that isn't a state's. "
                             f"{unknown('state', name, model.states.names)}")  # fmt: skip
    made = {n: traced(v, f"`diffusion` of `{n}`") for n, v in given.items()}
    if model.noise == "general":
        motions = _motions(model, made)
    else:
        parts = [_deviation(model, s, made.get(s.name)) for s in model.states]
        motions = [np.concatenate(parts)]
    found: Any = motions[0] if model.noise == "diagonal" else np.stack(motions, axis=1)  # type: ignore[call-overload]
    if found.is_constant and not np.any(found.value):
        raise ModelError("`diffusion` is zero everywhere: without noise this is an `ODE`.")
    columns: dict[str, Any] = {} if model.noise == "diagonal" else {f"motion.{k}": e for k, e in enumerate(motions)}
    return {"diffusion": found, **columns}


def _deviation(model: SDE, state: Any, value: Expression | None) -> Any:
    """One state's standard deviation, flat."""
    if value is None:
        return constant(np.zeros(state.size))
    if value.ndim > len(state.shape) and model.noise == "diagonal":
        raise ModelError(
            f'`diffusion` of `{state.name}` has shape {value.shape}, and `noise="diagonal"` means one number '
            f'{"a cell" if state.shape else "a state"}. Write `noise="general"` for several Brownian motions a state.'
        )
    found: Any = fitted(value, state.shape, f"`diffusion` of `{state.name}`")
    if found.is_constant and model.noise == "diagonal" and (np.asarray(found.value) < 0).any():
        raise ModelError(
            f"`diffusion` of `{state.name}` is {np.asarray(found.value)}, and it is a standard deviation: >= 0."
        )
    return found.reshape(state.size)


def _motions(model: SDE, made: Mapping[str, Expression]) -> list[Any]:
    """Of general noise, what each Brownian motion does (n,)."""
    first = next((e for e in made.values()), None)
    if first is None:
        raise ModelError("`diffusion` returned nothing: without noise this is an `ODE`.")
    rows: list[Any] = []
    count = None
    for state in model.states:
        value: Any = made.get(state.name)
        if value is not None:
            if value.shape[:-1] != state.shape or value.ndim != len(state.shape) + 1:
                raise ModelError(
                    f'`diffusion` of `{state.name}` has shape {value.shape}; with `noise="general"` it needs '
                    f"{(*state.shape, 'm')}, a number a Brownian motion, e.g. `[p.sigma, 0.0]`."
                )
            count = value.shape[-1] if count is None else count
            if value.shape[-1] != count:
                raise ModelError(
                    f"`diffusion` of `{state.name}` has {value.shape[-1]} Brownian motions, and another state {count}. "
                    "Write 0 for those that a state doesn't feel."
                )
        rows.append(value)
    assert count is not None

    def column(k: int) -> Any:
        cells = [constant(np.zeros(s.size)) if r is None else r[..., k].reshape(s.size)
                 for s, r in zip(model.states, rows, strict=True)]  # fmt: skip
        return np.concatenate(cells)

    return [column(k) for k in range(count)]


def own_alone(model: SDE) -> bool:
    """Whether each state's noise is its own, and the Jacobian of the diffusion diagonal."""
    if model.noise != "diagonal":
        return False
    rows, places = sparsity(model.named["diffusion"], "u", "diffusion")
    return bool(np.array_equal(rows, places))


def columns(model: SDE) -> list[Expression]:
    """b¹, b², …: what each Brownian motion does to the states (n,)."""
    g: Any = model.named_diffusion
    if g.ndim == 1:
        return [g * constant(np.eye(model.size)[k]) for k in range(model.size)]
    return [g[:, k] for k in range(model.brownian)]


def along(model: SDE, value: Expression, direction: Expression) -> Expression:
    """The derivative of something by the states along a direction (n,)."""
    return pushforward([value], {model._u: direction})[0]


def driven(g: Any, w: Any) -> Any:
    """G ΔW (n,)."""
    return g * w if g.ndim == 1 else g @ w


def covariance(model: SDE) -> Expression:
    """G Gᵀ (n, n)."""
    g: Any = model.named_diffusion
    if g.ndim == 1:
        return (g * g).reshape(model.size, 1) * constant(np.eye(model.size))
    return g @ apply("transpose", g, axes=(1, 0))


def correction(model: SDE) -> Any:
    """½ Σⱼ (∂bʲ/∂u) bʲ: the Itô drift without the Stratonovich one."""
    if model.additive:
        return constant(np.zeros(model.size))
    if model.own_alone:
        g: Any = model.named_diffusion
        return 0.5 * along(model, g, g)
    parts: list[Any] = [along(model, b, b) for b in columns(model)]
    return 0.5 * sum(parts[1:], parts[0])


def drift(model: SDE, calculus: str) -> Any:
    """The drift (n,) that means the same process in that calculus."""
    own = model.named_vector_field.outputs["du"]
    if model.calculus == calculus:
        return own
    return own + correction(model) if calculus == "ito" else own - correction(model)
