"""`sweep`: fits of all combinations of settings and seeds, in several processes, resumable."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..checks import flag, function, known_arguments, writable
from ..checks import path as checked_path
from ..graph.location import warn_user
from ..result.fit import Fit
from ..training.stage import checked_seeds
from .member import Outcome
from .points import check_takes, points_of, settings_of
from .schedule import check_client, finished
from .swept import Sweep, swept

__all__ = ["sweep"]


@known_arguments
def sweep(
    train: Callable[..., Fit],
    over: Mapping[str, Sequence[Any] | Mapping[Any, Any]],
    *,
    seeds: int | Sequence[int] = 1,
    score: Callable[[Fit], Any] | None = None,
    folder: str | os.PathLike[str] | None = None,
    client: Any = None,
    progress: bool = True,
) -> Sweep:
    """Fit all combinations of settings and seeds, several at a time, and compare them.

    Parameters
    ----------
    train
        What makes one fit: `def train(width, rate, **run): return ude.fit(model(width), data, ..., **run)`. It is
        called with a value of each setting by name, and with `seeds` (a list of one), `checkpoint` and `progress`,
        which belong to `ude.fit`. It runs in other processes, and is sent there with all that it refers to.
    over
        Setting → its values, numbers or text; or → a dict label → value, for values of any kind: data sets, models,
        objectives, `{"objective": {"shooting": ude.MultipleShooting(5), "whole": ude.Trajectory()}}`.
    seeds
        How many seeds every combination has, or which. Each is a fit of its own.
    score
        `score(fit)` gives a number, or a dict name → number. Default: root mean squared errors of what was trained on
        and of what was held out.
    folder
        Where every fit has a file, its checkpoint while it trains. The same call again fits nothing that has finished,
        and goes on with what hasn't. On a cluster it lies where all workers reach it. None: nothing is kept, and fits
        come back by themselves.
    client
        Where fits run. None: in local processes, one for every core, or as many as a number says; 0: in this process,
        one after the other. Or a scheduler's address (`"tcp://host:8786"`), or a `distributed.Client`, whatever its
        cluster is: SLURM or PBS by dask-jobqueue, Kubernetes by dask-kubernetes. Needs `unideq[cluster]`, but for 0.
    progress
        Whether to show a bar over the fits.

    Returns
    -------
    Sweep
        `tree`, `fits`, `table()`, `plot()`. A fit that fails is a row that says why; a warning counts them.

    Raises
    ------
    OptionError
        For settings that `train` doesn't take, values without a label, clusters that can't be reached.
    ExtraMissing
        Where dask isn't installed.
    UnideqError
        Where all fits fail: the first one's error. Where the scheduler is lost.

    Notes
    -----
    Fits in local processes share the cores: engines start as many threads as are left for each. A worker that dies is
    replaced by others, which go on from the checkpoint (without a folder: from the start), three times for one fit.

    Examples
    --------
    >>> import numpy as np, xarray as xr, unideq as ude
    >>> times = np.linspace(0, 2, 9)
    >>> data = xr.Dataset({"x": ("time", 3 * np.exp(-0.7 * times))}, coords={"time": times})
    >>> def train(start, **run):
    ...     rate = ude.Parameter(start, positive=True)
    ...     model = ude.ODE(lambda t, state, p: {"x": -p.rate * state.x}, ["x"], {"rate": rate})
    ...     return ude.fit(model, data, phases=ude.BFGS(50), **run)
    >>> found = ude.sweep(train, over={"start": [0.5, 2.0]}, client=0, progress=False)
    >>> found.tree["/parameters"]["rate"].round(4).values.ravel().tolist()
    [0.7, 0.7]
    """
    function(train, "train", "sweep", needs="a function that makes one fit: `def train(width, **run): ...`")
    settings, numbers = settings_of(over), checked_seeds(seeds)
    check_takes(train, list(settings))
    function(score, "score", "sweep", needs="a function of the fit", takes=1, none=True)
    flag(progress, "progress", "sweep")
    check_client(client)
    points = points_of(settings, numbers)
    place = None if folder is None else checked_path(folder, "folder", "sweep")
    if place is not None:
        place.mkdir(parents=True, exist_ok=True)
        writable(place / points[0].file, "folder")
        place = place.resolve()  # workers have folders of their own to start from
    paths = [None if place is None else place / p.file for p in points]
    jobs = [(train, p.values, p.seed, path, score) for p, path in zip(points, paths, strict=True)]
    outcomes: dict[int, Outcome] = {}
    for k, outcome in _shown(finished(jobs, client), len(jobs), progress):
        outcomes[k] = outcome
        if outcome.status.startswith("interrupted"):
            more = "The same call goes on from there." if place else "With `folder=` it could go on from there."
            raise KeyboardInterrupt(f"`sweep` was interrupted at {points[k].name}. {more}")
    ordered = [outcomes[k] for k in range(len(jobs))]
    failed = [k for k, outcome in enumerate(ordered) if outcome.error is not None]
    if len(failed) == len(jobs):
        error = ordered[0].error
        assert error is not None
        raise error
    if failed:
        warn_user(
            f"{len(failed)} of {len(jobs)} fits of the sweep failed, the first at {points[failed[0]].name}: "
            f"{ordered[failed[0]].status.removeprefix('failed: ')}. Their rows are NaN, and `status` says why."
        )
    return swept(settings, numbers, points, ordered, paths)


def _shown(found: Iterable[Any], count: int, progress: bool) -> Iterable[Any]:
    from tqdm.auto import tqdm

    return tqdm(found, total=count, unit="fit", disable=not progress, dynamic_ncols=True)
