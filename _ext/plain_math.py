r"""Equations as docstrings write them, in TeX.

x <- x + f(norm(x))            x \leftarrow x + f(\operatorname{norm}(x))
p(w | h) = sqrt(c(h w)) / Dh   p(w \mid h) = \sqrt{c(h\, w)} / D_h
"""

import re

TOKEN = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)*(?:e-?\d+)?)|(?P<word>[A-Za-z]+(?:-[A-Za-z]{2,}|\d+(?=\())*'*|[Α-ω])"
    r"|(?P<space>\s+)|(?P<sign><-|->|<=|>=|!=|\|\||[^\w\s]|_)"
)
SIGNS = {
    "<-": r"\leftarrow ", "->": r"\to ", "<=": r"\le ", ">=": r"\ge ", "!=": r"\ne ", "||": r"\,\Vert\, ",
    "*": r"\cdot ", "·": r"\cdot ", "…": r"\ldots ", "•": r"{\bullet}", "{": r"\{", "}": r"\}", "%": r"\%",
    "Π": r"\prod ", "Σ": r"\sum ", "eps": r"\varepsilon ",
}  # fmt: skip
SIGNS |= {name: rf"\{name} " for name in "sin cos tanh exp log ln max min sum prod pi mu".split()}
GREEK = zip(
    "αβγδεηθλμπσφ", "alpha beta gamma delta varepsilon eta theta lambda mu pi sigma varphi".split(), strict=True
)
SIGNS |= {letter: rf"\{name} " for letter, name in GREEK}

RELATION = re.compile(r"(^|\s)(=|<-)(\s|$)|\w\^\w|_[a-z]\(|sqrt\(")
CODE = re.compile(r"[\"#`]|\w\(\)|__")
CITATION = re.compile(r"\b(19|20)\d\d\b|\(section ")


def lines(block: str) -> list[list[tuple[str, str]]] | None:
    """The lines of an indented block, each in pieces ("math" or "text", TeX or words); None if it is no mathematics."""
    found = []
    for line in filter(None, map(str.strip, block.splitlines())):
        columns = re.split(r"\s{2,}", re.sub(r"\s+(=|<-) ", r" \1 ", line))
        pieces = [("math", tex(column)) if is_equation(column) else ("text", column) for column in columns]
        if not any(kind == "math" for kind, _ in pieces):
            return None
        found.append(pieces)
    return found or None


def is_equation(text: str) -> bool:
    return bool(RELATION.search(text)) and not CODE.search(text) and not CITATION.search(text)


def tex(text: str) -> str:
    """An equation in TeX."""
    return Reader(text).until("")


class Reader:
    """Reads from left to right, one token after the other."""

    def __init__(self, text: str):
        self.tokens = [(str(found.lastgroup), found[0]) for found in TOKEN.finditer(text)]
        self.place = 0

    def ahead(self, by: int = 0) -> tuple[str, str]:
        place = self.place + by
        return self.tokens[place] if 0 <= place < len(self.tokens) else ("", "")

    def take(self) -> tuple[str, str]:
        self.place += 1
        return self.ahead(-1)

    def until(self, close: str) -> str:
        """Everything up to a closing bracket, or to the end."""
        out, depth = "", 0
        while self.place < len(self.tokens):
            kind, token = self.take()
            if token == close and depth == 0:
                return out
            depth += {"(": 1, ")": -1}.get(token, 0)
            spaced = self.ahead(-2)[0] == "space" == self.ahead()[0]
            if token in ("_", "^"):
                out += f"{token}{{{self.group()}}}"
            elif kind == "word":
                out += self.word(token)
            elif kind == "space":
                out += r"\, " if self.between_factors() else " "
            elif spaced and token in ".|":
                out += {".": r"\cdot ", "|": r"\mid "}[token]
            else:
                out += SIGNS.get(token, token)
        return out

    def group(self) -> str:
        """What a root or an index holds: a bracket without its brackets, or one token."""
        kind, token = self.take()
        if token in ("(", "{"):
            return self.until(")" if token == "(" else "}")
        return rf"\text{{{token}}}" if kind == "word" and len(token) > 2 else SIGNS.get(token, token)

    def word(self, token: str) -> str:
        following = self.ahead()[1]
        if token == "sqrt" and following == "(":
            return rf"\sqrt{{{self.group()}}}"
        if token in SIGNS or len(token.rstrip("'")) == 1:
            return SIGNS.get(token, token)
        if following == "(":
            return rf"\operatorname{{{token}}}"
        if re.fullmatch("[A-Z][a-z]", token):  # Dh is the D of a head
            return f"{token[0]}_{token[1]}"
        words = [token]  # several in a row are prose
        while self.ahead()[0] == "space" and self.ahead(1)[0] == "word" and len(self.ahead(1)[1]) > 1:
            if self.ahead(1)[1] in SIGNS or self.ahead(2)[1] in ("(", "_"):
                break
            words.append(self.ahead(1)[1])
            self.place += 2
        return rf"\text{{{' '.join(words)}}}"

    def between_factors(self) -> bool:
        """Whether the space just taken stands for a product, which TeX would set without one."""
        (kind, before), (after_kind, after) = self.ahead(-2), self.ahead()
        starts = after_kind in ("word", "number") or after in ("(", "[", "Σ", "Π")
        return starts and (kind in ("word", "number") or before in (")", "]", "}"))
