"""Measured order of every scheme and derivative, on a circle and beside boundaries, with its leading error.

The field is exp(sin x) on 0..2 pi; on the interval 0.3..2.3 it has the exact value at one end and the exact slope at
the other. Orders come from the two finest grids whose error lies above rounding. `Forward` mirrors `Backward`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import unideq as ude
from unideq.grid.schemes import DRP, TVD, WENO, Backward, Central, Compact, Fourier, Scheme, Upwind
from unideq.harness import Study

SCHEMES: dict[str, Scheme] = {
    repr(s): s
    for s in (
        *(Central(p) for p in (2, 4, 6)),
        *(Backward(p) for p in (1, 2, 3)),
        *(Upwind(p) for p in (1, 3)),
        DRP(),
        Compact(4),
        Compact(6),
        Fourier(),
        *(TVD(limiter) for limiter in ("van_leer", "minmod", "superbee")),
        WENO(),
    )
}
ROUNDING = {"circle": 3e-14, "ends": 3e-12}
"""Relative noise in units of dx to the power -m; ghost weights beside ends are large and alternate."""
LEFT, RIGHT = 0.3, 2.3
WORTH_SHOWING = 64
"""Points of the grid whose error the table gives."""


def field(x: np.ndarray) -> np.ndarray:
    return np.exp(np.sin(x))


def exact(x: np.ndarray, order: int) -> np.ndarray:
    """A derivative of the field by its Fourier series, whose terms fall below 1e-30 within thirty waves."""
    n, waves = 256, np.arange(30)
    series = np.fft.rfft(field(2 * np.pi * np.arange(n) / n))[:30] / n * (1j * waves) ** order
    return np.real(np.exp(1j * np.multiply.outer(x, waves)) @ (series * np.where(waves, 2.0, 1.0)))


def on_a_circle(scheme: Scheme, derivative: int, points: int) -> float:
    """Error as a share of the derivative's largest value: the largest, or for flux forms the mean."""
    grid = ude.Grid(ude.Axis("x", 0.0, 2 * np.pi, points))
    x = grid.coordinates()
    wanted = exact(x, derivative)
    if scheme.linear:
        error = np.abs(grid.d(field(x), order=derivative, scheme=scheme) - wanted).max()
    else:
        error = np.abs(grid.flux_divergence(field(x), lambda u: u, scheme=scheme) - wanted).mean()
    return float(error / np.abs(wanted).max())


def between_ends(scheme: Scheme, derivative: int, points: int) -> float:
    """Largest error of the two points beside the ends."""
    ends = (ude.Dirichlet(float(field(np.array(LEFT)))), ude.Neumann(float(exact(np.array(RIGHT), 1))))
    grid = ude.Grid(ude.Axis("x", LEFT, RIGHT, points, boundary=ends))
    x = grid.coordinates()
    wanted = exact(x, derivative)
    error = np.abs(grid.d(field(x), order=derivative, scheme=scheme) - wanted)
    return float(max(error[0], error[-1]) / np.abs(wanted).max())


def order(points: list[int], errors: list[float], derivative: int, length: float, noise: float) -> float | None:
    """Slope between the two finest grids that rounding, which grows as dx to the power -m, doesn't touch."""
    clear = [(n, e) for n, e in zip(points, errors, strict=True) if e > noise * (n / length) ** derivative]
    if len(clear) < 2:
        return None
    (n0, e0), (n1, e1) = clear[-2:]
    return float(np.log(e0 / e1) / np.log(n1 / n0))


def waves_within(scheme: Scheme, derivative: int, tolerance: float = 0.01) -> float | None:
    """Points a wave needs for its derivative to be right to 1 %."""
    if not scheme.linear:
        return None
    kdx = np.geomspace(4e-3, np.pi, 3000)
    off = np.abs(scheme.modified_wavenumber(derivative, kdx) / kdx**derivative - 1.0)
    beyond = np.flatnonzero(off > tolerance)
    return float(2 * np.pi / (kdx[beyond[0]] if len(beyond) else np.pi))


def leading(scheme: Scheme, derivative: int) -> str:
    """The leading truncation term as text, or nothing without SymPy."""
    try:
        term = scheme.truncation_error(derivative)
    except ude.UnideqError:
        return ""
    import sympy

    x = sympy.Symbol("x")
    u = sympy.Function("u")(x)
    for q in range(14, 0, -1):
        term = term.subs(u.diff(x, q), sympy.Symbol("u_" + "x" * q if q < 5 else f"u_{q}x"))
    return str(term).replace("**", "^").replace("*", "·")


def main() -> None:
    study = Study.from_command_line(
        __file__,
        __doc__,
        quick={"points": [32, 64, 128]},
        full={"points": [16, 32, 64, 128, 256, 512]},
    )
    points = study.settings["points"]
    cases = [{"scheme": name, "derivative": m} for name, scheme in SCHEMES.items() for m in scheme.derivatives]
    for unit in study.units(cases):
        scheme, m = SCHEMES[unit["scheme"]], unit["derivative"]
        ends = scheme.linear and not scheme.periodic_only
        for n in points:
            study.record(
                points=n,
                error=on_a_circle(scheme, m, n),
                error_beside_ends=between_ends(scheme, m, n) if ends else None,
            )
    report(study, points)


def report(study: Study, points: list[int]) -> None:
    """Orders, errors and leading terms."""
    table, worst = [], 0.0
    for name, scheme in SCHEMES.items():
        for m in scheme.derivatives:
            rows = study.rows_where(scheme=name, derivative=m)
            errors = [row["error"] for row in rows]
            found = None if isinstance(scheme, Fourier) else order(points, errors, m, 2 * np.pi, ROUNDING["circle"])
            if found is not None:
                worst = max(worst, scheme.order(m) - found)
            ends = [row["error_beside_ends"] for row in rows]
            table.append(
                {
                    "scheme": name,
                    "derivative": m,
                    "order": "spectral" if isinstance(scheme, Fourier) else int(scheme.order(m)),
                    "measured": found,
                    "beside ends": None if ends[0] is None else order(points, ends, m, RIGHT - LEFT, ROUNDING["ends"]),
                    f"error, {WORTH_SHOWING} points": errors[points.index(WORTH_SHOWING)],
                    "points a wave, 1 %": waves_within(scheme, m),
                    "leading error": leading(scheme, m),
                }
            )
    path = study.figure_path("scheme_convergence.png")
    if path is not None:
        draw(study, path)
    study.finish(headline={"schemes_and_derivatives": len(table), "largest_shortfall_of_order": worst}, table=table)


def draw(study: Study, path: Path) -> None:
    """First and second derivatives, error against points."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    colours = {name: f"C{k}" if k < 10 else None for k, name in enumerate(SCHEMES)}
    for axes, m in zip(both, (1, 2), strict=True):
        for k, (name, scheme) in enumerate(SCHEMES.items()):
            if m not in scheme.derivatives:
                continue
            rows = study.rows_where(scheme=name, derivative=m)
            style = "o-" if scheme.linear else "s--"
            axes.loglog([r["points"] for r in rows], [r["error"] for r in rows], style, ms=3, lw=1,
                        color=colours[name] or f"C{k - 10}", alpha=1.0 if k < 10 else 0.55, label=name)  # fmt: skip
        axes.set(title=f"derivative {m}", xlabel="points")
        axes.set_xticks(study.settings["points"], [str(n) for n in study.settings["points"]])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    both[0].set_ylabel("error / largest value")
    handles, labels = both[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
