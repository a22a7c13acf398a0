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


def test_terms_are_found():
    text = "a *language model* (语言模型), an **n-gram** (n 元组), the likelihood\n(似然), and 苹果"
    assert TERM.findall(text) == ["语言模型", "n 元组"]
