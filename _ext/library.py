"""The library as its source files say it is: nothing is imported, so that the book builds without PyTorch.

`modules` reads every file; `definitions` says where each name that may be imported is defined, re-exports included.
"""

import ast
import functools
from pathlib import Path
from typing import NamedTuple

PACKAGE = "transformer_lib"
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


class Module(NamedTuple):
    """A file of the library; `fault` says why it could not be read."""

    path: Path
    source: str
    tree: ast.Module
    fault: str = ""


def modules(root: Path) -> dict[str, Module]:
    """Every module by its dotted name."""
    return parsed(Path(root), stamps(root))


def definitions(root: Path) -> dict[str, str]:
    """Each dotted name that may be imported or followed, and what it is called where it is defined."""
    return defined(Path(root), stamps(root))


def stamps(root: Path) -> tuple[tuple[Path, int], ...]:
    """Every file and when it last changed: what is known of the library holds for one such list."""
    return tuple((path, path.stat().st_mtime_ns) for path in sorted((Path(root) / PACKAGE).rglob("*.py")))


@functools.lru_cache(maxsize=1)
def parsed(root: Path, files: tuple[tuple[Path, int], ...]) -> dict[str, Module]:
    found = {}
    for path, changed in files:
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        found[name] = read(path, changed)
    return found


@functools.cache
def read(path: Path, changed: int) -> Module:
    """A file parsed, once for each time that it changed."""
    source = path.read_text(encoding="utf-8")
    try:
        return Module(path, source, ast.parse(source))
    except SyntaxError as error:
        return Module(path, source, ast.parse(""), f"line {error.lineno}: {error.msg}")


def members(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """What a module or class offers, in its order: functions, classes, names given a value."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
    return {name: node for name, node in found.items() if not name.startswith("_")}


def imports(module: str, tree: ast.Module) -> dict[str, str]:
    """What a module calls what it imports from the library: {"causal_mask": "transformer_lib.masks.causal_mask"}."""
    found = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(source)) if source.partition(".")[0] == PACKAGE:
                found |= {one.asname or one.name: f"{source}.{one.name}" for one in node.names}
            case ast.Import(names=names):
                found |= {one.asname: one.name for one in names if one.asname and one.name.startswith(PACKAGE)}
    return found


@functools.lru_cache(maxsize=1)
def defined(root: Path, files: tuple[tuple[Path, int], ...]) -> dict[str, str]:
    names, moved = {}, {}
    for module, (_, _, tree, _) in parsed(root, files).items():
        names[module] = module
        for name, node in members(tree.body).items():
            names[f"{module}.{name}"] = f"{module}.{name}"
            if isinstance(node, ast.ClassDef):
                methods = [method for method, one in members(node.body).items() if isinstance(one, FUNCTION)]
                names |= {f"{module}.{name}.{method}": f"{module}.{name}.{method}" for method in methods}
        moved |= {f"{module}.{name}": target for name, target in imports(module, tree).items()}
    for alias, target in moved.items():
        for _ in range(len(moved)):
            if target not in moved or target in names:
                break
            target = moved[target]
        if target in names and alias not in names:
            inside = [name for name in names if name.startswith(f"{target}.")]
            names |= {alias + name.removeprefix(target): names[name] for name in [target, *inside]}
    return names
