from __future__ import annotations

from datetime import date
from typing import Any, get_args

import pytest

from components.ingest.config import IngestConfig, SourceConfig
from components.ingest.registry import OPENERS
from components.shared.errors import InputError

CSV = {"kind": "csv", "path": "x.csv"}
NAMED = {"time": "day", "target": "price"}


def parse(**section: Any) -> IngestConfig:
    return IngestConfig.parse({"source": CSV, **NAMED, **section}, section="ingest")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"source": {"kind": "csv", "pth": "x"}}, r"unknown key ingest\.source\.pth: did you mean path\?"),
        ({"source": {"kind": "cvs", "path": "x"}}, "cvs"),
        ({"source": {"kind": "duckdb", "database": "x"}}, "expected either `table` or `sql`"),
        ({"source": {"kind": "duckdb", "database": "x", "table": "t", "sql": "s"}}, "expected either `table` or `sql`"),
        (
            {"source": {"kind": "bigquery", "table": "a.b", "parameters": {"x": 1}}},
            "`parameters` belong to `sql`; use `filter`",
        ),
        ({"source": {"kind": "duckdb", "database": "x", "sql": "s", "parameters": {"a;b": 1}}}, "pattern"),
        ({"source": {**CSV, "encoding": "utf-9"}}, r"ingest\.source\.\S*encoding: .*no text encoding 'utf-9'"),
        ({"source": {**CSV, "encoding": "hex"}}, "no text encoding 'hex'"),
        ({"target": None}, "without a catalog, name the `time` and the `target` column"),
        ({"target": "day"}, "must be different columns"),
        ({"catalog": "c.yaml"}, "the catalog already says which column is time, target"),
        ({"start": "01/02/2003"}, r"ingest\.start: expected a date such as 2001-01-31"),
        ({"start": "2003-01-01", "end": "2002-01-01"}, "start 2003-01-01 is after end 2002-01-01"),
        ({"filter": [{"column": "x", "op": "in", "value": 3}]}, "needs a list of values"),
        ({"filter": [{"column": "x", "op": "in", "value": []}]}, "needs a list of values"),
        ({"filter": [{"column": "x", "op": "=", "value": 3}]}, r"ingest\.filter\.0\.op"),
        ({"filter": [{"column": "x", "op": "<"}]}, "needs one value"),
        ({"filter": [{"column": "x", "op": "is_null", "value": 3}]}, "takes no value"),
        ({"batch_rows": 0}, r"ingest\.batch_rows"),
        (
            {"catalog": {"columns": [{"name": "x", "dtype": "flot"}]}, "time": None, "target": None},
            r"columns\.0\.dtype",
        ),
    ],
)
def test_a_wrong_section_is_refused_by_name(section: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        parse(**section)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse(strat="2001", batch_rows="many", on_extra="never")
    assert len(caught.value.problems) == 3


def test_the_section_survives_json() -> None:
    """It travels as a struct, in which a YAML date has to be text and every number is a double."""
    config = parse(start=date(2001, 2, 3), filter=[{"column": "day", "op": ">", "value": date(2001, 1, 1)}])
    sent = config.model_dump(mode="json")
    sent["batch_rows"] = float(sent["batch_rows"])
    assert IngestConfig.parse(sent) == config
    assert config.start == "2001-02-03"


def test_a_moment_with_a_zone_becomes_utc() -> None:
    assert parse(start="2001-02-03T01:00:00+02:00").start == "2001-02-02T23:00:00"


def test_every_kind_of_source_can_be_opened() -> None:
    union, *_ = get_args(SourceConfig)
    assert {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(union)} == set(OPENERS)
