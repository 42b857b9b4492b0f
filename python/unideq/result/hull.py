"""The convex hull of points in a plane: where a learned term of two arguments may be drawn."""

from __future__ import annotations

import numpy as np

__all__ = ["convex_hull", "inside"]


def convex_hull(points: np.ndarray) -> np.ndarray:
    """Corners (H, 2), counter-clockwise; two or fewer where the points (M, 2) lie on a line.

    Source: A. M. Andrew 1979, the monotone chain.
    """
    size = np.ptp(points, axis=0)
    ordered = np.unique(points, axis=0)
    slack = 1e-9 * float(size[0] * size[1])

    def chain(run: np.ndarray) -> list[np.ndarray]:
        corners: list[np.ndarray] = []
        for p in run:
            while len(corners) > 1 and _turn(corners[-2], corners[-1], p) <= slack:
                corners.pop()
            corners.append(p)
        return corners[:-1]

    return np.array([*chain(ordered), *chain(ordered[::-1])]).reshape(-1, 2)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def inside(points: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Whether points (…, 2) lie in a counter-clockwise convex polygon, or just outside (2 % of its size)."""
    a, b = hull, np.roll(hull, -1, axis=0)
    edge = b - a
    normal = np.stack([-edge[:, 1], edge[:, 0]], axis=1)
    size = np.ptp(hull, axis=0)
    margin = 0.02 * np.abs(normal) @ size
    distance = ((points[..., None, :] - a) * normal).sum(axis=-1)
    return (distance >= -margin).all(axis=-1)
