"""Operations that say something about their input: gradients stop here; this value was learned."""

from __future__ import annotations

from typing import Any

from ..operation import Operation, register
from ..printing import Shown, identifier, show_first

register(
    Operation(
        "stop_gradient",
        "control",
        lambda inputs, attributes: (inputs[0].shape, inputs[0].dtype),
        lambda x: x,
        lambda inputs, attributes, y, c: [None],
        lambda inputs, attributes, y, tangents: None,
        lambda inputs, attributes, masks: masks[0] & 0,
        show_first,
    )
)


def _show_learned(arguments: Any, attributes: dict, latex: bool) -> Shown:
    inner = ", ".join(a.text for a in arguments[1:])
    if latex:
        head = identifier(attributes["network"])
        return Shown(rf"{head}\left({inner}\right)", head=head)
    return Shown(f"{attributes['network']}({inner})")


def _learned_vjp(inputs: Any, attributes: dict, y: Any, c: Any) -> list[Any]:
    return [c, *(None for _ in inputs[1:])]


# `learned` is the identity on its first input; the others are the arguments that the network was called with. It keeps
# the model readable (equations print "interaction(hare, lynx)") and lets a formula take the network's place later.
register(
    Operation(
        "learned",
        "control",
        lambda inputs, attributes: (inputs[0].shape, inputs[0].dtype),
        lambda value, *arguments, **attributes: value,
        _learned_vjp,
        lambda inputs, attributes, y, tangents: tangents[0],
        lambda inputs, attributes, masks: masks[0],
        _show_learned,
        foldable=False,
    )
)
