"""Universal differential equations: write the known part in NumPy, learn the rest, audit what was learned.

Importing this package starts neither Julia nor JAX: an engine starts when something is first computed.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any


def _homes() -> dict[str, tuple[str, str]]:
    """Public name → the module that has it, and its name there, as `__init__.pyi` says: the one list of them."""
    stub = ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = (node for node in stub.body if isinstance(node, ast.ImportFrom))
    return {alias.asname: (node.module or "", alias.name) for node in imports for alias in node.names if alias.asname}


_HOMES = _homes()
__all__ = sorted([*_HOMES, "__version__"])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    """Public names are imported when first used, so that `import unideq` itself costs next to nothing."""
    if name == "__version__":
        from .versions import unideq_version

        return unideq_version()
    if name in _HOMES:
        home, there = _HOMES[name]
        module = importlib.import_module(f".{home or there}", __name__)
        globals()[name] = value = getattr(module, there) if home else module
        return value
    if name[:1].isupper():
        solvers = importlib.import_module(".solvers", __name__)
        for entry in solvers.SOLVERS.values():
            globals().setdefault(entry.__name__, entry)
        if name in globals():
            return globals()[name]
    raise AttributeError(
        f"module `unideq` has no attribute `{name}`; public names: {', '.join(__all__)}, and the solvers"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
