"""`unideq demo`: three models of the Hudson Bay hare and lynx, compared on years that none of them saw.

A universal differential equation (growth, death and meeting known in form, predation learned), Lotka and Volterra's
equations alone, and a neural ODE that knows nothing. Then the audit: is the gradient right, and which equations has the
network become? Writes a figure and a netCDF file.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import datasets, nn
from .errors import ExtraMissing, OptionError
from .model import ODE, Parameter
from .objective import Holdout, MultipleShooting, Trajectory
from .optimise import BFGS, Adam
from .result import Fit
from .training import fit

if TYPE_CHECKING:
    from .audit.recovery import Recovery

__all__ = ["hare_and_lynx", "lotka_volterra", "neural_ode", "run"]

HOLDOUT = Holdout(after=1915.0)
"""The years 1916 to 1920 are kept from training."""

REGULARISE = 1e-2
"""L2 weight on the networks, the same for both models that have one."""


def hare_and_lynx() -> ODE:
    """Hares grow, lynx die, and they meet in proportion to both; what a meeting costs and feeds is learned.

    The network starts near a constant, where the model is Lotka and Volterra's, and the L2 term pulls it back there: it
    departs from the mechanism only as far as the data ask for it.
    """

    def predator_prey(t: Any, state: Any, p: Any, net: Any) -> dict[str, Any]:
        hare, lynx = state.hare, state.lynx
        eaten, born = net.interaction(hare, lynx)
        return {"hare": p.growth * hare - eaten * hare * lynx, "lynx": born * hare * lynx - p.death * lynx}

    network = nn.MLP(
        2, 2, (5, 5), "tanh", "softplus", input_shift=30.0, input_scale=25.0, output_scale=0.03, last_layer_scale=0.1
    )
    return ODE(predator_prey, states=["hare", "lynx"], parameters=_rates(), networks={"interaction": network})


def lotka_volterra() -> ODE:
    """Lotka and Volterra's equations: predation in proportion to both."""

    def predator_prey(t: Any, state: Any, p: Any) -> dict[str, Any]:
        hare, lynx = state.hare, state.lynx
        return {"hare": p.growth * hare - p.eaten * hare * lynx, "lynx": p.born * hare * lynx - p.death * lynx}

    more = {
        "eaten": Parameter(0.025, positive=True, units="1/(1000 yr)"),
        "born": Parameter(0.025, positive=True, units="1/(1000 yr)"),
    }
    return ODE(predator_prey, states=["hare", "lynx"], parameters={**_rates(), **more})


def neural_ode() -> ODE:
    """A network is the whole right-hand side."""

    def unknown(t: Any, state: Any, p: Any, net: Any) -> Any:
        return net.rates(state.hare, state.lynx)

    network = nn.MLP(2, 2, (8, 8), "tanh", input_shift=30.0, input_scale=25.0, output_scale=20.0, last_layer_scale=0.1)
    return ODE(unknown, states=["hare", "lynx"], networks={"rates": network})


def _rates() -> dict[str, Parameter]:
    return {
        "growth": Parameter(0.5, positive=True, units="1/yr", description="growth rate of hares"),
        "death": Parameter(0.8, positive=True, units="1/yr", description="death rate of lynx"),
    }


@dataclass(frozen=True)
class Contender:
    """One of the three models, and how it is trained."""

    label: str
    model: ODE
    seeds: int
    regularise: float | None


def run(output: Path | str = "unideq-demo", quick: bool = False, progress: bool = True) -> dict[str, Fit]:
    """Train the three models, print the comparison and the audit, write `hudson_bay.png` and `hudson_bay.nc`.

    Parameters
    ----------
    output
        Folder for the files; made where it doesn't exist.
    quick
        Fewer iterations and seeds, for trying out: the scores mean nothing then.
    progress
        Whether to show progress bars.

    Returns
    -------
    dict
        Label → fit.
    """
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"The folder `{folder}` can't be made: {error.strerror or error}.") from error
    began = time.monotonic()
    data = datasets.hudson_bay()
    seeds = 2 if quick else 8
    contenders = [
        Contender("universal", hare_and_lynx(), seeds, REGULARISE),
        Contender("mechanistic", lotka_volterra(), 1, None),
        Contender("neural", neural_ode(), seeds, REGULARISE),
    ]
    fits: dict[str, Fit] = {}
    for c in contenders:
        print(f"\n{c.label}: {c.model!r}", file=sys.stderr)
        shooting, whole = (50, 20) if quick else (600, 150)
        fits[c.label] = fit(
            c.model,
            data,
            objective=MultipleShooting(5),
            phases=[Adam(2e-2, shooting), BFGS(whole, objective=Trajectory())],
            seeds=c.seeds,
            holdout=HOLDOUT,
            regularise=c.regularise if c.model.networks else None,
            progress=progress,
        )
    best = fits["universal"]
    print("\naudit", file=sys.stderr)
    gradient, recovered = best.check_gradient(), _recovered(best, progress)
    figure_path, file_path = folder / "hudson_bay.png", folder / "hudson_bay.nc"
    best.plot().savefig(figure_path, dpi=120)
    best.save(file_path)
    print(f"\n{best.model.equations()}\n")
    print(parameter_table(fits))
    print()
    print(score_table(fits))
    print(f"\n{gradient}\n\n{recovered}")
    print(
        f"\nFigure: {figure_path}\nFile:   {file_path}  (read it with `unideq info {file_path}` or `unideq.Fit.load`)"
    )
    print(f"{time.monotonic() - began:.0f} s")
    return fits


def _recovered(fitted: Fit, progress: bool) -> Recovery | str:
    """Rates of degree 1 in hare and lynx for the learned ones, or why there are none."""
    try:
        return fitted.recover("interaction", library=1, final_fit=False, progress=progress)
    except ExtraMissing as error:  # the packages that search for equations are an extra
        return str(error)


def parameter_table(fits: dict[str, Fit]) -> str:
    """Parameters of each fit's best seed, as text."""
    names = list(dict.fromkeys(n for f in fits.values() for n in f.model.parameters))
    rows = [["parameter", "units", *fits]]
    for name in names:
        units = next(f.model.parameters[name].units for f in fits.values() if name in f.model.parameters)
        values = [f"{float(f.parameters[name]):.4f}" if name in f.parameters else "" for f in fits.values()]
        rows.append([name, units, *values])
    return _table(rows)


def score_table(fits: dict[str, Fit]) -> str:
    """Root mean squared errors on training and held-out years, as text."""
    rows = [["RMSE in thousands of pelts", "hare", "lynx", "hare, held out", "lynx, held out"]]
    for label, fitted in fits.items():
        scores = fitted.tree["/diagnostics"].to_dataset().sel(seed=fitted.best_seed)
        values = [scores[f"rmse_{part}"].sel(variable=v) for part in ("training", "held_out") for v in ("hare", "lynx")]
        rows.append([label, *(f"{float(v):.2f}" if np.isfinite(v) else "failed" for v in values)])
    return _table(rows)


def _table(rows: list[list[str]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  ".join(c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])
