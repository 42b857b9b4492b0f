"""One thread for LAPACK, which XLA takes from SciPy: its threads would wait for each other, spinning, beside XLA's own.

Where another process has work too, Gauss–Newton steps then take five to ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

__all__ = ["one_blas_thread"]


@cache
def _controller() -> ThreadpoolController:
    """Of the libraries that are loaded; finding them takes milliseconds."""
    import scipy.linalg  # noqa: F401  JAX takes LAPACK from there

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within, BLAS and LAPACK run on the thread that calls them; XLA's products keep their threads."""
    with _controller().limit(limits=1, user_api="blas"):
        yield
