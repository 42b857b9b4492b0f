"""Implicit Runge–Kutta methods whose derivatives never raise, and whose iterations know rounding.

Where a stage has no root, diffrax rejects the step. Its derivative is still computed, and thrown away with the step;
but lineax raises from inside compiled code where a linear system of a derivative has no finite solution, and the whole
training would end with that error. Here such a derivative is NaN, as everywhere else.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import optimistix

__all__ = ["KenCarp4", "Kvaerno5"]


class _ImplicitFunction(optimistix.AbstractAdjoint):
    """Derivatives of a root by the implicit function theorem, as `optimistix.ImplicitAdjoint`; NaN where it fails."""

    def apply(self, primal_fn: Any, rewrite_fn: Any, inputs: Any, tags: Any) -> Any:
        inputs = (*inputs, functools.partial(eqxi.while_loop, kind="lax"))
        root, residual = _root(primal_fn, rewrite_fn, inputs)
        return root, jax.tree.map(eqxi.nondifferentiable_backward, residual)


@eqx.filter_custom_jvp
def _root(find: Any, equation: Any, inputs: Any) -> Any:
    return jax.tree.map(jnp.asarray, find(inputs))


@_root.def_jvp
def _root_jvp(primals: Any, tangents: Any) -> Any:
    """dy = −(∂F/∂y)⁻¹ ∂F/∂inputs · d(inputs) for the root y of F(y, inputs) = 0."""
    find, equation, inputs = primals
    _, _, moved = tangents
    is_none = lambda x: x is None  # noqa: E731
    fixed, varying = eqx.partition(inputs, jax.tree.map(is_none, moved, is_leaf=is_none), is_leaf=is_none)
    root, residual = _root(find, equation, inputs)
    jacobian = jax.jacfwd(lambda y: equation(y, residual, inputs))(root)
    _, change = jax.jvp(lambda own: equation(root, residual, eqx.combine(own, fixed)), (varying,), (moved,))
    still = jax.custom_derivatives.zero_from_primal(residual, symbolic_zeros=True)
    return (root, residual), (-jnp.linalg.solve(jacobian, change), still)


class _Optimistix:
    """The module, with roots that are differentiated by `_ImplicitFunction`: diffrax leaves no choice there."""

    def __getattr__(self, name: str) -> Any:
        return getattr(optimistix, name)

    @staticmethod
    def root_find(*arguments: Any, **settings: Any) -> Any:
        return optimistix.root_find(*arguments, **{"adjoint": _ImplicitFunction(), **settings})


_theirs: Any = diffrax.AbstractRungeKutta.step
_step: Callable[..., Any] = types.FunctionType(
    _theirs.__code__, {**_theirs.__globals__, "optx": _Optimistix()}, "step", _theirs.__defaults__, _theirs.__closure__
)
"""diffrax's step, with its `optimistix` replaced."""


SETTLED = 1e-3
"""Part of what counts as converged, of a change between two iterates, below which it is rounding."""


class _Chord(diffrax.VeryChord):
    """Simplified Newton iterations that know rounding: diffrax takes two changes of that size for divergence.

    They come where a stage's first guess is its root, as in x' = -√x, whose slope is linear in time.
    """

    def terminate(self, fn: Any, y: Any, args: Any, options: Any, state: Any, tags: Any) -> Any:
        over, result = super().terminate(fn, y, args, options, state, tags)
        settled = (state.step >= 2) & (state.diffsize < SETTLED * self.kappa)
        settled &= state.result == optimistix.RESULTS.successful
        return over | settled, optimistix.RESULTS.where(settled, optimistix.RESULTS.successful, result)


_chord: Any = diffrax.with_stepsize_controller_tols(_Chord)


class Kvaerno5(diffrax.Kvaerno5):
    """Kværnø (2004), order 5, stiffly accurate."""

    root_finder: Any = _chord()
    step = _step


class KenCarp4(diffrax.AbstractESDIRK):
    """The implicit half of Kennedy & Carpenter's ARK4(3)6L[2]SA (2003): order 4, L-stable, stiffly accurate.

    diffrax offers the additive method, which wants the vector field split in two; ours is implicit as a whole.
    """

    tableau: ClassVar[diffrax.ButcherTableau] = diffrax.KenCarp4.tableau.tableaus[1]
    interpolation_cls: ClassVar[Callable[..., Any]] = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    root_finder: Any = _chord()
    root_find_max_steps: int = 10
    step = _step

    def order(self, terms: Any) -> int:
        return 4
