"""The non-linear part of a PDE in Fourier space: from coefficients to coefficients, with as few transforms as it takes.

Schemes that treat the linear part by its symbol keep their stages as Fourier coefficients. Where the right-hand side
transforms what has just been transformed back (a derivative of a product, a dealiased state), the pair is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...graph import Expression, Graph, apply, constant, irfft, rebuild, rfft, topological, variable
from ..linear import half_shape

__all__ = ["Spectra", "SpectralModel"]

Spectra = dict[str, Expression]
"""Field → Fourier coefficients (*half, 2)."""


class SpectralModel:
    """A model's state and non-linear part as Fourier coefficients.

    Parameters
    ----------
    model
        A PDE on a periodic grid.
    """

    def __init__(self, model: Any) -> None:
        self.model, self.shape = model, tuple(model.grid.shape)
        self.d = len(self.shape)
        half = (*half_shape(self.shape), 2)
        self.slots = {n: variable(f"spectrum.{n}", half) for n in model.fields}
        (du,) = rebuild(list(model.nonlinear.outputs.values()), {model._u: self.join(self.slots)})
        self._probe = _probe(model, self.slots, self.shape)
        self._consistent: dict[Expression, bool] = {}
        fields = list(model.states.split(du).values())
        outputs = self._without_pairs(fields)
        self.outputs = [self._coefficients(e) for e in outputs]

    def split(self, u: Expression) -> Spectra:
        """State (n,) → spectra."""
        return {n: rfft(e, self.d) for n, e in self.model.states.split(u).items()}

    def join(self, spectra: Spectra) -> Expression:
        """Spectra → state (n,)."""
        parts = [irfft(e, self.shape).reshape(-1) for e in spectra.values()]
        joined: Any = np.concatenate(parts) if len(parts) > 1 else parts[0]
        return joined

    def nonlinear(self, t: Expression, spectra: Spectra) -> Spectra:
        """The spectra of the non-linear part at this time and state."""
        moved = {self.slots[n]: spectra[n] for n in self.slots}
        return dict(zip(self.slots, rebuild(self.outputs, {variable("t"): t, **moved}), strict=True))

    # ---- pairs of transforms that undo each other -------------------------------------------------------------

    def _without_pairs(self, outputs: list[Expression]) -> list[Expression]:
        """The outputs with every rfft(irfft(X)) taken as X."""
        new: dict[int, Expression] = {}
        for node in topological(outputs):
            inputs = [new[id(i)] for i in node.inputs]
            if node.operation == "rfft" and inputs[0].shape == self.shape:
                new[id(node)] = self._coefficients(inputs[0])
            elif all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
                new[id(node)] = node
            else:
                new[id(node)] = apply(node.operation, *inputs, **node.attributes)
        return [new[id(output)] for output in outputs]

    def _coefficients(self, value: Expression) -> Expression:
        """rfft(value), without transforming again what was transformed back."""
        spectral, rest = self._decomposed(value)
        if rest is None:
            return spectral
        return rfft(rest, self.d) if spectral is None else spectral + rfft(rest, self.d)

    def _decomposed(self, value: Expression) -> tuple[Any, Any]:
        """(X, r) with value = irfft(X) + r; either may be None (zero)."""
        if value.operation == "irfft" and self._is_consistent(value.inputs[0]):
            return value.inputs[0], None
        if value.operation in ("add", "subtract") and all(i.shape == value.shape for i in value.inputs):
            (x, r), (y, s) = (self._decomposed(i) for i in value.inputs)
            if x is not None or y is not None:
                return _combined(value.operation, x, y), _combined(value.operation, r, s)
        if value.operation == "negative":
            x, r = self._decomposed(value.inputs[0])
            if x is not None:
                return -x, None if r is None else -r
        if value.operation in ("multiply", "divide"):
            a, b = value.inputs
            pairs = ((a, b), (b, a)) if value.operation == "multiply" else ((a, b),)
            for field, other in pairs:
                number = _number(other)
                if number is not None and field.shape == value.shape:
                    x, r = self._decomposed(field)
                    if x is not None:
                        return apply(value.operation, x, number), None if r is None else apply(
                            value.operation, r, number
                        )
        return None, value

    def _is_consistent(self, spectrum: Expression) -> bool:
        """Whether X is the transform of a real field, so that rfft(irfft(X)) = X. Tried at a random state."""
        if spectrum not in self._consistent:
            inputs = [i for i in topological([spectrum]) if i.operation == "input"]
            graph = Graph(inputs, {"x": spectrum, "again": rfft(irfft(spectrum, self.shape), self.d)})
            found = graph.evaluate({i.name: self._probe[i.name] for i in inputs})
            size = np.abs(found["x"]).max()
            self._consistent[spectrum] = bool(np.abs(found["x"] - found["again"]).max() <= 1e-11 * (size or 1.0))
        return self._consistent[spectrum]


def _combined(operation: str, a: Any, b: Any) -> Any:
    if b is None:
        return a
    if a is None:
        return b if operation == "add" else -b
    return apply(operation, a, b)


def _number(value: Expression) -> Expression | None:
    """The scalar that a value repeats; None where it isn't one number."""
    while value.operation in ("broadcast_to", "reshape") and value.inputs[0].size <= value.size:
        if value.size == 1 and not value.shape:
            break
        value = value.inputs[0]
    if value.is_constant and value.size and (value.value == value.value.flat[0]).all():
        return constant(float(value.value.flat[0]))
    return value.reshape(()) if value.size == 1 else None


def _probe(model: Any, slots: Spectra, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Values for all named inputs: a random state, parameters and conditions as given."""
    generator = np.random.default_rng(0)
    values = {f"p.{n}": v for n, v in model.layout.unpack(model.initial_theta()).items()}
    values |= {f"c.{n}": np.asarray(c.typical) for n, c in model.conditions.items()}
    values["t"] = np.asarray(0.3)
    for slot in slots.values():
        values[slot.name] = rfft(generator.uniform(0.5, 1.5, shape), len(shape))
    return values
