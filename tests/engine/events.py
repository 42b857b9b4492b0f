"""Systems with events, in closed form: what both engines must meet."""

from __future__ import annotations

from typing import Any

import numpy as np

import unideq as ude

G = 9.81
KA, K = 1.5, 0.3


def absorbed(times: np.ndarray, amounts: np.ndarray, at: np.ndarray, ka: float = KA, k: float = K) -> np.ndarray:
    """Blood of one compartment with first-order absorption after repeated doses, by superposition (Bateman)."""
    since = np.maximum(times[:, None] - at[np.isfinite(at)], 0.0)
    shape = ka / (ka - k) * (np.exp(-k * since) - np.exp(-ka * since))
    return shape @ amounts[np.isfinite(at)]


def in_gut(times: np.ndarray, amounts: np.ndarray, at: np.ndarray, ka: float = KA) -> np.ndarray:
    """What of the doses waits for absorption; at the time of a dose, without it."""
    since = times[:, None] - at[np.isfinite(at)]
    return np.where(since > 0, np.exp(-ka * np.maximum(since, 0.0)), 0.0) @ amounts[np.isfinite(at)]


COURSES = {"gut": in_gut, "blood": absorbed}


def infused(times: np.ndarray, rate: float, begin: float, lasting: float, k: float = K) -> np.ndarray:
    """A compartment that empties at rate k, filled at a constant rate for a while."""
    on = np.clip(times - begin, 0.0, lasting)
    after = np.maximum(times - begin - lasting, 0.0)
    return rate / k * (1.0 - np.exp(-k * on)) * np.exp(-k * after)


def patients(**more: Any) -> ude.ODE:
    """Doses from tables into the gut, absorbed into the blood."""
    return ude.ODE(
        lambda t, s, p: {"gut": -p.ka * s.gut, "blood": p.ka * s.gut - p.k * s.blood},
        ["gut", "blood"],
        {"ka": KA, "k": K},
        initial={"gut": 0.0, "blood": 0.0},
        events=[ude.Dose("gut", amount="dose", at="dose_time")],
        **more,
    )


DOSES = np.array([[4.0, 3.0, 2.0], [5.0, np.nan, np.nan], [1.0, 1.0, np.nan]])
AT = np.array([[0.0, 8.0, 16.0], [2.5, np.nan, np.nan], [3.0, 3.0, np.nan]])
HOURS = np.linspace(0.0, 24.0, 13)


def ball(restitution: float = 0.9) -> ude.ODE:
    """A ball that falls and bounces."""
    return ude.ODE(
        lambda t, s, p: {"height": s.speed, "speed": -G},
        ["height", "speed"],
        {"e": restitution},
        initial={"height": ude.Parameter(1.0), "speed": 0.0},
        events=[
            ude.Event(
                lambda t, s, p: {"height": 0.0, "speed": -p.e * s.speed},
                when=lambda t, s: s.height,
                direction="down",
                name="bounce",
            )
        ],
    )


def bounced(times: np.ndarray, height: float, e: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Height and speed (K, 2) of the ball, their derivatives in (height, e) (K, 2, 2), and when it bounced."""
    first, dfirst = np.sqrt(2 * height / G), np.array([1 / np.sqrt(2 * height * G), 0.0])
    v, dv = G * first, G * dfirst
    states = np.stack([height - G * times**2 / 2, -G * times], axis=1)
    slopes = np.zeros((len(times), 2, 2))
    slopes[:, 0, 0] = 1.0
    at, dat, hits = first, dfirst, []
    while at <= times[-1]:
        hits.append(at)
        v, dv = e * v, e * dv + v * np.array([0.0, 1.0])
        s = times - at
        later = s > 0
        states[later] = np.stack([v * s - G * s**2 / 2, v - G * s], axis=1)[later]
        by_height = s[:, None] * dv - (v - G * s)[:, None] * dat
        slopes[later] = np.stack([by_height, dv + G * dat + 0.0 * by_height], axis=1)[later]
        at, dat = at + 2 * v / G, dat + 2 * dv / G
    return states, slopes, np.array(hits)
