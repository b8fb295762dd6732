"""GoogleSQL as the product writes it, in DuckDB's words: names, parameters, literals and functions that differ."""

from __future__ import annotations

import re

TOKEN = re.compile(r"(?P<text>'(?:\\.|[^'\\])*')|`(?P<name>[^`]+)`|@(?P<parameter>\w+)|(?P<word>[A-Za-z_]\w*)")
ESCAPE = re.compile(r"\\U([0-9A-F]{8})|\\(.)")
WORDS = {
    "DATETIME": "TIMESTAMP", "TIMESTAMP": "TIMESTAMPTZ", "FLOAT64": "DOUBLE", "INT64": "BIGINT", "STRING": "VARCHAR",
    "IS_NAN": "isnan", "COUNTIF": "count_if", "IEEE_DIVIDE": "tandem_divide",
}  # fmt: skip


def duckdb_of(sql: str) -> str:
    """The same statement for DuckDB, where tables are called by their full names with the dots in them."""
    return TOKEN.sub(_translated, sql).replace("IN UNNEST(", "= ANY(")


def names_in(sql: str) -> set[str]:
    """Every quoted name of a statement: tables and columns."""
    return {match["name"] for match in TOKEN.finditer(sql) if match["name"]}


def _translated(match: re.Match[str]) -> str:
    if match["text"]:
        plain = ESCAPE.sub(lambda e: chr(int(e[1], 16)) if e[1] else e[2], match["text"][1:-1])
        return "'" + plain.replace("'", "''") + "'"
    if match["name"]:
        return f'"{match["name"]}"'
    if match["parameter"]:
        return f"${match['parameter']}"
    return WORDS.get(match["word"].upper(), match["word"])
