"""A scheme's multipliers on Fourier modes: constants of the step's graph, or part of `c` where conditions enter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..graph import Expression, constant, topological, variable
from .linear import half_shape, multiply

if TYPE_CHECKING:
    from .step import StepGraphs

__all__ = ["Coefficients"]


class Coefficients:
    """See `Stepper.coefficients`.

    Attributes
    ----------
    variables
        `COEFFICIENT.FIELD.PART` → the variable of the named equations that stands for it; empty where the coefficients
        are constants.
    size
        Number of values that they take in `c`.
    """

    def __init__(self, stepper: StepGraphs) -> None:
        self._stepper = stepper
        self._cache: dict[tuple[float, ...], dict[str, np.ndarray]] = {}
        self.variables: dict[str, Expression] = {}
        self._real: dict[str, bool] = {}
        if stepper.scheme.needs_linear:
            linear = stepper.named["linear"]
            for name in stepper.fields:
                im = linear.outputs[f"{name}.imaginary"]
                self._real[name] = im.is_constant and not im.value.any()
            known = set(stepper.known_values.values())
            if any(i in known for e in linear.outputs.values() for i in _inputs(e)):
                half = half_shape(tuple(stepper.grid.shape))
                for key in self._keys():
                    self.variables[key] = variable(f"k.{key}", half)
        self.size = sum(v.size for v in self.variables.values())

    def _keys(self) -> list[str]:
        return [
            f"{c}.{f}.{part}"
            for f in self._stepper.fields
            for c in self._stepper.scheme.coefficient_names
            for part in (("real",) if self._real[f] else ("real", "imaginary"))
        ]

    def values(self, conditions: tuple[float, ...]) -> dict[str, np.ndarray]:
        """All coefficients at these conditions (in the model's order), computed once a set of conditions."""
        if conditions not in self._cache:
            stepper = self._stepper
            given = dict(zip(stepper.conditions, conditions, strict=True))
            h = stepper.dt / stepper.substeps
            found: dict[str, np.ndarray] = {}
            for name, symbol in stepper.linear_symbols(given).items():
                with np.errstate(all="ignore"):
                    arrays = stepper.scheme.coefficients(symbol, h)
                for key, array in arrays.items():
                    if not np.isfinite(array).all():
                        raise ModelError(
                            f"The coefficient `{key}` of `{stepper.scheme.name}` isn't finite for field `{name}`: "
                            f"its linear part grows too fast for steps of {h:g}. Check the symbol's sign."
                        )
                    found[f"{key}.{name}.real"], found[f"{key}.{name}.imaginary"] = np.real(array), np.imag(array)
            self._cache[conditions] = found
        return self._cache[conditions]

    def times(self, coefficient: str, field: str, spectrum: Expression) -> Expression:
        """A coefficient applied to a field's Fourier coefficients."""

        def part(word: str) -> Any:
            key = f"{coefficient}.{field}.{word}"
            if self.variables:
                return self.variables[key]
            defaults = tuple(c.typical for c in self._stepper.conditions.values())
            return constant(self.values(defaults)[key])

        return multiply(spectrum, part("real"), 0.0 if self._real[field] else part("imaginary"))

    def views(self, c: Expression, start: int) -> dict[Expression, Expression]:
        """Variable → where `c` holds it, behind the conditions."""
        found = {}
        for v in self.variables.values():
            found[v] = c[start : start + v.size].reshape(v.shape)
            start += v.size
        return found

    def packed(self, conditions: np.ndarray) -> np.ndarray:
        """Conditions (B, number) → coefficients (B, size)."""
        rows = []
        for row in conditions:
            values = self.values(tuple(float(x) for x in row))
            rows.append(np.concatenate([values[key].reshape(-1) for key in self.variables]))
        return np.stack(rows)


def _inputs(expression: Expression) -> list[Expression]:
    return [n for n in topological([expression]) if n.operation == "input"]
