from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from components.ingest.filters import Condition
from components.ingest.source import Request
from components.ingest.sql import relation_of_query, select
from components.shared.errors import InputError
from components.shared.sql import BIGQUERY, DUCKDB, Dialect

SCHEMA = pa.schema([("at", pa.timestamp("us", "UTC")), ("x", pa.float64()), ("odd name", pa.string())])
REQUEST = Request(
    columns=("at", "odd name"),
    conditions=(Condition("at", ">=", (date(2020, 1, 1),)), Condition("odd name", "in", ("a", "'; DROP TABLE t"))),
    order_by=("at",),
)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            BIGQUERY,
            "SELECT `at`, `odd name`\nFROM t\n"
            "WHERE (`at` >= @tandem_0 AND NOT (`at` IS NULL))\n"
            "  AND (`odd name` IN UNNEST(@tandem_1) AND NOT (`odd name` IS NULL))\nORDER BY `at`",
        ),
        (
            DUCKDB,
            'SELECT "at", "odd name"\nFROM t\n'
            'WHERE ("at" >= $tandem_0 AND NOT ("at" IS NULL))\n'
            '  AND (list_contains($tandem_1, "odd name") AND NOT ("odd name" IS NULL))\nORDER BY "at"',
        ),
    ],
    ids=["bigquery", "duckdb"],
)
def test_values_are_parameters_and_names_are_quoted(dialect: Dialect, expected: str) -> None:
    query = select(dialect, "t", REQUEST, SCHEMA)
    assert query.text == expected
    assert query.parameters == {
        "tandem_0": datetime(2020, 1, 1, tzinfo=UTC),
        "tandem_1": ["a", "'; DROP TABLE t"],
    }


def test_nan_is_excluded_from_comparisons() -> None:
    query = select(BIGQUERY, "t", Request(("x",), (Condition("x", ">", (1,)),)), SCHEMA)
    assert query.text.endswith("WHERE (`x` > @tandem_0 AND NOT (`x` IS NULL OR IS_NAN(`x`)))")


@pytest.mark.parametrize("name", ["", "a`b", 'a"b', "a\\b", "a\nb", "x" * 301], ids=repr)
def test_a_name_no_quoting_is_safe_for_is_refused(name: str) -> None:
    for dialect in (BIGQUERY, DUCKDB):
        with pytest.raises(InputError, match="cannot be used"):
            dialect.identifier(name)


def test_a_comment_on_the_last_line_of_a_query_ends_there() -> None:
    assert relation_of_query(" SELECT 1 -- one; \n;\n") == "(SELECT 1 -- one; \n\n) AS source"
