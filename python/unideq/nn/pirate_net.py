"""The physics-informed residual adaptive network: blocks that start as the identity and learn how far they leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..checks import known_arguments, settle, whole
from ..graph import Expression
from ..stored import stored
from .activation import activation
from .dense import Factorisation, dense
from .point_network import PointNetwork
from .settings import Scale

__all__ = ["PirateNet"]


@stored
@known_arguments
@dataclass(frozen=True, repr=False)
class PirateNet(PointNetwork):
    """Residual adaptive network (PirateNet): gated blocks whose trainable α says how nonlinear they are.

    With the embedding Φ(x) and U = φ(W_U Φ + b_U), V = φ(W_V Φ + b_V), from x⁽¹⁾ = Φ through blocks l = 1 … L:

        f = φ(W₁ x⁽ˡ⁾ + b₁),    z₁ = f ⊙ U + (1 − f) ⊙ V,
        g = φ(W₂ z₁ + b₂),      z₂ = g ⊙ U + (1 − g) ⊙ V,
        h = φ(W₃ z₂ + b₃),      x⁽ˡ⁺¹⁾ = α⁽ˡ⁾ h + (1 − α⁽ˡ⁾) x⁽ˡ⁾,

    and the output is W x⁽ᴸ⁺¹⁾ + b. All α start at zero, so that a network of any depth starts as a linear combination
    of the embedding's entries.

    Parameters
    ----------
    inputs, outputs
        Number of input and output features.
    hidden
        Units of every layer, as blocks add to what they are given.
    blocks
        L, of three dense layers each.
    activation
        φ. Needs to be smooth where the network's derivatives are.
    output_activation, input_shift, input_scale, output_shift, output_scale, initializer, last_layer_scale, factorised
        As for `unideq.nn.MLP`; `glorot_normal` is the default here. The paper uses `factorised=True`.

    Notes
    -----
    Φ is the input itself where it has `hidden` features: put `unideq.nn.FourierFeatures` in front, as the paper does.
    For another number of inputs Φ(x) = φ(W_Φ x + b_Φ), a dense layer called `embedding`.

    The output's bias, absent from the paper's equations but not from its authors' code, starts at zero. Their
    least-squares fit of the output layer to data isn't done here.

    Examples
    --------
    >>> import unideq as ude
    >>> network = ude.nn.FourierFeatures(ude.nn.PirateNet(64, 1, hidden=64, blocks=2), inputs=2)
    >>> network.weight_shapes()["block_2.alpha"]
    ()

    Raises
    ------
    OptionError
        As for `unideq.nn.MLP`.

    References
    ----------
    Wang, Li, Chen and Perdikaris, "PirateNets: Physics-informed Deep Learning with Residual Adaptive Networks" (2024),
    arXiv:2402.00326, section 4.
    """

    kind: ClassVar[str] = "PirateNet"
    inputs: int
    outputs: int
    hidden: int = 50
    blocks: int = 3
    activation: str = "tanh"
    output_activation: str = "identity"
    input_shift: Scale = 0.0
    input_scale: Scale = 1.0
    output_shift: Scale = 0.0
    output_scale: Scale = 1.0
    initializer: str = "glorot_normal"
    last_layer_scale: float = 1.0
    factorised: Factorisation = None

    def __post_init__(self) -> None:
        super().__post_init__()
        settle(self, whole, "hidden", "blocks", least=1)

    def dense_layers(self) -> dict[str, tuple[int, int]]:
        wide = (self.hidden, self.hidden)
        embedding = {} if self.inputs == self.hidden else {"embedding": (self.inputs, self.hidden)}
        blocks = {f"block_{k}.layer_{j}": wide for k in range(1, self.blocks + 1) for j in (1, 2, 3)}
        return embedding | {"encoder_u": wide, "encoder_v": wide} | blocks | {"output": (self.hidden, self.outputs)}

    def further_shapes(self) -> dict[str, tuple[int, ...]]:
        return {f"block_{k}.alpha": () for k in range(1, self.blocks + 1)}

    def layers(self, weights: Mapping[str, Expression], x: Any) -> Any:
        curve = activation(self.activation)
        if self.inputs != self.hidden:
            x = curve(dense(weights, "embedding", x))
        u, v = curve(dense(weights, "encoder_u", x)), curve(dense(weights, "encoder_v", x))
        difference = u - v
        for k in range(1, self.blocks + 1):
            h = x
            for j in (1, 2, 3):
                h = curve(dense(weights, f"block_{k}.layer_{j}", h))
                if j < 3:
                    h = v + h * difference  # the gate with fewer products in every derivative
            alpha: Any = weights[f"block_{k}.alpha"]
            x = x + alpha * (h - x)
        return dense(weights, "output", x)
