"""Claims, checked: an entry says where the claim was read, what was found where, and how strong the evidence is."""

import re

import notebooks
import pytest

TEXT = (notebooks.ROOT / "appendices" / "claims.md").read_text(encoding="utf-8")
ENTRY = re.compile(r'^\*\*"(?P<claim>.+)"\*\*\n(?P<body>(?:: .*\n(?:  .*\n)*)+)', re.MULTILINE)
CHAPTER = re.compile(r"\]\(\.\./chapters/(?:solutions/)?(\w+)\.ipynb#[\w-]+\)")
ENTRIES = {found["claim"]: found["body"] for found in ENTRY.finditer(TEXT)}


@pytest.mark.parametrize("claim", ENTRIES)
def test_an_entry_has_what_was_found_and_a_source_with_its_evidence(claim):
    found, source = re.split(r"^: ", ENTRIES[claim], flags=re.MULTILINE)[1:]
    assert CHAPTER.search(found), "name the section of the chapter"
    assert source.startswith(("Read in ", "A common ")), "say where the claim was read, or that it is a common one"
    assert "; evidence: " in source


def test_every_claim_is_an_entry():
    assert len(ENTRIES) == TEXT.count('\n**"') > 50
