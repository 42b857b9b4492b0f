"""Real Fourier transforms over the last one or two axes, as `numpy.fft.rfftn` and `irfftn` define them.

A spectrum is a real array whose last axis holds (real part, imaginary part): in memory it is the complex array.

`rfft` keeps half of the modes, those with n_last//2 + 1 non-negative wave numbers along the last axis. The others are
their complex conjugates, so each kept mode stands for two, except those of the last axis' wave number 0 and, for even
n_last, n_last/2. With that count w (1 or 2) and N = Π n the transforms are each other's transposes up to a diagonal:

    irfftᵀ y = (w/N) · rfft(y),    rfftᵀ C = irfft((N/w) · C).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...errors import TraceError
from ..expression import Expression, apply, constant
from ..location import user_line
from ..operation import Operation, register
from ..printing import around
from .batch_rules import as_it_is
from .building import as_number, union

DIMENSIONS = (1, 2)


def half_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of the kept modes of a transform over axes of these lengths."""
    return (*shape[:-1], shape[-1] // 2 + 1)


def multiplicity(n: int) -> np.ndarray:
    """How many modes of the full spectrum each kept one stands for, along the last axis (n//2 + 1, 1)."""
    count = np.full((n // 2 + 1, 1), 2.0)
    count[0] = 1.0
    if n % 2 == 0:
        count[-1] = 1.0
    return count


# ---- forward ----------------------------------------------------------------------------------------------------


def _prepare_rfft(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    x, dims = as_number(inputs[0]), attributes["dims"]
    if dims not in DIMENSIONS or isinstance(dims, bool):
        raise TraceError(
            f"`rfft` works over the last 1 or 2 axes, not {dims!r}{user_line()}. Use `dims=1` or `dims=2`."
        )
    if x.ndim < dims:
        raise TraceError(f"`rfft` over {dims} axes needs that many; the array has shape {x.shape}{user_line()}.")
    if not all(x.shape[-dims:]):
        raise TraceError(f"`rfft` can't transform an axis of length 0; the array has shape {x.shape}{user_line()}.")
    return (x,), {"dims": int(dims)}


def _infer_rfft(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    shape, dims = inputs[0].shape, attributes["dims"]
    return (*shape[:-dims], *half_shape(shape[-dims:]), 2), "float64"


def evaluate_rfft(x: Any, dims: int) -> Any:
    """NumPy reference semantics: (*lead, *space) → (*lead, *half, 2)."""
    spectrum = np.fft.rfftn(np.asarray(x, dtype=float), axes=tuple(range(-dims, 0)))
    return np.stack([spectrum.real, spectrum.imag], axis=-1)


def _vjp_rfft(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    shape = inputs[0].shape[-attributes["dims"] :]
    return [apply("irfft", c * constant(math.prod(shape) / multiplicity(shape[-1])), shape=shape)]


def _pattern_rfft(inputs: Any, attributes: dict, masks: Any) -> Any:
    dims = attributes["dims"]
    (mask,) = masks
    everything = union(mask, tuple(range(mask.ndim - dims, mask.ndim)), keepdims=True)
    lead, space = mask.shape[:-dims], mask.shape[-dims:]
    return np.broadcast_to(everything[..., None], (*lead, *half_shape(space), 2))


register(
    Operation(
        name="rfft",
        family="fourier",
        infer=_infer_rfft,
        evaluate=evaluate_rfft,
        prepare=_prepare_rfft,
        linear=(0,),
        vjp=_vjp_rfft,
        batch=as_it_is,
        pattern=_pattern_rfft,
        show=around("rfft", r"\mathcal{F}\left(", r"\right)"),
    )
)

# ---- inverse ----------------------------------------------------------------------------------------------------


def _prepare_irfft(inputs: tuple, attributes: dict) -> tuple[tuple, dict]:
    spectrum = as_number(inputs[0])
    shape = tuple(int(n) for n in np.atleast_1d(attributes["shape"]))
    if len(shape) not in DIMENSIONS or min(shape) < 1:
        raise TraceError(
            f"`irfft` needs `shape` as 1 or 2 lengths of at least 1, those of the axes in space, not {shape}"
            f"{user_line()}."
        )
    modes = (*half_shape(shape), 2)
    if spectrum.shape[-1:] != (2,):
        raise TraceError(
            f"`irfft` needs a last axis of length 2, the real and the imaginary part; the array has shape "
            f"{spectrum.shape}{user_line()}."
        )
    if spectrum.shape[-len(modes) :] != modes:
        raise TraceError(
            f"`irfft` to {shape} needs modes {modes} in the last axes; the array has shape {spectrum.shape}"
            f"{user_line()}."
        )
    return (spectrum,), {"shape": shape}


def evaluate_irfft(x: Any, shape: tuple[int, ...]) -> Any:
    """NumPy reference semantics: (*lead, *half, 2) → (*lead, *shape)."""
    x = np.asarray(x, dtype=float)
    return np.fft.irfftn(x[..., 0] + 1j * x[..., 1], s=shape, axes=tuple(range(-len(shape), 0)))


def _vjp_irfft(inputs: Any, attributes: dict, y: Expression, c: Expression) -> list[Expression | None]:
    shape = attributes["shape"]
    return [apply("rfft", c, dims=len(shape)) * constant(multiplicity(shape[-1]) / math.prod(shape))]


def _pattern_irfft(inputs: Any, attributes: dict, masks: Any) -> Any:
    shape = attributes["shape"]
    (mask,) = masks
    axes = tuple(range(mask.ndim - len(shape) - 1, mask.ndim))
    lead = mask.shape[: mask.ndim - len(axes)]
    everything = union(mask, axes).reshape(*lead, *(1 for _ in shape))
    return np.broadcast_to(everything, (*lead, *shape))


def _simplify_irfft(inputs: Any, attributes: dict, shape: tuple[int, ...]) -> Expression | None:
    (x,) = inputs
    if x.operation == "rfft" and x.attributes["dims"] == len(attributes["shape"]) and x.inputs[0].shape == shape:
        return x.inputs[0]
    return None


register(
    Operation(
        name="irfft",
        family="fourier",
        infer=lambda inputs, attributes: (
            (*inputs[0].shape[: -len(attributes["shape"]) - 1], *attributes["shape"]),
            "float64",
        ),
        evaluate=evaluate_irfft,
        prepare=_prepare_irfft,
        simplify=_simplify_irfft,
        linear=(0,),
        vjp=_vjp_irfft,
        batch=as_it_is,
        pattern=_pattern_irfft,
        show=around("irfft", r"\mathcal{F}^{-1}\left(", r"\right)"),
    )
)
