"""Operations that say something about their input: gradients stop here; this value was learned."""

from __future__ import annotations

from typing import Any

from ..operation import Operation, register
from ..printing import Shown, identifier, show_first
from .batch_rules import as_it_is, spread
from .building import free


def _like_first(inputs: Any, attributes: dict) -> tuple[tuple[int, ...], str]:
    return inputs[0].shape, inputs[0].dtype


register(
    Operation(
        name="stop_gradient",
        family="control",
        infer=_like_first,
        evaluate=lambda x: x,
        vjp=lambda inputs, attributes, y, c: [None],
        jvp=lambda inputs, attributes, y, tangents: None,
        flat=True,
        batch=as_it_is,
        keeps_axes=True,
        work=free,
        pattern=lambda inputs, attributes, masks: masks[0] & 0,
        show=show_first,
    )
)


def _show_learned(arguments: Any, attributes: dict, latex: bool) -> Shown:
    inner = ", ".join(a.text for a in arguments[1:])
    if latex:
        head = identifier(attributes["network"])
        return Shown(rf"{head}\left({inner}\right)", head=head)
    return Shown(f"{attributes['network']}({inner})")


# `learned` is the identity on its first input; the others are the arguments that the network was called with. It keeps
# the model readable (equations print "interaction(hare, lynx)") and lets a formula take the network's place later.
register(
    Operation(
        name="learned",
        family="control",
        arity=None,
        infer=_like_first,
        evaluate=lambda value, *arguments, **attributes: value,
        foldable=False,
        vjp=lambda inputs, attributes, y, c: [c, *(None for _ in inputs[1:])],
        jvp=lambda inputs, attributes, y, tangents: tangents[0],
        batch=lambda node, values, flags, count: spread(values[0], flags[0], count),
        work=free,
        pattern=lambda inputs, attributes, masks: masks[0],
        show=_show_learned,
    )
)
