"""The arithmetic that a profile may do with the fields of one row: ``"100 * used / (used + free)"``.

Numbers, names, ``+ - * / **`` and brackets; parsed by Python's own parser and never evaluated by it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Row = Mapping[str, float]
_Node = Callable[[Row], float]

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_MAX_EXPONENT = 30


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    names: frozenset[str]
    """The fields it needs."""
    _node: _Node

    def __call__(self, row: Row) -> float | None:
        """``None`` when a field is missing in this row, or nothing finite comes out."""
        try:
            value = float(self._node(row))
        except (KeyError, ArithmeticError, TypeError):  # TypeError: a root of a negative number
            return None
        return value if abs(value) < float("inf") else None


def parse(text: str) -> Expression:
    """``ValueError`` says what does not belong."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        raise ValueError(f'not an expression: "{text}"') from None
    names: set[str] = set()
    node = _build(tree.body, names)
    return Expression(text, frozenset(names), node)


def _build(node: ast.expr, names: set[str]) -> _Node:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            number = float(value)
            return lambda row: number
        case ast.Name(id=name):
            names.add(name)
            return lambda row: row[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _build(operand, names)
            return lambda row: -inner(row)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_build(left, names), _build(right, names))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            act, one, other = _OPERATORS[type(op)], _build(left, names), _build(right, names)
            return lambda row: act(one(row), other(row))
    raise ValueError(
        f'"{ast.unparse(node)}" is not allowed in an expression: numbers, fields, + - * / ** ( )'
    )


def _power(base: _Node, exponent: _Node) -> _Node:
    def power(row: Row) -> float:
        by = exponent(row)
        if abs(by) > _MAX_EXPONENT:
            raise OverflowError
        return float(base(row) ** by)

    return power
