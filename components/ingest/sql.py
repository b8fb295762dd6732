"""What is pushed down to a warehouse: one SELECT whose values are parameters, or a restriction of typed literals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from components.ingest.filters import COMPARISONS, Condition, pushable
from components.ingest.source import Request
from components.shared.errors import InputError
from components.shared.sql import BIGQUERY, Dialect, Query, literal

# Own parameters start with this, so that they cannot meet those of a user's query.
PREFIX = "tandem_"

# GoogleSQL's quotes and comments; a backslash keeps the next character from ending a quote, in raw strings too.
# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical
QUOTED_OR_COMMENT = re.compile(
    r"""'''(?:\\.|[^\\])*?'''|"{3}(?:\\.|[^\\])*?"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\\n])*`"""
    r"""|(?:--|\#)[^\n]*|/\*.*?\*/""",
    re.DOTALL,
)


def one_select(sql: str) -> str:
    """A user's GoogleSQL with plain line ends, known to be one SELECT that cannot end the brackets it is put into.

    Raises:
        InputError: a second statement, another statement, or brackets, quotes or comments that do not match.
    """
    # Whether a bare carriage return ends a comment must not be open to interpretation.
    sql = sql.replace("\r\n", "\n").replace("\r", "\n")
    bare = QUOTED_OR_COMMENT.sub(" ", sql).strip().rstrip("; \n\t")
    if re.search(r"""['"`]|/\*""", bare):
        raise InputError("source.sql: a quote or comment is not closed")
    depth = 0
    for bracket in re.findall("[()]", bare):
        depth += 1 if bracket == "(" else -1
        if depth < 0:
            raise InputError("source.sql: a bracket closes that was not opened")
    if depth:
        raise InputError("source.sql: a bracket is not closed")
    if ";" in bare or not re.match(r"(?:\(\s*)*(?:SELECT|WITH|FROM)\b", bare, re.IGNORECASE):
        raise InputError("source.sql: expected one SELECT, and no other statement")
    return sql


def relation_of_query(sql: str) -> str:
    """A user's SELECT as something to select from."""
    # The line break keeps a comment on the last line from swallowing the bracket.
    return f"({sql.strip().rstrip(';')}\n) AS source"


def select(dialect: Dialect, relation: str, request: Request, schema: pa.Schema) -> Query:
    """``SELECT columns FROM relation WHERE conditions ORDER BY …`` with conditions as far as the engine can judge them.

    Args:
        dialect: of the engine.
        relation: a quoted table, or :func:`relation_of_query`.
        request: what is wanted; its columns must be in ``schema``.
        schema: the relation's columns and types.
    """
    parameters: dict[str, Any] = {}
    terms = [_term(dialect, item, schema, parameters) for item in pushable(request.conditions, schema)]
    text = f"SELECT {', '.join(map(dialect.identifier, request.columns))}\nFROM {relation}"
    if terms:
        text += "\nWHERE " + "\n  AND ".join(terms)
    if request.order_by:
        text += f"\nORDER BY {', '.join(map(dialect.identifier, request.order_by))}"
    return Query(text, parameters)


def _term(dialect: Dialect, condition: Condition, schema: pa.Schema, parameters: dict[str, Any]) -> str:
    column = dialect.identifier(condition.column)
    floating = pa.types.is_floating(schema.field(condition.column).type)
    missing = f"{column} IS NULL" + (f" OR {dialect.is_nan.format(column)}" if floating else "")
    if condition.op == "is_null":
        return f"({missing})"
    if condition.op == "is_not_null":
        return f"NOT ({missing})"
    name = f"{PREFIX}{len(parameters)}"
    placeholder = dialect.placeholder.format(name)
    if condition.op in COMPARISONS:
        parameters[name] = condition.values[0]
        passed = f"{column} {dialect.equal.get(condition.op, condition.op)} {placeholder}"
    else:
        parameters[name] = list(condition.values)
        passed = dialect.among(column, placeholder)
        passed = f"NOT ({passed})" if condition.op == "not_in" else passed
    # Engines disagree about NaN (in DuckDB it is the greatest number); here it is missing, and missing never passes.
    return f"({passed} AND NOT ({missing}))"


def restriction(conditions: Iterable[Condition], schema: pa.Schema) -> str:
    """The row restriction of a Storage Read session: no row that passes the conditions is kept back by it.

    It takes no parameters, so values are typed literals. Of NaN it says nothing, because its rows are filtered again.
    """
    terms = []
    for condition in pushable(conditions, schema):
        column = BIGQUERY.identifier(condition.column)
        if condition.op in {"is_null", "is_not_null"}:
            terms.append(f"{column} {'IS NULL' if condition.op == 'is_null' else 'IS NOT NULL'}")
        elif condition.op in COMPARISONS:
            operator = BIGQUERY.equal.get(condition.op, condition.op)
            terms.append(f"{column} {operator} {literal(condition.values[0])}")
        elif condition.op == "in":
            terms.append(f"{column} IN ({', '.join(map(literal, condition.values))})")
    return " AND ".join(terms)
