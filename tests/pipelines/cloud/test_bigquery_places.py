"""Who pays for what a run reads in BigQuery, and with which key it is encrypted."""

from __future__ import annotations

import pytest

from pipelines.cloud import assembly
from pipelines.cloud.settings import EXAMPLE, CloudSettings, read

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


def test_forecasts_and_twin_are_written_with_the_key(settings: CloudSettings) -> None:
    table = "forecast.bigquery={table: my-project.market.out}"
    made = assembly.assemble("forecast", settings=settings, overrides=[table])
    assert made.parameters["forecast"]["bigquery"]["encryption_key"] == KEY
    twin = assembly.assemble("forecasting_ab", settings=settings, overrides=["twin.location=europe-west4"])
    assert twin.parameters["twin"]["encryption_key"] == KEY


def test_a_server_of_ones_own_gets_what_was_written(settings: CloudSettings) -> None:
    made = assembly.assemble("forecasting", settings=settings, overrides=[f"ingest.source={{{SOURCE}}}"], target="kfp")
    assert made.parameters["ingest"]["source"].get("project") is None
