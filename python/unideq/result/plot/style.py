"""Colours, fonts and the figure class that all pictures share."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...checks import writable
from ...errors import OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAND",
    "COLOURS",
    "DIVERGING",
    "INK",
    "MUTED",
    "SEQUENTIAL",
    "axes_of",
    "label_once",
    "log_numbers",
    "make_figure",
    "styled",
    "title",
    "write_figure",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe & Ito (2008), told apart with any kind of colour vision; yellow and black left out."""
INK, MUTED, BAND = "#222222", "#8a8a8a", 0.22
SEQUENTIAL, DIVERGING = "viridis", "PuOr_r"

_STYLE: dict[str, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def styled() -> Iterator[None]:
    """Within it, new axes look like ours; the user's settings come back afterwards."""
    with _matplotlib().rc_context(_STYLE):
        yield


def _matplotlib() -> Any:
    """The package; it refuses to be imported where `MPLBACKEND` names no backend."""
    try:
        import matplotlib
    except ValueError as error:
        backend = os.environ.get("MPLBACKEND", "")
        raise OptionError(
            f"matplotlib can't start with `MPLBACKEND={backend}` in the environment: {error}. Pictures need no "
            "backend: unset it, or set it to `agg`."
        ) from None
    return matplotlib


def make_figure(width: float, height: float) -> Figure:
    """A figure that belongs to no window and no pyplot state: a notebook shows it once, where it is returned.

    Parameters
    ----------
    width, height
        In inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that Jupyter shows without pyplot's help."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=110)
            return buffer.getvalue()

    made = Picture(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def axes_of(ax: Axes | None, width: float = 6.0, height: float = 3.6) -> Axes:
    """The axes given, or those of a new figure."""
    return make_figure(width, height).add_subplot() if ax is None else ax


def log_numbers(ax: Axes, which: str = "x") -> None:
    """A logarithmic axis of plain numbers, labelled 1, 2, 5, 10, …: over a decade or two powers would overlap."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = ax.xaxis if which == "x" else ax.yaxis
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def title(ax: Axes, text: str, note: str = "") -> None:
    """A bold title at the left and a quiet note at the right."""
    ax.set_title(text, loc="left")
    if note:
        ax.set_title(note, loc="right", fontsize="small", fontweight="normal", color=MUTED)


def write_figure(figure: Figure, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Write a figure, or raise `OptionError` with the reason."""
    target = writable(path, what="The picture")
    try:
        figure.savefig(target, dpi=dpi)
    except (OSError, ValueError) as error:
        raise OptionError(f"The picture `{path}` can't be written: {error}.") from error


def label_once(ax: Axes, label: str) -> str:
    """The label, unless the legend has it already."""
    return "_" + label if label in ax.get_legend_handles_labels()[1] else label
