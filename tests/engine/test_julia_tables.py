"""Julia's tables of operations, read as text: they are checked where no Julia is installed, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unideq.engine.julia.start import bundled_package
from unideq.graph import OPERATIONS
from unideq.graph.julia_helpers import HELPERS

SOURCE = Path(bundled_package()) / "src"
ELEMENTWISE = {name for name, entry in OPERATIONS.items() if entry.family == "elementwise"}
OTHERS = {n for n in set(OPERATIONS) - ELEMENTWISE if OPERATIONS[n].family != "module"}  # modules are Python's alone

TOTAL = {
    *(
        "abs",
        "abs2",
        "asinh",
        "atan",
        "cbrt",
        "ceil",
        "copysign",
        "cos",
        "cosh",
        "exp",
        "exp2",
        "expm1",
        "floor",
        "hypot",
    ),
    *("ifelse", "max", "min", "sign", "sin", "sinh", "tan", "tanh", "trunc"),
}
"""Functions of numbers in Julia that mean what NumPy's of the same name do, on all finite numbers."""
OPERATORS = {"+", "-", "*", "/", "<", "<=", "==", "&", "|", "!"}


def text(file: str) -> str:
    return (SOURCE / file).read_text(encoding="utf-8")


def table(file: str, name: str) -> dict[str, str]:
    """Keys and values of a dictionary that is written out."""
    found = re.search(rf"const {name} = Dict\{{[^}}]*\}}\(\n(.*?)\n\)", text(file), re.DOTALL)
    assert found is not None
    pairs = re.findall(r"(?<![\w)]):(\w+) => (?::\(([^)]*)\)|:?([^,\s]+|\(.*))(?:,|$)", found[1], re.MULTILINE)
    return {key: bracketed or plain for key, bracketed, plain in pairs}


def four_at_once() -> set[str]:
    found = re.search(r"const FOUR_AT_ONCE = \((.*?)\)", text("mathematics.jl"))
    assert found is not None
    return set(re.findall(r":(\w+)", found[1]))


CALLS = table("codegen/scalar.jl", "SCALAR_CALLS")
SELECTIONS, SCALAR_NODES = table("indices.jl", "SELECTIONS"), table("codegen/scalar.jl", "SCALAR_NODES")
LOWERED = table("codegen/steps.jl", "LOWERED")


def test_the_tables_name_operations_that_exist():
    assert CALLS.keys() | four_at_once() <= ELEMENTWISE
    assert SELECTIONS.keys() | SCALAR_NODES.keys() | LOWERED.keys() <= OTHERS


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_every_function_of_numbers_has_code_that_knows_its_domain(name: str):
    """Julia's own logarithm of a negative number is an error; NumPy's is NaN."""
    called = CALLS.get(name)
    if name in four_at_once():
        assert re.search(rf"\bfast_{name}\(x::", text("mathematics.jl"))
        assert called is None
    elif called is None:
        assert name in TOTAL - {"sin", "cos", "tan"}  # of infinity they are errors
    else:
        defined = re.search(rf"^{re.escape(called)}\(", text("mathematics.jl"), re.MULTILINE)
        assert defined or called in OPERATORS | TOTAL


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_every_other_operation_has_code_for_numbers_and_arrays(name: str):
    steps = text("codegen/steps.jl")
    moved = steps[steps.index("function moved(") : steps.index("function lower_reduction!(")]
    # What has tables that are data is met where the graph is walked.
    walked = rf"node\.operation === :{name}\b"
    assert name in LOWERED or re.search(rf":{name}\b", moved) or re.search(walked, steps)
    whole_arrays = OPERATIONS[name].family in ("fourier", "convolution", "network")
    scalar = name in SELECTIONS or name in SCALAR_NODES or re.search(walked, text("codegen/scalar.jl")) is not None
    assert scalar != whole_arrays


@pytest.mark.parametrize("name", sorted(ELEMENTWISE - {"add", "subtract", "multiply", "divide", "negative"}))
def test_exported_source_calls_functions_that_exist(name: str):
    compared = OPERATIONS[name].evaluate(0.5, 0.5)[()].dtype == bool if OPERATIONS[name].arity == 2 else False
    assert compared or name == "logical_not" or OPERATIONS[name].julia in TOTAL | HELPERS.keys()
