"""How a flow becomes turbulent: run until its statistics stand still, and look whether its grid carries them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..errors import SolveError, UnideqWarning
from ..graph.location import warn_user
from ..grid.spectrum import Shells

if TYPE_CHECKING:
    from ..engine import Engine
    from .turbulence import Turbulence

__all__ = ["check", "develop"]

BLOCK, PER_TURNOVER = 8, 4
"""Snapshots in a call of the engine, and in a turnover of the initial state."""
LEAST, MOST = 32, 200
"""Snapshots before means are compared, and turnovers after which to give up."""
PASSED = 0.75
"""Share of its maximum that the friction of a decaying flow has fallen to when the flow is developed."""
STEADY = 0.05
"""Difference of two means that is none."""
FRONT = 3 / 4
"""Where the end of the grid's spectrum begins, as a share of its largest wavenumber; it has three shells at least."""


def develop(
    problem: Turbulence,
    trajectories: int,
    seed: int,
    given: Mapping[str, np.ndarray],
    longest: float | None,
    engine: str | Engine | None,
) -> xr.Dataset:
    """See `Turbulence.developed`; `given` has all conditions, one a trajectory."""
    stepper, grid = problem.stepper(), problem.grid()
    shells = Shells(grid.shape, [a.length for a in grid.axes])
    state = problem.initial(trajectories, seed)[problem.field]
    spectra = [_spectra(problem, shells, state)]
    turnover = _turnover(problem, shells, state, spectra[0]["energy"].sum(0))
    every = max(1, round(turnover / PER_TURNOVER / stepper.dt))
    last = MOST * turnover if longest is None else longest
    step, done = every * stepper.dt, False
    while not done:
        begin = step * (len(spectra) - 1)
        if begin >= last:
            what = "its invariants still drift" if problem.driven else "its friction hasn't passed its maximum"
            raise SolveError(
                f"The flow isn't developed after a time of {begin:g}: {what}. Let it run longer, "
                f"`longest={2 * last:g}`{', or give it some drag' if problem.driven else ''}."
            )
        with warnings.catch_warnings():  # what it says is said below
            warnings.filterwarnings("ignore", message="The rollout", category=UnideqWarning)
            found = stepper.rollout(
                {problem.field: state}, every * BLOCK, every=every, conditions=given or None, engine=engine, start=begin
            )
        fields = found[problem.field].values.reshape(trajectories, BLOCK + 1, *grid.shape)
        if not np.isfinite(fields).all():
            raise _unstable(problem, fields, begin + step * np.arange(BLOCK + 1))
        for i in range(1, BLOCK + 1):
            state = fields[:, i]
            spectra.append(_spectra(problem, shells, state))
            done = _is_developed(problem, shells, spectra)
            if done:
                break
    courant = _courant(problem, state)
    window = spectra[-(len(spectra) // 3) :] if problem.driven else spectra[-1:]
    means = {n: np.mean([s[n] for s in window], axis=(0, 1)) for n in problem.invariants}
    end = _end(shells)
    front = min(FRONT * end, end - 2.0 * shells.wavenumbers[1])
    tail = _exponent(shells, means[problem.cascade[0]], front, end)
    coords = {n: ("trajectory", v) for n, v in problem._later(given, step * (len(spectra) - 1)).items()}
    result = xr.Dataset({problem.field: (("trajectory", *grid.dims), state)}, {**stepper.coordinates, **coords})
    budget = problem.budget(result)
    for name in problem.invariants:
        history = np.stack([s[name].sum(-1) for s in spectra], axis=1)
        result[name] = (("trajectory", "elapsed"), history, {"long_name": name})
        result[f"{name}_spectrum"] = ("wavenumber", means[name], {"long_name": f"{name} per wavenumber"})
        for part in (f"{name}_budget", f"{name}_tendency"):
            result[part] = budget[part]
    result["slope"] = _slope(problem, shells, means["energy"], problem.dissipative(state, given))
    result["tail_slope"] = ((), tail, {"long_name": f"exponent of the {problem.cascade[0]} spectrum at the grid's end"})
    result["courant"] = ((), courant, {"long_name": "Courant number"})
    times = step * np.arange(len(spectra))
    result = result.assign_coords(elapsed=("elapsed", times, {"long_name": "time"}), wavenumber=shells.wavenumbers)
    return problem._documented(result, stepper, "developed", seed)


def _spectra(problem: Turbulence, shells: Shells, q: np.ndarray) -> dict[str, np.ndarray]:
    """Invariant → (trajectories, K)."""
    return {name: 0.5 * shells.product(q, q, power) for name, power in problem.invariants.items()}


def _turnover(problem: Turbulence, shells: Shells, q: np.ndarray, energy: np.ndarray) -> float:
    """A wavelength over the root mean square of the velocity."""
    speed = np.sqrt(sum((u**2).mean() for u in problem.velocities(q)))
    return float(2 * np.pi * energy.sum() / (shells.wavenumbers @ energy * speed))


def _is_developed(problem: Turbulence, shells: Shells, spectra: list[dict[str, np.ndarray]]) -> bool:
    """Whether the invariants stand still, averaged over trajectories; in decay, whether friction passed its maximum."""
    if problem.driven is None:
        rubbed = [float((shells.wavenumbers**2 * s[problem.cascade[0]].mean(0)).sum()) for s in spectra]
        return rubbed[-1] <= PASSED * max(rubbed)
    if len(spectra) < LEAST:
        return False
    third = len(spectra) // 3
    for name in problem.invariants:
        values = np.array([s[name].mean(0).sum() for s in spectra])
        before, after = values[-2 * third : -third], values[-third:]
        allowed = max(STEADY * after.mean(), before.std(), after.std())
        if abs(after.mean() - before.mean()) > allowed:
            return False
    return True


def _exponent(shells: Shells, spectrum: np.ndarray, low: float, high: float) -> float:
    """That of a power law between two wavenumbers, however many modes chance puts into a shell; NaN for few shells."""
    k = shells.wavenumbers
    point = np.zeros(shells.shape)
    point.flat[0] = 1.0
    chosen = (k > 0) & (k > low - 1e-9) & (k < high + 1e-9)
    if chosen.sum() < 3:
        return np.nan
    density = (spectrum / shells.product(point, point))[chosen] * k[chosen] ** (len(shells.shape) - 1)
    return float(np.polyfit(np.log(k[chosen]), np.log(np.maximum(density, 1e-300)), 1)[0])


def _end(shells: Shells) -> float:
    """The largest wavenumber that products keep (the 2/3 rule)."""
    return float(shells.wavenumbers[min((n - 1) // 3 for n in shells.shape)])


def _slope(problem: Turbulence, shells: Shells, energy: np.ndarray, friction: float) -> xr.DataArray:
    """Exponent of the energy's spectrum from twice the force's wavenumber (or most strain's) to half friction's."""
    k = shells.wavenumbers
    low = 2.0 * (problem.driven or k[np.argmax(k**2 * energy)])
    high = min(0.5 * friction, _end(shells))
    value = _exponent(shells, energy, low, high) if high >= 1.5 * low else np.nan
    return xr.DataArray(value, attrs={"long_name": "exponent of the energy spectrum", "low": low, "high": high})


def _courant(problem: Turbulence, state: np.ndarray) -> float:
    """h Σ |uᵢ|/dxᵢ at its largest, with h the scheme's step."""
    pairs = zip(problem.velocities(state), problem.grid().axes, strict=True)
    rates = np.sum([np.abs(u) / a.spacing for u, a in pairs], axis=0)
    return float(rates.max() * problem.dt / problem.substeps)


def _unstable(problem: Turbulence, fields: np.ndarray, times: np.ndarray) -> SolveError:
    good = np.isfinite(fields).reshape(len(fields), len(times), -1).all(axis=(0, 2))
    last = int(np.flatnonzero(good)[-1])
    return SolveError(
        f"The flow became infinite or NaN after t = {times[last]:g}, at a Courant number of "
        f"{_courant(problem, fields[:, last]):.2g}. Take a shorter `dt`, or more viscosity."
    )


def check(problem: Turbulence, found: xr.Dataset) -> None:
    """Refuse truth that isn't resolved; warn where it barely is."""
    name, cascade, shared = problem.cascade
    tail, courant = float(found["tail_slope"]), float(found["courant"])
    remedy = "Take more `points`, or more viscosity."
    if tail > 0.5 * (cascade + shared):
        raise SolveError(
            f"The flow isn't resolved: {name} piles up at the end of the grid of {problem._points}, where its spectrum "
            f"goes as k^{tail:.1f} (k^{cascade:g} on its way, k^{shared:g} where it can't leave). {remedy}"
        )
    if tail > cascade:
        warn_user(
            f"The flow is barely resolved: at the end of the grid of {problem._points} the spectrum of {name} still "
            f"goes as k^{tail:.1f}, flatter than on its way there (k^{cascade:g}). {remedy}"
        )
    if courant > 1.0:
        warn_user(f"Steps are long: the Courant number is {courant:.2g}, and should be below 1. Take a shorter `dt`.")
