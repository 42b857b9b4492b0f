"""`closure_scores`: closures beside each other, a priori and coupled, against the filtered truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from ...checks import flag, known_arguments, number, whole
from ...engine import checked_engine
from ...errors import DataError, OptionError
from ...model import PDE, Stepper
from ..rollout_metrics import CORRELATED
from .a_priori import term_scores, term_statistics
from .candidates import Candidate, Stepping, candidates_of
from .coupled import Runs, coupled_scores, truth_tally, turnover_times
from .flow import QUANTITIES
from .truth import Truth

__all__ = ["BLOWN", "closure_scores", "planned_runs", "reader_of"]

BLOWN = 10.0
"""Multiple of the truth's largest energy beyond which a run has blown up."""


@known_arguments
def closure_scores(
    candidates: Mapping[str, Any],
    data: xr.Dataset,
    *,
    coarse: PDE | None = None,
    coupled: bool = True,
    steps: int | None = None,
    skip: int = 0,
    starts: int = 1,
    dt: float | None = None,
    scheme: str | None = None,
    substeps: int = 1,
    threshold: float = CORRELATED,
    blow_up: float = BLOWN,
    field: str | None = None,
    vorticity: bool | None = None,
    engine: Any = None,
) -> xr.Dataset:
    """Closures beside each other: their terms against the exact one, and what becomes of the flow with them.

    A priori, a closure's Π is evaluated at the filtered truth's snapshots. Coupled, each closed model is rolled out
    from them. A run that blows up has that as its score. Long runs don't have to fit into memory.

    Parameters
    ----------
    candidates
        Dict name → a fit, a closed `PDE` or `Stepper`, one of `ude.closures`, a function as of `PDE.closed`, or None,
        the model without a closure.
    data
        Filtered fields and `NAME_subgrid` over (trajectory,) time and the coarse grid: what `ude.coarsen(data, model)`
        gives. Conditions of the model are read from their coordinates.
    coarse
        The PDE on that grid without a closure, for candidates that are None or no models.
    coupled
        Whether models are rolled out.
    steps
        Length of the runs in intervals of the data; default: to the data's end, or its part for each of the `starts`.
        Longer runs are compared with the statistics of all times of their trajectory.
    skip
        Intervals at the beginning of runs that spectra, densities and drifts leave out.
    starts
        Runs a trajectory, from snapshots spread evenly over its times.
    dt, scheme, substeps
        Of the steppers that PDEs are rolled out by; default: those of the first `Stepper` among the candidates, else
        `etdrk4` where there is a linear part and `rk4` elsewhere.
    threshold
        Correlation below which a run doesn't follow the truth any more.
    blow_up
        Multiple of the truth's largest energy beyond which a run has blown up; so has one that isn't finite.
    field
        Which field, where several have subgrid terms.
    vorticity
        Whether the field is vorticity in two dimensions; default: where it is called so.
    engine
        As in `ude.fit`; default: fits compute on their own.

    Returns
    -------
    xarray.Dataset
        Over `closure` first. `quantity` is `energy` and `enstrophy`: of vorticity ½⟨|u|²⟩ and ½⟨ω²⟩, of another field
        ½⟨u²⟩ and ½⟨|∇u|²⟩. `NAME_true` is the truth's.

        A priori, over `trajectory`, means over time:

        - `correlation` (mean over the snapshots), `rmse` (relative: 1 for no closure);
        - `subgrid_spectrum` (wavenumber), ½|Π_k|² summed over shells of |k|, and `spectrum_rmse`, the root mean squared
          ln of its ratio to the true one (0.1: 10 per cent off; a factor of two: 0.7) over the shells where that isn't
          rounding, up to two thirds of the largest wavenumber (dealiased models carry nothing beyond);
        - `transfer` (quantity), the rate at which Π changes it; `forward` and `backscatter`, its parts from the places
          where Π takes and where it gives; `transfer_spectrum` (quantity, wavenumber), which sums to it.

        Coupled, over `run` (with its `trajectory`, `start` time and eddy turnover time 1/√(2 · enstrophy)) and `lead`,
        the time since the start:

        - `spectrum` (run, quantity, wavenumber), `spectrum_error`, relative, of the mean over the runs, and
          `coupled_spectrum_rmse` (quantity), as a priori;
        - `pdf` (deviations) of the field's values in the truth's standard deviations from its mean, `tail_error` and
          `tail_bias` of its log₁₀ beyond 3 (negative: too short), `kurtosis`, `deviation`, `largest` (run);
        - `forecast_correlation` and `forecast_error` (run, lead), `forecast_time` (run) to lost correlation, infinite
          where it isn't lost while the truth is known;
        - `total` (run, quantity, lead), and `drift` (run, quantity), the slope of ln(total / the truth's) per turnover;
        - `blow_up_time` (run), infinite without one, and `stable_turnovers` (run), the length before it.

    Raises
    ------
    DataError
        If the data lack a subgrid term, are on another grid than a candidate, hold NaN or don't vary; coupled, if there
        are fewer than two snapshots, or times aren't even.
    OptionError, ModelError
        If a candidate isn't a closure, or can't be rolled out with the data's interval.

    Notes
    -----
    The RMSE of the spectrum beside correlation and RMSE: arXiv:2504.15487; transfer and back-scatter: Guan et al., J.
    Comput. Phys. 458 (2022) 111090.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import unideq as ude
    >>> problem = ude.problems.Burgers(points=64)
    >>> coarse = replace(problem, points=16).model()
    >>> seen = ude.coarsen(problem.data(steps=10, every=5), coarse)
    >>> scores = ude.closure_scores({"none": None}, seen, coarse=coarse, dt=0.05)
    >>> scores.rmse.dims, float(scores.rmse[0, 0])
    (('closure', 'trajectory'), 1.0)
    """
    truth = Truth.of(data, field, vorticity)
    flag(coupled, "coupled", "closure_scores")
    settings = {
        "steps": whole(steps, "steps", "closure_scores", least=1, none=True),
        "skip": whole(skip, "skip", "closure_scores", least=0),
        "starts": whole(starts, "starts", "closure_scores", least=1),
        "threshold": number(threshold, "threshold", "closure_scores", least=-1, most=1),
        "blow_up": number(blow_up, "blow_up", "closure_scores", above=1),
    }
    number(dt, "dt", "closure_scores", above=0, none=True)
    listed = candidates_of(candidates, truth, coarse, checked_engine(engine))
    found = _a_priori(listed, truth)
    if coupled:
        found = found.merge(_coupled(listed, truth, _stepping(listed, dt, scheme, substeps), **settings))
    found.attrs = {"field": truth.field, "vorticity": int(truth.flow.vorticity), **found.attrs}
    return found


def _a_priori(listed: list[Candidate], truth: Truth) -> xr.Dataset:
    """Scores of all candidates' terms."""
    flow = truth.flow
    true = term_statistics(flow, truth.values, truth.term)
    found = [term_scores(flow, truth.values, c.term(truth), truth.term, true) for c in listed]
    coords = {"trajectory": truth.data["trajectory"].values}
    return _dataset(listed, truth, found, {f"{n}_true": v for n, v in true.items()}, coords)


def _coupled(
    listed: list[Candidate], truth: Truth, stepping: Stepping, steps: int | None, skip: int, starts: int,
    threshold: float, blow_up: float,
) -> xr.Dataset:  # fmt: skip
    """Scores of all candidates' runs."""
    times = listed[0].times
    runs = planned_runs(truth, times, steps, skip, starts, threshold, blow_up)
    rollers = [c.roller(stepping, float(runs.leads[1])) for c in listed]
    expected = truth_tally(runs)
    tally, totals = expected
    found = []
    for candidate, roll in zip(listed, rollers, strict=True):
        read = reader_of(candidate, truth)
        found.append(coupled_scores(runs, roll, read, candidate.states, candidate.times, expected))
    true = {
        "spectrum_true": (("run", "quantity", "wavenumber"), tally.mean_spectra()),
        "pdf_true": ("deviations", tally.density.density()),
        "kurtosis_true": ((), tally.density.kurtosis()),
        "largest_true": ("run", tally.density.largest),
        "total_true": (("run", "quantity", "lead"), totals),
    }
    units = truth.data["time"].attrs.get("units")
    of_time = {"units": units} if units else {}
    coords = {
        "trajectory_of_run": ("run", truth.data["trajectory"].values[runs.trajectory]),
        "start": ("run", truth.data["time"].values[runs.start], {"long_name": "start"}),
        "turnover_time": ("run", turnover_times(tally), {"long_name": "eddy turnover time", **of_time}),
        "lead": ("lead", runs.leads, {"long_name": "time since the start", **of_time}),
        "deviations": ("deviations", tally.density.centres, {"long_name": f"{truth.field} / deviation of the truth"}),
    }
    made = _dataset(listed, truth, found, true, coords)
    made.attrs = {"threshold": threshold, "blow_up": blow_up, "skip": skip, "steps": runs.steps}
    return made


def planned_runs(
    truth: Truth, times: np.ndarray, steps: int | None, skip: int, starts: int, threshold: float, blow_up: float
) -> Runs:
    """Which runs are made.

    Raises
    ------
    DataError, OptionError
        If times aren't even, or leave no room.
    """
    known = len(times) - 1
    if known < 1:
        raise DataError("Coupled scores compare rollouts with later snapshots, and there is one. Give more, or set "
                        "`coupled=False`.")  # fmt: skip
    intervals = np.diff(times)
    if np.ptp(intervals) > 1e-6 * intervals.mean():
        raise DataError(
            f"Coupled scores need snapshots at even times; intervals run from {intervals.min():g} to "
            f"{intervals.max():g}. Choose some, or set `coupled=False`."
        )
    length = known // starts if steps is None else steps
    room = known - length if length <= known else known - 1
    first = np.unique(np.linspace(0, room, starts).round().astype(int))
    if len(first) < starts or not length:
        raise OptionError(
            f"`starts` is {starts}, and runs of {max(length, 1)} steps have {room + 1} snapshots to start at."
        )
    if skip >= length:
        raise OptionError(f"`skip` is {skip}, and the runs have {length} steps: nothing is left.")
    count = truth.values.shape[0]
    leads = float(intervals.mean()) * np.arange(1 + length)
    trajectory, start = np.repeat(np.arange(count), starts), np.tile(first, count)
    return Runs(truth, trajectory, start, length, skip, leads, blow_up, threshold)


def _stepping(listed: list[Candidate], dt: float | None, scheme: str | None, substeps: int) -> Stepping:
    made = next((c.model for c in listed if isinstance(c.model, Stepper)), None)
    if dt is None and scheme is None and made is not None:
        return Stepping(made.dt, made.scheme.name, made.substeps)
    return Stepping(dt, scheme, substeps)


def reader_of(candidate: Candidate, truth: Truth) -> Callable[[np.ndarray], np.ndarray]:
    """Flat states (…, n) of a candidate → the scored field (…, *grid)."""
    window, shape = candidate.model.states.windows[truth.field], truth.values.shape[2:]
    return lambda flat: flat[..., window].reshape(*flat.shape[:-1], *shape)


def _dataset(
    listed: list[Candidate], truth: Truth, found: list[dict[str, Any]], true: dict[str, Any], coords: dict[str, Any]
) -> xr.Dataset:
    """All closures together, `closure` first, and the truth's numbers."""
    variables: dict[str, Any] = {}
    for name, (dims, _, attributes) in found[0].items():
        dims = (dims,) if isinstance(dims, str) else dims
        variables[name] = (("closure", *dims), np.stack([np.asarray(f[name][1], float) for f in found]), attributes)
    waves = truth.flow.shells.wavenumbers
    coords = {
        "closure": [c.name for c in listed],
        "quantity": list(QUANTITIES),
        "wavenumber": ("wavenumber", waves, {"long_name": "wavenumber"}),
        "resolved": ("wavenumber", truth.flow.shells.resolved),
        **coords,
    }
    return xr.Dataset({**variables, **true}, coords)
