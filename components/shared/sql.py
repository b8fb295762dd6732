"""What the SQL of two engines has in common and how it differs: quoted names, placeholders, typed literals.

Values travel as parameters wherever an engine takes them. Where it takes none, as in the row restriction of BigQuery's
Storage Read API, they become literals of their type; no text that a user wrote is ever pasted into SQL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from components.shared.errors import InputError

UNQUOTABLE = re.compile(r'[`"\\\x00-\x1f\x7f]')


@dataclass(frozen=True)
class Dialect:
    """How one engine writes what differs. ``among`` takes a column and the placeholder of a list."""

    quote: str
    placeholder: str
    is_nan: str
    equal: Mapping[str, str] = field(default_factory=lambda: {"==": "=", "!=": "<>"})
    among: Callable[[str, str], str] = "{0} IN UNNEST({1})".format
    real: str = "FLOAT64"

    def identifier(self, name: str) -> str:
        """A quoted identifier.

        Raises:
            InputError: no quoting is safe for this name.
        """
        if not name or len(name) > 300 or UNQUOTABLE.search(name):
            raise InputError(f"{name!r} cannot be used as a column or table name in SQL")
        return f"{self.quote}{name}{self.quote}"


BIGQUERY = Dialect(quote="`", placeholder="@{}", is_nan="IS_NAN({})")
DUCKDB = Dialect(
    quote='"', placeholder="${}", is_nan="isnan({})", among="list_contains({1}, {0})".format, real="DOUBLE"
)


@dataclass(frozen=True)
class Query:
    """SQL text and the values of its named parameters."""

    text: str
    parameters: dict[str, Any] = field(default_factory=dict)


def literal(value: Any) -> str:
    """A GoogleSQL literal of a Python value, for the few places that take no parameters.

    Every character of a text but ASCII letters and digits is written as its code point, so none can end the literal.
    https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#literals

    Raises:
        InputError: a number that is not finite, or a value of another type.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    if isinstance(value, str):
        return f"'{''.join(map(_escaped, value))}'"
    if isinstance(value, datetime):
        zoned = value.tzinfo is not None
        moment = value.astimezone(UTC).replace(tzinfo=None) if zoned else value
        text = moment.isoformat(sep=" ", timespec="microseconds")
        return f"TIMESTAMP '{text}+00:00'" if zoned else f"DATETIME '{text}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    raise InputError(f"{value!r} cannot be written as a value in SQL")


def _escaped(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    return f"\\U{ord(character):08X}"
