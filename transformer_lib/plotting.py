"""Figures in the house style: arrays in, matplotlib Axes out.

The palette is Okabe and Ito's (2008), told apart with every common kind of colour blindness, less its yellow, which is
lost on white. Figures are drawn dark on white; the site inverts them in dark mode and turns the hues back.
"""

from collections.abc import Iterable, Mapping, Sequence

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from transformer_lib.ladder import Rung

COLOURS = {
    "blue": "#0072B2",
    "vermillion": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "grey": "#6B7280",
}
INK, FAINT, DEAD = "#1F2933", "#D5DAE1", "#B3261E"
SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#BFDDF0", "#4C9FCF", "#0072B2", "#003A5D"])
"""From nothing (white) to much (dark blue), lightness falling evenly."""


CHINESE_FONTS = (  # of Linux, macOS and Windows
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("PingFang SC", "Hiragino Sans GB", "Heiti TC", "Arial Unicode MS", "Microsoft YaHei", "SimHei"),
)


def use_house_style() -> None:
    """Set matplotlib's defaults for the book: call it once, at the top of a chapter."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    mpl.rcParams.update(
        {
            "figure.figsize": (7.2, 3.6),
            "figure.dpi": 144,
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "font.family": ["DejaVu Sans", *(name for name in CHINESE_FONTS if name in installed)][:2],
            "text.color": INK,
            "axes.edgecolor": INK,
            "axes.labelcolor": INK,
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.grid": True,
            "axes.grid.axis": "y",
            "axes.prop_cycle": cycler(color=list(COLOURS.values())),
            "grid.color": FAINT,
            "grid.linewidth": 0.7,
            "xtick.color": INK,
            "ytick.color": INK,
            "lines.linewidth": 2,
            "lines.markersize": 5,
            "legend.frameon": False,
        }
    )


def new_axes(width: float = 7.2, height: float = 3.6) -> Axes:
    """Empty axes in a figure of their own, in inches.

    Args:
        width: Inches.
        height: Inches.
    """
    return plt.subplots(figsize=(width, height))[1]


def table(
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    dead_rows: Iterable[int] = (),
    template: str = "{:g}",
    top: float | None = None,
    row_title: str = "",
    column_title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A small matrix as a shaded table, each number in its cell and the rows with nothing in them outlined in red.

    Args:
        values: The matrix (rows, columns); NaN is printed as a dash.
        rows, columns: Their labels.
        dead_rows: Rows to outline: a context that nothing ever followed.
        template: How a number is printed.
        top: The value that gets the darkest shade; the largest one by default, 1 for probabilities.
        row_title, column_title: What the rows and the columns are.
        ax: Where to draw; new axes by default.
    """
    cells = np.asarray(values, dtype=float)
    ax = ax or new_axes(0.95 * len(columns) + 1.6, 0.55 * len(rows) + 0.9)
    top = top or np.nanmax(cells, initial=0) or 1
    image = ax.imshow(np.nan_to_num(cells), cmap=SHADES, vmin=0, vmax=1.15 * top, aspect="auto")
    for (i, j), value in np.ndenumerate(cells):
        absent = value == 0 or np.isnan(value)
        colour = COLOURS["grey"] if absent else _ink_on(np.array(image.cmap(image.norm(value))[:3]))
        ax.text(j, i, "–" if np.isnan(value) else template.format(value), ha="center", va="center", color=colour)
    for i in dead_rows:
        ax.add_patch(
            plt.Rectangle((-0.47, i - 0.46), len(columns) - 0.06, 0.92, fill=False, edgecolor=DEAD, linewidth=2.2)
        )
    _label_cells(ax, rows, columns, row_title, column_title)
    for i in dead_rows:
        ax.get_yticklabels()[i].set(color=DEAD, fontweight="bold")
    return ax


def heatmap(
    values: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    row_title: str = "",
    column_title: str = "",
    scale_title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """A large matrix as shades alone, with a scale beside it.

    Args:
        values: One number a cell, (rows, columns).
        rows: A label for each row.
        columns: A label for each column.
        row_title: What the rows are.
        column_title: What the columns are.
        scale_title: What the shades are, with the unit.
        ax: Where to draw; None makes new axes.
    """
    cells = np.asarray(values, dtype=float)
    ax = ax or new_axes(0.19 * len(columns) + 1.6, 0.19 * len(rows) + 0.9)
    image = ax.imshow(cells, cmap=SHADES, vmin=0, aspect="equal")
    scale = ax.figure.colorbar(image, ax=ax, shrink=0.6, pad=0.02)
    scale.set_label(scale_title)
    scale.outline.set_visible(False)
    _label_cells(ax, rows, columns, row_title, column_title)
    return ax


def curves(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    x_title: str,
    y_title: str,
    whole_x: bool = False,
    x_scale: str = "linear",
    y_scale: str = "linear",
    markers: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Lines with their names at their ends, where the eye is, rather than in a legend.

    Args:
        lines: Name -> (x, y).
        x_title, y_title: What the axes are, with units.
        whole_x: Whether x counts something, so that its ticks are whole numbers.
        x_scale, y_scale: matplotlib's name of the scale, "linear" or "log".
        markers: Whether to mark each point.
        ax: Where to draw; new axes by default.
    """
    ax = ax or new_axes()
    ax.set(xscale=x_scale, yscale=y_scale, xlabel=x_title, ylabel=y_title)
    ends = []
    for name, (x, y) in lines.items():
        (line,) = ax.plot(x, y, marker="o" if markers else None)
        ends.append((float(np.asarray(y)[-1]), float(np.asarray(x)[-1]), name, str(line.get_color())))
    _label_ends(ax, ends)
    if whole_x:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def bars(
    values: Mapping[str, float],
    *,
    y_title: str = "",
    colour: str = "blue",
    template: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Upright bars, one a name; with a `template`, each carries its number.

    Args:
        values: A height for each name.
        y_title: What the heights are, with the unit.
        colour: One of COLOURS.
        template: How a height is written above its bar, such as "{:.2f}"; None writes none.
        ax: Where to draw; None makes new axes.
    """
    ax = ax or new_axes()
    drawn = ax.bar(list(values), list(values.values()), color=COLOURS[colour], width=0.7)
    if template:
        ax.bar_label(drawn, [template.format(value) for value in values.values()], padding=3, fontsize=9)
    ax.set(ylabel=y_title)
    return ax


def ladder(rungs: Sequence[Rung], *, newest: str = "", ax: Axes | None = None) -> Axes:
    """The ladder so far: bits per character on the test plays, the best model on top.

    Args:
        rungs: From the worst to the best, as `transformer_lib.ladder.rungs` gives them.
        newest: The chapter whose rungs are coloured; the others are grey.
        ax: Where to draw; new axes by default.
    """
    ax = ax or new_axes(7.2, 0.42 * len(rungs) + 0.9)
    bits = [rung.bits_per_character for rung in rungs]
    colours = [COLOURS["blue"] if rung.chapter == newest or not newest else "#A9B4C0" for rung in rungs]
    drawn = ax.barh([rung.name for rung in rungs], bits, color=colours, height=0.62)
    ax.bar_label(drawn, [f"{bit:.3f}" for bit in bits], padding=4, fontsize=9.5)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", visible=True)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set(xlabel="bits per character on the test plays (lower is better)", xlim=(0, 1.1 * max(bits)))
    return ax


def _ink_on(rgb: np.ndarray) -> str:
    """Black or white, whichever is read at a contrast of 4.5 or more on a colour (3,) (WCAG 2, luminance)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "white" if linear @ [0.2126, 0.7152, 0.0722] < 0.18 else "black"


def _label_cells(ax: Axes, rows: Sequence[str], columns: Sequence[str], row_title: str, column_title: str) -> None:
    """Name rows and columns as in a printed table: no frame, no grid, columns named on top."""
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.xaxis.tick_top()
    ax.xaxis.set_label_position("top")
    ax.set_xlabel(column_title, labelpad=8)
    ax.set_ylabel(row_title)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _label_ends(ax: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Write each name beside the last point of its line, pushed up where two would overlap."""
    ax.autoscale_view()
    to_pixels, dpi = ax.transData, ax.figure.dpi
    lowest = -np.inf
    for y, x, name, colour in sorted(ends):
        at_y = max(to_pixels.transform((x, y))[1], lowest + 13 * dpi / 72)
        lowest = at_y
        lifted = to_pixels.inverted().transform((0, at_y))[1]
        ax.annotate(
            name,
            (x, lifted),
            xytext=(7, 0),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=9.5,
            annotation_clip=False,
        )
