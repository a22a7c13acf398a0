"""Which lines of a cell are plumbing: what a page needs to run, and its reader need not see.

Imports, settings, loading of what was stored, drawing, gluing and asserting. Told by names, so a new way to draw or to
load is plumbing once its name stands here.
"""

import ast
import re

DRAWERS = {"figures", "matplotlib", "plotting", "IPython"}  # modules: what comes from them draws
DRAWING = {"ax", "axes", "axis", "fig", "figure", "plt", "plotting", "display"}
DRAWS = re.compile(r"draw(_\w+)?")
CALLS = {"glue", "load", "loads", "load_file", "load_state_dict", "load_model", "read_text", "read_bytes", "open"}
CALLS |= {"set_num_threads", "use_house_style", "filterwarnings", "simplefilter", "savefig", "seterr", "errstate"}
ASSERTIONS = re.compile(r"assert_\w+")
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)
COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.FunctionDef, ast.ClassDef)


def plumbing_lines(source: str, drawing: set[str] = frozenset()) -> set[int]:
    """The numbers, from 1, of a cell's lines of plumbing; blank lines and comments are none.

    `drawing` holds the page's own names for what draws, from `drawing_names`.
    """
    tree = parsed(source)
    names = DRAWING | drawing
    for node in ast.walk(tree):  # figure, (left, right) = plt.subplots(1, 2): left and right draw
        if isinstance(node, ast.Assign) and names & names_in(node.value):
            names = names | {name for target in node.targets for name in names_in(target)}
    lines = set().union(*(of_statement(statement, names) for statement in tree.body))
    texts = source.splitlines()
    return {line for line in lines if texts[line - 1].strip() and not texts[line - 1].lstrip().startswith("#")}


def drawing_names(sources: list[str]) -> set[str]:
    """What these cells import to draw with."""
    imports = [node for source in sources for node in ast.walk(parsed(source)) if isinstance(node, ast.ImportFrom)]
    drawers = [node for node in imports if DRAWERS & {*(node.module or "").split(".")}]
    return {alias.asname or alias.name for node in drawers for alias in node.names}


def parsed(source: str) -> ast.Module:
    try:
        return ast.parse(MAGIC.sub(r"\1pass", source))
    except SyntaxError:  # an example that is meant to fail
        return ast.Module([], [])


def names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def of_statement(node: ast.stmt, drawing: set[str]) -> set[int]:
    if isinstance(node, COMPOUND):
        inner = [child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node]
        leaves = [child for child in inner if not isinstance(child, COMPOUND) and not is_docstring(child)]
        plumbing = [child for child in leaves if is_plumbing(child, drawing)]
        if DRAWS.fullmatch(getattr(node, "name", "")) or (leaves and 2 * len(plumbing) > len(leaves)):
            return span(node)
        return set().union(*map(span, plumbing))
    return span(node) if is_plumbing(node, drawing) else set()


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def is_plumbing(node: ast.stmt, drawing: set[str]) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if any(name in drawing or DRAWS.fullmatch(name) for name in names_in(node)):
        return True
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            called = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if called in CALLS or ASSERTIONS.fullmatch(called):
                return True
    return False


def span(node: ast.stmt) -> set[int]:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    return set(range(first, node.end_lineno + 1))
