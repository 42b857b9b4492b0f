"""Arrows between the package's rooms point one way; a method that reaches ahead imports when it is called."""

import ast
from pathlib import Path

import unideq

PACKAGE = Path(unideq.__file__).parent
ORDER = (
    "errors", "times", "checks", "stored", "graph", "nn", "solvers", "measurements", "table_columns", "dose_rows",
    "frames", "grid", "model", "closure", "objective", "residual", "backward", "optimise", "engine", "training",
    "result", "kinds", "audit", "sweeps",
)  # fmt: skip
"""Every room imports from those before it."""
CONVENIENCES = {
    ("model", "result"),  # `model.solve`, `model.export_julia`
    ("nn", "engine"),  # a Lux network asks Julia what its parameters are
    ("result", "audit"),  # `fit.audit`, `fit.check_gradient`, `fit.recover`
    ("training", "result"),  # `fit` hands out a `Fit`, and checkpoints are files of results
    ("training", "kinds"),
    ("kinds", "audit"),
}
"""Pairs of rooms in which functions may import against the order."""


def imports(file):
    """(room imported, whether within a function) of every import of the package itself that runs."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    package = ["unideq", *file.relative_to(PACKAGE).parts[:-1]]

    def walk(node, inside):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                dotted = [*base, *(child.module or "").split(".")]
                if dotted[0] == "unideq":
                    names = [dotted[1]] if len(dotted) > 1 and dotted[1] else [a.name for a in child.names]
                    yield from ((name, inside) for name in names)
            yield from walk(child, inside or isinstance(child, (ast.FunctionDef, ast.Lambda)))

    return list(walk(tree, False))


def against():
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room not in ORDER:
            continue
        for other, inside in imports(file):
            if other in ORDER and ORDER.index(other) > ORDER.index(room):
                found.append((str(file.relative_to(PACKAGE)), room, other, inside))
    return found


def test_rooms_import_from_those_before_them():
    assert [f"{file} → {other}" for file, _, other, inside in against() if not inside] == []


def test_functions_reach_ahead_only_where_they_are_conveniences():
    pairs = {(room, other) for _, room, other, inside in against() if inside}
    assert pairs <= CONVENIENCES, pairs - CONVENIENCES
    assert pairs >= CONVENIENCES, CONVENIENCES - pairs
