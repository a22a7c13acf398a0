"""Each key term's Chinese name, given where the term is introduced, is in the glossary too."""

import re

import nbformat
import notebooks
import pytest

ROOT = notebooks.ROOT
TERM = re.compile(r"\*\s*\(([^()]*[\u4e00-\u9fff][^()]*)\)")  # **attention** (注意力)


@pytest.mark.parametrize("path", notebooks.find([]), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_chinese_terms_are_in_the_glossary(path):
    glossary = (ROOT / "appendices" / "glossary.md").read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    terms = {term for cell in cells if cell.cell_type == "markdown" for term in TERM.findall(cell.source)}
    assert {term for term in terms if term not in glossary} == set()


def test_each_term_links_to_the_section_that_defines_it():
    """A term from before the first section has a link to its page. The build says whether a section is there."""
    glossary = (ROOT / "appendices" / "glossary.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\{glossary\}\n:sorted:\n\n(.*?)\n```", glossary, re.DOTALL)
    entries = [entry for block in blocks for entry in block.split("\n\n")]
    place = re.compile(r"\*\[(Chapter|Page) (\d+[a-z]?)\]\(\.\./chapters/(\d+[a-z]?)_\w+\.ipynb(?:#[\w-]+)?\)\.\*$")
    places = {entry.split("\n")[0]: place.search(entry) for entry in entries}
    assert len(entries) > 200 and [term for term, found in places.items() if not found] == []
    assert all(found[2] == found[3].lstrip("0") or found[3] == "00" for found in places.values())


def test_terms_are_found():
    text = "a *language model* (语言模型), an **n-gram** (n 元组), the likelihood\n(似然), and 苹果"
    assert TERM.findall(text) == ["语言模型", "n 元组"]
