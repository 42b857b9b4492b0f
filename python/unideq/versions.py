"""Versions of installed packages, read from their metadata so that nothing heavy is imported."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__all__ = ["NUMERICAL_PACKAGES", "numerical_versions", "unideq_version", "version_of"]

NUMERICAL_PACKAGES = (
    "unideq",
    "numpy",
    "xarray",
    "scipy",
    "jax",
    "jaxlib",
    "diffrax",
    "optax",
    "equinox",
    "pysindy",
    "sympy",
    "juliacall",
)
"""The packages whose versions can change a number that Unideq reports."""


def version_of(package: str) -> str | None:
    """Version of an installed package, or None where it isn't installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def numerical_versions() -> dict[str, str]:
    """Versions of Python and of the installed packages among `NUMERICAL_PACKAGES`."""
    found = {"python": platform.python_version()}
    found |= {package: installed for package in NUMERICAL_PACKAGES if (installed := version_of(package))}
    return found


def unideq_version() -> str:
    """Version of this package; `unknown` where it is used without being installed."""
    return version_of("unideq") or "unknown"
