"""`Learned`: a network as a closure, normalised, in a form that conserves, and equivariant by structure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr

from ..checks import checked_names, choice, flag, function, instance, known_arguments, number, settle, text
from ..errors import DataError, ModelError, OptionError
from ..graph.location import warn_user
from ..grid.stream_function import inverse_laplacian
from ..model import PDE
from ..model.closed import SUFFIX
from ..model.trace import traced
from ..model.views import View
from ..nn import GridNetwork, Network
from ..stored import Stored, stored
from .closure import Closure
from .forms import FORMS, Form
from .normalisation import NORMALISATIONS, by_own_deviation, variance_of
from .symmetry import names_of_fields, odd_fields, turns_of

__all__ = ["Learned"]

WHY = "`Learned(equivariant=True)`"


@stored
@known_arguments
@dataclass(frozen=True)
class Learned(Closure):
    """A network that gives the closure's term from the fields.

    Parameters
    ----------
    network
        Which; called once a term (see `equivariant`). A network on the grid, `ude.nn.CNN`, or one of single points,
        `ude.nn.MLP`.
    inputs
        What goes in: a function of `state` → list of fields (*grid). Default: the model's fields, and in two dimensions
        behind them the stream function ψ of a field `vorticity`, Δψ = −ω.
    fields
        Which get a term. Default: all of the model's.
    form
        `plain`: the network gives Π. `flux`: it gives F, an output an axis, and Π = ∇·F, so that the field's mean is
        conserved to rounding. `skew`: Π = K û with Kᵀ = −K, so that ∫u Π = 0 and ∫Π = 0 to rounding. It gives b, one
        an axis, and in two dimensions a stream function c: K = Σ (∂b∂² + ∂²b∂) + ∂x c ∂y − ∂y c ∂x, 1 or 3 outputs.
    dissipation
        Of the form `skew`: a further output a, and the term ∇·(a²∇û), which only takes energy.
    normalisation
        Of the inputs. `snapshot`: each is divided by its own standard deviation over the snapshot (those that vary
        by less than a millionth of their size by none). `stored`: by numbers that `scaled` measures.
    quadratic
        Whether Π(λu) = λ² Π(u), exactly, as it holds of the subgrid term of an advection u·∇u: the network's output is
        multiplied by the variance of the closed field over the snapshot. Then nothing is to be learned anew where a
        flow is only stronger or weaker. Needs `normalisation="snapshot"`.
    equivariant
        Whether Π turns and reflects with the fields, exactly: the mean of what the network gives for all turned and
        reflected fields, turned back. One call for 8 fields on a square grid (4 on another with two axes, 2 in one
        dimension), which costs as much as 8 calls; trained weights need no tied kernels for it.
    odd
        With it: fields that change their sign in a mirror, as vorticity does, and u in Burgers' equation. Default: what
        the model's equations say.
    input_scale
        One number an input, for `normalisation="stored"`.
    output_scale
        Size of Π, one number or one a closed field; `scaled` measures it. Default 1.
    name
        Of the network in the model.

    Raises
    ------
    ModelError, OptionError
        When a model is closed: if the network's inputs, outputs or dimensions don't fit, an axis isn't periodic where
        the form or the symmetry needs it, or the equations haven't the symmetry.

    Notes
    -----
    Forms are made with differences over cells (`skew`: central ones), and `skew` with û = u divided by its standard
    deviation over the snapshot, so that outputs of size 1 make terms of about `output_scale`. Skew-symmetric and
    dissipative forms follow van Gastelen et al., arXiv:2504.05868.

    Examples
    --------
    >>> import unideq as ude
    >>> coarse = ude.problems.Burgers(points=16).model()
    >>> closure = ude.closures.Learned(ude.nn.CNN(1, 1, channels=(4,)), form="flux", equivariant=True)
    >>> coarse.closed(closure).observables
    {'u': (16,), 'u_subgrid': (16,)}
    """

    network: Network
    inputs: Callable[..., Any] | None = None
    fields: tuple[str, ...] | None = None
    form: str = "plain"
    dissipation: bool = False
    normalisation: str = "snapshot"
    quadratic: bool = False
    equivariant: bool = False
    odd: tuple[str, ...] | None = None
    input_scale: tuple[float, ...] | None = None
    output_scale: float | tuple[float, ...] = 1.0
    name: str = "closure"

    def __post_init__(self) -> None:
        settle(self, instance, "network", kinds=Network, needs="a network, e.g. `ude.nn.CNN(1, 1)`")
        settle(self, function, "inputs", needs="a function of `state` that returns a list of fields", none=True)
        settle(self, choice, "form", choices=FORMS)
        settle(self, choice, "normalisation", choices=NORMALISATIONS)
        settle(self, flag, "dissipation", "quadratic", "equivariant")
        settle(self, text, "name", empty=False)
        settle(self, names_of_fields, "fields", least=1)
        settle(self, names_of_fields, "odd")
        object.__setattr__(self, "input_scale", _numbers(self.input_scale, "input_scale", none=True))
        object.__setattr__(self, "output_scale", _numbers(self.output_scale, "output_scale"))
        if self.dissipation and self.form != "skew":
            raise OptionError('`dissipation=True` belongs to `form="skew"`: other forms dissipate as they learn to.')
        if self.odd is not None and not self.equivariant:
            raise OptionError("`odd` says how fields are reflected, which `equivariant=True` alone asks for.")
        if self.quadratic and self.normalisation != "snapshot":
            raise OptionError(
                '`quadratic=True` needs `normalisation="snapshot"`: stored sizes don\'t grow with the flow.'
            )
        if self.input_scale is not None and self.normalisation != "stored":
            raise OptionError('`input_scale` is for `normalisation="stored"`; snapshots have their own.')

    @classmethod
    def parts(cls) -> Mapping[str, type[Stored]]:
        return {"network": Network}

    def stored_values(self) -> dict[str, Any]:
        if self.inputs is not None:
            raise OptionError("`inputs` is a Python function, which no file holds. Save the model that is closed.")
        return super().stored_values()

    def networks(self) -> Mapping[str, Network]:
        return {self.name: self.network}

    # ---- the term ---------------------------------------------------------------------------------------------

    def term(self, model: PDE, state: Any, p: Any, net: Any) -> Mapping[str, Any]:
        closed, form = self._closed(model), self._form(model)
        self._check(model, closed, form)
        call = net[self.name]
        fields = {n: state[n] for n in model.fields}
        if not self.equivariant:
            return self._terms(model, form, closed, fields, self._inputs(model, fields), call)
        odd, turns = odd_fields(model, self.odd, WHY), turns_of(model.grid, WHY)
        signs = {n: [-1.0 if n in odd and turn.mirrors else 1.0 for turn in turns] for n in model.fields}
        turned = [{n: s * turn.of(fields[n]) for n, s in _at(signs, k)} for k, turn in enumerate(turns)]
        inputs = [_stacked(of) for of in zip(*(self._inputs(model, own) for own in turned), strict=True)]
        several = {n: _stacked([own[n] for own in turned]) for n in model.fields}
        found = self._terms(model, form, closed, several, inputs, call)
        return {
            n: sum(s * turn.back(term[k]) for k, (s, turn) in enumerate(zip(signs[n], turns, strict=True)))
            * (1.0 / len(turns))
            for n, term in found.items()
        }

    def _terms(
        self, model: PDE, form: Form, closed: Sequence[str], fields: Mapping[str, Any], inputs: list[Any], call: Any
    ) -> dict[str, Any]:
        """Closed field → its term, of fields and inputs (*lead, *grid)."""
        d = len(model.grid.shape)
        if self.input_scale is None:
            scaled = [by_own_deviation(x, d) for x in inputs]
        elif len(self.input_scale) != len(inputs):
            raise OptionError(f"`input_scale` has {len(self.input_scale)} numbers, and there are {len(inputs)} inputs.")
        else:
            scaled = [x * (1.0 / s) for x, s in zip(inputs, self.input_scale, strict=True)]
        out = call(*scaled)
        parts = [out] if self.network.outputs == 1 else [out[k] for k in range(self.network.outputs)]
        sizes = self._output_sizes(closed)
        each = form.outputs
        found = {n: form.of(parts[k * each : (k + 1) * each], fields[n]) * sizes[k] for k, n in enumerate(closed)}
        return {n: term * variance_of(fields[n], d) for n, term in found.items()} if self.quadratic else found

    def _inputs(self, model: PDE, fields: Mapping[str, Any]) -> list[Any]:
        """What goes in, not yet normalised."""
        if self.inputs is None:
            found = list(fields.values())
            if _is_flow(model):
                found.append(model.grid.fourier(fields["vorticity"], -inverse_laplacian(model.grid)))
            return found
        given = self.inputs(View("state", fields))
        found = list(given) if isinstance(given, (list, tuple)) else [given]
        shape = tuple(model.grid.shape)
        for k, x in enumerate(found):
            if np.shape(x if isinstance(x, np.ndarray) else traced(x, f"input {k} of `Learned`")) != shape:
                raise ModelError(f"`inputs` returned a field of shape {np.shape(x)}, not {shape}, at place {k}.")
        return found

    # ---- checks -----------------------------------------------------------------------------------------------

    def _closed(self, model: PDE) -> tuple[str, ...]:
        return model.fields if self.fields is None else checked_names(self.fields, "fields", model.fields, "Learned")

    def _form(self, model: PDE) -> Form:
        return Form(self.form, model.grid, self.dissipation)

    def _output_sizes(self, closed: Sequence[str]) -> tuple[float, ...]:
        sizes = self.output_scale if isinstance(self.output_scale, tuple) else (self.output_scale,) * len(closed)
        if len(sizes) != len(closed):
            raise OptionError(f"`output_scale` has {len(sizes)} numbers, and there are {len(closed)} closed fields.")
        return sizes

    def _check(self, model: PDE, closed: Sequence[str], form: Form) -> None:
        dims, net = len(model.grid.shape), self.network
        wanted = [*model.fields, *["stream function"] * _is_flow(model)]
        if self.inputs is None and net.inputs != len(wanted):
            raise ModelError(
                f"The network takes {net.inputs} input{'s' * (net.inputs > 1)}, and by default there are "
                f"{len(wanted)}: {', '.join(wanted)}. Give it as many, or say which with `inputs=`."
            )
        if net.outputs != form.outputs * len(closed):
            raise ModelError(
                f'The network gives {net.outputs} output{"s" * (net.outputs > 1)}, and `form="{self.form}"` needs '
                f"{form.outputs * len(closed)}: {form.words} for each of {', '.join(closed)}."
            )
        if isinstance(net, GridNetwork):
            if net.dimensions != dims:
                raise ModelError(
                    f"The network is for {net.dimensions} dimension{'s' * (net.dimensions > 1)}, and the grid has "
                    f"{dims}. Make it with `dimensions={dims}`."
                )
            rules = (net.boundary,) * dims if isinstance(net.boundary, str) else net.boundary
            for axis, rule in zip(model.grid.axes, rules, strict=True):
                if axis.periodic and rule != "periodic":
                    warn_user(
                        f"The network pads with `{rule}` along `{axis.name}`, which is periodic: it sees walls where "
                        'there are none. `boundary="periodic"` sees the other end.'
                    )
        if self.normalisation == "stored" and self.input_scale is None:
            raise ModelError(
                '`normalisation="stored"` needs numbers: measure them, `closure.scaled(model, data)`, or give '
                "`input_scale=`."
            )

    # ---- numbers from data ------------------------------------------------------------------------------------

    def scaled(self, model: PDE, data: xr.Dataset) -> Learned:
        """The same closure with the sizes that data have: of the terms and, where they are stored, of the inputs.

        Parameters
        ----------
        model
            Which will be closed.
        data
            Its fields, and `NAME_subgrid` of those that are closed, e.g. of `ude.coarsen`.

        Raises
        ------
        DataError
            If a variable is missing, holds NaN, lies on another grid, or doesn't vary.
        """
        instance(model, PDE, "model", "Learned.scaled", needs="the PDE that is closed")
        instance(data, xr.Dataset, "data", "Learned.scaled", needs="an xarray Dataset", error=DataError)
        terms = {n: _deviation(_measured(data, model, n + SUFFIX), n + SUFFIX) for n in self._closed(model)}
        if self.quadratic:
            terms = {n: size / _typical_variance(_measured(data, model, n), n) for n, size in terms.items()}
        changes: dict[str, Any] = {"output_scale": tuple(terms.values())}
        if self.normalisation == "stored":
            fields = {n: _measured(data, model, n) for n in model.fields}
            each = [
                self._inputs(model, dict(zip(fields, values, strict=True)))
                for values in zip(*fields.values(), strict=True)
            ]
            inputs = [np.stack(of) for of in zip(*each, strict=True)]
            changes["input_scale"] = tuple(_deviation(x, f"input {k}") for k, x in enumerate(inputs))
        return replace(self, **changes)


def _is_flow(model: PDE) -> bool:
    return len(model.grid.shape) == 2 and "vorticity" in model.fields


def _at(signs: Mapping[str, list[float]], k: int) -> list[tuple[str, float]]:
    return [(n, of[k]) for n, of in signs.items()]


def _stacked(values: Sequence[Any]) -> Any:
    return np.stack(list(values))  # type: ignore[call-overload]


def _numbers(value: Any, name: str, none: bool = False) -> Any:
    if value is None and none:
        return None
    if isinstance(value, (tuple, list, np.ndarray)):
        return tuple(float(number(v, name, "Learned", above=0)) for v in value)
    found = float(number(value, name, "Learned", above=0))
    return (found,) if none else found


def _measured(data: xr.Dataset, model: PDE, name: str) -> np.ndarray:
    """(snapshots, *grid)."""
    dims = model.grid.dims
    if name not in data:
        raise DataError(f"The data lack `{name}`; they have {', '.join(map(str, data.data_vars))}. See `ude.coarsen`.")
    if not set(dims) <= set(data[name].dims):
        raise DataError(f"`{name}` lies on {', '.join(map(str, data[name].dims))}, not on {', '.join(dims)}.")
    values = np.asarray(data[name].transpose(..., *dims).values, dtype=float)
    shape = tuple(model.grid.shape)
    if values.shape[-len(shape) :] != shape:
        raise DataError(f"`{name}` has {values.shape[-len(shape) :]} points, and the model's grid has {shape}.")
    if not np.isfinite(values).all():
        raise DataError(f"`{name}` holds NaN or infinite values.")
    return values.reshape(-1, *shape)


def _typical_variance(values: np.ndarray, name: str) -> float:
    """Root mean square of the variances of snapshots (snapshots, *grid)."""
    found = float(np.sqrt(np.mean(variance_of(values, values.ndim - 1) ** 2)))
    if not found > 1e-24 * float(np.square(values).max()):
        raise DataError(f"`{name}` doesn't vary within the snapshots of these data: there is no size to divide by.")
    return found


def _deviation(values: np.ndarray, name: str) -> float:
    found = float(values.std())
    if not found > 1e-12 * float(np.abs(values).max()):
        raise DataError(f"`{name}` doesn't vary in these data: there is no size to divide by.")
    return found
