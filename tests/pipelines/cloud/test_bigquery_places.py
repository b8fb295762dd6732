"""Who pays for what a run reads in BigQuery, and with which key it is encrypted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelines.cloud import assembly
from pipelines.cloud.settings import EXAMPLE, CloudSettings, read

if TYPE_CHECKING:
    from cloud.bigquery.server import BigQuery
    from cloud.whole import Cloud

KEY = "projects/my-project/locations/europe-west4/keyRings/ring/cryptoKeys/key"
OWN = KEY.replace("my-project", "keys-of-ours")
SOURCE = "kind: bigquery, sql: SELECT 1 AS a"


@pytest.fixture(scope="module")
def settings() -> CloudSettings:
    return CloudSettings.model_validate({**read(EXAMPLE).model_dump(), "encryption_key": KEY})


@pytest.mark.parametrize(
    ("source", "project", "key"),
    [
        (SOURCE, "my-project", KEY),
        (f"{SOURCE}, project: who-pays-for-it, location: europe-west4", "who-pays-for-it", KEY),
        (f"{SOURCE}, encryption_key: {OWN}", "my-project", OWN),
        (f"{SOURCE}, encryption_key: ''", "my-project", ""),
        (f"{SOURCE}, location: EU", "my-project", None),
    ],
    ids=["nothing-said", "project", "key", "no-key", "elsewhere"],
)
def test_a_source_is_read_by_the_project_with_the_key(
    source: str, project: str, key: str | None, settings: CloudSettings
) -> None:
    made = assembly.assemble("forecasting", settings=settings, overrides=[f"ingest.source={{{source}}}"])
    found = made.parameters["ingest"]["source"]
    assert (found["project"], found.get("encryption_key")) == (project, key)


def prices(bigquery: BigQuery, cloud: Cloud) -> None:
    """A table of 48 bytes in a stand-in that the settings name."""
    import pyarrow as pa

    bigquery.warehouse.add("tandem-test.market.prices", pa.table({"date": [1, 2, 3], "price": [1.0, 2.0, 3.0]}))
    cloud.change(endpoints={**cloud.settings["endpoints"], "bigquery": bigquery.http.url})


def asked(cloud: Cloud, verb: str, source: str) -> str:
    section = f"ingest={{source: {{kind: bigquery, {source}}}, time: date, target: price}}"
    done = cloud.type(verb, "forecasting", "--set", section)
    return f"{done.exit_code} {done.output}"


def test_what_a_source_would_bill_is_asked(bigquery: BigQuery, cloud: Cloud) -> None:
    prices(bigquery, cloud)
    said = asked(cloud, "doctor", "table: tandem-test.market.prices, maximum_bytes_billed: 7")
    assert said.startswith("0 ")
    assert "reading the whole source would bill 48 bytes" in said
    assert "more than ingest.source.maximum_bytes_billed (7)" in said


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("table: tandem-test.market.prizes", "Not found: Table tandem-test.market.prizes"),
        ("sql: DROP TABLE market.prices", "source.sql: expected one SELECT"),
        ("table: 'market.prices` x'", "source.table: expected dataset.table"),
        ("sql: SELECT nothing FROM market.prices", "400"),
    ],
    ids=["absent", "statement", "name", "column"],
)
def test_a_source_that_no_run_could_read_stops_it(bigquery: BigQuery, cloud: Cloud, source: str, expected: str) -> None:
    prices(bigquery, cloud)
    said = asked(cloud, "doctor", source)
    assert said.startswith("2 "), said
    assert "problem: ingest.source: " in said
    assert expected in said
    assert "not in the estimate is what BigQuery bills for the source: " in asked(cloud, "cost", source)


def test_forecasts_and_twin_are_written_with_the_key(settings: CloudSettings) -> None:
    table = "forecast.bigquery={table: my-project.market.out}"
    made = assembly.assemble("forecast", settings=settings, overrides=[table])
    assert made.parameters["forecast"]["bigquery"]["encryption_key"] == KEY
    twin = assembly.assemble("forecasting_ab", settings=settings, overrides=["twin.location=europe-west4"])
    assert (twin.parameters["twin"]["encryption_key"], twin.parameters["twin"]["project"]) == (KEY, "my-project")
    assert "project" not in made.parameters["forecast"]["bigquery"]


def test_a_server_of_ones_own_gets_what_was_written(settings: CloudSettings) -> None:
    made = assembly.assemble("forecasting", settings=settings, overrides=[f"ingest.source={{{SOURCE}}}"], target="kfp")
    assert made.parameters["ingest"]["source"].get("project") is None
