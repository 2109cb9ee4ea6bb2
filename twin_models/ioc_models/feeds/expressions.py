"""The language of rules and indicators: arithmetic and comparisons over one row's fields.

Python's own grammar, of which numbers, field names, `+ - * / % //`, comparisons, `and or not`,
`abs max min round` and `prev.FIELD` (the same row of the period before) pass; everything else
is refused when the contract is read. An expression is compiled once and costs about a
microsecond a row. Where a field that it names is missing it says None: a rule about what is not
there is neither kept nor broken.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

PREVIOUS: Final = "prev"
LONGEST: Final = 500
DEEPEST: Final = 40
_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": abs,
    "max": max,
    "min": min,
    "round": round,
}
_PLAIN: Final = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Compare,
    ast.Load,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
)
_REFUSED_OPERATORS: Final = (
    ast.Pow,
    ast.MatMult,
    ast.LShift,
    ast.RShift,
    ast.BitAnd,
    ast.BitOr,
    ast.BitXor,
    ast.Invert,
    ast.Is,
    ast.IsNot,
    ast.In,
    ast.NotIn,
)

Value = int | float | Decimal | str | bool | date | datetime | None


class NotAnExpression(ValueError):
    """A rule that cannot be read, or that asks for more than the language has."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression.

    Attributes:
        text: As the contract has it.
        fields: Names of this row's fields that it needs.
        previous: Names of the fields that it needs of the period before.
        reckoned: Names among both that it reckons with: a text there could grow without bound.
    """

    text: str
    fields: frozenset[str]
    previous: frozenset[str]
    reckoned: frozenset[str]
    _names: tuple[str, ...]
    _before: tuple[str, ...]
    _function: Callable[..., Any]

    def __call__(
        self, row: Mapping[str, Value], previous: Mapping[str, Value] | None = None
    ) -> Any:  # noqa: ANN401
        """What it says of a row; None where a field is missing or a division is by zero."""
        values: list[Any] = []
        for name in self._names:
            value = row.get(name)
            if value is None:
                return None
            values.append(_number(value) if type(value) is Decimal else value)
        if self._before:
            if previous is None:
                return None
            for name in self._before:
                value = previous.get(name)
                if value is None:
                    return None
                values.append(_number(value) if type(value) is Decimal else value)
        try:
            return self._function(*values)
        except (ZeroDivisionError, OverflowError):
            return None
        except TypeError as error:
            raise NotAnExpression(f"{self.text!r}: {error}") from error


_SCOPE: Final[dict[str, Any]] = {"__builtins__": {}, **_FUNCTIONS}


def _number(value: Value) -> Any:  # noqa: ANN401
    # Decimal and float do not mix; a float is exact enough for a comparison of counts.
    return float(value) if isinstance(value, Decimal) else value


@lru_cache(maxsize=4096)
def parse(text: str, known: frozenset[str] | None = None) -> Expression:
    """Compile an expression.

    Args:
        text: As the contract has it.
        known: The row's fields; None takes any name.

    Raises:
        NotAnExpression: With the part that is not taken.
    """
    if len(text) > LONGEST:
        raise NotAnExpression(f"an expression has at most {LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise NotAnExpression(f"{text!r} cannot be read: {error}") from error
    reader = _Reader(text, known)
    checked = reader.visit(tree)
    names, before = tuple(sorted(reader.fields)), tuple(sorted(reader.previous))
    function = _compiled(checked.body, (*names, *(f"{PREVIOUS}__{name}" for name in before)))
    return Expression(
        text,
        frozenset(names),
        frozenset(before),
        frozenset(reader.reckoned),
        names,
        before,
        function,
    )


def _compiled(body: ast.expr, names: Sequence[str]) -> Callable[..., Any]:
    """A function of a row's values: half the cost of evaluating code over a mapping."""
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in names],
        kwonlyargs=[],
        kw_defaults=[],
        defaults=[],
    )
    tree = ast.fix_missing_locations(ast.Expression(ast.Lambda(arguments, body)))
    made: Callable[..., Any] = eval(compile(tree, "<rule>", "eval"), _SCOPE)  # noqa: S307 checked node by node
    return made


class _Reader(ast.NodeTransformer):
    """Refuses all but the language, and collects the names."""

    def __init__(self, text: str, known: frozenset[str] | None) -> None:
        self.fields: set[str] = set()
        self.previous: set[str] = set()
        self.reckoned: set[str] = set()
        self._text = text
        self._known = known
        self._depth = 0
        self._reckoning = False

    def visit(self, node: ast.AST) -> Any:  # noqa: ANN401
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotAnExpression(f"{self._text!r} is nested too deep")
        try:
            return super().visit(node)
        finally:
            self._depth -= 1

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if not isinstance(node, _PLAIN) or isinstance(node, _REFUSED_OPERATORS):
            raise self._refused(type(node).__name__)
        return super().generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._inside(node, reckoning=True)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        return self._inside(node, reckoning=False)

    def _inside(self, node: ast.AST, *, reckoning: bool) -> ast.AST:
        before, self._reckoning = self._reckoning, reckoning
        try:
            return self.generic_visit(node)
        finally:
            self._reckoning = before

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) not in {int, float, str, bool}:
            raise self._refused(f"the constant {node.value!r}")
        if self._reckoning and isinstance(node.value, str):
            raise self._refused(f"reckoning with the text {node.value!r}")
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        self.fields.add(self._field(node.id))
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.value, ast.Name) or node.value.id != PREVIOUS:
            raise self._refused(f"the attribute {node.attr!r}")
        self.previous.add(self._field(node.attr))
        return ast.Name(f"{PREVIOUS}__{node.attr}", ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not isinstance(node.func, ast.Name) or node.func.id not in _FUNCTIONS or node.keywords:
            raise self._refused("this call")
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def _field(self, name: str) -> str:
        if name.startswith("_") or "__" in name or name == PREVIOUS:
            raise self._refused(f"the name {name!r}")
        if self._known is not None and name not in self._known:
            raise NotAnExpression(f"{self._text!r} names {name!r}, which is no field")
        if self._reckoning:
            self.reckoned.add(name)
        return name

    def _refused(self, what: str) -> NotAnExpression:
        return NotAnExpression(f"{self._text!r}: {what} is not taken")
