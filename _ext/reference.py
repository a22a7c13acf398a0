"""The reference directive: what modules of the library offer, read from their source and never imported.

    ```{reference} transformer_lib.attention transformer_lib.models.*
    ```

A `*` stands for one part of a name. Signatures are shown as they are written, shapes included. Docstrings are Markdown:
a name of the library in backticks is a link, an indented block is an equation or stays as it is, and "Args:",
"Attributes:", "Returns:", "Yields:" and "Raises:" open field lists. Each entry links to its lines in the source.
"""

import ast
import copy
import fnmatch
import inspect
import json
import re

import library
import plain_math
import source_pages
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

FIELDS = {
    "Args": "Parameters",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Yields": "Yields",
    "Raises": "Raises",
}
ONE_ANSWER = ("Returns", "Yields")
ENTRY = re.compile(r" {4}(\*{0,2}\w[\w., *]*?)(?: \([^)]*\))?: (.*)")
LONGEST_VALUE = 60


class Reference(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        every = library.modules(self.env.srcdir)
        self.names = library.definitions(self.env.srcdir)
        found: list[nodes.Node] = []
        for pattern in self.arguments[0].split():
            matches = [name for name in every if fits(name, pattern)]
            if not matches:
                raise self.error(f"no module of the library is called {pattern}")
            for name in matches:
                self.env.note_dependency(str(every[name].path))
                found.append(self.section(name, every[name]))
        return found

    def section(self, name: str, module: library.Module) -> nodes.section:
        section = nodes.section("", nodes.title("", "", nodes.literal(name, name)), ids=[name.replace(".", "-")])
        if module.fault:
            section += self.state.document.reporter.warning(f"{module.path}, {module.fault}: it has no entries here")
            return section
        text = Entries(name, module.tree, module.source, self.names).text()
        where = module.path.relative_to(self.env.srcdir).as_posix()
        self.state.nested_parse(StringList(text.split("\n"), source=where), 0, section)
        for signature in section.findall(addnodes.desc_signature):
            link_to_source(signature, source_pages.address(self.env, name, span(module.tree, signature["fullname"])))
        return section


def fits(name: str, pattern: str) -> bool:
    return name.count(".") == pattern.count(".") and fnmatch.fnmatchcase(name, pattern)


def span(tree: ast.Module, dotted: str) -> tuple[int, int]:
    """The first and the last line of a class, a function or a name in a module."""
    node: ast.AST = tree
    for part in dotted.split("."):
        node = library.members(node.body)[part]
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]), node.end_lineno


def link_to_source(signature: addnodes.desc_signature, address: str) -> None:
    words = {"classes": ["source"], "reftitle": f"Source of {signature['fullname']}", "internal": True}
    signature += addnodes.only("", nodes.reference("", "source", refuri=address, **words), expr="html")


class Entries:
    """A module's entries, as the MyST that describes them."""

    def __init__(self, module: str, tree: ast.Module, source: str, names: dict[str, str]):
        self.module, self.tree, self.names = module, tree, names
        self.lines = source.splitlines()
        self.own = {name: f"{module}.{name}" for name in library.members(tree.body)} | library.imports(module, tree)

    def text(self) -> str:
        own = [self.entry(name, node) for name, node in library.members(self.tree.body).items()]
        described = self.prose(ast.get_docstring(self.tree), "")
        return "\n".join([f"```{{py:module}} {self.module}\n```\n", described, self.handed_on(), *own])

    def handed_on(self) -> str:
        """What a package offers that its modules define."""
        exported = next((ast.literal_eval(node.value) for node in self.tree.body if is_all(node)), [])
        here = {name: self.names.get(f"{self.module}.{name}", "") for name in exported}
        moved = {name: full for name, full in here.items() if full and full != f"{self.module}.{name}"}
        if not moved:
            return ""
        links = ", ".join(self.link(name, moved[name]) for name in sorted(moved, key=str.lower))
        return f"To be imported from `{self.module}`: {links}.\n"

    def entry(self, name: str, node: ast.stmt) -> str:
        match node:
            case ast.ClassDef():
                inner = [self.method(name, one, m) for one, m in library.members(node.body).items() if is_function(m)]
                return self.object(
                    "class", name + self.fields_of(node), self.bases(node) + self.described(node, name), inner
                )
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return self.object("function", name + self.signature(node), self.described(node))
        return self.object("data", name, self.remark(node), options=self.value(node))

    def method(self, owner: str, name: str, node: ast.FunctionDef) -> str:
        marks = {one.rpartition(".")[2] for one in map(ast.unparse, node.decorator_list)}
        body = self.described(node, owner)
        if marks & {"property", "cached_property"}:
            returns = [f":type: {quoted(self.annotation(node.returns))}"] if node.returns else []
            return self.object("property", name, body, options=returns)
        options = [f":{kind}:" for kind in ("classmethod", "staticmethod", "abstractmethod") if kind in marks]
        return self.object("method", name + self.signature(node), body, options=options)

    def object(self, kind: str, head: str, body: str, inner: list[str] = [], options: list[str] = []) -> str:  # noqa: B006
        fence = "`" * (8 if kind == "class" else 6)
        return "\n".join([f"{fence}{{py:{kind}}} {head}", *options, "", body, *inner, fence, ""])

    def signature(self, node: ast.FunctionDef, *, returns: bool = True) -> str:
        arguments = node.args
        if arguments.args and arguments.args[0].arg in ("self", "cls"):
            arguments = ast.arguments(**(dict(ast.iter_fields(arguments)) | {"args": arguments.args[1:]}))
        answer = f" -> {self.annotation(node.returns)}" if returns and node.returns else ""
        return f"({self.annotation(arguments)}){answer}"

    def fields_of(self, node: ast.ClassDef) -> str:
        """What a class is made from: the arguments of its __init__, or its fields."""
        for one in node.body:
            if is_function(one) and one.name == "__init__":
                return self.signature(one, returns=False)
        if any("dataclass" in ast.unparse(one) for one in node.decorator_list) or "NamedTuple" in map(
            ast.unparse, node.bases
        ):
            fields = [one for one in node.body if isinstance(one, ast.AnnAssign) and "ClassVar" not in ast.unparse(one)]
            return f"({', '.join(map(self.annotation, fields))})"
        return ""

    def bases(self, node: ast.ClassDef) -> str:
        known = [self.link(ast.unparse(one), self.names[self.own[ast.unparse(one)]]) for one in node.bases
                 if self.own.get(ast.unparse(one)) in self.names]  # fmt: skip
        return f"A kind of {' and '.join(known)}.\n\n" if known else ""

    def annotation(self, node: ast.AST) -> str:
        """Code on one line, with the library's classes by their full names, which Sphinx links and shortens."""
        return " ".join(ast.unparse(FullNames(self.own, self.names).visit(copy.deepcopy(unquoted(node)))).split())

    def value(self, node: ast.Assign | ast.AnnAssign) -> list[str]:
        options = [f":type: {quoted(self.annotation(node.annotation))}"] if isinstance(node, ast.AnnAssign) else []
        value = " ".join(ast.unparse(node.value).split()) if node.value else ""
        if len(value) > LONGEST_VALUE:
            value = value[: LONGEST_VALUE - 1].rstrip() + "…"
        return [*options, f":value: {quoted(value)}"] if value else options

    def remark(self, node: ast.stmt) -> str:
        """The comment behind a constant."""
        rest = self.lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode().strip()
        return self.prose(rest.removeprefix("#").strip(), "") if rest.startswith("#") else ""

    def described(self, node: ast.AST, *scope: str) -> str:
        return self.prose(ast.get_docstring(node), *scope)

    def prose(self, docstring: str | None, *scope: str) -> str:
        """A docstring as MyST."""
        return self.linked(equations(fields(escaped(docstring or ""))), *scope)

    def linked(self, text: str, *scope: str) -> str:
        """`name` in backticks as a link, where this class, this module or the library has that name."""

        def link(found: re.Match) -> str:
            first, dot, rest = found[1].partition(".")
            imported = self.own.get(first, "")
            places = [f"{self.module}.{one}.{found[1]}" for one in scope if one]
            for full in (*places, imported and imported + dot + rest, f"{library.PACKAGE}.{found[1]}", found[1]):
                if full in self.names:
                    return self.link(found[1], self.names[full])
            return found[0]

        return re.sub(r"(?<!`)`([A-Za-z_][\w.]*)(?:\(\))?`(?!`)", link, text)

    def link(self, shown: str, full: str) -> str:
        return f"{{py:obj}}`{shown} <{full}>`"


class FullNames(ast.NodeTransformer):
    """The library's classes by the names that they are documented under; the tree that is given stays as it is."""

    def __init__(self, own: dict[str, str], names: dict[str, str]):
        self.own, self.names = own, names

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        """Types only: what a parameter is by default stays as it is written."""
        for one in [*node.posonlyargs, *node.args, node.vararg, *node.kwonlyargs, node.kwarg]:
            if one:
                one.annotation = one.annotation and self.visit(unquoted(one.annotation))
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = self.visit(unquoted(node.annotation))
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        full = self.names.get(self.own.get(node.id, ""), "")
        is_class = full.rpartition(".")[2][:1].isupper() and not full.rpartition(".")[2].isupper()
        return ast.parse(full, mode="eval").body if full and is_class else node


def unquoted(annotation: ast.AST) -> ast.AST:
    """A class that is named before it is there, as "Corner", by its name alone."""
    is_text = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    return ast.parse(annotation.value, mode="eval").body if is_text else annotation


def is_function(node: ast.stmt) -> bool:
    return isinstance(node, library.FUNCTION)


def is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"


def quoted(text: str) -> str:
    """An option's value, which is read as YAML."""
    return json.dumps(text, ensure_ascii=False)


def escaped(text: str) -> str:
    """What Markdown would take for a tag, an emphasis or mathematics, taken as it stands (but not in code)."""
    parts = re.split(r"(`[^`]*`|(?m:^ {4,}\S.*$))", text)
    return "".join(part if i % 2 else re.sub(r"([<*$\[])", r"\\\1", part) for i, part in enumerate(parts))


def fields(text: str) -> str:
    """A docstring's sections as field lists, each entry a line with its name in front."""
    out: list[str] = []
    section = None
    for line in text.split("\n"):
        if line.removesuffix(":") in FIELDS and line.endswith(":"):
            section = FIELDS[line[:-1]]
            out += [f":{section}:"]
        elif section and line.strip() and not line.startswith(" "):
            section = None
            out += ["", line]
        elif section in ONE_ANSWER or not section:
            out.append(line)
        elif entry := ENTRY.fullmatch(line):
            names = ", ".join(f"`{name.strip()}`" for name in entry[1].split(","))
            out.append(f"    - {names}: {entry[2]}")
        else:
            out.append(f"  {line}".rstrip())
    return "\n".join(out)


def equations(text: str) -> str:
    """Indented blocks between paragraphs: equations set, anything else as it is written."""

    def block(found: re.Match) -> str:
        inside = inspect.cleandoc(found[1])
        if (lines := plain_math.lines(inside)) is None:
            return f"```text\n{inside}\n```\n"
        shown = ["  ".join(f"${piece}$" if kind == "math" else piece for kind, piece in line) for line in lines]
        return ":::{container} equations\n" + "\n\n".join(shown) + "\n:::\n"

    return re.sub(r"(?m)(?<=\n\n)((?: {4}(?!- ).*\n?|\n(?= {4}))+)", block, text + "\n")


def settle(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, shown: nodes.Element
) -> nodes.Element | None:
    """A type that is a name for others is no class to Sphinx; what the library keeps to itself stays without a link."""
    target = node.get("reftarget", "")
    if not target.startswith(library.PACKAGE) or target not in library.definitions(env.srcdir):
        return None
    entry = env.get_domain("py").objects.get(target)
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, shown) if entry else shown


def setup(app: Sphinx) -> dict:
    app.setup_extension("source_pages")
    app.connect("missing-reference", settle)
    app.add_directive("reference", Reference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
