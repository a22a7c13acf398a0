"""Docstrings say what the arguments are, and their examples are true."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import transformer_lib

ROOT = Path(transformer_lib.__file__).parent
# Answers and their mistakes read like a reader's own code; the grammar holds words and how they are bent.
OURS = [path for path in sorted(ROOT.rglob("*.py")) if not {"exercises", "grammar"} & set(path.relative_to(ROOT).parts)]
OURS += [ROOT / "exercises" / "__init__.py"]


def public(tree):
    """Yield the functions of a module whose names do not begin with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def arguments_of(function):
    named = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [one.arg for one in named if one.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_two_arguments_or_more_are_explained_one_by_one(path):
    silent = []
    for function in public(ast.parse(path.read_text(encoding="utf-8"))):
        text, arguments = ast.get_docstring(function) or "", arguments_of(function)
        delegated = "as for `" in text or "the same arguments" in text
        if len(arguments) < 2 or delegated:
            continue
        explained = text.partition("Args:")[2]
        silent += [
            f"{function.name}: {one}" for one in arguments if f"{one}:" not in explained and f"{one}," not in explained
        ]
    assert not silent


def test_the_examples_say_what_they_print():
    tried = 0
    for path in sorted(ROOT.rglob("*.py")):
        if ">>>" not in path.read_text(encoding="utf-8"):
            continue
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
        found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
        assert found.failed == 0, name
        tried += found.attempted
    assert tried >= 20
