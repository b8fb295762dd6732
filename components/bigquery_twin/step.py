"""BigQuery twin: prepared arrays in; the columns of every window in a BigQuery table, and the SQL of the twin, out."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.bigquery_twin import columns, statements
from components.bigquery_twin.config import twin_problems
from components.shared.artifacts import Prepared
from components.shared.bigquery import WRITER_ROLES, client_of, encryption, explained
from components.shared.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from google.cloud import bigquery

    from components.bigquery_twin.config import TwinConfig
    from components.train.config import TrainConfig

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Twin:
    """What BigQuery's own tasks need: two statements, and where to run them."""

    create_model: str
    holdout: str
    project: str
    location: str


def run(config: TwinConfig, train: TrainConfig, prepared_path: str | Path) -> Twin:
    """Send every window's columns to BigQuery, replacing the table, and write the twin's statements.

    Args:
        config: the ``twin`` section.
        train: the ``train`` section of the local model, of kind ``dart`` with squared error.
        prepared_path: folder written by preprocess.

    Raises:
        InputError: there is no project, the local model is no such one, there are no credentials, or BigQuery refuses.
        TandemError: BigQuery does not answer.
    """
    if found := twin_problems(config, train):
        raise InputError(found)
    prepared = Prepared.open(prepared_path)
    taken = columns.window_columns(train.model, prepared)
    names = columns.column_names(taken)
    twin = Twin(
        create_model=statements.create_model(config, train.model, names),
        holdout=statements.holdout_rows(config, names),
        project=str(config.project),
        location=config.location,
    )
    send(config, columns.table(taken, prepared))
    logger.info("%s", twin.create_model)
    return twin


def send(config: TwinConfig, rows: pa.Table) -> None:
    """Load rows into the twin's table in one job, which replaces the table or leaves it as it was.

    Raises:
        InputError: there are no credentials, or BigQuery refuses the rows.
        TandemError: BigQuery does not answer.
    """
    import pyarrow.parquet as pq
    from google.cloud import bigquery

    destination = f"{config.project}.{config.dataset}.{statements.table_name(config)}"
    file = io.BytesIO()
    pq.write_table(rows, file)
    file.seek(0)
    with explained(f"load {destination}", roles=WRITER_ROLES, settings="twin"):
        job = client_of(config.project, config.location, config.api_endpoint).load_table_from_file(
            file,
            destination,
            size=file.getbuffer().nbytes,
            location=config.location,
            job_config=bigquery.LoadJobConfig(
                source_format=bigquery.SourceFormat.PARQUET,
                write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
                schema=_schema(rows),
                destination_encryption_configuration=encryption(config.encryption_key),
            ),
        )
        job.result()
    logger.info("sent %d rows of %d columns to %s", rows.num_rows, rows.num_columns, destination)


def _schema(rows: pa.Table) -> list[bigquery.SchemaField]:
    """The table's schema, with what each column is as its description."""
    from google.cloud import bigquery

    types = {"double": "FLOAT64", "int64": "INT64", "string": "STRING", "bool": "BOOL"}
    return [
        bigquery.SchemaField(
            field.name,
            types[str(field.type)],
            description=(field.metadata or {}).get(b"description", b"").decode() or None,
        )
        for field in rows.schema
    ]
