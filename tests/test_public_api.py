"""The public names: documented, annotated, imported in one direction, and cheap to import."""

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import unideq
from unideq.graph import Expression

PACKAGE = Path(unideq.__file__).parent
ARROWS = (
    "solvers",
    "graph",
    "grid",
    "nn",
    "model",
    "closure",
    "objective",
    "residual",
    "backward",
    "optimise",
    "engine",
    "training",
    "result",
    "kinds",
    "audit",
)
"""Each may import from those before it, and from no other at the top of a module (DESIGN: the house)."""

SUBPACKAGES = [*ARROWS, "audit.recovery", "datasets", "errors", "harness", "result.plot"]
HEAVY = ("jax", "juliacall", "matplotlib", "scipy", "pysindy", "sympy", "sklearn", "diffrax", "optax")


def public_objects():
    """(dotted name, object) of everything that `__all__` lists, once each."""
    seen = {}
    for where in ("unideq", *(f"unideq.{name}" for name in SUBPACKAGES)):
        module = importlib.import_module(where)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                seen.setdefault(id(value), (f"{value.__module__}.{value.__qualname__}", value))
    return sorted(seen.values(), key=lambda pair: pair[0])


def methods_of(cls):
    """(name, function) of the public methods and properties that a class itself defines."""
    for name, value in vars(cls).items():
        if name.startswith("_") and name not in ("__init__", "__call__"):
            continue
        raw = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
        if isinstance(raw, property):
            raw = raw.fget
        raw = getattr(raw, "func", raw) if not inspect.isfunction(raw) else raw  # cached_property
        # What dataclasses write has no source of its own; its annotations are the fields'.
        if inspect.isfunction(raw) and raw.__qualname__.startswith(cls.__qualname__) and _is_written(raw):
            yield name, raw


def _is_written(function):
    return function.__code__.co_filename != "<string>"


def missing_annotations(function):
    signature = inspect.signature(function)
    absent = [
        name
        for position, (name, parameter) in enumerate(signature.parameters.items())
        if parameter.annotation is inspect.Parameter.empty and not (position == 0 and name in ("self", "cls"))
    ]
    return absent + (["return"] if signature.return_annotation is inspect.Signature.empty else [])


@pytest.mark.parametrize("where", ["unideq", *(f"unideq.{name}" for name in SUBPACKAGES)])
def test_all_lists_names_that_exist_and_the_module_says_what_it_is_for(where):
    module = importlib.import_module(where)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert module.__doc__


@pytest.mark.parametrize(("name", "value"), public_objects(), ids=lambda item: item if isinstance(item, str) else "")
def test_a_public_name_has_a_docstring_and_full_annotations(name, value):
    assert inspect.getdoc(value), f"{name} has no docstring"
    # A dataclass without a docstring is given its signature as one.
    assert not (value.__doc__ or "").startswith(f"{value.__name__}("), f"{name} has no docstring"
    functions = [(name, value)] if inspect.isfunction(value) else [(f"{name}.{n}", f) for n, f in methods_of(value)]
    assert {n: missing_annotations(f) for n, f in functions if missing_annotations(f)} == {}
    if inspect.isclass(value):
        numpys = dir(np.ndarray) if value is Expression else ()  # methods that are NumPy's, and do what NumPy's do
        wanted = [n for n, _ in methods_of(value) if n != "__init__" and n not in numpys]
        undocumented = [n for n in wanted if not inspect.getdoc(getattr(value, n))]
        assert undocumented == []


def imports_at_the_top(path):
    """(line, first part of the target inside the package) of imports that run when the module is imported."""
    folders = path.relative_to(PACKAGE).parts[:-1]

    def walk(node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.ImportFrom):
                if child.level:
                    base = folders[: len(folders) - (child.level - 1)]
                    parts = [*base, *(child.module.split(".") if child.module else [])]
                    yield from ((child.lineno, p) for p in (parts[:1] or [alias.name for alias in child.names]))
                elif (child.module or "").split(".")[0] == "unideq":
                    parts = child.module.split(".")[1:2]
                    yield from ((child.lineno, p) for p in (parts or [alias.name for alias in child.names]))
            elif isinstance(child, ast.Import):
                yield from ((child.lineno, a.name.split(".")[1]) for a in child.names if a.name.startswith("unideq."))
            yield from walk(child)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")))


def test_packages_import_only_from_their_left():
    backwards = []
    for index, name in enumerate(ARROWS):
        for path in sorted((PACKAGE / name).rglob("*.py")):
            for line, target in imports_at_the_top(path):
                if target in ARROWS[index + 1 :]:
                    backwards.append(f"{path.relative_to(PACKAGE)}:{line} imports {target}")
    assert backwards == []


def test_importing_unideq_and_its_names_loads_no_engine_and_nothing_heavy():
    code = (
        "import json, sys, unideq; [getattr(unideq, name) for name in unideq.__all__]; "
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout) == []
