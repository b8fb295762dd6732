"""Trigger conditions: a small parser and evaluator for what KFP compiles ``dsl.If`` to.

Grammar: comparisons of literals, ``inputs.parameter_values['name']`` and casts ``int( ) double( ) string( ) bool( )``,
joined by ``&&``, ``||``, ``!`` and parentheses. Anything else, and any comparison of unlike types, is an error.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from local_runner.errors import ConditionError

_SPACE = re.compile(r"\s+")
_REFERENCE = re.compile(r"""inputs\.parameter_values\s*\[\s*(?:'([^']*)'|"([^"]*)")\s*\]""")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_SYMBOL = re.compile(r"&&|\|\||==|!=|<=|>=|<|>|!|\(|\)")
_WORD = re.compile(r"[A-Za-z_]\w*")
# KFP does not escape a quote inside a string constant, so a quote ends the string only where a string can end.
_AFTER_STRING = re.compile(r"\s*(?:$|\)|&&|\|\||==|!=|<=|>=|<|>)")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_WORDS: dict[str, Any] = {"true": True, "false": False, "True": True, "False": False, "null": None}

Token = tuple[str, Any]


def holds(condition: str, parameters: Mapping[str, Any]) -> bool:
    """Whether a trigger condition is true for a task's resolved parameters.

    Raises:
        ConditionError: it cannot be read, names a parameter without a value, or compares unlike types.

    Example:
        >>> holds("int(inputs.parameter_values['n'])>2 && !(inputs.parameter_values['s'] == 'a')", {"n": "3", "s": ""})
        True
    """
    try:
        parser = _Parser(_tokens(condition), parameters)
        result = parser.disjunction()
        parser.end()
        if not isinstance(result, bool):
            raise ConditionError(f"it is {result!r}, neither true nor false")
    except ConditionError as error:
        raise ConditionError(f"cannot evaluate the condition `{condition}`: {error}") from None
    return result


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if space := _SPACE.match(text, position):
            position = space.end()
        elif text[position] in "'\"":
            value, position = _string(text, position)
            tokens.append(("value", value))
        elif reference := _REFERENCE.match(text, position):
            tokens.append(("reference", reference[1] or reference[2]))
            position = reference.end()
        elif number := _NUMBER.match(text, position):
            digits = number[0]
            tokens.append(("value", int(digits) if digits.lstrip("+-").isdigit() else float(digits)))
            position = number.end()
        elif match := _SYMBOL.match(text, position) or _WORD.match(text, position):
            word = match[0]
            tokens.append(("value", _WORDS[word]) if word in _WORDS else ("symbol", word))
            position = match.end()
        else:
            raise ConditionError(f"unexpected {text[position]!r} at character {position + 1}")
    return tokens


def _string(text: str, start: int) -> tuple[str, int]:
    quote, end = text[start], start
    while (end := text.find(quote, end + 1)) != -1:
        if text[end - 1] != "\\" and _AFTER_STRING.match(text, end + 1):
            return text[start + 1 : end].replace(f"\\{quote}", quote), end + 1
    raise ConditionError(f"the string that begins at character {start + 1} has no end")


class _Parser:
    """Recursive descent that evaluates as it reads; both sides of && and || are always checked."""

    def __init__(self, tokens: list[Token], parameters: Mapping[str, Any]) -> None:
        self.tokens, self.parameters, self.position = tokens, parameters, 0

    def accept(self, *symbols: str) -> str | None:
        if self.position < len(self.tokens):
            kind, value = self.tokens[self.position]
            if kind == "symbol" and value in symbols:
                self.position += 1
                return str(value)
        return None

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            raise ConditionError(f"expected {symbol!r}")

    def end(self) -> None:
        if self.position < len(self.tokens):
            raise ConditionError(f"unexpected {self.tokens[self.position][1]!r}")

    def disjunction(self) -> Any:
        value = self.conjunction()
        while self.accept("||"):
            other = self.conjunction()
            value = _truth(value) or _truth(other)
        return value

    def conjunction(self) -> Any:
        value = self.negation()
        while self.accept("&&"):
            other = self.negation()
            value = _truth(value) and _truth(other)
        return value

    def negation(self) -> Any:
        if self.accept("!"):
            return not _truth(self.negation())
        return self.comparison()

    def comparison(self) -> Any:
        left = self.operand()
        if sign := self.accept(*_COMPARE):
            return _compare(left, sign, self.operand())
        return left

    def operand(self) -> Any:
        if self.accept("("):
            value = self.disjunction()
            self.expect(")")
            return value
        if cast := self.accept(*_CASTS):
            self.expect("(")
            value = self.disjunction()
            self.expect(")")
            return _cast(cast, value)
        if self.position >= len(self.tokens):
            raise ConditionError("it ends too early")
        kind, value = self.tokens[self.position]
        self.position += 1
        if kind == "reference":
            return self.lookup(value)
        if kind == "symbol":
            raise ConditionError(f"unexpected {value!r}")
        return value

    def lookup(self, name: str) -> Any:
        if name not in self.parameters:
            raise ConditionError(f"parameter {name} has no value")
        return self.parameters[name]


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConditionError(f"expected true or false, got {value!r}")
    return value


def _compare(left: Any, sign: str, right: Any) -> bool:
    alike = _family(left) == _family(right)
    if left is None or right is None:
        alike = sign in ("==", "!=")
    if not alike or (sign not in ("==", "!=") and _family(left) not in ("number", "string")):
        raise ConditionError(f"cannot compare {left!r} {sign} {right!r}")
    return bool(_COMPARE[sign](left, right))


def _family(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else type(value).__name__


def _cast(name: str, value: Any) -> Any:
    try:
        return _CASTS[name](value)
    except (TypeError, ValueError):
        raise ConditionError(f"cannot read {value!r} as {name}") from None


def _to_int(value: Any) -> int:
    # A double that arrives as text ("3.0") is the integer 3; 3.5 is not one.
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, float) and not number.is_integer():
        raise ValueError(value)
    return int(value) if not isinstance(value, str) or value.lstrip("+-").isdigit() else int(number)


def _to_bool(value: Any) -> bool:
    return (
        {"true": True, "false": False, "True": True, "False": False}[value] if isinstance(value, str) else bool(value)
    )


def _to_string(value: Any) -> str:
    from local_runner.values import text

    return text(value)


_CASTS: dict[str, Callable[[Any], Any]] = {
    "int": _to_int, "double": float, "float": float, "string": _to_string, "str": _to_string, "bool": _to_bool,
}  # fmt: skip
