"""`Fit`: what comes back from training. All of it is in `fit.tree`; methods plot, predict, recover, report, save."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from ..checks import is_whole, known_arguments
from ..engine import Engine, checked_engine
from ..engine.deferred import Deferred, asked_name
from ..errors import OptionError
from ..training.kind import Kind
from ..training.record import Record
from .file import read_tree, write_tree
from .rows import SPREAD, parameter_rows
from .tree import record_from_tree, training_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..audit import Audit, Check
    from ..audit.gradient import GradientCheck
    from ..audit.kernels import Explanation
    from ..audit.recovery import Recovery
    from ..model import Model
    from ..training.transferred import Transferred
    from .network import TrainedNetwork

__all__ = ["Fit"]


class Fit:
    """A trained model of any kind with its history and settings.

    Made by `unideq.fit` or `Fit.load`. Methods that mean nothing to a kind of model say so.

    Attributes
    ----------
    record
        All that training left behind (`unideq.training.Record`).
    engine
        The engine that computes predictions.
    """

    def __init__(self, record: Record, engine: Engine, computed: Mapping[str, xr.Dataset] | None = None) -> None:
        self.record, self.engine = record, engine
        self._computed: dict[str, xr.Dataset] | None = None if computed is None else dict(computed)
        self._added: dict[str, xr.Dataset] = {}

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """What is particular to the kind of model."""
        return self.record.kind

    @cached_property
    def model(self) -> Any:
        """The trained model (of the best seed, see `trained`); `fit.record.model` is the one that was given."""
        return self.trained()

    def trained(self, seed: int | None = None) -> Any:
        """The model with the trained parameters and weights: solve, save, export, change or train it further.

        Initial values that the model declares as parameters are trained ones too, where there is one trajectory.

        Parameters
        ----------
        seed
            A seed, or None for the best.
        """
        return self.kind.trained(self.record, self.theta_of(seed))

    @property
    def status(self) -> str:
        """`finished`, or why training ended before: `interrupted: …`, `stopped early: …`, `gave up: …`, with advice."""
        return self.record.status

    @property
    def events(self) -> list[str]:
        """What happened that one should know: the solver chosen and why, switches, checkpoints that failed."""
        return list(self.record.events)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the ensemble's members."""
        return self.record.settings.seeds

    @property
    def best_seed(self) -> int:
        """Seed with the lowest score: training total, held-out total with early stopping, or validation total."""
        return self.seeds[self.record.best_seed]

    @property
    def theta(self) -> np.ndarray:
        """Flat parameters (P,) of the best seed, unconstrained; the model's own part comes first."""
        return self.record.chosen_theta[self.record.best_seed]

    def theta_of(self, seed: int | None) -> np.ndarray:
        """The same of a seed; None: the best."""
        return self.record.chosen_theta[self.seeds.index(self.member(seed))]

    @property
    def parameters(self) -> dict[str, Any]:
        """Constrained values of the best seed: the model's parameters, initial values, noise; no network weights.

        Arrays; of parameters by group a DataArray over the groups, with their labels; with a spread, that and the
        typical value besides, as `spread.NAME` and `typical.NAME`.
        """
        record = self.record
        values = record.layout.unpack(self.theta)
        found: dict[str, Any] = {
            n: v for n, v in values.items() if record.layout[n].kind in ("parameter", "initial", "noise", "spread")
        }
        for name, (dim, labels, of_groups) in self.kind.group_values(record).items():
            found[name] = xr.DataArray(of_groups[record.best_seed], {dim: labels}, (dim,), name)
        return found

    @cached_property
    def tree(self) -> xr.DataTree:
        """Everything as one DataTree: `/solution`, `/training`, `/parameters`, …"""
        return xr.DataTree.from_dict(self._groups())

    def _groups(self, compute: bool = True) -> dict[str, xr.Dataset]:
        """All groups of the tree, those added last; without what isn't computed yet where `compute` is false."""
        if self._computed is None and compute:
            self._computed = self.kind.compute(self)
        return {**training_groups(self.record), **(self._computed or {}), **self._added}

    def add_group(self, name: str, dataset: xr.Dataset) -> None:
        """Put a further group into the tree and the file, e.g. `/symbolic/interaction`."""
        self._added[name] = dataset
        self.__dict__.pop("tree", None)

    def member(self, seed: Any) -> int:
        """A seed of this fit, checked; None: the best."""
        if seed is None:
            return self.best_seed
        if not is_whole(seed, 0) or seed not in self.seeds:
            raise OptionError(
                f'There is no seed {seed!r}; this fit has {list(self.seeds)} (or `"all"` for all of them).'
            )
        return int(seed)

    def members(self, seed: Any) -> tuple[int, ...]:
        """The seeds that `seed` stands for: all, one, or the best."""
        return self.seeds if isinstance(seed, str) and seed == "all" else (self.member(seed),)

    # ---- predictions ------------------------------------------------------------------------------------------

    def predict(self, *where: Any, **settings: Any) -> xr.Dataset:
        """What the trained model says, where and when you want it.

        Of models of time, `predict(time=None, initial=None, seed=None)`, solved or rolled out; of residual problems
        `predict(points=None, *, grid=None, seed=None, **coordinates)`, evaluated. Of backward problems
        `predict(paths=64, *, draw=1, seed=None)`, along fresh paths.

        Other Parameters
        ----------------
        time
            Output times, increasing; default: the measured ones (`/solution` has a fine grid). Dates and time spans
            where the data's times have a unit (`time_unit` of `fit`). The solution starts where the data starts, or,
            where `initial` is given, at the first of these times. A stepper reaches whole steps only.
        initial
            State → value, to start somewhere else; of a stepper also (B, *shape) for B trajectories.
        seed
            A seed, `"all"` for all of them (a `seed` dimension), or None for the best.
        steps
            Of a stepper, instead of `time`: number of steps from the start.
        conditions
            Condition → one number, or one a trajectory, instead of the data's; of a stepper with `initial`.
        forcings
            Forcing of a trajectory's own → DataArray over `time`, or (trajectory, time), instead of the data's. Not of
            a stepper.
        events
            Table that events are read from → its numbers (K,), or a row a trajectory, instead of the data's. Not of a
            stepper.
        intervention
            What is done to the inputs, those given here or the data's: an `Intervention`, or a dict input → what is
            added. Not of a stepper.
        data, since
            Of a latent model: other series, which its encoder reads first, as in `fit`; and the time, in model time
            units, up to which it does, so that what follows is forecast (an attribute `encoded_until`).
        points
            Scattered points: dict coordinate → (M,), or a Dataset with the coordinates.
        grid
            Points an axis of an even grid over the domain, one number or coordinate → number; default 401 with one
            coordinate, 101 with two, 41 with three. Points outside a domain of another shape than its box are NaN.
        coordinates
            `x=...`: axes of the grid, or numbers where it is cut; those left out are the grid's.
        paths, draw
            Of a backward problem: number of paths, and of the draw, which decides what they are.

        Returns
        -------
        xarray.Dataset
            States and observables over (seed,) (trajectory,) time; trajectory is dropped where there is one. Without
            `time`, of trajectories with times of their own: (trajectory, sample) and a `time` a trajectory. Of a
            residual problem fields and outputs over (seed,) and dims named after the coordinates, or `point`. Of a
            backward problem `x` (path, time, coordinate), `u` (seed, path, time), `z` (seed, path, step, noise) and
            `terminal`, g(X) (path,).

        Raises
        ------
        OptionError
            For unknown coordinates and seeds, and times that no step reaches.
        """
        return self._ask("predict", *where, **settings)

    def residuals(self, points: xr.Dataset | Mapping[str, Any] | None = None, **settings: Any) -> xr.Dataset:
        """Residuals of a residual problem's equations where you want them, as `predict` gives the fields.

        Other Parameters
        ----------------
        terms
            Names of terms that need nothing but coordinates, or one; default: those of the interior.
        points, grid, seed, coordinates
            As in `predict`.

        Returns
        -------
        xarray.Dataset
            One variable a residual, named like its term.
        """
        return self._ask("residuals", points, **settings)

    def error(self, reference: xr.Dataset, seed: int | str | None = None) -> xr.Dataset:
        """Relative L2 error of every field of a residual problem: ‖predicted − reference‖ / ‖reference‖.

        Parameters
        ----------
        reference
            Dataset with fields over the coordinates, on a grid or scattered; NaN doesn't count.
        seed
            As in `predict`.

        Returns
        -------
        xarray.Dataset
            One number a field, or (seed,) of them.

        Raises
        ------
        DataError
            If the reference isn't a Dataset or has no field of the problem.
        """
        return self._ask("error", reference, seed)

    def _ask(self, method: str, /, *arguments: Any, **settings: Any) -> Any:
        """What the kind of model answers, or why it has no answer."""
        own = getattr(self.kind, method, None)
        if own is None:
            advice = self.kind.instead.get(method, "")
            raise OptionError(f"`{method}` isn't for {self.kind.words}.{advice and ' '}{advice}")
        return own(self, *arguments, **settings)

    # ---- going on ---------------------------------------------------------------------------------------------

    def rankings(self, rankings: Any = None, seed: int | str | None = None) -> xr.Dataset:
        """Effects of interventions, and which rankings the trained model violates, trajectory by trajectory.

        Every trajectory is solved along all of its times, held-out ones included.

        Parameters
        ----------
        rankings
            A `Ranking`, or a dict of them; default: those of the training. Their weights don't matter here.
        seed
            A seed, `"all"` (a `seed` dimension), or None for the best.

        Returns
        -------
        xarray.Dataset
            `effect` (ranking, trajectory, alternative) with coordinates `intervention` and `tier`; `violated` (ranking,
            trajectory), 1 or 0, NaN where a ranking isn't known; `causal_error` (part): the share of all cases that are
            violated, in trajectories of which training saw something and in those that are `held_out` altogether;
            `violated_share` (ranking, part), that of each ranking.

        Raises
        ------
        OptionError, DataError
            If there are none, or they are about inputs that the model doesn't have.
        """
        return self._ask("rankings", rankings, seed)

    def train(
        self,
        phases: Any = None,
        data: Any = None,
        *,
        freeze: str | Sequence[str] = (),
        thaw: str | Sequence[str] = (),
        **settings: Any,
    ) -> Fit:
        """Train on from here: every seed from its trained values, with this fit's settings where no other are given.

        This fit stays as it is.

        Parameters
        ----------
        phases
            What to run; default: this fit's phases once more. Optimisers begin anew.
        data
            Other measurements of the same variables; default: this fit's. Initial values (and starts of segments)
            belong to the trajectories that they were trained on: with other data they start at its first measurements.
        freeze, thaw
            Names of parameters, networks and their layers that keep their values, or that may change (again). A layer
            goes before its network: `freeze="closure", thaw="closure.layer_2"` trains that layer alone.
        **settings
            As in `unideq.fit`: `objective`, `loss`, `holdout`, `solver`, …, `checkpoint`, `engine`, `progress`. The
            objective of a curriculum is its last.

        Examples
        --------
        >>> import numpy as np, xarray as xr, unideq as ude
        >>> times = np.linspace(0, 2, 9)
        >>> data = xr.Dataset({"x": ("time", 3 * np.exp(-0.7 * times))}, coords={"time": times})
        >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 2.0})
        >>> first = ude.fit(model, data, phases=ude.Adam(1e-2, 5), progress=False)
        >>> round(float(first.train(ude.BFGS(50), progress=False).parameters["rate"]), 4)
        0.7
        """
        from ..training.further import train_further

        return train_further(self, phases, data, freeze=freeze, thaw=thaw, **settings)

    def transfer(self, data: Any, train: str | Sequence[str], phases: Any = None, **settings: Any) -> Fit:
        """Retrain parts of the model on other data; everything else keeps its values, bit for bit.

        Every seed goes on from its trained values. This fit stays as it is; the result's `transferred` says where it
        comes from, and its file does.

        Parameters
        ----------
        data
            Measurements of the same variables, elsewhere: another forcing, another Reynolds number, another site. Data
            that vary more or less than this fit's by a factor of 2 are told: nothing is normalised anew.
        train
            Names of what is trained: layers and single weights of networks (`closure.layer_1`, `closure.layer_1.bias`),
            networks, parameters; or `"all"`: all networks, and the parameters that this fit trained. What belongs to
            the new data, initial values and the noise of likelihoods, is found besides.
        phases
            Default: this fit's phases once more. `rates` of theirs give layers learning rates of their own,
            `ude.Adam(1e-3, 500, rates={"closure.layer_1": 0.1})`.
        **settings
            As in `train`, but for `freeze` and `thaw`.

        Raises
        ------
        ModelError
            If a name isn't one of the model's, with the closest.
        OptionError
            If nothing is left to train, or parameters have values by group (`adapted` finds those).
        DataError
            If a variable doesn't vary in the new data.

        Examples
        --------
        >>> import numpy as np, xarray as xr, unideq as ude
        >>> times = np.linspace(0, 2, 9)
        >>> here, there = (xr.Dataset({"x": ("time", x * np.exp(-times))}, {"time": times}) for x in (3.0, 4.0))
        >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": 2.0})
        >>> base = ude.fit(model, here, phases=ude.Adam(1e-2, 5), progress=False)
        >>> base.transfer(there, train=["rate"], progress=False).transferred.retrained
        ('rate',)
        """
        from ..training.transfer import transfer

        return transfer(self, data, train, phases, **settings)

    @property
    def transferred(self) -> Transferred | None:
        """Where this fit comes from, if `transfer` made it: `retrained`, `origin`, `scales`, `start`."""
        return self.record.transferred

    def adapted(self, data: Any, phases: Any = None, **settings: Any) -> Fit:
        """A fit to other trajectories (subjects, sites) that finds nothing but what they have of their own.

        That is the values of parameters by group, and estimated initial values; shared parameters, networks, typical
        values, spreads and noise stay. Few measurements are enough where there is a spread: it says how far a new group
        may deviate from the typical value. Groups of labels that this fit knows start at their values.

        Parameters
        ----------
        data
            Measurements of the same variables.
        phases
            Default: `BFGS(100)`.
        **settings
            As in `train`.

        Examples
        --------
        >>> import numpy as np, xarray as xr, unideq as ude
        >>> times, rates = np.linspace(0, 2, 9), np.array([[0.5], [0.7], [0.9]])
        >>> coords = {"time": times, "trajectory": ["a", "b", "c"]}
        >>> data = xr.Dataset({"x": (("trajectory", "time"), 3 * np.exp(-rates * times))}, coords)
        >>> rate = ude.Parameter(1.0, positive=True, per="trajectory")
        >>> model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": rate})
        >>> fit = ude.fit(model, data.isel(trajectory=[0, 1]), phases=ude.BFGS(30), progress=False)
        >>> new = fit.adapted(data.isel(trajectory=[2], time=[0, 3]), progress=False)
        >>> round(float(new.parameters["rate"].sel(trajectory="c")), 3)
        0.9
        """
        from ..optimise import BFGS
        from ..training.further import adapt

        return adapt(self, data, BFGS(100) if phases is None else phases, **settings)

    def network(self, name: str, seed: int | str | None = None) -> TrainedNetwork:
        """A learned function by name, to be called at one's own points: `fit.network("uptake")(0.5)`.

        Parameters
        ----------
        name
            The network's.
        seed
            A seed, None for the best, or `"all"`: values then have a leading axis of seeds.
        """
        from .network import TrainedNetwork

        return TrainedNetwork(self, name, seed)

    # ---- pictures, reports, checks ----------------------------------------------------------------------------

    def rollout_metrics(self, data: xr.Dataset | None = None, seed: int | None = None) -> xr.Dataset:
        """How good rollouts are, step by step; see `unideq.result.rollout_metrics.rollout_metrics`.

        Parameters
        ----------
        data
            Trajectories to compare with, on the model's grid; default: the training's measurements, held-out ones
            included.
        seed
            A seed, or None for the best.
        """
        return self._ask("rollout_metrics", data, seed)

    def plot(self, path: str | os.PathLike[str] | None = None, **settings: Any) -> Figure:
        """The whole fit in one figure, written to `path` as well.

        Of models of time data and predictions, learned terms, loss history and residuals; `settings`: see
        `unideq.result.plot.overview`. Of residual problems fields, residuals, losses, weights and learned parameters;
        `settings`: see `unideq.result.plot.residual_overview`. Of backward problems the value, the solution along
        paths, their ends and losses; `settings`: see `unideq.result.plot.backward_overview`.
        """
        return self._ask("plot", path, **settings)

    def report(self, path: str | os.PathLike[str], **settings: Any) -> None:
        """Write a self-contained HTML report. Of a residual problem, `reference` as in `error` adds errors to it."""
        from .report import write_report

        write_report(self, path, **settings)

    def check_gradient(self, **settings: Any) -> GradientCheck:
        """Compare the adjoint gradient with forward mode and finite differences; see `unideq.audit.gradient`."""
        return self._ask("check_gradient", **settings)

    @known_arguments
    def audit(
        self,
        checks: str | Check[Any] | Sequence[str | Check[Any]] | None = None,
        *,
        data: xr.Dataset | None = None,
        new: xr.Dataset | Mapping[str, Any] | None = None,
        truth: Model | None = None,
    ) -> Audit:
        """Examine what was learned, and say what to do about it.

        Of a fit to states over time: `truncation` splits its closure into physics and truncation error of the schemes,
        `flow_map` says which conditions will be unstable, `shift` how far rollouts leave the training distribution.

        Of a fit of a residual problem: `balance` (the terms' gradients differ in size), `stiffness` (the Hessian's
        largest eigenvalue is too large for the learning rate), `conflict` (gradients point apart), `causality` (late
        times are solved before early ones), `concentration` (the residual sits in few points), `generalisation` (it is
        small at the training points alone); `progress` says what is left.

        Of a fit of a backward problem: `martingale` says how far the solution misses its end along fresh paths, and
        what its value at the start is worth.

        Parameters
        ----------
        checks
            Names of these, objects with settings of their own (`ude.FlowMap(steps=50)`, or a `ude.audit.Check` that you
            wrote), or a list of both; default: all that are for this kind of fit.
        data
            Complete states to look at; default: those that the fit was trained on (its own trajectories where not all
            states were measured, which a note says). They are always compared with the training data. An attribute
            `unideq_model` (the JSON text of the generating model, `json.dumps(model.to_json())`) tells the scheme that
            made them.
        new
            Further initial conditions: a Dataset over `trajectory`, or state → array with or without a leading axis.
        truth
            The true model on the fit's grid; default: the model in `unideq_model`, where its states fit.

        Returns
        -------
        Audit
            Findings with their evidence, stored in the fit's tree under `/diagnostics`, and so in its file. Print or
            `plot()` it.

        Raises
        ------
        OptionError, DataError
            For unknown checks, checks and arguments that are for another kind of fit, data without complete states,
            gradients that aren't finite. A check that can't be made for this model is a note.
        """
        from ..audit import audit

        return audit(self, checks, data, new, truth)

    def recover(self, network: str | None = None, **settings: Any) -> Recovery:
        """Find equations for a learned term; see `unideq.audit.recovery.recover`."""
        return self._ask("recover", network, **settings)

    def explain(
        self,
        data: xr.Dataset | None = None,
        transferred: Fit | None = None,
        *,
        network: str | None = None,
        clusters: int | None = None,
        seed: int | None = None,
    ) -> Explanation:
        """What a network of convolutions learned, seen in Fourier space, and what a transfer changed in it.

        Parameters
        ----------
        data
            States of the target that this fit is, or was, transferred to; default: those that `transferred` saw.
        transferred
            What `transfer` made of this fit.
        network
            Which; default: the only one of convolutions.
        clusters
            Number of clusters of kernels; default: none.
        seed
            A seed; default: the best of this fit.

        Returns
        -------
        Explanation
            `tree`: what each kernel lets pass, energy spectra of the layers' linear pre-activations on this fit's data
            and on the target's, and what changed; `pick`, which layer to retrain; `plot()`.

        Raises
        ------
        OptionError, DataError, ModelError
            Without a network of convolutions, complete states, or periodic axes.
        """
        from ..audit.kernels import explain

        return explain(self, data, transferred, network, clusters, seed)

    # ---- files ------------------------------------------------------------------------------------------------

    def export_julia(
        self,
        path: str | os.PathLike[str],
        time: Any = None,
        initial: Mapping[str, Any] | None = None,
        seed: int | None = None,
        **settings: Any,
    ) -> None:
        """Write a readable Julia script that solves the trained model without Python.

        Parameters
        ----------
        path
            The file, e.g. `model.jl`; one that exists is replaced only with `overwrite=True`.
        time, initial, seed
            As in `predict`. With several trajectories of data, `initial` says where the script starts.
        settings
            Solver and tolerances where they differ from the training's; see `unideq.result.export.export_julia`.
        """
        self._ask("export_julia", path, time, initial, seed, **settings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all to one netCDF-4 file; `Fit.load` reads it back bit for bit, `unideq.resume` goes on training."""
        write_tree(self.tree, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], engine: str | Engine | None = None) -> Fit:
        """Read a file written by `save` or by `fit(checkpoint=...)`. No engine starts before something is computed.

        Parameters
        ----------
        path
            The file.
        engine
            Who computes predictions. Default: the engine that was chosen by `set_engine` or `UNIDEQ_ENGINE`, else the
            one that the fit was trained on, else, with a warning, the one that is here.
        """
        checked_engine(engine)
        return cls.from_tree(read_tree(path), str(path), engine)

    @classmethod
    def from_tree(cls, tree: xr.DataTree, source: str, engine: str | Engine | None = None) -> Fit:
        """The fit that a tree like `tree` holds; `source` says in messages where it comes from."""
        record = record_from_tree(tree, source)
        names = record.kind.computed
        groups = {f"/{n}": tree[n].to_dataset() for n in names if n in tree.children}
        chosen: Any = Deferred(str(record.engine.get("name")), engine)
        fit = cls(record, chosen, groups if names and names[0] in tree.children else None)
        stored = {*training_groups(record), *(f"/{n}" for n in names)}
        for node in tree.subtree:
            if node.path not in stored and (node.data_vars or node.attrs):
                fit.add_group(node.path, node.to_dataset(inherit=False))
        return fit

    def __reduce__(self) -> Any:
        """Pickled as the file would be: equations travel as graphs, engines by name."""
        asked = asked_name(self.engine, str(self.record.engine.get("name")))
        return _unpickled, (type(self), self._groups(compute=False), asked)

    # ---- shown ------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        record, kind = self.record, self.kind
        total = record.best_total[record.best_seed]
        trained = f"{record.history.iterations} iterations in {record.seconds:.1f} s"
        rows = [
            ("status", self.status),
            ("engine", ", ".join(w for w in (str(record.engine.get("name")), kind.how(record), trained) if w)),
            ("seeds", f"{list(self.seeds)}, best {self.best_seed} ({kind.best_by} {total:.4g})"),
            *kind.shown_rows(record),
        ]
        lines = [f"Fit of {self.model!r}", *(f"  {name:<11} {text}" for name, text in rows)]
        return "\n".join([*lines, *self._parameter_lines()])

    def _parameter_lines(self) -> list[str]:
        lines, spread = [], {row["name"]: row for row in parameter_rows(self.record) if row["low"]}
        for name, value in self.parameters.items():
            units = (self.record.layout[name] if name in self.record.layout else self.model.grouped[name]).units
            text = np.array2string(np.asarray(value), precision=5, threshold=6)
            row = spread.get(name)
            range_ = f"  (seeds: {row['low']} to {row['high']})" if row else ""
            lines.append(f"  {name:<11} {text}{f' {units}' if units else ''}{range_}")
        return [*lines, f"  {SPREAD}"] if spread else lines

    def _repr_html_(self) -> str:
        from .report import summary_html

        return summary_html(self)


def _unpickled(kind: type[Fit], groups: dict[str, xr.Dataset], engine: str | None) -> Fit:
    return kind.from_tree(xr.DataTree.from_dict(groups), "a pickled fit", engine)
