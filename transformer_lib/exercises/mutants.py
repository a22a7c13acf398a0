"""A function as it would be if one token of it were another.

Many wrong answers are a right one with `<=` for `<`, another axis, a step or a factor left out. So these mutants of a
reference are thoughts that an answer may have followed, and those that no input tells from the reference show what
the inputs of an exercise do not test.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

Change = tuple[str, ast.AST | None]  # what was done, in words, and what stands there now; None where a statement goes

COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
OPERATORS: dict[type[ast.operator], list[type[ast.operator]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult, ast.FloorDiv],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
SIGNS: dict[type, str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.MatMult: "@",
}
FUNCTIONS = {
    "sum": ["mean"],
    "mean": ["sum"],
    "max": ["min"],
    "min": ["max"],
    "amax": ["amin"],
    "argmax": ["argmin"],
    "argmin": ["argmax"],
    "log": ["log2", "log10"],
    "log2": ["log", "log10"],
    "exp": ["exp2"],
    "any": ["all"],
    "all": ["any"],
    "floor": ["ceil", "round"],
    "ceil": ["floor", "round"],
    "triu": ["tril"],
    "tril": ["triu"],
    "std": ["var"],
    "var": ["std"],
    "softmax": ["log_softmax", "sigmoid"],
    "log_softmax": ["softmax"],
    "sin": ["cos"],
    "cos": ["sin"],
    "cumsum": ["cumprod"],
    "cumprod": ["cumsum"],
    "sqrt": ["square"],
}
AXES = {"dim", "axis", "dims"}


def mutants(function: Callable[..., Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield each mutant of a function with what was changed, in words: "`<` is `<=`".

    Helpers of the same module that it calls are changed as well. A function whose source cannot be read has no mutants.
    """
    function = inspect.unwrap(function)
    names = function.__globals__
    helpers = [
        value
        for name in sorted(function.__code__.co_names)
        if inspect.isfunction(value := names.get(name)) and value.__module__ == function.__module__
    ]
    for one in [function, *map(inspect.unwrap, helpers)]:
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(one))).body[0]
        except (OSError, TypeError, SyntaxError, IndexError):
            continue
        if not isinstance(tree, ast.FunctionDef) or tree.name != one.__name__:  # the file has changed since
            continue
        tree.decorator_list = []
        for said, changed in changes(tree):
            made = dict(names)
            try:
                exec(compile(ast.fix_missing_locations(ast.Module([changed], [])), "<mutant>", "exec"), made)
                if one is not function:
                    source = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
                    source.decorator_list = []  # type: ignore[attr-defined]
                    exec(compile(ast.Module([source], []), "<mutant>", "exec"), made)
            except (SyntaxError, ValueError, TypeError):
                continue
            yield said, made[function.__name__]


def changes(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield copies of a function's syntax tree with one place changed, and what was changed."""
    arguments = [argument.arg for argument in tree.args.args]
    places = [(node, field, index) for node in ast.walk(tree) for field, index in _slots(node)]
    numbers = {id(node): k for k, node in enumerate(ast.walk(tree))}
    for parent, field, index in places:
        child = getattr(parent, field)
        child = child if index is None else child[index]
        if isinstance(parent, ast.FunctionDef | ast.arguments) and field != "body":
            continue
        for said, new in _of(child, parent, field, arguments):
            twin = copy.deepcopy(tree)
            there = next(node for k, node in enumerate(ast.walk(twin)) if k == numbers[id(parent)])
            if index is None:
                setattr(there, field, new)
            elif new is None:
                getattr(there, field).pop(index)
            else:
                getattr(there, field)[index] = new
            yield said, twin


def _slots(node: ast.AST) -> Iterator[tuple[str, int | None]]:
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield field, None
        elif isinstance(value, list):
            yield from ((field, i) for i, item in enumerate(value) if isinstance(item, ast.AST))


def _of(node: ast.AST, parent: ast.AST, field: str, arguments: list[str]) -> Iterator[Change]:
    """What may stand in place of a node."""
    match node:
        case ast.cmpop():
            for other in COMPARISONS.get(type(node), []):
                yield f"`{SIGNS[type(node)]}` is `{SIGNS[other]}`", other()
        case ast.operator():
            for operator in OPERATORS.get(type(node), []):
                yield f"`{SIGNS[type(node)]}` is `{SIGNS[operator]}`", operator()
        case ast.BinOp(left=left, op=op, right=right):
            sign = SIGNS.get(type(op), "?")
            what = {"*": "a factor", "/": "a divisor", "+": "a term", "-": "a term", "**": "a power"}.get(sign)
            yield f"{what or f'the right side of `{sign}`'} is left out", left
            if sign not in ("/", "**", "%", "//"):
                yield f"{what or f'the left side of `{sign}`'} is left out", right
            if sign not in ("+", "*", "&", "|"):
                yield f"the two sides of `{sign}` are exchanged", ast.BinOp(right, op, left)
            if sign == "*":
                yield "a factor counts twice", ast.BinOp(node, ast.Mult(), right)
            if sign == "/":
                yield "a divisor counts twice", ast.BinOp(node, ast.Div(), right)
        case ast.UnaryOp(op=op, operand=operand):
            sign = {ast.USub: "the minus", ast.Not: "the `not`", ast.Invert: "the `~`"}.get(type(op), "a sign")
            if not (isinstance(op, ast.USub) and isinstance(operand, ast.Constant) and _is_axis(parent)):
                yield f"{sign} is left out", operand
        case ast.BoolOp(op=op, values=values):
            other_op = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield "`and` and `or` are exchanged", ast.BoolOp(other_op, values)
        case ast.Constant(value=bool() as value):
            yield f"{value} is {not value}", ast.Constant(not value)
        case ast.Constant(value=int() as value):
            what = "another axis is taken" if _is_axis(parent) else f"{value} is {{}}"
            for new in {value + 1, value - 1, -value} - {value}:
                yield what.format(new), ast.Constant(new)
        case ast.Constant(value=float() as value) if value not in (0.0, 1.0):
            yield "a number is 1 in place of another", ast.Constant(1.0)
        case ast.keyword(arg=str() as name) if name in AXES | {
            "keepdim",
            "keepdims",
            "correction",
            "reverse",
            "unbiased",
        }:
            yield f"`{name}` is left out", None
        case ast.comprehension(ifs=[_, *_]):
            yield "a condition is left out", ast.comprehension(node.target, node.iter, [], node.is_async)
        case ast.IfExp(body=body, orelse=orelse):
            yield "the case is never distinguished", body
            yield "the case is never distinguished", orelse
        case ast.Slice(lower=lower, upper=upper, step=step):
            if lower:
                yield "a slice begins at the beginning", ast.Slice(None, upper, step)
            if upper:
                yield "a slice goes to the end", ast.Slice(lower, None, step)
        case ast.Call(func=ast.Attribute(value=value, attr=name) as function, args=given, keywords=keywords):
            for other_name in FUNCTIONS.get(name, []):
                changed = ast.Attribute(value, other_name, ast.Load())
                yield f"`{name}` is `{other_name}`", ast.Call(changed, given, keywords)
            module = isinstance(value, ast.Name) and value.id in ("np", "torch", "math", "F", "random")
            if module and given and not isinstance(given[0], ast.List | ast.Tuple | ast.Starred):
                yield f"`{name}` is left out", given[0]
            elif not module:
                yield f"`{name}` is left out", value
            if len(given) == 2 and module:
                yield f"the arguments of `{name}` are exchanged", ast.Call(function, given[::-1], keywords)
        case ast.Call(func=ast.Name(id=name) as function, args=given, keywords=keywords):
            for other_name in {"max": ["min"], "min": ["max"], "any": ["all"], "all": ["any"]}.get(name, []):
                yield f"`{name}` is `{other_name}`", ast.Call(ast.Name(other_name, ast.Load()), given, keywords)
            if given and not isinstance(given[0], ast.Starred):
                yield f"`{name}` is left out", given[0]
            if len(given) == 2:
                yield f"the arguments of `{name}` are exchanged", ast.Call(function, given[::-1], keywords)
        case ast.Name(id=name, ctx=ast.Load()) if name in arguments:
            for other_name in arguments:
                if other_name != name:
                    yield f"`{other_name}` stands for `{name}`", ast.Name(other_name, ast.Load())
        case ast.stmt() if field == "body" and not isinstance(node, ast.Return) and len(parent.body) > 1:  # type: ignore[attr-defined]
            if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
                yield "a step is left out", None


def _is_axis(parent: ast.AST) -> bool:
    return isinstance(parent, ast.keyword) and parent.arg in AXES
