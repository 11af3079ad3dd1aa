"""Mutants: small changes to a model solution, which stand for the mistakes that nobody has written down.

Clegg, McMinn and Fraser (SIGCSE 2021) and Perretta, DeOrio, Guha and Bell (ISSTA 2022) show that mutants find what the
tests of exercises miss. Tools for mutation testing change operators and constants; students also forget a statement
(`optimizer.zero_grad()`), an argument, or the order of two, so these are changes here too.
"""

import ast
import copy
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tema9.classroom.sandbox.border import lines_of_region

# The operators that replace one another.
ARITHMETIC = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.MatMult: (ast.Mult,),
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
# The functions, methods and modules that are taken for one another.
CONFUSED = (
    ("max", "min", "sum", "mean", "prod"),
    ("argmax", "argmin"),
    ("floor", "ceil", "round"),
    ("any", "all"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("train", "eval"),
    ("relu", "tanh", "sigmoid"),
    ("ReLU", "Tanh", "Sigmoid"),
    ("softmax", "log_softmax"),
    ("MaxPool2d", "AvgPool2d"),
    ("max_pool2d", "avg_pool2d"),
    ("conv2d", "conv_transpose2d"),
    ("Dropout", "Dropout2d"),
    ("stack", "concatenate"),
    ("eigh", "eig"),
    ("named_parameters", "named_buffers"),
    ("fliplr", "flipud"),
)
TYPES_ONLY = ("item", "tolist", "detach", "numpy", "double", "float")  # methods whose loss a retyping stands for
AXES = ("dim", "axis", "dims", "start_dim")


@dataclass(frozen=True)
class Mutant:
    """A solution with one small change.

    Args:
        kind: of the change, in a word or two.
        before: the lines of the solution that the change touches, as Python writes them.
        after: the same lines with the change; "(nothing)" where they are gone.
        text: the whole code.
    """

    kind: str
    before: str
    after: str
    text: str


def mutants(text: str) -> list[Mutant]:
    """Return the mutants of a solution: one for each small change between its BEGIN and END SOLUTION, no two alike."""
    tree, lines = ast.parse(text), lines_of_region(text, "SOLUTION")
    original, seen, made = ast.unparse(tree), {ast.unparse(tree)}, list[Mutant]()
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    raised = (child for node in ast.walk(tree) if isinstance(node, ast.Raise) for child in ast.iter_child_nodes(node))
    messages = {part for child in raised for part in ast.walk(child)}
    for node in ast.walk(tree):
        if node in messages or _line(node, parents) not in lines:
            continue
        for kind, new in _changes(node, parents):
            changed = _parsed(_replaced(tree, node, new))
            if changed is not None and changed not in seen:
                seen.add(changed)
                before, after = _difference(original, changed)
                made.append(Mutant(kind, before, after, changed))
    return made


def _line(node, parents):
    while node is not None and not hasattr(node, "lineno"):
        node = parents.get(node)
    return getattr(node, "lineno", 0)


def _replaced(tree, node, new):
    """A copy of the tree with another node, or with other nodes, in the place of one."""

    class Replace(ast.NodeTransformer):
        def visit(self, here):
            return new if here is node else self.generic_visit(here)

    return Replace().visit(copy.deepcopy(tree, {id(node): node}))


def _parsed(tree):
    """The tree as text, or None if it is no Python."""
    try:
        text = ast.unparse(ast.fix_missing_locations(tree))
        compile(text, "<mutant>", "exec")
    except (SyntaxError, ValueError, AttributeError, TypeError, RecursionError):
        return None
    return text


def _difference(before, after):
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    gone, new = ([line[2:].strip() for line in lines if line.startswith(sign)] for sign in "-+")
    return " ; ".join(gone) or "(nothing)", " ; ".join(new) or "(nothing)"


def _changes(node: ast.AST, parents: dict) -> Iterator[tuple[str, Any]]:
    """Yield (kind of the change, what stands in the place of the node)."""
    parent = parents.get(node)
    match node:
        case ast.BinOp(left, op, right):
            for other in ARITHMETIC.get(type(op), ()):
                yield "operator", ast.BinOp(left, other(), right)
            if isinstance(op, ast.FloorDiv):
                yield "rounding", ast.Call(ast.Name("round"), [ast.BinOp(left, ast.Div(), right)], [])
            yield "operand", left
            yield "operand", right
            if not isinstance(op, ast.Add | ast.Mult | ast.BitAnd | ast.BitOr | ast.BitXor):
                yield "sides swapped", ast.BinOp(right, op, left)
        case ast.AugAssign(target, op, value):
            for other in ARITHMETIC.get(type(op), ()):
                yield "operator", ast.AugAssign(target, other(), value)
            yield "operator", ast.Assign([target], value)
        case ast.Compare(left, [op], [right]):
            for instead in COMPARISONS.get(type(op), ()):
                yield "comparison", ast.Compare(left, [instead()], [right])
        case ast.BoolOp(op, values):
            yield "and, or", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
            for value in values:
                yield "and, or", value
        case ast.UnaryOp(_, operand):
            yield "sign", operand
        case ast.IfExp(_, body, orelse):
            yield "branch", body
            yield "branch", orelse
        case ast.If(_, body, orelse):
            yield "branch", ast.If(ast.Constant(True), body, orelse)
            yield "branch", ast.If(ast.Constant(False), body, orelse)
        case ast.For() | ast.While():
            once = copy.copy(node)
            once.body = [*node.body, ast.Break()]
            yield "one iteration", once
        case ast.With(_, body):
            yield "context", body
        case ast.Constant():
            yield from _other_constants(node, parent)
        case ast.Slice(lower, upper, step):
            for place, bound in (("lower", lower), ("upper", upper), ("step", step)):
                if bound is not None:
                    for new in (ast.BinOp(bound, ast.Add(), ast.Constant(1)), None):
                        made = copy.copy(node)
                        setattr(made, place, new)
                        yield "slice", made
        case ast.Call():
            yield from _other_calls(node, parent)
        case ast.Dict(keys, values):
            for i in range(len(keys)):
                yield "entry dropped", ast.Dict(keys[:i] + keys[i + 1 :], values[:i] + values[i + 1 :])
        case ast.comprehension(target, iterated, [_], is_async):
            yield "filter dropped", ast.comprehension(target, iterated, [], is_async)
        case ast.Return(ast.Tuple(parts)):
            yield "values swapped", ast.Return(ast.Tuple(parts[::-1], ast.Load()))
            yield "value dropped", ast.Return(parts[0])
        case ast.Return(ast.expr() as value):
            yield "sign", ast.Return(ast.UnaryOp(ast.USub(), value))
        case ast.Name(ctx=ast.Load()):
            for other in _names_beside(node, parents):
                yield "name", ast.Name(other, ast.Load())
    if isinstance(node, ast.stmt) and not isinstance(node, ast.Pass | ast.FunctionDef | ast.ClassDef):
        yield "statement dropped", ast.Pass()


def _other_constants(node, parent):
    value = node.value
    if isinstance(parent, ast.Expr | ast.JoinedStr):
        return
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int):
        for new in sorted({value + 1, max(value - 1, 0), 0} - {value}):
            yield "constant", ast.Constant(new)
    elif isinstance(value, float):
        for new in sorted({value * 10, value / 2, 0.0, 1.0} - {value}):
            yield "constant", ast.Constant(new)
    elif isinstance(value, str):
        yield "constant", ast.Constant(value + "x")


def _other_calls(node, parent):
    func, args, keywords = node.func, node.args, node.keywords
    for i, keyword in enumerate(keywords):
        if keyword.arg:
            yield "argument dropped", ast.Call(func, args, keywords[:i] + keywords[i + 1 :])
        match keyword.arg, keyword.value:
            case str(name), ast.Constant(int(axis)) if name in AXES:
                yield "axis", _with_axis(node, i, ast.Constant(axis + 1 if axis < 1 else axis - 1))
    for i in range(len(args)):
        if len(args) > 1 or keywords:
            yield "argument dropped", ast.Call(func, args[:i] + args[i + 1 :], keywords)
    for i in range(len(args) - 1):
        yield "arguments swapped", ast.Call(func, [*args[:i], args[i + 1], args[i], *args[i + 2 :]], keywords)
    if not isinstance(parent, ast.Expr):
        if args and not isinstance(args[0], ast.Starred):
            yield "call removed", args[0]
        if isinstance(func, ast.Attribute) and func.attr not in TYPES_ONLY and not _is_library(func.value):
            yield "call removed", func.value
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    for other in (other for group in CONFUSED if name in group for other in group if other != name):
        new = ast.Attribute(func.value, other, ast.Load()) if isinstance(func, ast.Attribute) else ast.Name(other)
        yield "function", ast.Call(new, args, keywords)


def _with_axis(node, place, axis):
    keywords = list(node.keywords)
    keywords[place] = ast.keyword(keywords[place].arg, axis)
    return ast.Call(node.func, node.args, keywords)


def _is_library(node):
    return isinstance(node, ast.Name) and node.id in ("np", "torch", "F", "nn", "math", "random", "super")


def _names_beside(node, parents):
    """Another local name of the function in which a name stands: the next one in the alphabet, around."""
    function = node
    while function is not None and not isinstance(function, ast.FunctionDef):
        function = parents.get(function)
    if function is None:
        return []
    local = {part.arg for part in ast.walk(function.args) if isinstance(part, ast.arg)} - {"self"}
    local |= {part.id for part in ast.walk(function) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    if node.id not in local or len(local) == 1:
        return []
    names = sorted(local)
    return [names[(names.index(node.id) + 1) % len(names)]]
