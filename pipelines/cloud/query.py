"""What the query of the ingest stage would bill, by a dry run that bills nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.shared import retrying
from pipelines.cloud.google import Google


def source(parameters: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What ingest reads, if that is in BigQuery."""
    section = parameters.get("ingest")
    found = section.get("source") if isinstance(section, Mapping) else None
    return found if isinstance(found, Mapping) and found.get("kind") == "bigquery" else None


def bytes_billed(parameters: Mapping[str, Any], google: Google) -> int | None:
    """Bytes that reading the whole source would scan; None when it is not in BigQuery.

    Raises:
        CloudError: the table or query is refused.
        InputError: there are no credentials.
    """
    found = source(parameters)
    if found is None:
        return None
    from google.cloud import bigquery

    from components.ingest.bigquery_source import parameter_of, relation_of
    from components.ingest.config import BigQuerySource

    config = BigQuerySource.model_validate(found)
    settings = bigquery.QueryJobConfig(
        dry_run=True, use_query_cache=False,
        query_parameters=[parameter_of(name, value) for name, value in config.parameters.items()],
    )  # fmt: skip
    text = f"SELECT * FROM {relation_of(config)}"
    place = config.location or google.settings.location
    job = retrying.call(
        "asking BigQuery what the query would bill",
        lambda: google.bigquery.query(text, job_config=settings, location=place, retry=None, job_retry=None),
        hints={
            403: "you need roles/bigquery.jobUser on the project and roles/bigquery.dataViewer on the data",
            404: f"see what is there: bq ls --project_id={google.settings.project} DATASET; for data in another "
            "location --set ingest.source.location=EU",
        },
    )
    return int(job.total_bytes_processed or 0)


def limit(parameters: Mapping[str, Any]) -> int:
    """``maximum_bytes_billed`` of the source, or its default."""
    from components.ingest.config import BigQuerySource

    return BigQuerySource.model_validate(source(parameters)).maximum_bytes_billed
