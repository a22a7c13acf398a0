"""How each page sounds: `python tools/prose.py [NAME …]`, or `--check`.

The share of short sentences, their mean length, the share that open with an *It*, *That*, *This* or *One* whose noun
is elsewhere, and the words of tools/banned_words.txt. With a NAME, each sentence that counts against the page.
`--check` lists the pages over their limits; a page has limits once it says what it needs (`{needs}`).

Prose is what Markdown says, without code, formulas, quotations, headings and tables; in those and in captions only
words are looked at.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pages import ROOT, excesses, marked, run

sys.path.append(str(ROOT / "_ext"))

from reading import CITATION, CODE, MATH, Page, Passage, count_words

SHORT, SHORT_SHARE = 8, 1 / 8  # at most one sentence in eight has fewer than eight words
MEAN = (12, 24)
BARE_SHARE = 0.04
COLUMNS = ("page", "sentences", f"under {SHORT}", "mean", "bare", "banned")

# A full stop after these ends no sentence, whatever follows; after the second, none if a number follows.
TITLES = "Mr Mrs Ms Dr Prof St vs cf e.g i.e al approx resp ca"
NUMBERED = "Fig Figs Eq Eqs Sec Secs Ch No Nos Vol vol p pp ch no sec eq fig Tab App"
ABBREVIATION = re.compile(rf"(?:^|[\s(\[“\"])(?:{'|'.join(map(re.escape, TITLES.split()))})\.$")
BEFORE_A_NUMBER = re.compile(rf"(?:^|[\s(\[“\"])(?:{'|'.join(NUMBERED.split())})\.$")
INITIAL = re.compile(r"(?:^|[\s(.])[A-Z]\.$|^\s*\d+\.$")  # of a name; or the number of what follows
END = re.compile(
    rf"[.?!]+[\"'”’)\]*]*(?: ?{CITATION})*(?=\s+[\"'“‘(\[]*[A-Z0-9{MATH}{CODE}\u0370-\u03ff\u4e00-\u9fff])"
)
CLOSED = re.compile(rf"[.?!:][\"'”’)\]*]*\s*{CITATION}?$")

# After an opening That, This or One these are no noun; nor is what ends in s, if not a noun of this kind.
VERBS = """is isn't was wasn't are were has hasn't had does doesn't did didn't do will won't would can can't cannot
could may might must should shall made took gave came went left kept became got meant let held brought showed""".split()
OTHERS = """of in on at to for from by with without about as and or but if when where why how which who that than
because also alone only then now never not still really too again itself here there already always""".split()
NOUNS_IN_S = re.compile(r".*(ss|us|is|ias|eries|anvas|ens|pace)$")


@dataclass(frozen=True)
class Sentence:
    text: str
    cell: int | None

    @property
    def words(self) -> int:
        return count_words(self.text)

    @property
    def bare(self) -> bool:
        """Does it open with a pronoun whose noun is elsewhere?"""
        first, *rest = re.findall(r"[\w’']+|[,;:.?!—–]", self.text.replace("’", "'")) or [""]
        if first in ("It", "It's", "That's", "It'll"):
            return True
        if first not in ("That", "This", "One"):
            return False
        following = rest[0].lower() if rest else "."
        ends_in_s = following.endswith("s") and not NOUNS_IN_S.fullmatch(following)
        return not following[0].isalnum() or following in VERBS + OTHERS or ends_in_s

    def __str__(self) -> str:
        shown = self.text.replace(MATH, "$…$").replace(CODE, "`…`").replace(CITATION, "[…]")
        return f"cell {self.cell}: {shown}" if self.cell is not None else shown


def split_sentences(text: str) -> list[str]:
    """The sentences of a text whose formulas, code and citations have become marks."""
    found, start = [], 0
    for end in END.finditer(text):
        before = text[start : end.start() + 1]
        rest = text[end.end() :].lstrip(" \"'“‘([")
        single = end[0].startswith(".") and not end[0].startswith("..")
        if single and (ABBREVIATION.search(before) or INITIAL.search(before)):
            continue
        if single and BEFORE_A_NUMBER.search(before) and (rest[:1].isdigit() or rest[:1] == MATH):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    return [*found, text[start:].strip()] if text[start:].strip() else found


def sentences(passages: list[Passage]) -> list[Sentence]:
    """The sentences of running text; one that a displayed formula interrupts is one."""
    found: list[Sentence] = []
    for passage in passages:
        if passage.kind not in ("text", "item") or passage.hidden:
            continue
        if passage.kind == "item" and not CLOSED.search(passage.text):
            continue  # a list of names has no sentences
        parts = split_sentences(passage.text)
        if found and passage.after_math and parts[0][0].islower():
            found[-1] = Sentence(f"{found[-1].text} {MATH} {parts.pop(0)}", found[-1].cell)
        found += [Sentence(part, passage.cell) for part in parts]
    return [sentence for sentence in found if any(map(str.isalpha, sentence.text))]


@cache
def banned_words() -> list[tuple[re.Pattern[str], str]]:
    lines = (Path(__file__).parent / "banned_words.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" => ") for line in lines if line and not line.startswith("#"))
    return [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in pairs]


@dataclass
class Report:
    name: str
    page: Page

    @cached_property
    def sentences(self) -> list[Sentence]:
        return sentences(self.page.passages)

    @property
    def short(self) -> list[Sentence]:
        return [sentence for sentence in self.sentences if sentence.words < SHORT]

    @property
    def bare(self) -> list[Sentence]:
        return [sentence for sentence in self.sentences if sentence.bare]

    @property
    def mean(self) -> float:
        return sum(sentence.words for sentence in self.sentences) / max(1, len(self.sentences))

    @cached_property
    def banned(self) -> list[tuple[str, str, Sentence]]:
        """What was said, what to write instead, and the sentence."""
        return [
            (said[0], instead, Sentence(text, passage.cell))
            for passage in self.page.passages
            if passage.kind != "quote"
            for text in split_sentences(passage.text)
            for pattern, instead in banned_words()
            for said in pattern.finditer(without_quotations(text))
        ]

    def share(self, some: list[Sentence]) -> float:
        return len(some) / max(1, len(self.sentences))

    def row(self) -> list[str]:
        short, bare = self.share(self.short), self.share(self.bare)
        return [
            self.name + " *" * self.page.second_edition,
            f"{len(self.sentences)}",
            marked(f"{short:.0%}", short > SHORT_SHARE),
            marked(f"{self.mean:.1f}", not MEAN[0] <= self.mean <= MEAN[1]),
            marked(f"{bare:.1%}", bare > BARE_SHARE),
            marked(f"{len(self.banned)}", bool(self.banned)),
        ]

    def excesses(self) -> list[str]:
        """One line for each limit that the page is over."""
        found = []
        if (share := self.share(self.short)) > SHORT_SHARE:
            found.append(f"{share:.1%} of the sentences have fewer than {SHORT} words; at most {SHORT_SHARE:.1%}")
        if self.sentences and not MEAN[0] <= self.mean <= MEAN[1]:
            found.append(f"a sentence has {self.mean:.1f} words on average; {MEAN[0]} to {MEAN[1]} are readable")
        if (share := self.share(self.bare)) > BARE_SHARE:
            found.append(
                f"{share:.1%} of the sentences open with a bare It, That, This or One; at most {BARE_SHARE:.0%}"
            )
        found += [f"“{said}”, write: {instead}: {sentence}" for said, instead, sentence in self.banned]
        return [f"{self.name}: {excess}" for excess in found]

    def details(self) -> Iterator[str]:
        for title, some in ((f"Under {SHORT} words:", self.short), ("Bare openings:", self.bare)):
            yield from (title, *(f"  {sentence}" for sentence in some))
        yield from (
            "Banned:",
            *(f"  “{said}”, write: {instead}: {sentence}" for said, instead, sentence in self.banned),
        )


def without_quotations(text: str) -> str:
    return re.sub(r"“[^”]*”|\"[^\"]*\"", "“”", text)


def find(names: list[str], root: Path = ROOT) -> list[Path]:
    """The pages with these names; without one the introduction, the chapters and the appendices."""
    folders = [root.glob("intro.md"), (root / "chapters").glob("*.ipynb"), (root / "appendices").glob("*.md")]
    if names:
        folders.append((root / "chapters" / "solutions").glob("*.ipynb"))
    every = [path for folder in folders for path in sorted(folder)]
    found = [path for path in every if not names or any(path.name.startswith(Path(name).name) for name in names)]
    if not found:
        raise SystemExit(f"no page is called {' '.join(names)}: there are {', '.join(path.stem for path in every)}")
    return found


def check(paths: list[Path]) -> list[str]:
    """One line for each limit that a page of the second edition is over."""
    return excesses(Report, paths)


def main() -> None:
    limits = f"{SHORT_SHARE:.1%} short, mean {MEAN[0]} to {MEAN[1]}, {BARE_SHARE:.0%} bare, no banned word"
    run(Report, COLUMNS, find, doc=__doc__, command="make prose", limits=limits)


if __name__ == "__main__":
    main()
