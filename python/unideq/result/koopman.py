"""Eigenvalues, eigenfunctions and modes of Koopman models, as xarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import array
from ..errors import OptionError
from ..graph import jvp

if TYPE_CHECKING:
    from ..model import Koopman
    from .fit import Fit

__all__ = ["eigenfunctions", "modes", "spectra_of_fit", "spectrum"]

LONG = {
    "growth": "growth of the eigenvalue, per time",
    "frequency": "frequency of the eigenvalue, radians per time",
    "multiplier_real": "eigenvalue of one step, real part",
    "multiplier_imaginary": "eigenvalue of one step, imaginary part",
}


def spectrum(model: Koopman, parameters: Any = None, states: Any = None) -> xr.Dataset:
    """Eigenvalues of a Koopman model.

    Parameters
    ----------
    parameters
        Dict of names, a flat θ, or None for the model's values.
    states
        For parametrised models: where they are looked at, state vectors (…, n) or a dict or Dataset state → values.

    Returns
    -------
    Dataset
        `growth` μ and `frequency` ω (per time), and `multiplier_real`, `multiplier_imaginary` of one step, over
        `eigenvalue` (m; of a pair the one with ω, then the one with −ω), of parametrised models with leading dimensions
        of the states.

    Raises
    ------
    OptionError
        If a parametrised model isn't told where.
    """
    if model.dynamics == "parametrised" and states is None:
        raise OptionError(
            "Eigenvalues of a parametrised model depend on the state: `model.spectrum(states=data)`, a dict or Dataset "
            "with the states' values."
        )
    rates = _rates(model, model.resolve_theta(parameters), states)
    return _labelled(rates, model.dt, tuple(f"state_{k}" for k in range(rates.ndim - 1)))


def _labelled(rates: np.ndarray, dt: float, lead: tuple[str, ...]) -> xr.Dataset:
    dims, multiplier = (*lead, "eigenvalue"), np.exp(rates * dt)
    parts = {
        "growth": np.real(rates),
        "frequency": np.imag(rates),
        "multiplier_real": np.real(multiplier),
        "multiplier_imaginary": np.imag(multiplier),
    }
    named = {n: (dims, v, {"long_name": LONG[n]}) for n, v in parts.items()}
    return xr.Dataset(named, coords={"eigenvalue": np.arange(rates.shape[-1])}, attrs={"dt": dt})


def _rates(model: Koopman, theta: np.ndarray, states: Any) -> np.ndarray:
    """Continuous-time eigenvalues (…, m), complex."""
    if model.dynamics == "matrix":
        with np.errstate(divide="ignore"):
            return np.log(np.linalg.eigvals(_matrix(model, theta)).astype(complex)) / model.dt
    y = model.encode(states, theta) if model.dynamics == "parametrised" else np.zeros(model.latent)
    found = model.rates(y, theta)
    lead = next(iter(found.values())).shape[:-1]
    rates = np.zeros((*lead, model.latent), dtype=complex)
    if model.pairs:
        each = found.get("growth", 0.0) + 1j * found["frequency"]
        rates[..., 0 : 2 * model.pairs : 2], rates[..., 1 : 2 * model.pairs : 2] = each, each.conj()
    if "rate" in found:
        rates[..., 2 * model.pairs :] = found["rate"]
    return rates


def _matrix(model: Koopman, theta: np.ndarray) -> np.ndarray:
    return model.layout.unpack(theta)["matrix"]


def _vectors(model: Koopman, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left eigenvectors (m, m), a row each, and right ones, a column each, of which y = Σ right · (left y)."""
    if model.dynamics == "matrix":
        _, right = np.linalg.eig(_matrix(model, theta))
        return np.linalg.inv(right.astype(complex)), right.astype(complex)
    left = np.eye(model.latent, dtype=complex)
    for k in range(0, 2 * model.pairs, 2):
        left[k : k + 2, k : k + 2] = [[1, 1j], [1, -1j]]
    return left, np.linalg.inv(left)


def eigenfunctions(model: Koopman, states: Any, parameters: Any = None) -> xr.Dataset:
    """Eigenfunctions φ of a Koopman model at states: along solutions, each grows and turns by its eigenvalue alone.

    Parameters
    ----------
    states
        State vectors (…, n), or a dict or Dataset state → values.
    parameters
        Dict of names, a flat θ, or None for the model's values.

    Returns
    -------
    Dataset
        `real`, `imaginary`, `modulus` and `angle`, over the states' leading dimensions and `eigenvalue`.
    """
    theta = model.resolve_theta(parameters)
    left, _ = _vectors(model, theta)
    values = model.encode(states, theta) @ left.T
    dims = _lead(model, states, values.ndim - 1)
    parts = {
        "real": np.real(values),
        "imaginary": np.imag(values),
        "modulus": np.abs(values),
        "angle": np.angle(values),
    }
    coords: dict[str, Any] = {"eigenvalue": np.arange(model.latent)}
    if isinstance(states, xr.Dataset):
        coords |= {d: states[d] for d in dims if d in states.coords}
    return xr.Dataset({n: ((*dims, "eigenvalue"), v) for n, v in parts.items()}, coords)


def _lead(model: Koopman, states: Any, count: int) -> tuple[Any, ...]:
    first = model.states.names[0]
    if isinstance(states, xr.Dataset):
        return states[first].dims[:count]
    return tuple(f"state_{k}" for k in range(count))


def modes(model: Koopman, parameters: Any = None, at: Any = None) -> xr.Dataset:
    """Modes of a Koopman model: what eigenfunction φⱼ adds to the states is φⱼ vⱼ, to first order around a point.

    With a linear decoder that is exact everywhere, x = x₀ + Σ φⱼ vⱼ, as in dynamic mode decomposition.

    Parameters
    ----------
    parameters
        Dict of names, a flat θ, or None for the model's values.
    at
        Latent coordinates (m,) of the point; default: zero, where linear dynamics rest.

    Returns
    -------
    Dataset
        State → real and imaginary parts, `NAME_real`, `NAME_imaginary`, over `eigenvalue` and the state's axes.
    """
    theta = model.resolve_theta(parameters)
    point = np.zeros(model.latent) if at is None else array(at, "at")
    if point.shape != (model.latent,):
        raise OptionError(f"`at` needs latent coordinates of shape ({model.latent},), not {point.shape}.")
    _, right = _vectors(model, theta)
    tangent = jvp(model.lower, "u")
    columns = [
        tangent.evaluate({"u": point, "theta": theta, "tangent.u": one})["state"] for one in np.eye(model.latent)
    ]
    found = (np.stack(columns, axis=1) @ right).T  # (m, n)
    variables: dict[str, Any] = {}
    for name, values in model.states.split(np.real(found)).items():
        dims = ("eigenvalue", *model.dims(name, values.shape[1:]))
        variables[f"{name}_real"] = (dims, values)
        variables[f"{name}_imaginary"] = (dims, model.states.split(np.imag(found))[name])
    return xr.Dataset(variables, coords={"eigenvalue": np.arange(model.latent), **model.coordinates})


def spectra_of_fit(fit: Fit) -> xr.Dataset:
    """Eigenvalues of all seeds, (seed, eigenvalue); of parametrised models along the data, each at its snapshot."""
    record, model = fit.record, fit.record.model
    members = fit.record.chosen_theta[:, : model.layout.size]
    if model.dynamics != "parametrised":
        rates = np.stack([_rates(model, one, None) for one in members])
        return _labelled(rates, model.dt, ("seed",)).assign_coords(seed=list(record.settings.seeds))
    data = record.observations.dataset
    states = {s.name: data[str(model.observed_state(s.name))] for s in model.states}
    first = next(iter(states.values()))
    values = {n: v.transpose("trajectory", ..., *v.dims[2:]).values for n, v in states.items()}
    rates = np.stack([_rates(model, one, values) for one in members])
    found = _labelled(rates, model.dt, ("seed", *map(str, first.dims[:2])))
    return found.assign_coords(seed=list(record.settings.seeds), **{n: first.coords[n] for n in first.coords})
