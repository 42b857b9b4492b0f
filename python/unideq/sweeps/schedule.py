"""Where the members of a sweep run: here, in processes of this machine, or on a cluster (dask.distributed)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..checks import is_whole, refused
from ..errors import EngineError, ExtraMissing, OptionError
from .member import Outcome, one_member

__all__ = ["check_client", "finished"]

Job = tuple[Any, ...]
"""Arguments of `one_member`, without threads."""

NEEDS = "None (a process for every core), a number of processes, a scheduler's address, or a `distributed.Client`"


def check_client(client: Any) -> None:
    """Raise for what no client can be, and where dask is missing."""
    if _counted(client):
        if client == 0:
            return
    elif client is not None and not isinstance(client, str) and not hasattr(client, "submit"):
        raise refused(client, "client", "sweep", NEEDS)
    try:
        import distributed  # noqa: F401 # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ExtraMissing(
            'Fits in several processes need dask. Type `pip install "unideq[cluster]"`, or take `client=0`: one after '
            "the other, in this process."
        ) from error


def _counted(client: Any) -> bool:
    """Whether it is a number of processes."""
    return is_whole(client, 0)


def finished(jobs: Sequence[Job], client: Any) -> Iterator[tuple[int, Outcome]]:
    """Numbers and outcomes of the jobs as they finish."""
    if _counted(client) and client == 0:
        for k, job in enumerate(jobs):
            yield k, one_member(*job)
        return
    with _connected(client, len(jobs)) as (connected, threads):
        yield from _on_cluster(jobs, connected, threads)


def _on_cluster(jobs: Sequence[Job], client: Any, threads: int | None) -> Iterator[tuple[int, Outcome]]:
    import distributed  # pyright: ignore[reportMissingImports]
    from distributed.client import FutureCancelledError  # pyright: ignore[reportMissingImports]

    # A key of its own for every call: clusters remember results by their keys.
    call = uuid.uuid4().hex[:8]
    numbers = {
        client.submit(one_member, *job, threads, key=f"unideq-{call}-{k}", pure=False): k for k, job in enumerate(jobs)
    }
    left = dict(numbers)
    try:
        for future in distributed.as_completed(list(numbers), loop=client.loop):
            if future.status == "finished":
                outcome = future.result()
            elif future.status == "error":
                outcome = _lost(future.exception())
            else:
                raise _gone(len(left), len(jobs))
            yield left.pop(future), outcome
            future.release()
        if left:
            raise _gone(len(left), len(jobs))
    except (OSError, TimeoutError, FutureCancelledError) as error:
        raise _gone(len(left), len(jobs)) from error
    finally:
        if left and client.status == "running":
            client.cancel(list(left), force=True)


def _lost(error: Any) -> Outcome:
    """The outcome of a member whose workers died, or couldn't read it."""
    return Outcome(f"failed: {type(error).__name__}: {' '.join(str(error).split())}", error=error)


def _gone(left: int, count: int) -> EngineError:
    return EngineError(
        f"`sweep` lost the scheduler with {left} of {count} fits unfinished. With `folder=` the same call goes on: "
        "what has finished isn't fitted again."
    )


@contextmanager
def _connected(client: Any, jobs: int) -> Iterator[tuple[Any, int | None]]:
    """A client, and how many threads a fit may have; processes of this machine are made and ended here."""
    import distributed  # pyright: ignore[reportMissingImports]

    if client is None or _counted(client):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        count = min(int(client or cores), jobs)
        threads = max(1, cores // count)
        with _processes(count) as cluster, distributed.Client(cluster) as made:
            yield made, threads
    elif isinstance(client, str):
        try:
            made = distributed.Client(client, timeout=10, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise OptionError(f"`sweep` reaches no scheduler at `{client}`: {error}") from error
        with made:
            yield made, None
    else:
        yield client, None


def _processes(count: int) -> Any:
    """So many workers, each a process with one fit at a time."""
    settings: dict[str, Any] = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
    try:
        # Workers by command, which don't run the user's script again, as Python's own child processes would.
        from distributed.deploy.subprocess import SubprocessCluster  # pyright: ignore[reportMissingImports]

        return SubprocessCluster(**settings, worker_kwargs={"memory_limit": 0})
    except (ImportError, RuntimeError):  # Windows
        import distributed  # pyright: ignore[reportMissingImports]

        return distributed.LocalCluster(**settings, memory_limit=0)
