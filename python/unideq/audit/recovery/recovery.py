"""`fit.recover`: equations for a learned term, found by sparse regression and judged by the measurements themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from ...checks import choice, flag, known_arguments, number, whole
from ...errors import OptionError
from ...model import ODE
from ...result import Fit
from .candidates import Candidates
from .library import Library, factor
from .replacement import chosen_model, trained_model
from .samples import argument_names, argument_texts, checked_network, learned_samples
from .search import CRITERIA
from .selection import Selection, select
from .sparse import METHODS, candidate_supports
from .symbolic import latex_of, sympy_of, text_of

__all__ = ["Recovery", "recover"]


@dataclass(frozen=True)
class Recovery:
    """Equations in a network's place.

    Attributes
    ----------
    network
        Whose.
    model
        The model with formulas in the network's place and their coefficients as parameters: it solves, extrapolates
        and saves.
    fit
        The refit of that model to the same data, or None (without `final_fit`).
    equations
        One line an output: `interaction[0](x, y) = -0.9·x·y`.
    sympy
        The same, output → SymPy expression.
    latex
        The same, as an `aligned` environment.
    coefficients
        Dataset over `coefficient` (the names of the model's new parameters): `estimate`, `standard_error` (from the
        likelihood's curvature; NaN without refit), `output` and `term`.
    table
        Candidates over `candidate`, best first: `equations`, `terms`, `log_likelihood`, `criterion`, `difference` (to
        the best), `rollout_error` (NaN where not computed) and `chosen`.
    scores
        Of the chosen one: `log_likelihood`, the criterion, `rollout_error`, `noise.VARIABLE`.
    initial
        State → estimated initial value, one a trajectory (a number where there is one): `model.solve(times, initial)`.
    """

    network: str
    model: ODE
    fit: Fit | None
    equations: str
    sympy: dict[str, Any]
    latex: str
    coefficients: xr.Dataset
    table: xr.Dataset
    scores: dict[str, float]
    initial: dict[str, Any]

    def __repr__(self) -> str:
        shown = ", ".join(f"{n} {v:.4g}" for n, v in self.scores.items())
        lines = [f"Recovery of `{self.network}`", *(f"  {line}" for line in self.equations.split("\n")), f"  {shown}"]
        texts, chosen = self.table["equations"].values, self.table["chosen"].values
        shown_rows = sorted({*range(min(4, len(texts))), int(np.argmax(chosen))})
        for k in shown_rows:
            lines.append(f"  {'→' if chosen[k] else ' '} {float(self.table['difference'][k]):+8.2f}  {texts[k]}")
        return "\n".join(lines)

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"


@known_arguments
def recover(
    fit: Fit,
    network: str | None = None,
    *,
    library: Any = None,
    method: str = "auto",
    ensemble: bool = True,
    criterion: str = "ebic",
    parsimony: float = 6.0,
    rollout: bool = True,
    refit: bool = True,
    final_fit: bool = True,
    max_terms: int = 5,
    budget: int = 200,
    progress: bool = True,
) -> Recovery:
    """Find equations for what a network learned.

    1. Sample the network where the trajectories went, in all seeds that describe the data about equally well.
    2. Regress each output sparsely on a library of terms (PySINDy), over a path of thresholds: candidate supports.
    3. Put each candidate into the ODE in the network's place and refit its coefficients, with all other free parameters
       (those by group, too) and initial states, to the measurements (Gauss–Newton on sensitivity equations, many
       candidates at once); then drop, add and exchange terms of the best ones while the criterion improves.
    4. Prefer a shorter formula where its criterion isn't worse than the best by more than `parsimony`. Drop what
       predicts what it wasn't refitted to (the fit's held-out measurements, or else the last quarter of the times)
       worse than the best of these finalists by more than two standard errors.
    5. Refit the chosen equations with `unideq.fit`'s own machinery, data and loss.

    Parameters
    ----------
    fit
        A trained model.
    network
        Which network; may be left out where there is one.
    library
        Degree of the monomials (default 3), a dict name → NumPy function, or a `unideq.audit.recovery.Library`.
    method
        `stlsq`, `sr3`, or `auto` for both.
    ensemble
        Whether regressions are repeated on resampled rows.
    criterion
        `ebic` (default: BIC that also counts how many equally large supports the library offers), `bic` or `aicc`;
        all of the likelihood of the measurements with one unknown noise level a variable.
    parsimony
        Difference of the criterion that a longer formula must win by; below 6, evidence isn't strong (Kass & Raftery
        1995). 0 takes the best criterion.
    rollout
        Whether the finalists of step 4 must predict.
    refit
        Steps 3 and 5; without, candidates keep the regression's coefficients.
    final_fit
        Step 5; without, the coefficients of step 3 stay, which are those of maximum likelihood already.
    max_terms
        Largest number of terms an output.
    budget
        Largest number of candidates refitted.
    progress
        Whether to show a progress bar.

    Returns
    -------
    Recovery
        Also stored in `fit.tree` as `/symbolic/NETWORK`.

    Raises
    ------
    ModelError, OptionError
        For an unknown network, one that isn't called, unknown options or a library without usable terms.
    DataError
        If there are too few samples.
    ExtraMissing
        If PySINDy or SymPy isn't installed.
    """
    name = checked_network(fit.model, network)
    choice(method, "method", METHODS, "recover")
    choice(criterion, "criterion", CRITERIA)
    parsimony = number(parsimony, "parsimony", "recover", least=0)
    max_terms, budget = (whole(v, n, "recover", least=1) for v, n in ((max_terms, "max_terms"), (budget, "budget")))
    flags = {"ensemble": ensemble, "rollout": rollout, "refit": refit, "final_fit": final_fit, "progress": progress}
    for switch, value in flags.items():
        flag(value, switch, "recover")
    chosen = Library.of(library)
    names = argument_names(fit.model, name)
    texts = argument_texts(fit.model, name)
    terms = chosen.terms(names, texts)
    sympy_of(chosen, [], [], names)  # is SymPy there? Better to know before the work
    samples = learned_samples(fit, name)
    columns = chosen.matrix(terms, samples.arguments)
    sizes = np.sqrt(np.mean(columns**2, axis=0))
    if not np.isfinite(sizes).any():
        raise OptionError("No term of the library is finite at all samples. Choose other functions.")
    train, _ = fit.record.observations.split(fit.record.settings.holdout)
    effective = max(len(np.unique(np.concatenate([s.times for s in train.series]))), 10)
    supports = [
        candidate_supports(
            columns / np.where(sizes > 0, sizes, 1.0), samples.outputs[:, i], method=method, ensemble=ensemble,
            max_terms=max_terms, effective=effective,
        )
        for i in range(samples.outputs.shape[1])
    ]  # fmt: skip
    candidates = Candidates.of(chosen, terms, sizes, supports)
    selection = select(fit, name, candidates, criterion, float(parsimony), rollout, refit, max_terms, budget, progress)
    return _result(fit, name, texts, candidates, selection, refit and final_fit)


def _result(
    fit: Fit, network: str, names: list[str], candidates: Candidates, selection: Selection, final_fit: bool
) -> Recovery:
    best = selection.chosen
    formulas = candidates.formulas(best.support, selection.coefficients(best))
    model, parameters = chosen_model(fit, network, candidates.library, formulas, selection.values(best))
    model = model.with_groups(selection.groups(best))
    refitted = trained_model(fit, network, model, selection.initial(best)) if final_fit else None
    if refitted is not None:
        model = refitted.trained()
        formulas = [
            [(term, float(model.parameters[key].array)) for (term, _), key in zip(formula, keys, strict=True)]
            for formula, keys in zip(formulas, parameters, strict=True)
        ]
    count = len(formulas)
    outputs = [network if count == 1 else f"{network}[{i}]" for i in range(count)]
    call = ", ".join(names)
    equations = "\n".join(
        f"{o}({call}) = {text_of([t for t, _ in f], [c for _, c in f])}" for o, f in zip(outputs, formulas, strict=True)
    )
    sympy = {
        o: sympy_of(candidates.library, [t for t, _ in f], [c for _, c in f], [factor(n) for n in names])
        for o, f in zip(outputs, formulas, strict=True)
    }
    shown = rf"\mathrm{{{network.replace('_', ' ')}}}"
    left = {o: (shown if count == 1 else rf"{shown}_{{{i + 1}}}") for i, o in enumerate(outputs)}
    latex = latex_of(left, sympy)
    flat = [
        (name, outputs[i], term.text, value)
        for i, formula in enumerate(formulas)
        for name, (term, value) in zip(parameters[i], formula, strict=True)
    ]
    coefficients = xr.Dataset(
        {
            "estimate": ("coefficient", np.array([v for *_, v in flat], dtype=float)),
            "standard_error": ("coefficient", selection.standard_errors(best)),
            "output": ("coefficient", np.array([o for _, o, _, _ in flat], dtype=str)),
            "term": ("coefficient", np.array([t for _, _, t, _ in flat], dtype=str)),
        },
        coords={"coefficient": np.array([k for k, *_ in flat], dtype=str)},
    )
    initial = {n.removeprefix("initial."): v[0] if len(v) == 1 else v for n, v in selection.initial(best).items()}
    table = selection.table(candidates, outputs)
    scores = selection.scores(best)
    recovery = Recovery(network, model, refitted, equations, sympy, latex, coefficients, table, scores, initial)
    attrs = {"equations": equations, "latex": latex, **recovery.scores}
    fit.add_group(f"/symbolic/{network}", coefficients.merge(table).assign_attrs(attrs))
    return recovery
