"""What of BigQuery can be told without a server: queries, parameters, limits, types, credentials."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from components.ingest.bigquery_source import (
    arrow_schema,
    job_config_of,
    open_bigquery,
    parameter_of,
    relation_of,
)
from components.ingest.config import BigQuerySource
from components.shared.bigquery import client_of
from components.shared.errors import InputError
from components.shared.sql import Query


def source(**keys: Any) -> BigQuerySource:
    return BigQuerySource.parse({"kind": "bigquery", "table": "market.prices", **keys})


@pytest.mark.parametrize(
    ("table", "quoted"),
    [
        ("market.prices", "`market.prices`"),
        ("my-project.market.prices", "`my-project.market.prices`"),
        ("example.com:my-project.market.prices", "`example.com:my-project.market.prices`"),
    ],
)
def test_a_table_name_is_quoted(table: str, quoted: str) -> None:
    assert relation_of(source(table=table)) == quoted


@pytest.mark.parametrize(
    "table", ["prices", "market.prices$20200101", "a.b` WHERE true; --", "market.prices x", "", "a.b.c.d e"]
)
def test_a_malformed_table_name_is_refused(table: str) -> None:
    with pytest.raises(InputError, match=r"expected dataset\.table"):
        relation_of(source(table=table))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ')' AS a, \"(;\" AS b, `x;)` FROM t -- ) ;",
        "WITH a AS (SELECT 1) # it's )\nSELECT * FROM a /* ' ( */;",
        "SELECT '''it's ) ;''', r'\\'' FROM t\r\n",
        "(SELECT 1) UNION ALL (SELECT 2)",
    ],
    ids=["quotes", "comments", "long quotes", "brackets"],
)
def test_one_select_becomes_a_bracketed_query(sql: str) -> None:
    assert relation_of(source(table=None, sql=sql)).startswith("(" + sql[:20])


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM t) AS a; DROP TABLE t; SELECT * FROM (SELECT * FROM t", "a bracket closes that was not opened"),
        ("SELECT 1) AS a, (SELECT 2", "a bracket closes that was not opened"),
        ("SELECT (1", "a bracket is not closed"),
        ("SELECT 1; SELECT 2", "expected one SELECT"),
        ("DROP TABLE t", "expected one SELECT"),
        ("", "expected one SELECT"),
        ("SELECT 'a", "a quote or comment is not closed"),
        ("SELECT 1 /* a", "a quote or comment is not closed"),
        ("SELECT 1 -- a\r) AS a; DROP TABLE t; SELECT * FROM (SELECT 1", "a bracket closes that was not opened"),
    ],
    ids=["broken out", "second relation", "open", "two", "no SELECT", "empty", "quote", "comment", "old line end"],
)
def test_text_that_is_not_one_select_is_refused(sql: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        relation_of(source(table=None, sql=sql))


@pytest.mark.parametrize(
    ("value", "sql_type"),
    [
        (True, "BOOL"),
        (3, "INT64"),
        (0.5, "FLOAT64"),
        ("a", "STRING"),
        (date(2020, 1, 1), "DATE"),
        (datetime(2020, 1, 1), "DATETIME"),
        (datetime(2020, 1, 1, tzinfo=UTC), "TIMESTAMP"),
        ([1, 2.5], "FLOAT64"),
        (["a"], "STRING"),
    ],
    ids=str,
)
def test_a_parameter_has_the_type_of_its_value(value: Any, sql_type: str) -> None:
    sent = parameter_of("p", value).to_api_repr()
    assert sent["name"] == "p"
    found = sent["parameterType"].get("arrayType", sent["parameterType"])["type"]
    assert found == sql_type


@pytest.mark.parametrize("dry_run", [True, False])
def test_every_job_has_a_limit_on_its_bytes(dry_run: bool) -> None:
    job = job_config_of(source(maximum_bytes_billed=1234), Query("SELECT 1", {"x": 1}), dry_run=dry_run)
    assert job.maximum_bytes_billed == 1234
    assert bool(job.dry_run) is dry_run
    assert [parameter.name for parameter in job.query_parameters] == ["x"]
    assert source().maximum_bytes_billed == 10 << 30


def test_the_answer_of_a_query_is_encrypted_with_the_key() -> None:
    key = "projects/my-project/locations/us/keyRings/ring/cryptoKeys/key"
    job = job_config_of(source(encryption_key=key), Query("SELECT 1"))
    assert job.destination_encryption_configuration.kms_key_name == key
    assert job_config_of(source(), Query("SELECT 1")).destination_encryption_configuration is None


def test_fields_become_arrow_types() -> None:
    from google.cloud.bigquery import SchemaField

    fields = [SchemaField("a", "FLOAT"), SchemaField("b", "TIMESTAMP"), SchemaField("c", "STRING", mode="REPEATED")]
    assert arrow_schema([*fields, SchemaField("d", "GEOGRAPHY")]) == pa.schema(
        [("a", pa.float64()), ("b", pa.timestamp("us", "UTC")), ("c", pa.binary()), ("d", pa.binary())]
    )


def test_a_plain_http_server_gets_no_credentials() -> None:
    from google.auth.credentials import AnonymousCredentials

    with client_of("p", None, "http://127.0.0.1:9") as client:
        assert isinstance(client._credentials, AnonymousCredentials)
        assert (client.project, client._connection.API_BASE_URL) == ("p", "http://127.0.0.1:9")


def test_another_server_needs_both_addresses() -> None:
    with pytest.raises(InputError, match="needs both, `api_endpoint` and `storage_endpoint`"):
        source(api_endpoint="http://127.0.0.1:9")


def test_missing_credentials_say_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    monkeypatch.delenv("BIGQUERY_EMULATOR_HOST", raising=False)
    with pytest.raises(InputError, match="gcloud auth application-default login"), open_bigquery(source()):
        pass
