"""Schemes of an `SDE` as graphs of one step (t, u, w, θ) → u, `w` holding what the Brownian motions do in it.

All steps are written in the calculus that suits them; drifts of the other are converted by the graph. Sources: Kloeden
and Platen 1992 (Euler–Maruyama, Milstein, Heun), Rößler 2010, SIAM J. Numer. Anal. 48 (SRA1, SRI1W1, SRI1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ModelError
from ...graph import Expression, Graph, rebuild, variable
from ...noise import double_integrals
from .diffusion import along, columns, drift, driven

if TYPE_CHECKING:
    from ..sde import SDE

__all__ = ["SCHEMES", "StochasticScheme", "scheme_of", "stochastic_step"]

PARTS = 16
"""Parts of a step of which double integrals are made."""


@dataclass(frozen=True)
class StochasticScheme:
    """One scheme.

    Attributes
    ----------
    name
        What it is called; of `srk`, which of its tableaus.
    strong
        Strong order that the model's noise gives it.
    reads
        What `w` holds: `increments` ΔW (m); `areas`, ΔW and ∫(W − W₀)dt / h (2m); `integrals`, ΔW and the double Itô
        integrals I_jk, row by row (m + m²).
    advance
        `(model, h, w) -> u` (n,), in named values.
    """

    name: str
    strong: float
    reads: str
    advance: Callable[[SDE, float, Any], Any]

    @property
    def parts(self) -> int:
        """Parts of a step whose increments and areas it needs."""
        return PARTS if self.reads == "integrals" else 1

    def given(self, w: np.ndarray, a: np.ndarray, h: float) -> np.ndarray:
        """What the steps read, (paths, steps, k), from increments and areas of their parts, each of length h."""
        if self.reads == "increments":
            return w
        if self.reads == "areas":
            return np.concatenate([w, 0.5 * w + a / h], axis=2)
        w, integrals = double_integrals(w, a, h, self.parts)
        return np.concatenate([w, integrals.reshape(*w.shape[:2], -1)], axis=2)

    def width(self, count: int) -> int:
        """Length of `w` with so many Brownian motions."""
        return {"increments": count, "areas": 2 * count, "integrals": count + count**2}[self.reads]


def stochastic_step(model: SDE, scheme: StochasticScheme, h: float) -> Graph:
    """u(t + h): inputs t, u, w, (c,) θ; output `u`."""
    w = variable("w", (scheme.width(model.brownian),))
    return model.bound(model._named({"u": scheme.advance(model, h, w)}))


def scheme_of(model: SDE, name: str = "auto") -> StochasticScheme:
    """The scheme of that name for this model's noise.

    Raises
    ------
    ModelError
        If its order needs noise that commutes, and this one's doesn't.
    """
    additive, own = model.additive, model.own_alone or model.brownian == 1
    if name == "auto":
        name = "srk" if additive or own else "heun" if model.calculus == "stratonovich" else "euler_maruyama"
    if name == "euler_maruyama":
        return StochasticScheme(name, 1.0 if additive else 0.5, "increments", _euler_maruyama)
    if name == "heun":
        return StochasticScheme(name, 1.0 if additive or commutes(model) else 0.5, "increments", _heun)
    if name == "milstein":
        if not commutes(model):
            raise ModelError(
                "`milstein` needs noise that commutes (∂bʲ bᵏ = ∂bᵏ bʲ), and this one doesn't: its order would fall to "
                "1/2. Take `srk`, which draws the double integrals, or `euler_maruyama`."
            )
        return StochasticScheme(name, 1.0, "increments", _milstein)
    if additive:
        return StochasticScheme("sra1", 1.5, "areas", _sra1)
    if own:
        return StochasticScheme("sri1w1", 1.5, "areas", _sri1w1)
    return StochasticScheme("sri1", 1.0, "integrals", _sri1)


SCHEMES = ("auto", "euler_maruyama", "milstein", "heun", "srk")


def commutes(model: SDE) -> bool:
    """Whether the columns' Lie brackets vanish: by structure, else at some drawn states."""
    if model.additive or model.own_alone or model.brownian == 1:
        return True
    b = columns(model)
    brackets: list[Any] = [along(model, b[k], b[j]) - along(model, b[j], b[k]) for k in range(len(b)) for j in range(k)]
    graph = model.bound(model._named({"brackets": np.stack(brackets), "columns": np.stack(b)}))  # type: ignore[call-overload]
    draw, theta = np.random.default_rng(0), model.initial_theta(0)
    size = np.concatenate([np.full(s.size, s.scale or 1.0) for s in model.states])
    own = (
        {"c": model.conditions_array({n: c.typical for n, c in model.conditions.items()})[0]}
        if model.constants is not None
        else {}
    )
    for _ in range(8):
        u = size * draw.uniform(0.2, 2.0, model.size)
        found = graph.evaluate({"t": draw.uniform(0, 1), "u": u, "theta": theta, **own})
        largest = float(np.abs(found["columns"]).max())
        if np.isfinite(found["brackets"]).all() and np.abs(found["brackets"]).max() > 1e-9 * largest**2 / size.max():
            return False
    return True


def _at(model: SDE, values: list[Any], u: Any, after: float = 0.0) -> list[Any]:
    """Expressions in named values at another state, some time later."""
    t: Any = variable("t")
    return rebuild(values, {model._u: u, **({variable("t"): t + after} if after else {})})


def _euler_maruyama(model: SDE, h: float, w: Any) -> Any:
    return model._u + h * drift(model, "ito") + driven(model.named_diffusion, w)


def _milstein(model: SDE, h: float, w: Any) -> Any:
    """½ Σ ∂bᵏ bʲ (ΔWⱼΔWₖ − δⱼₖh): what stands with h makes the drift Stratonovich's."""
    kicked: Any = driven(model.named_diffusion, w)
    twice = driven(along(model, model.named_diffusion, kicked), w)
    return model._u + h * drift(model, "stratonovich") + kicked + 0.5 * twice


def _heun(model: SDE, h: float, w: Any) -> Any:
    slopes: list[Expression] = [drift(model, "stratonovich"), model.named_diffusion]
    first = h * slopes[0] + driven(slopes[1], w)  # type: ignore[operator]
    f, g = _at(model, slopes, model._u + first, h)
    return model._u + 0.5 * (first + h * f + driven(g, w))


def _sra1(model: SDE, h: float, w: Any) -> Any:
    """Additive noise: two slopes. z = ∫(W − W₀)dt / h."""
    m = model.brownian
    f, g = drift(model, "ito"), model.named_diffusion
    dw, z = w[:m], w[m:]
    (later,) = _at(model, [g], model._u, h)
    (second,) = _at(model, [f], model._u + 0.75 * h * f + 1.5 * driven(later, z), 0.75 * h)
    return model._u + h / 3 * (f + 2.0 * second) + driven(later, dw) + driven(g, z) - driven(later, z)


def _sri1w1(model: SDE, h: float, w: Any) -> Any:
    """Noise of each state's own, or one Brownian motion: two slopes, four diffusions."""
    m, root = model.brownian, float(np.sqrt(h))
    dw, z = w[:m], w[m:]
    twice, thrice = (dw * dw - h) * (0.5 / root), (dw * dw * dw - 3.0 * h * dw) * (1 / (6.0 * h))
    u, f, g0 = model._u, drift(model, "ito"), model.named_diffusion

    def kick(g: Any) -> Any:
        return root * driven(g, np.ones(m))

    (g1,) = _at(model, [g0], u + 0.25 * h * f + 0.5 * kick(g0), 0.25 * h)
    (g2,) = _at(model, [g0], u + h * f - kick(g0), h)
    (g3,) = _at(model, [g0], u + 0.25 * h * f + kick(-5.0 * g0 + 3.0 * g1 + 0.5 * g2), 0.25 * h)  # type: ignore[operator]
    (second,) = _at(model, [f], u + 0.75 * h * f + 1.5 * driven(g0, z), 0.75 * h)
    kicks = (
        driven(g0, -dw - twice + 2.0 * z - 2.0 * thrice)
        + driven(g1, (4 / 3) * (dw + twice - z) + (5 / 3) * thrice)
        + driven(g2, (2 / 3) * (dw - z - thrice) - (1 / 3) * twice)
        + driven(g3, thrice)
    )
    return u + h / 3 * (f + 2.0 * second) + kicks


def _sri1(model: SDE, h: float, w: Any) -> Any:
    """Any noise, with its double integrals: two diffusions more a Brownian motion."""
    m, root = model.brownian, float(np.sqrt(h))
    dw, integrals = w[:m], w[m:].reshape(m, m)
    g: Any = model.named_diffusion
    moved: Any = model._u + h * drift(model, "ito") + driven(g, dw)
    for k in range(m):
        shift = driven(g, integrals[:, k]) * (1 / root)
        up, down = (_at(model, [g], model._u + sign * shift)[0] for sign in (1.0, -1.0))
        difference: Any = up - down  # type: ignore[operator]
        own = np.eye(m)[k]
        moved = moved + 0.5 * root * (difference * own if g.ndim == 1 else difference[:, k])
    return moved
