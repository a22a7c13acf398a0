"""Figures show the numbers they were given."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from transformer_lib import plotting
from transformer_lib.ladder import Rung


@pytest.fixture(autouse=True)
def figures_closed():
    mpl.use("agg")
    with mpl.rc_context():
        plotting.use_house_style()
        yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_table_prints_every_number_and_outlines_the_dead_row():
    ax = plotting.table([[1, 2.5], [0, np.nan]], ["a", "b"], ["x", "y"], dead_rows=[1])
    assert texts(ax) == ["1", "2.5", "0", "–"]
    (outline,) = ax.patches
    assert round(outline.get_y() + outline.get_height() / 2) == 1
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert to_rgb(ax.get_yticklabels()[1].get_color()) == to_rgb(plotting.DEAD)


def test_table_text_stands_out_from_its_cell():
    def luminance(colour):  # the simple power law, not the piecewise one that the library uses
        return float(np.dot(np.power(to_rgb(colour), 2.2), [0.2126, 0.7152, 0.0722]))

    values = np.linspace(0, 1, 21)[None]
    ax = plotting.table(values, ["row"], [str(j) for j in range(21)])
    for text, value in zip(ax.texts, values[0], strict=True):
        cell = luminance(ax.images[0].cmap(ax.images[0].norm(value)))
        ink = luminance(text.get_color())
        assert (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05) >= 4.4, value


def test_heatmap_shows_the_matrix():
    values = np.arange(6).reshape(2, 3)
    ax = plotting.heatmap(values, list("ab"), list("xyz"))
    np.testing.assert_array_equal(ax.images[0].get_array(), values)


def test_curves_are_named_at_their_ends_without_overlap():
    x = np.arange(3)
    ax = plotting.curves(
        {"one": (x, [3, 2, 1.0]), "two": (x, [4, 2, 1.001])}, x_title="order", y_title="bits", whole_x=True
    )
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [4, 2, 1.001])
    assert texts(ax) == ["one", "two"]
    heights = sorted(ax.transData.transform((0, note.xy[1]))[1] for note in ax.texts)
    assert heights[1] - heights[0] >= 12 * ax.figure.dpi / 72


def test_names_stand_at_the_ends_on_a_logarithmic_axis_too():
    ax = plotting.curves({"one": ([1, 10], [1, 1e-3])}, x_title="", y_title="", x_scale="log", y_scale="log")
    assert ax.texts[0].xy == pytest.approx((10, 1e-3))


def test_bars_carry_their_numbers():
    ax = plotting.bars({"a": 0.25, "b": 0.75}, template="{:.0%}")
    assert [patch.get_height() for patch in ax.patches] == [0.25, 0.75]
    assert texts(ax) == ["25%", "75%"]


def test_ladder_puts_the_best_on_top_and_colours_the_newest():
    rungs = [Rung(4.5, "uniform", "01", 0, "-"), Rung(3.25, "bigram", "02", 1, "-")]
    ax = plotting.ladder(rungs, newest="02")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["uniform", "bigram"]
    assert texts(ax) == ["4.500", "3.250"]
    assert to_rgb(ax.patches[1].get_facecolor()) == to_rgb(plotting.COLOURS["blue"])
    assert to_rgb(ax.patches[0].get_facecolor()) != to_rgb(plotting.COLOURS["blue"])


def test_chinese_is_drawn_where_a_font_for_it_is_installed():
    """A glyph that no font has is a warning, and so an error here."""
    ax = plotting.new_axes()
    ax.set_title("我是一名工程师 I am an engineer")
    if len(mpl.rcParams["font.family"]) == 1:
        pytest.skip("no Chinese font on this machine (Debian: apt-get install fonts-noto-cjk)")
    ax.figure.canvas.draw()
    mpl.rcParams["font.family"] = mpl.rcParams["font.family"][:1]
    plotting.new_axes().set_title("我")
    with pytest.raises(UserWarning, match="missing from font"):
        plt.gcf().canvas.draw()
