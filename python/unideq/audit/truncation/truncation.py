"""Truncation contamination: how much of a learned closure is physics, and how much the error of a finite difference.

A closure trained inside a host scheme H on data made by a scheme D learns what the host lacks: the missing physics,
plus the truncation error of D, minus that of H. The errors' leading terms are known from the traced graphs
(`modified_equation`), so least squares on physical candidates and these terms tells the parts apart.

The data says what made it: the attribute `unideq_model` of a data set holds, as text, the JSON of the PDE (or Stepper)
that generated it, on its own grid and with its own scheme:

    data.attrs["unideq_model"] = json.dumps(generator.to_json())

`unideq.restrict` and slicing keep it. `data_model=` does the same. Where neither is there, the errors that coarser
differences of the host's own derivatives would make are candidates instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ...checks import function, instance, known_arguments, mapping, number, sequence, settle, whole
from ...errors import DataError, ExtraMissing, ModelError
from ...model import Model
from ...model.provenance import generator_of
from ...result import Fit
from ..check import Check, Outcome, not_checked
from ..states import States, closure, data_states
from ..subject import StatesSubject
from .decompose import decompose
from .decomposition import Decomposition
from .modified_equation import modified_equation
from .plot_shares import plot_shares
from .refinement import RefinementOutcome, refinement
from .uniform_grid import UniformGrid
from .verdict import truncation_finding

__all__ = ["Truncation", "TruncationOutcome"]

RESOLVED = 1e-5
"""States with a larger share of variance in the shortest third of their waves aren't resolved by the grid."""


@dataclass(frozen=True, kw_only=True)
class TruncationOutcome(Outcome):
    """What `Truncation` found: a decomposition a field, and what of it goes with the spacing."""

    fields: Mapping[str, Decomposition]
    refinement: RefinementOutcome | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Decomposition], known_data: bool) -> TruncationOutcome:
        """Verdicts on decompositions; whether the model that made the data is known."""
        findings = tuple(truncation_finding(d, known_data) for d in fields.values())
        groups = {f"truncation_{name}": d.dataset() for name, d in fields.items()}
        panels = {f"truncation_{name}": partial(plot_shares, d) for name, d in fields.items()}
        return cls(findings, groups, panels, fields=fields)


@known_arguments
@dataclass(frozen=True)
class Truncation(Check[StatesSubject]):
    """Is it physics or truncation error? A closure regressed on physical terms and on its schemes' leading errors.

    Attributes
    ----------
    data_model
        The model whose scheme made the data; default: the one in their attribute `unideq_model`.
    refined
        The same model fitted on another grid, or a list of such fits: singles out what depends on the spacing.
    network
        Whose contribution; default: all networks' together.
    candidates
        Further physical terms for the closure: text → function of (fields, derivative), e.g.
        `{"u³": lambda f, d: f["u"] ** 3, "(u²)_x": lambda f, d: d(f["u"] ** 2, 1)}`.
    spacing
        Axis name → spacing, for models without a grid (periodic axes are assumed).
    resolution
        Largest share of variance in the shortest third of the waves of a state that is used: derivatives of what the
        grid doesn't resolve mean nothing.
    max_terms
        Largest number of selected terms besides the schemes' own.
    seed
        Of the resampling.

    Raises
    ------
    OptionError
        For impossible settings.

    Examples
    --------
    >>> import numpy as np, unideq as ude
    >>> grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, 24))
    >>> heat = ude.PDE(lambda t, state: 0.1 * grid.laplacian(state.u), grid, ["u"])
    >>> data = heat.solve(np.linspace(0, 1, 11), {"u": np.sin(grid.coordinates("x")) ** 3}).dataset
    >>> def learned(t, state, p, net):
    ...     return net.closure(grid.laplacian(state.u))
    >>> model = ude.PDE(learned, grid, ["u"], networks={"closure": ude.nn.MLP(1, 1, ())})
    >>> fit = ude.fit(model, data, phases=ude.BFGS(30), progress=False)
    >>> fit.audit(ude.Truncation(data_model=heat)).severity
    'ok'
    """

    name = "truncation"
    needs = StatesSubject
    learns = True
    data_model: Model | None = None
    refined: Fit | Sequence[Fit] = ()
    network: str | None = None
    candidates: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    spacing: Mapping[str, float] | None = None
    resolution: float = RESOLVED
    max_terms: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        settle(self, instance, "data_model", kinds=Model, needs="a model", none=True)
        settle(self, _fits, "refined")
        settle(self, _terms, "candidates")
        settle(self, _spacings, "spacing")
        settle(self, number, "resolution", above=0, most=1)
        settle(self, whole, "max_terms", least=1)
        settle(self, whole, "seed", least=0)

    def prepare(self, subject: StatesSubject) -> None:
        """Read the states; the network is the model's."""
        subject.known_network(self.network)
        subject.read()
        known = UniformGrid.of(subject.fit.model, self.spacing) is not None
        if known and subject.fit.model.conditions and len(np.unique(np.stack(subject.states.constants), axis=0)) > 1:
            listing = ", ".join(f"`{n}`" for n in subject.fit.model.conditions)
            subject.note(
                self.name,
                f"{listing} differ between the trajectories; the schemes' errors are taken at typical values of them.",
                "Audit fits of trajectories that share them where these errors depend on them.",
            )

    def examine(self, subject: StatesSubject) -> TruncationOutcome:
        """Decompose the closure, and with fits on other grids say what depends on the spacing."""
        space = _space(subject.fit, self.spacing)
        made_by = subject.generator if self.data_model is None else self.data_model
        own = self.explain(subject.fit, subject.states.thinned(), space, made_by)
        if not self.refined:
            return own
        try:
            other = self._refinement(own, space)
        except (ModelError, DataError, ExtraMissing) as error:
            return replace(own, findings=(*own.findings, not_checked("refinement", error)))
        findings, groups = (*own.findings, *other.findings), {**own.groups, **other.groups}
        return replace(own, findings=findings, groups=groups, refinement=other)

    def explain(
        self,
        fit: Fit,
        states: States,
        space: UniformGrid,
        made_by: Model | None,
        only: Mapping[str, Sequence[str]] | None = None,
    ) -> TruncationOutcome:
        """Regress a closure on physical candidates and on the schemes' modified-equation terms.

        Parameters
        ----------
        fit
            A trained model.
        states
            Where the closure is read.
        space
            The host's grid.
        made_by
            The model that made the data; None where it isn't known.
        only
            Field → texts of the terms to regress on, without selection.
        """
        host = modified_equation(fit.model, space, fit.theta[: fit.model.layout.size])
        data = None if made_by is None else modified_equation(made_by, UniformGrid.of(made_by, self.spacing) or space)
        times, flat = np.concatenate(states.times), np.concatenate(states.states)
        learned = closure(fit, states, self.network)
        lengths = [len(t) for t in states.times]
        return TruncationOutcome.of(decompose(host, data, times, flat, learned, lengths, self, only), data is not None)

    def _refinement(self, own: TruncationOutcome, space: UniformGrid) -> RefinementOutcome:
        """The other fits regressed on the terms that were selected for this one."""
        only = {name: d.regression.names for name, d in own.fields.items()}
        alone = replace(self, spacing=None)
        results, spacings = [own.fields], [space.spacings[0]]
        for other in _fits(self.refined, "refined", self.name):
            there = _space(other, None)
            made_by = generator_of(other.record.observations.dataset)
            results.append(alone.explain(other, data_states(other).thinned(), there, made_by, only).fields)
            spacings.append(there.spacings[0])
        return refinement(results, spacings)


def _fits(refined: Any, name: str, of: str) -> tuple[Fit, ...]:
    needs = "a fit, or a list of them"
    listed = (refined,) if isinstance(refined, Fit) else sequence(refined, name, of, needs=needs)
    for other in listed:
        instance(other, Fit, name, of, needs=needs)
        instance(other.model, Model, name, of, needs=f"{needs} to states over time")
    return tuple(listed)


def _terms(candidates: Any, name: str, of: str) -> dict[str, Callable[..., Any]]:
    needs = "a function of (fields, derivative)"
    given = mapping(candidates, name, of, needs=f"a dict text → {needs}", none=True)
    return {text: function(term, f"{name}: {text}", of, needs=needs) for text, term in given.items()}


def _spacings(spacing: Any, name: str, of: str) -> dict[str, float] | None:
    given = mapping(spacing, name, of, needs="a dict axis → number", none=True)
    return {n: number(v, f"{name}: {n}", of, above=0) for n, v in given.items()} or None


def _space(fit: Fit, spacing: Mapping[str, float] | None) -> UniformGrid:
    space = UniformGrid.of(fit.model, spacing)
    if space is None:
        raise ModelError(
            "The model has no grid, so nothing is known of its stencils. Give `ude.Truncation(spacing={'x': dx})`."
        )
    return space
