"""Every drawing: its labels are the shapes of real tensors, its sides their sizes, its words can be read."""

import functools
import itertools
import os
import re
import shutil
import xml.etree.ElementTree as ET

import pytest
import torch
from examples import EXAMPLES

import figures
from figures.drawing import Canvas, Text, number
from figures.style import COLORS, LETTERS, OTHERS, stylesheet

COLUMN = 342  # the width, in pixels, that the theme leaves for a figure on a screen 390 pixels wide
SVG = "{http://www.w3.org/2000/svg}"
SHAPE = re.compile(r"(?:(\w+) )?\(([^()]+)\)")


@functools.cache
def drawn(name: str):
    """The drawing of an example, and its tensors."""
    return EXAMPLES[name]()


@pytest.fixture(params=EXAMPLES)
def drawing(request):
    return drawn(request.param)[0]


def labels(drawing) -> dict[str, list[str]]:
    """The shapes that are written in a drawing: name -> axes."""
    found, last = {}, ""
    for text in drawing.texts:
        match = SHAPE.fullmatch(text.content)
        if match and not re.fullmatch(r"[\d.,%\s]*", match[2]):
            found[match[1] or last] = [axis.strip() for axis in match[2].split(",") if axis.strip()]
        last = text.content
    return found


def steps(axis: str, sizes: dict[str, int]) -> int:
    product = 1
    for part in axis.split("·"):
        product *= sizes[part] if part in sizes else int(part)
    return product


def sizes_of(drawing) -> dict[str, int]:
    """The size of each letter, as the drawing's boxes have it."""
    found: dict[str, int] = {}
    for box in drawing.boxes:
        for axis, size in zip(box.axes, box.shape, strict=True):
            if "·" not in axis:
                assert found.setdefault(axis, size) == size, f"{axis} is {found[axis]} and {size} steps long"
    return found


def test_every_drawing_has_an_example():
    functions = {name for name in figures.__all__ if name[0].islower()}
    assert functions == {name.partition(",")[0] for name in EXAMPLES}
    assert all(f"\n{name}(" in figures.__doc__ for name in functions), "each has a line in the package's docstring"


@pytest.mark.parametrize("name", [name for name in EXAMPLES if drawn(name)[1]])
def test_each_label_is_the_shape_of_a_tensor(name):
    drawing, tensors = drawn(name)
    written = labels(drawing)
    assert written.keys() == tensors.keys()
    sizes = sizes_of(drawing)
    for tensor_name, axes in written.items():
        sizes |= {
            axis: tensors[tensor_name].shape[i] for i, axis in enumerate(axes) if axis not in sizes and "·" not in axis
        }
        assert tuple(steps(axis, sizes) for axis in axes) == tuple(tensors[tensor_name].shape), tensor_name


def test_sides_are_proportional_to_sizes(drawing):
    units = set()
    for box in drawing.boxes:
        units.add(round(box.width / box.shape[-1], 6))
        if len(box.shape) == 2:
            units.add(round(box.height / box.shape[0], 6))
    assert len(units) <= 1, units


def test_a_drawing_is_xml_and_says_what_it_shows(drawing):
    root = ET.fromstring(drawing.svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert len(root.get("aria-label").split()) >= 6
    assert ["".join(text.itertext()) for text in root.iter(f"{SVG}text")] == [text.content for text in drawing.texts]
    assert "drawing" in root.get("class").split()
    assert not any("id" in element.attrib for element in root.iter()), "two drawings on a page would share it"
    assert len(drawing.svg.encode()) < 25_000


def test_a_drawing_uses_the_colors_of_the_style_sheet_alone(drawing):
    body = drawing.svg.replace(stylesheet(), "")
    assert not re.search(r"#[0-9a-fA-F]{3}|rgb\(|fill=\"(?!url)|stroke=\"", body)
    used = set(re.findall(r"--[\w-]+(?=:)", stylesheet()))
    assert used == {f"--{name}" for name in COLORS}


def test_every_class_has_a_rule(drawing):
    classes = {name for value in re.findall(r'class="([^"]+)"', drawing.svg) for name in value.split()}
    ruled = set(re.findall(r"\.([A-Za-z][\w-]*)", stylesheet()))
    assert classes <= ruled, classes - ruled


def test_letters_can_be_read_on_a_phone(drawing):
    width = float(ET.fromstring(drawing.svg).get("viewBox").split()[2])
    for text in drawing.texts:
        assert text.size * COLUMN / width >= 11, text


def test_no_text_is_set_over_another_or_leaves_the_drawing(drawing):
    *_, width, height = map(float, ET.fromstring(drawing.svg).get("viewBox").split())
    for text in drawing.texts:
        assert -3 <= text.left and text.right <= width + 3 and text.top >= -1 and text.bottom <= height, text
    for a, b in itertools.combinations(drawing.texts, 2):
        assert not meet(a, b), f"{a} and {b}"


def meet(a: Text, b: Text) -> bool:
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    return across > 2 and down > 1


def test_texts_that_meet_are_seen():
    canvas = Canvas("trial")
    canvas.text("one", 20, 20)
    canvas.text("two", 30, 24)
    canvas.text("three", 30, 60)
    one, two, three = canvas.texts
    assert meet(one, two)
    assert not meet(two, three)


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def mixed(front: str, back: str, opacity: float) -> str:
    pairs = ((int(front[i : i + 2], 16), int(back[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(opacity * f + (1 - opacity) * b):02x}" for f, b in pairs)


# The theme's pages are a little lighter and darker than the paper of a file.
PAGES = [("#ffffff", 0), ("#14181e", 1), ("#121212", 1)]


@pytest.mark.parametrize("name", [*LETTERS, "ink", "muted", "word", "gain", "loss"])
@pytest.mark.parametrize(("page", "mode"), PAGES)
def test_text_stands_out_from_the_page(name, page, mode):
    assert contrast(COLORS[name][mode], page) >= 4.5
    assert contrast(COLORS[name][mode], OTHERS["box"][mode]) >= 4.5


@pytest.mark.parametrize("name", ["bar", "mark"])
@pytest.mark.parametrize(("page", "mode"), PAGES)
def test_areas_stand_out_from_the_page(name, page, mode):
    assert contrast(COLORS[name][mode], page) >= 3
    assert contrast(COLORS[name][mode], OTHERS["box"][mode]) >= 3


@pytest.mark.parametrize(("page", "mode"), PAGES)
def test_words_can_be_read_on_what_shades_them(page, mode):
    from figures.attention import HEAT

    ink = ("#22272e", "#ced6dd")[mode]  # the theme's text
    assert contrast(ink, mixed(OTHERS["heat"][mode], page, HEAT)) >= 4.5
    assert contrast(ink, mixed(OTHERS["bar"][mode], page, 0.36)) >= 4.5


def test_every_letter_has_a_color_of_its_own():
    for mode in (0, 1):
        for a, b in itertools.combinations(LETTERS, 2):
            pairs = zip(*([int(LETTERS[x][mode][i : i + 2], 16) for i in (1, 3, 5)] for x in (a, b)), strict=True)
            assert sum(abs(p - q) for p, q in pairs) > 60, f"{a} and {b} look alike"


def test_a_notebook_shows_the_picture_and_stores_no_second_copy():
    drawing, _ = drawn("attention_flow")
    assert drawing._repr_html_() == drawing.svg
    assert repr(drawing) == "<drawing attention_flow>"


def test_a_file_is_the_same_picture(tmp_path):
    drawing, _ = drawn("attention_flow")
    drawing.save(tmp_path / "flow.svg")
    assert ET.parse(tmp_path / "flow.svg").getroot().get("aria-label") == drawing.label


def test_head_reshape_numbers_the_places_that_pytorch_does():
    T, H, Dh = 3, 2, 4
    x = torch.arange(T * H * Dh).view(T, H * Dh)
    drawing = figures.head_reshape(T, H, Dh)
    drawn_numbers = [int(text.content) for text in drawing.texts if text.content.isdigit()]
    views = [x, x.view(T, H, Dh), x.view(T, H, Dh).transpose(0, 1), x.view(H, T, Dh)]
    assert drawn_numbers == [place for view in views for place in view.flatten().tolist()]


def test_what_a_rule_keeps_is_counted():
    kept = {"top-k 2": [True, True, False], "min-p 0.1": [True, False, True]}
    texts = [text.content for text in figures.probability_bars("abc", [0.5, 0.3, 0.2], kept).texts]
    assert "top-k 2 keeps 2 of 3 tokens, 80% of the probability" in texts
    assert "min-p 0.1 keeps 2 of 3 tokens, 70% of the probability" in texts
    everything = figures.probability_bars("abc", [0.5, 0.3, 0.2]).texts
    assert not [text for text in everything if "of 3 tokens" in text.content]


def test_rope_depends_on_the_distance_alone():
    products = re.findall(
        r"product ([-\d.]+)", figures.rope_plane((1, 0.3), (0.4, 0.8), [(5, 2), (9, 6), (9, 5)], 0.4).label
    )
    assert products[0] == products[1] != products[2]


def test_gradient_step_draws_the_gradient():
    """Of the cross-entropy with respect to the logits, as autograd has it."""
    logits = torch.tensor([0.3, -1.0, 0.5], requires_grad=True)
    target = torch.tensor([0.0, 0.0, 1.0])
    before = logits.softmax(dim=0)
    (-(target * before.log()).sum()).backward()
    drawing = figures.gradient_step("abc", before.tolist(), target.tolist(), before.tolist())
    signed = [text.content for text in drawing.texts if text.content[0] in "+−" and text.content[1:2].isdigit()]
    assert signed == [f"{g:+.2f}".replace("-", "−") for g in logits.grad.tolist()]


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="weights must be 2 rows of 3"):
        figures.attention_flow(2, 3, 4, 2, weights=[[0.5, 0.5]] * 2)
    with pytest.raises(ValueError, match="weights must be 1 rows of 2"):
        figures.attention_table([[0.5, 0.25, 0.25]], "a", "bc")
    with pytest.raises(ValueError, match="the glosses span 3 keys, and there are 2"):
        figures.attention_table([[0.5, 0.5]], "a", "bc", glosses=[("both", 3)])
    with pytest.raises(ValueError, match="has 3 tokens, not 4"):
        figures.window_mlp(4, 2, 8, 5, window="abc")
    with pytest.raises(ValueError, match="3 characters, and 2 answers"):
        figures.two_typefaces("abc", [True, False])
    with pytest.raises(ValueError, match="none of the contexts"):
        figures.back_off("abc", [0, 0, 0])


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (-0.04, "0"), (1.04, "1"), (-0.4, "-0.4"), (10, "10"), (2.25, "2.2")]
)
def test_coordinates_are_short(value, text):
    assert number(value) == text


def test_hatching_stays_inside():
    canvas = Canvas("trial")
    canvas.hatch([(10, 10), (50, 10), (70, 40), (20, 40)])
    points = [tuple(map(float, point)) for point in re.findall(r"[ML]([\d.]+) ([\d.]+)", canvas.parts[0])]
    assert len(points) > 10
    assert all(10 <= y <= 40 and 10 <= x <= 70 for x, y in points)


MEASURE = """() => {
    const svg = document.querySelector("svg"), frame = svg.getBoundingClientRect();
    return [...svg.querySelectorAll("text")].map((text) => {
        const box = text.getBoundingClientRect();
        const size = parseFloat(getComputedStyle(text).fontSize) * frame.width / svg.viewBox.baseVal.width;
        const place = [box.left - frame.left, box.top - frame.top, box.right - frame.left, box.bottom - frame.top];
        return [text.textContent, ...place, size];
    });
}"""


@pytest.fixture(scope="module")
def tab():
    """A page of the browser, as wide as a phone."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        why = "no Chromium on this machine: the browser tests need one (apt-get install chromium)"
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": 390, "height": 800})
        browser.close()


@pytest.mark.browser
def test_on_a_phone_as_the_browser_sets_it(drawing, tab):
    """With this machine's own fonts, which no estimate can know."""
    tab.set_content(f'<!doctype html><body style="margin:24px">{drawing.svg}</body>')
    texts = [Text(*found) for found in tab.evaluate(MEASURE)]
    assert len(texts) == len(drawing.texts)
    for text in texts:
        assert text.size >= 11, text
        assert text.left >= -2 and text.right <= COLUMN + 2, text
    for a, b in itertools.combinations(texts, 2):  # the browser's boxes are as high as a line
        across, down = min(a.right, b.right) - max(a.left, b.left), min(a.bottom, b.bottom) - max(a.top, b.top)
        assert not (across > 0.5 and down > 3.5), f"{a} and {b}"


PAGES_OF = {  # how each kind of page says whether it is dark: attributes of html, of body
    "the book, light": ('data-theme="light"', "", 0),
    "the book, dark": ('data-theme="dark"', "", 1),
    "JupyterLab, light": ("", 'data-jp-theme-light="true"', 0),
    "JupyterLab, dark": ("", 'data-jp-theme-light="false"', 1),
    "VS Code, dark": ("", 'class="vscode-dark"', 1),
    "Colab, dark": ('theme="dark"', "", 1),
}


@pytest.mark.browser
@pytest.mark.parametrize("kind", PAGES_OF)
def test_a_dark_page_makes_a_dark_drawing(kind, tab):
    html, body, mode = PAGES_OF[kind]
    svg = drawn("attention_flow")[0].svg
    tab.set_content(f"<!doctype html><html {html}><body {body}>{svg}</body></html>")
    color = tab.evaluate("getComputedStyle(document.querySelector('tspan.T')).fill")
    wanted = tuple(int(LETTERS["T"][mode][i : i + 2], 16) for i in (1, 3, 5))
    assert color == f"rgb{wanted}"


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "mode"), [("light", 0), ("dark", 1)])
def test_a_file_follows_the_preference_of_the_reader(scheme, mode, tab, tmp_path):
    drawn("attention_flow")[0].save(tmp_path / "flow.svg")
    tab.emulate_media(color_scheme=scheme)
    tab.goto((tmp_path / "flow.svg").as_uri())
    seen = tab.evaluate("[getComputedStyle(document.documentElement).backgroundColor, "
                        "getComputedStyle(document.querySelector('tspan.T')).fill]")  # fmt: skip
    tab.emulate_media(color_scheme="light")
    wanted = [COLORS["page"][mode], LETTERS["T"][mode]]
    assert seen == [f"rgb{tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))}" for color in wanted]
