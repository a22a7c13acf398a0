"""The one place where the drawings get their colors and type.

A drawing carries this stylesheet with it, so that it looks right in a notebook and as a file. In the book's pages the
extension `_ext/drawings.py` takes it out of each drawing and links it once.
"""

# A letter names an axis, and an axis has one color through the whole book: on a light page, on a dark page.
LETTERS = {
    "B": ("#4e5d6b", "#b0bfcd"),  # sequences in a batch
    "T": ("#0b5f9e", "#79bdf2"),  # positions, of the queries once there are queries
    "S": ("#a8430a", "#ffab73"),  # positions of the keys and values
    "D": ("#0a6b52", "#63d2b0"),  # width of an embedding
    "H": ("#b01652", "#ff94b4"),  # heads
    "F": ("#5c6600", "#c3d160"),  # width inside the feed-forward network
    "V": ("#4d46c2", "#b4b2ff"),  # vocabulary
    "Dh": ("#86378f", "#dfa2e8"),  # width of a head
}
OTHERS = {
    "page": ("#ffffff", "#14181e"),  # behind a drawing that stands alone as a file
    "ink": ("#22272e", "#dfe3e8"),  # there, too: in a page, text has the page's own color
    "box": ("#f0f4f8", "#222a32"),  # inside a tensor
    "muted": ("#565d66", "#a3acb7"),  # text that explains
    "bar": ("#5f7b94", "#86a3bd"),  # a quantity
    "mark": ("#bf7608", "#ffd166"),  # the one thing to look at
    "word": ("#8a5800", "#ffd166"),  # the same, where it is text
    "heat": ("#d9932b", "#957022"),  # behind a word: more is stronger
    "gain": ("#0a7a4b", "#5fd39a"),  # goes up
    "loss": ("#b3261e", "#ff9d94"),  # goes down
}
COLORS = LETTERS | OTHERS

# Where a page says that it is dark: the book's theme, JupyterLab, VS Code, Colab.
DARK = 'html[data-theme="dark"]', 'body[data-jp-theme-light="false"]', "body.vscode-dark", 'html[theme="dark"]'

# Font sizes in units of the drawing: on a screen 390 pixels wide a unit is a little under a pixel.
TEXT, CODE, SMALL, SERIF_SIZE = 12.5, 12.0, 12.0, 13.5
SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Helvetica Neue",Arial,"Noto Sans CJK SC",sans-serif'
MONO = 'ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace'
SERIF = 'Charter,"Bitstream Charter",Cambria,Georgia,"DejaVu Serif",serif'


def variables(mode: int) -> str:
    """The colors as CSS variables: mode 0 is light, 1 is dark."""
    return "".join(f"--{name}:{pair[mode]};" for name, pair in COLORS.items())


def stylesheet() -> str:
    """All rules, for light pages, dark pages, and a file alone on a light or dark screen."""
    letters = "".join(
        f".drawing .{letter}{{fill:var(--{letter})}}"
        f".drawing :is(.edge,.spoke).{letter}{{stroke:var(--{letter});fill:none}}"
        for letter in LETTERS
    )
    return (
        f".drawing{{{variables(0)}width:100%;max-width:29rem;height:auto;display:block;margin:0 auto;overflow:visible;"
        f"font:{TEXT}px {SANS}}}"
        ".drawing text{fill:currentColor;stroke:none;white-space:pre}"
        f".drawing .code{{font-family:{MONO};font-size:{CODE}px}}"
        f".drawing .recited{{font-family:{SERIF};font-size:{SERIF_SIZE}px}}"
        f".drawing tspan.invented{{font-family:{SANS};font-size:{TEXT}px;fill:var(--word);text-decoration:underline}}"
        f".drawing .small{{font-size:{SMALL}px}}"
        f".drawing .strong,{','.join(f'.drawing tspan.{a}' for a in (*LETTERS, 'invented'))}{{font-weight:700}}"
        ".drawing .muted{fill:var(--muted)}"
        ".drawing .line{stroke:currentColor;fill:none;stroke-width:1.3}"
        ".drawing .hair{stroke:currentColor;fill:none;stroke-width:1;stroke-opacity:.2}"
        ".drawing .hatch{stroke:currentColor;fill:none;stroke-width:1.5;stroke-opacity:.5}"
        ".drawing .head{fill:currentColor}"
        ".drawing .box{fill:var(--box)}"
        ".drawing .node{fill:var(--box);stroke:currentColor;stroke-width:1.3}"
        ".drawing .cell{fill:var(--box);stroke:var(--muted);stroke-width:1}"
        ".drawing .arc{stroke:var(--mark);fill:none;stroke-opacity:.75}"
        ".drawing .bar{fill:var(--bar)}"
        ".drawing .tint0{fill:var(--bar);fill-opacity:.18}.drawing .tint1{fill:var(--bar);fill-opacity:.36}"
        ".drawing .stream{stroke:var(--D);fill:none;stroke-width:5}.drawing .flow{fill:var(--D)}"
        ".drawing .thin{stroke-width:2.5}"
        ".drawing .layer{fill:none;stroke:var(--muted);stroke-width:1;stroke-opacity:.6}"
        ".drawing .band{fill:var(--T)}"
        ".drawing .spoke{stroke-width:3}.drawing .spoke.faint{stroke-width:2;stroke-opacity:.35}"
        ".drawing .gone{stroke:var(--muted);fill:none;stroke-width:1.2;stroke-dasharray:3 3}"
        ".drawing .edge{stroke-width:3.5;fill:none}"
        ".drawing .marked{stroke:var(--mark);fill:none;stroke-width:2.2}"
        ".drawing .mark{fill:var(--mark)}.drawing .heat{fill:var(--heat)}.drawing .word{fill:var(--word)}"
        ".drawing .gain{fill:var(--gain)}.drawing .loss{fill:var(--loss)}"
        ".drawing .page{fill:var(--pst-color-background,var(--page))}"
        f"{letters}"
        f"{','.join(f'{place} .drawing' for place in DARK)}{{{variables(1)}}}"
        "svg.drawing:root{color:var(--ink);background:var(--page)}"
        f"@media(prefers-color-scheme:dark){{svg.drawing:root{{{variables(1)}}}}}"
    )
