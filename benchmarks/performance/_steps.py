"""Steps of the rollout benchmarks: Kuramoto–Sivashinsky, Kolmogorov flow, a ResNet correction, as graphs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from unideq.graph import Expression, Graph, convolve, irfft, rfft, variable
from unideq.objective import Rollout

__all__ = [
    "SLOPE",
    "Exponential",
    "corrected_kuramoto_sivashinsky",
    "drawn_weights",
    "kolmogorov",
    "kuramoto_sivashinsky",
    "low_modes",
    "resnet_weights",
    "rollout_of",
]

CONTOUR = 16
"""Points of the contour that the coefficients are means over, of radius 1 (Kassam & Trefethen 2005)."""


@dataclass(frozen=True)
class Exponential:
    """ETDRK4 coefficients (Cox & Matthews 2002, equations 26–29) of a real Fourier symbol, each (*half, 1)."""

    whole: np.ndarray
    half: np.ndarray
    stage: np.ndarray
    first: np.ndarray
    middle: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, symbol: np.ndarray, dt: float) -> Exponential:
        z = dt * symbol[..., None]
        r = z + np.exp(2j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)
        e = np.exp(r)

        def mean(values: np.ndarray) -> np.ndarray:
            return dt * np.real(values).mean(axis=-1, keepdims=True)

        return cls(
            np.exp(z),
            np.exp(z / 2),
            mean((np.exp(r / 2) - 1) / r),
            mean((-4 - r + e * (4 - 3 * r + r**2)) / r**3),
            mean(2 * (2 + r + e * (-2 + r)) / r**3),
            mean((-4 - 3 * r - r**2 + e * (4 - r)) / r**3),
        )

    def step(self, u: Expression, nonlinear: Any) -> Expression:
        """One step of a spectrum (*half, 2)."""
        n0 = nonlinear(u)
        a = self.half * u + self.stage * n0
        na = nonlinear(a)
        b = self.half * u + self.stage * na
        nb = nonlinear(b)
        c = self.half * a + self.stage * (2 * nb - n0)
        return self.whole * u + self.first * n0 + self.middle * (na + nb) + self.last * nonlinear(c)


def low_modes(points: int) -> np.ndarray:
    """Whether exponax keeps a wave number k ≥ 0, 2/3 of the modes."""
    return np.arange(points // 2 + 1) <= 2 / 3 * (points // 2) - 1


def kuramoto_sivashinsky(points: int, length: float, dt: float) -> Graph:
    """u_t = −½(u²)_x − u_xx − u_xxxx on a ring."""
    k = 2 * np.pi / length * np.arange(points // 2 + 1)
    scheme = Exponential.of(k**2 - k**4, dt)
    kept = low_modes(points)[:, None].astype(float)
    slope = np.stack([0.5 * k, -0.5 * k], axis=-1) * kept

    def nonlinear(spectrum: Expression) -> Expression:
        v = irfft(kept * spectrum, points)
        return rfft(v * v)[:, ::-1] * slope

    u = variable("u", (points,))
    return Graph([u], {"u": irfft(scheme.step(rfft(u), nonlinear), points)})


def kolmogorov(points: int, dt: float, viscosity: float = 1e-3, drag: float = -0.1, mode: int = 4) -> Graph:
    """Vorticity ω_t + u·∇ω = ν Δω + drag ω − mode cos(mode y) on a square of side 2π, flattened to (points²,)."""
    shape = (points, points)
    k1 = np.fft.fftfreq(points, 1 / points)[:, None] * np.ones(points // 2 + 1)
    k2 = np.ones((points, 1)) * np.arange(points // 2 + 1)
    square = k1**2 + k2**2
    scheme = Exponential.of(drag - viscosity * square, dt)
    cutoff = 2 / 3 * (points // 2) - 1
    kept = ((np.abs(k1) <= cutoff) & (k2 <= cutoff)).astype(float)
    inverse = -1.0 / np.where(square == 0, 1.0, square)

    def times_i(symbol: np.ndarray) -> np.ndarray:
        return np.stack([-symbol, symbol], axis=-1)

    # Of ω̂ with its pairs exchanged: u = ∂ψ/∂y, v = −∂ψ/∂x with Δψ = ω, and both slopes of ω.
    factors = [times_i(s * kept) for s in (k2 * inverse, -k1 * inverse, k1, k2)]
    y = 2 * np.pi * np.arange(points) / points
    injection = rfft(np.broadcast_to(-mode * np.cos(mode * y), shape), dims=2)

    def nonlinear(spectrum: Expression) -> Expression:
        turned = spectrum[:, :, ::-1]
        u, v, slope_x, slope_y = (irfft(turned * factor, shape) for factor in factors)
        advected = u * slope_x + v * slope_y
        return injection - kept[..., None] * rfft(advected, dims=2)

    w = variable("u", (points * points,))
    return Graph([w], {"u": irfft(scheme.step(rfft(w.reshape(shape), dims=2), nonlinear), shape).reshape(-1)})


SLOPE = 0.01
"""Of the leaky ReLU, below zero."""


def drawn_weights(channels: int, blocks: int, rng: np.random.Generator) -> np.ndarray:
    """θ at which a rollout stays bounded: kernels of variance 1/(6 inputs), no biases."""
    parts = []
    for inputs, outputs in resnet_weights(channels, blocks):
        parts += [rng.standard_normal(3 * inputs * outputs) / np.sqrt(6 * inputs), np.zeros(outputs)]
    return np.concatenate(parts)


def resnet_weights(channels: int, blocks: int) -> list[tuple[int, int]]:
    """Inputs and outputs of the convolutions, in the order of θ: kernel (outputs, inputs, 3), bias (outputs,)."""
    return [(2, channels), *itertools.repeat((channels, channels), 2 * blocks), (channels, 1)]


def resnet(channels: int, blocks: int, u: Expression, number: Expression, theta: Expression) -> Expression:
    """Two channels (the field, a number) → one: a convolution, blocks of two with a residual, a convolution."""
    layers, at = [], 0
    for inputs, outputs in resnet_weights(channels, blocks):
        size = outputs * inputs * 3
        kernel = theta[at : at + size].reshape(outputs, inputs, 3)
        layers.append((kernel, theta[at + size : at + size + outputs]))
        at += size + outputs

    def layer(i: int, x: Any) -> Any:
        kernel, bias = layers[i]
        return convolve(x, kernel) + bias[:, None]

    def active(x: Any) -> Any:
        return np.where(x > 0, x, SLOPE * x)

    x = layer(0, np.stack([u, number * np.ones(u.shape)]))
    for i in range(1, 2 * blocks, 2):
        x = active(x + layer(i + 1, active(layer(i, x))))
    return layer(-1, x)[0]


def corrected_kuramoto_sivashinsky(points: int, dt: float, channels: int, blocks: int) -> Graph:
    """S(u) + dt·C(u; c) with the ResNet as C, on a ring of length 2π·8."""
    size = sum(3 * i * o + o for i, o in resnet_weights(channels, blocks))
    plain = kuramoto_sivashinsky(points, 16 * np.pi, dt)
    u, c, theta = plain.input("u"), variable("c", (1,)), variable("theta", (size,))
    return Graph([u, c, theta], {"u": plain.outputs["u"] + dt * resnet(channels, blocks, u, c[0], theta)})


def rollout_of(step: Graph, start: np.ndarray, dt: float, steps: int, **more: Any) -> Rollout:
    """All states of a rollout from starts (B, n)."""
    data = {"start": start, "t": np.zeros(len(start)), **more.pop("data", {})}
    u = step.input("u")
    return Rollout("roll", step, Graph([u], {"u": u}), data, dt, steps, **more)
