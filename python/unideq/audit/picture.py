"""One figure an audit: a row a check, the evidence at the left and where it shows at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..result.plot.style import COLOURS, MUTED, SEQUENTIAL, make_figure, styled, title
from .rollout.flow_map import spectral_radius

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .report import Audit
    from .rollout.flow_map import FlowMap
    from .rollout.shift import Shift
    from .truncation.decomposition import Decomposition

__all__ = ["draw"]


def draw(audit: Audit) -> Figure:
    """The figure of `Audit.plot`."""
    rows: list[tuple[Any, Any]] = []
    if audit.truncation is not None:
        rows += [(_shares, d) for d in audit.truncation.fields.values()]
    if audit.flow_map is not None:
        rows.append((_spectrum, audit.flow_map))
    if audit.shift is not None:
        rows += [(_shift, (audit.shift, name)) for name in audit.shift.datasets]
    with styled():
        figure = make_figure(9.6, max(1, len(rows)) * 3.3)
        axes = figure.subplots(max(1, len(rows)), 2, squeeze=False)
        for (function, content), (left, right) in zip(rows, axes, strict=False):
            function(content, left, right)
        if not rows:
            for ax in axes.flat:
                ax.set_axis_off()
    return figure


def _shares(d: Decomposition, left: Axes, right: Axes) -> None:
    r = d.regression
    position = np.arange(len(r.names))[::-1]
    colours = [COLOURS[1] if n in d.scheme else COLOURS[0] for n in r.names]
    left.barh(position, 100 * r.shares, color=colours, height=0.6, alpha=0.85)
    spread = 100 * np.clip([r.shares - r.share_low, r.share_high - r.shares], 0.0, None)
    left.errorbar(100 * r.shares, position, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1.0, capsize=2.5)
    left.set_yticks(position, r.names)
    left.set_ylim(min(-0.6, len(r.names) - 3.4), len(r.names) - 0.4)  # few bars stay slim
    left.axvline(0.0, color=MUTED, lw=0.8)
    left.set_xlabel("share of the closure [%]")
    title(left, f"closure of {d.field}: terms", f"R² = {r.r_squared:.3f}")
    for colour, label in ((COLOURS[0], "physics"), (COLOURS[1], "truncation error")):
        left.plot([], [], color=colour, lw=6, alpha=0.85, label=label)
    left.legend(loc="best")
    sample = int(np.argmax(np.nan_to_num(np.abs(d.closure)).reshape(len(d.closure), -1).max(axis=1)))
    truth, fitted = d.closure[sample], d.fitted[sample]
    if truth.ndim > 1:  # the row through the largest value
        middle = np.unravel_index(int(np.nanargmax(np.abs(truth))), truth.shape)[:-1]
        truth, fitted = truth[middle], fitted[middle]
    right.plot(truth, color="#222222", lw=2.2, alpha=0.35, label="learned")
    right.plot(fitted, color=COLOURS[1], lw=1.4, ls="--", label="terms")
    right.set_xlabel("cell")
    right.set_ylabel(f"∂{d.field}/∂t")
    title(right, "where it is largest")
    right.legend(loc="best")


def _spectrum(check: FlowMap, left: Axes, right: Axes) -> None:
    d = check.dataset
    worst = int(np.nanargmax(np.nan_to_num(d["e_foldings"].values, posinf=1e300, nan=-1e300)))
    angle = np.linspace(0.0, 2.0 * np.pi, 200)
    left.plot(np.cos(angle), np.sin(angle), color=MUTED, lw=0.9)
    for j, source in enumerate(d["source"].values):
        for step, alpha in ((0, 0.35), (-1, 0.9)):
            one = d.isel(condition=worst, source=j)
            path = np.isfinite(one["one_step_real"].values).any(axis=1)
            if not path.any():
                continue
            at = 0 if step == 0 else int(np.flatnonzero(path)[-1])
            label = f"{source}, step {int(d['looked_step'].values[at])}"
            x, y = one["one_step_real"].values[at], one["one_step_imaginary"].values[at]
            left.plot(
                x, y, ls="none", marker="o+"[j], ms=3.2 if j == 0 else 5, color=COLOURS[1 - j], alpha=alpha, label=label
            )
    left.set_aspect("equal", adjustable="datalim")
    left.set_xlabel("Re λ")
    left.set_ylabel("Im λ")
    left.legend(loc="best", markerscale=1.4)
    title(left, "one-step eigenvalues", str(d["condition_name"].values[worst]))
    radius = spectral_radius(d)
    for k in range(d.sizes["condition"]):
        new = d["kind"].values[k] == "new"
        colour = COLOURS[1] if new else COLOURS[0]
        values = radius.isel(condition=k).sel(source="model").values
        right.plot(d["looked_step"], values, color=colour, lw=1.6, label=_once(right, str(d["kind"].values[k])))
        if "truth" in d["source"].values:
            values = radius.isel(condition=k).sel(source="truth").values
            right.plot(d["looked_step"], values, color=colour, lw=1.0, ls=":", label=_once(right, "truth"))
    right.axhline(1.0, color=MUTED, lw=0.8)
    if np.nanmax(radius.values) > 5.0 * np.nanmin(radius.values):
        right.set_yscale("log")
    right.set_xlabel("step")
    right.set_ylabel("|λ|max of one step")
    right.legend(loc="best")
    unstable = int(d["unstable"].sum())
    title(right, "spectral radius", f"{unstable} of {d.sizes['condition']} called unstable")


def _shift(content: tuple[Shift, str], left: Axes, right: Axes) -> None:
    check, name = content
    d = check.datasets[name]
    places = [str(p) for p in d["ratio"].dims if str(p).startswith("place_")]
    ratio = d["ratio"].values.reshape(d.sizes["condition"], d.sizes["step"], -1)
    far = np.quantile(np.minimum(ratio, 1e9), 0.95, axis=2)
    far = np.where(far < 1e6, far, np.nan)
    for k in range(d.sizes["condition"]):
        new = d["kind"].values[k] == "new"
        left.plot(far[k], color=COLOURS[1] if new else COLOURS[0], lw=1.5, label=_once(left, str(d["kind"].values[k])))
    left.axhline(1.0, color=MUTED, lw=0.9)
    if np.nanmax(far) > 5.0:
        left.set_yscale("log")
    left.set_xlabel("step")
    left.set_ylabel("distance / training's 99 %")
    left.legend(loc="best")
    title(left, f"inputs of {name}", "largest 5 % of the places" if places else "")
    if not places:
        energy = d["energy"].values
        colours = [COLOURS[1] if k == "new" else COLOURS[0] for k in d["kind"].values]
        right.bar(np.arange(len(energy)), energy, color=colours, alpha=0.85)
        right.set_xticks(np.arange(len(energy)), d["condition_name"].values, rotation=20, ha="right")
        right.set_ylabel("energy distance / training's spread")
        if energy.max() > 20.0 * max(float(np.median(energy)), 1e-3):
            right.set_yscale("symlog", linthresh=0.1)
        title(right, "rollout against training")
        return
    worst = int(np.argmax(np.nanmax(np.nan_to_num(far, nan=1e6), axis=1)))
    image = d["ratio"].isel(condition=worst)
    for other in places[1:]:
        image = image.max(other)
    values = np.clip(image.values, 1e-2, 1e3)
    shown = right.pcolormesh(np.log10(values).T, cmap=SEQUENTIAL, rasterized=True)
    right.figure.colorbar(shown, ax=right, pad=0.02, label="log₁₀ distance ratio")
    right.set_xlabel("step")
    right.set_ylabel("cell")
    title(right, "where", str(d["condition_name"].values[worst]))


def _once(ax: Axes, label: str) -> str:
    """The label, unless the legend has it already."""
    return "_" + label if label in ax.get_legend_handles_labels()[1] else label
