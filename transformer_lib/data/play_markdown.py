"""From the markdown of a play to clean text in one form; which form, `shakespeare` says.

The rules take away what markdown adds (escapes, emphasis, headings, hard line breaks), mark what the source leaves
unmarked (names of speakers that have a hyphen, an apostrophe or a line break in them), and write alike what its plays
write differently (dashes, quotation marks, "& c" for "&c."). The only characters beyond ASCII are dashes, which become
two hyphens as in most of the plays. Spelling is kept, misprints and all, except for the few that break the form.
"""

import re
from collections.abc import Callable

# What the source has wrong in one play, so that a line of it would not be in the form.
_MISPRINTS = (
    ("&amp;", "&"),
    ("sha$l", "shall"),
    ("**HERNIA**", "**HERMIA**"),
    ("**SU FFOLK**", "**SUFFOLK**"),
    ("**ROSENCRANTZ: & GUILDENSTERN:**", "**ROSENCRANTZ & GUILDENSTERN**"),
    ("**SHALLOW & PAGE & & C**", "**SHALLOW & PAGE, &c.**"),
    ("_Burthen _\\[dispersedly, within_", "_Burthen dispersedly, within_"),
    ("  \nOF EPHESUS\n", "\n"),
    ("\nEnter FLAMINIUS.\n", "\n\n_Enter FLAMINIUS_\n"),
    ("\nEPILOGUE  \nSPOKEN BY PROSPERO  \n", "\n### EPILOGUE\n\n_Spoken by PROSPERO_\n\n"),
    ("\nI come no more to make you laugh:", "\n**Prologue**  \nI come no more to make you laugh:"),
    ("\nLOVE'S LABOURS LOST\n", "\n"),  # running titles
    ("\nCYMBELINE\n\n#", "\n\n#"),
    ("\n\n**Here stand I**  \n", "  \nHere stand I "),  # not names, though they end like those of kings
    ("\n\n**As long as you or I**  \n", "  \nAs long as you or I "),
    ("\n\n**This way will I**  \n", "  \nThis way will I "),
    ("\n**Scene III**  \n", "\n### SCENE III. "),
)

# Speakers whose names are not marked, and the first parts of names whose last part alone is marked.
_UNMARKED = (
    r"Lord Chief-Justice|\w+ Serving-[Mm]an|ALL SERVING-MEN|\w+'s? Servants?|Senators, & C"
    r"|(?:Jeweller|CASSIO|ANTONIO)(?=:)"
)
_FIRST_PARTS = r"BISHOP|CARDINAL|COUNTESS|RICHARD|LADY|DON ADRIANO DE|Ghosts?|Varro's|Both"


def clean(markdown: str) -> str:
    """Return the text of one play: a blank line between blocks, no space at a line's end, one newline at the end."""
    text = f"\n{markdown}\n"
    for wrong, right in _MISPRINTS:
        text = text.replace(wrong, right)
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text.strip() + "\n"


def _scene(match: re.Match[str]) -> str:
    return f"\n{match[1]} {' '.join(match[2].split())}\n"


def _procession(match: re.Match[str]) -> str:
    return f"\n\n_{re.sub(r'(?m)^[0-9]+[.] ', '', match[1]).strip()}_\n"


def _editorial(match: re.Match[str]) -> str:
    return f" {match[1].strip() or '...'} "


def _direction(match: re.Match[str]) -> str:
    line = " ".join(match[1].split())
    return f"\n\n[{line}]\n".replace(" 's", "'s").replace("- ", "-")


# Each pattern starts with a literal where it can, because the search for a literal is what makes it fast.
_RULES: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("—", "--"),
        ('"', "'"),
        (r"\\", ""),
        (r"  \n", r"\n"),
        (r" \n", r"\n"),
        (r"\n(#+ SCENE .+)\n\n((?:[^\n#*_].*\n)+)", _scene),  # its description goes on in the next block
        (r"\n\n([0-9]+\. (?:.+\n)+)", _procession),  # a numbered list, in Henry VIII
        (rf"\n({_UNMARKED}):? (?=[A-Z'])", r"\n\n**\1**\n"),
        (rf"\n({_FIRST_PARTS})\n+\*\*(.+)\*\*\n", r"\n\n**\1 \2**\n"),
        (r" _+\[([^]]*)\]_\n", _editorial),  # words that editors supplied, or dots for words that are lost
        (r"\n[_*]*\[([^]]*)\][_*](?=\n)", r"\n[\1]"),
        (r"\n_([^_]+)_(?=\n)", _direction),
        (r"\n\*([^*]+)\*(?=\n)", _direction),
        (r"\n\n+", r"\n\n"),
        # a blank line inside a speech: before more lines or a short direction, and after a short direction
        (r"\n\n(?<=[^]]\n\n)(?=[^*#[]|\[[^]]+\]\n[^\n])", r"\n"),
        (r"\n(?<=[^\n]\n)(\[[^]]+\])\n\n(?=[^*#[])", r"\n\1\n"),
        (r"\n\*\*(.+)\*\*(?=\n)", r"\n\n\1:"),
        (r"\n# (?!EPILOGUE).*", ""),  # the title, and an intermission
        (r"\n#+ (.*)", r"\n\n\1\n"),
        (r"\nPrologue\n", r"\nPROLOGUE\n"),
        (r" \.\.\.\n", r"\n"),  # dots that join a verse line which two speakers share
        (r"\n\.\.\. ", r"\n"),
        (r"& ?[cC]\b\.?", "&c."),
        (r"\n\n+", r"\n\n"),
    )
)
