"""The reference and the links to it, on a library of two files; and that the book's own library is all described."""

import re
import sys

import pytest
from bs4 import BeautifulSoup
from conftest import ROOT
from notebook_trials import code, notebook
from small_books import build_small, write_book

sys.path.append(str(ROOT / "_ext"))
import library
import plain_math

SHAPES = '''\
"""Shapes, drawn: never to be imported.

    area(a, b) = sqrt(a^2 b^2) / n_max

Drawn so:

    draw(square)    # as code, left alone

Unlike `Corner`, a <b> & 2 * 3 * 4 are words; `math.pi` is elsewhere.
"""

import no_such_package

EDGES = 4  # how many a square has
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o")
Sizes = dict[str, int]
_HIDDEN = 1


@dataclass(frozen=True)
class Corner:
    """Where two edges meet.

    Attributes:
        x, y: Its place,
            from the left and from below.
    """

    x: float
    y: float = 0.0

    @property
    def far(self) -> bool:
        """Whether it is far away."""
        return self.x > 9

    @classmethod
    def at(cls, x: "Corner") -> "Corner":
        """A corner below `Corner.far`."""

    def _inner(self): ...


class Round(Corner):
    """A corner without a point."""


@no_such_package.decorated
def area(corners: Sizes, *, given: Float[Tensor, "B T"] | None = None, first: Corner = Corner(1)) -> int:
    """How much is inside, as `area` says.

    Args:
        corners: Each `Corner` of them.
        given: What is known: a fact.

    Returns:
        A number: the area.

    Raises:
        ValueError: If there are fewer than `EDGES`.
    """
'''
PACKAGE = '''\
"""All of it."""

from transformer_lib.rooms.shapes import Corner, area

__all__ = ["Corner", "area"]
'''
LIBRARY = {"__init__.py": '"""A library."""\n', "rooms/__init__.py": PACKAGE, "rooms/shapes.py": SHAPES}
REFERENCE = "# Rooms\n\n```{reference} transformer_lib.rooms transformer_lib.rooms.*\n```\n"
SHELL = "!pip install that\n%matplotlib inline\n"
CELLS = [
    code(f"{SHELL}from transformer_lib.rooms import Corner, area as surface", number=1, tags=["hide-input"]),
    code("import transformer_lib.rooms.shapes as shapes\nfrom transformer_lib.rooms.shapes import area", number=2),
    code("surface(Corner.at(1).far, first=Corner)\nprint(shapes.Corner.far, shapes.nowhere, surface.area)", number=3),
    code("area = 3\narea + shapes.EDGES", number=4),
]


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    pages = {
        "intro": "# A book\n\nNo mathematics.\n",
        "reference/rooms": REFERENCE,
        "chapters/01_one": notebook(*CELLS),
    }
    return write_book(tmp_path_factory.mktemp("small"), pages, LIBRARY)


@pytest.fixture(scope="module")
def site(book):
    build = build_small(book)
    assert build.returncode == 0, build.output
    return build.html


@pytest.fixture(scope="module")
def rooms(site):
    return soup(site / "reference" / "rooms.html")


def soup(path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def signature(page: BeautifulSoup, name: str) -> str:
    head = page.find("dt", id=f"transformer_lib.rooms.shapes.{name}")
    for extra in head.select(".headerlink, a.source"):
        extra.extract()
    return " ".join(head.get_text().split())


def test_signatures_are_as_they_are_written(site):
    page = soup(site / "reference" / "rooms.html")
    assert signature(page, "Corner") == "class Corner(x: float, y: float = 0.0)"
    assert signature(page, "Corner.far") == "property far: bool"
    assert signature(page, "Corner.at") == "classmethod at( x: Corner, ) → Corner"
    shown = signature(page, "area")
    assert (
        re.sub(r"\s", "", shown)
        == "area(corners:Sizes,*,given:Float[Tensor,'BT']|None=None,first:Corner=Corner(1),)→int"
    )
    assert signature(page, "EDGES") == "EDGES = 4"
    assert signature(page, "NAMES").startswith("NAMES = ('a', 'b'") and signature(page, "NAMES").endswith("…")
    assert not page.find("dt", id=re.compile("_HIDDEN|_inner"))


def test_docstrings_have_fields_equations_and_links(rooms):
    area = rooms.find("dt", id="transformer_lib.rooms.shapes.area").find_next_sibling("dd")
    fields = {dt.get_text(strip=True): dt.find_next_sibling("dd") for dt in area.select("dl.field-list > dt")}
    assert [name.rstrip(":") for name in fields] == ["Parameters", "Returns", "Raises"]
    texts = [" ".join(field.get_text().split()) for field in fields.values()]
    assert texts == [
        "corners: Each Corner of them. given: What is known: a fact.",
        "A number: the area.",
        "ValueError: If there are fewer than EDGES.",
    ]
    links = {a.get_text(): a["href"] for a in area.select("a.internal:not(.source)")}
    assert links["EDGES"] == "#transformer_lib.rooms.shapes.EDGES" and "Corner" in links and "area" in links
    corner = rooms.find("dt", id="transformer_lib.rooms.shapes.Corner").find_next_sibling("dd")
    assert "x, y: Its place, from the left and from below." in " ".join(corner.get_text().split())
    round_corner = rooms.find("dt", id="transformer_lib.rooms.shapes.Round").find_next_sibling("dd")
    assert round_corner.select_one("a")["href"] == "#transformer_lib.rooms.shapes.Corner"
    edges = rooms.find("dt", id="transformer_lib.rooms.shapes.EDGES").find_next_sibling("dd")
    assert edges.get_text(strip=True) == "how many a square has"
    section = rooms.find("section", id="module-transformer_lib.rooms.shapes")
    assert [span.get_text() for span in section.select(".equations .math")] == [
        r"\(\operatorname{area}(a, b) = \sqrt{a^{2}\, b^{2}} / n_{\text{max}}\)"
    ]
    assert section.select_one("pre").get_text() == "draw(square)    # as code, left alone\n"
    assert "a <b> & 2 * 3 * 4 are words" in section.get_text()


def test_a_package_says_what_it_hands_on(rooms):
    package = rooms.find("section", id="module-transformer_lib.rooms")
    links = {a.get_text(): a["href"] for a in package.select("p a")}
    assert {"Corner", "area"} <= set(links) and links["area"] == "#transformer_lib.rooms.shapes.area"


def test_entries_lead_to_their_lines_in_the_site(site, rooms):
    link = rooms.find("dt", id="transformer_lib.rooms.shapes.area").select_one("a.source")["href"]
    file, _, line = link.removeprefix("../").partition("#")
    line_of_decorator = SHAPES.splitlines().index("@no_such_package.decorated") + 1
    assert line == f"L{line_of_decorator}"
    source = soup(site / file)
    assert source.find(id=line).get_text().strip() == "@no_such_package.decorated"
    assert source.pre.get_text().strip() == SHAPES.strip()
    back = source.select_one("main a")["href"]
    assert rooms.find(id=back.partition("#")[2]) is not None


def test_names_in_code_link_to_their_entries(site):
    page = soup(site / "chapters" / "01_one.html")
    cells = page.select(".highlight pre")
    links = [
        [(a.get_text(), a["href"].removeprefix("../reference/rooms.html#")) for a in cell.select("a.api")]
        for cell in cells
    ]
    shapes = "transformer_lib.rooms.shapes"
    assert ("Corner", f"{shapes}.Corner") in links[0], "in a folded cell, from where it is handed on"
    assert links[2] == [
        ("surface", f"{shapes}.area"),
        ("Corner.at", f"{shapes}.Corner.at"),
        ("Corner", f"{shapes}.Corner"),
        ("shapes.Corner.far", f"{shapes}.Corner.far"),
        ("shapes", f"module-{shapes}"),
        ("surface", f"{shapes}.area"),
    ]
    assert links[3] == [("shapes.EDGES", f"{shapes}.EDGES")], "area is rebound on this page"
    cell = cells[2].get_text()
    assert cell == "surface(Corner.at(1).far, first=Corner)\nprint(shapes.Corner.far, shapes.nowhere, surface.area)\n"


def test_a_file_that_cannot_be_read_is_named(book, site):
    broken = book / "transformer_lib" / "rooms" / "broken.py"
    broken.write_text("def half(:\n", encoding="utf-8")
    build = build_small(book)
    broken.unlink()
    assert build.returncode != 0
    assert "transformer_lib/rooms/broken.py, line 1" in build.output


def test_every_module_is_described_once():
    """But for the catalogue of exercises, which holds their answers, and what only the data's grammar is made of."""
    patterns = [
        pattern
        for page in sorted((ROOT / "reference").glob("*.md"))
        for found in re.findall(r"```\{reference\} (.*)", page.read_text(encoding="utf-8"))
        for pattern in found.split()
    ]
    import reference

    hits = {name: [p for p in patterns if reference.fits(name, p)] for name in library.modules(ROOT)}
    inside = re.compile(r"transformer_lib(\.exercises(\.\w+)+|\.data\.grammar\.\w+|\.\w+\.__main__|)")
    assert [name for name, found in hits.items() if not found and not inside.fullmatch(name)] == []
    assert [name for name, found in hits.items() if len(found) > 1] == []


@pytest.mark.parametrize(
    ("plain", "tex"),
    [
        ("x <- x + f(norm(x))", r"x \leftarrow x + f(\operatorname{norm}(x))"),
        ("p_{n-1}(w | h) = c(h w) / |h|", r"p_{n-1}(w \mid h) = c(h\, w) / |h|"),
        ("y = sqrt(max(a^2) + eps) (1 - Dh)", r"y = \sqrt{\max (a^{2}) + \varepsilon }\, (1 - D_h)"),
        ("v = mean of x_i over the real tokens i", r"v = \text{mean of}\, x_{i}\, \text{over the real tokens}\, i"),
        ("q_i . k_j = Σ_d W_down", r"q_{i} \cdot k_{j} = \sum _{d}\, W_{\text{down}}"),
    ],
)
def test_equations_are_read(plain, tex):
    assert plain_math.is_equation(plain)
    assert re.sub(" +", " ", plain_math.tex(plain)) == tex


@pytest.mark.parametrize("code", ['f"{a} = b"', "x = f()", "keep the k likeliest (Fan et al. 2018, with f = x)"])
def test_code_and_citations_are_no_equations(code):
    assert not plain_math.is_equation(code)
