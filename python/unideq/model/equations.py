"""The traced equations of a model, as text, LaTeX and a Jupyter display."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..graph import Expression, Graph, latex, rebuild, text, variable
from ..graph.printing import identifier

if TYPE_CHECKING:
    from .ode import ODE

__all__ = ["Equations", "readable"]


def readable(model: ODE, graph: Graph) -> tuple[dict[str, Expression], dict[Expression, str]]:
    """The outputs of a graph with one variable a state, and the names that print all its variables.

    The graph is one in named values (`model.named_vector_field`, `model.learned[...].named`). One in θ works too, but
    where simplification merged a stored value's scale into a number, θ itself is printed.

    Elements and slices of array states print under the array's name that way (`x[0]`), however the graph reaches into
    u.
    """
    own = {s.name: variable(s.name, s.shape) for s in model.states}
    joined: Any = np.concatenate([e.reshape(e.size) for e in own.values()])
    replaced = {graph.input("u"): joined}
    if "c" in graph.input_names:
        c = graph.input("c")
        replaced |= {c[k]: value for k, value in enumerate(model.known_values.values())}
    if "theta" in graph.input_names:
        replaced |= {model.layout.view(graph.input("theta"), n): value for n, value in model.values.items()}
    outputs = rebuild(list(graph.outputs.values()), replaced)
    named = (*own.items(), *model.values.items(), *model.known_values.items())
    names: dict[Expression, str] = {e: n for n, e in named}
    return dict(zip(graph.outputs, outputs, strict=True)), names


@dataclass(frozen=True)
class Equations:
    """Equations by left-hand side.

    Attributes
    ----------
    text
        One line an equation, e.g. `d hare/dt = growth·hare - interaction(hare, lynx)[0]`, then one an observable that
        isn't a state of the same name, e.g. `total = hare + lynx`.
    latex
        An `aligned` environment.
    """

    text: str
    latex: str

    @classmethod
    def of_model(cls, model: ODE) -> Equations:
        """Print a model's right-hand sides; networks print as calls."""
        outputs, names = readable(model, model.named_vector_field)
        lines, rows = [], []
        for name, e in model.states.split(outputs["du"]).items():
            lines.append(f"d {name}/dt = {text(e, names)}")
            rows.append(rf"\frac{{\mathrm{{d}} {identifier(name)}}}{{\mathrm{{d}} t}} &= {latex(e, names)}")
        observed, names = readable(model, model.named_observation)
        for name, e in observed.items():
            if names.get(e) != name:
                lines.append(f"{name} = {text(e, names)}")
                rows.append(rf"{identifier(name)} &= {latex(e, names)}")
        body = " \\\\\n".join(rows)
        return cls("\n".join(lines), f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}")

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$${self.latex}$$"
