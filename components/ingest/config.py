"""The ``ingest`` section: where the table is, what its columns are, and which part of it is wanted."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PositiveInt, Tag, model_validator

from components.shared.bigquery import EncryptionKey
from components.shared.config import StrictModel
from components.shared.schema import Schema

GIB = 1 << 30


def _plain(value: Any) -> Any:
    """Dates as ISO text: YAML reads `2001-01-31` as a date, and the config travels as JSON, which has none."""
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def _moment(value: Any) -> Any:
    """An ISO date or date and time, in UTC when it names a zone, always without one."""
    text = _plain(value)
    if not isinstance(text, str):
        raise ValueError("expected a date such as 2001-01-31 or 2001-01-31T12:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected a date such as 2001-01-31 or 2001-01-31T12:00") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.date().isoformat() if len(text) == len("2001-01-31") else moment.isoformat()


def _time_format(form: str) -> str:
    """A form of strptime that says the whole date; without a year every row would be of 1900."""
    moment = datetime(2021, 12, 31)
    try:
        read = datetime.strptime(moment.strftime(form), form)
    except ValueError as error:
        raise ValueError(f"{form!r} is no form of dates: {error}; expected one such as %d/%m/%Y") from None
    if (read.year, read.month, read.day) != (2021, 12, 31):
        raise ValueError(f"{form!r} lacks the year, the month or the day; expected a form such as %d/%m/%Y")
    return form


def _text_encoding(name: str) -> str:
    try:
        # Not codecs.lookup alone: it also knows hex, zip and others that make no text.
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(f"Python knows no text encoding {name!r}; common ones are utf-8, latin-1, cp1252") from None
    return name


Scalar = Annotated[bool | int | float | str, BeforeValidator(_plain)]
Moment = Annotated[str, BeforeValidator(_moment)]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

Comparison = Literal["==", "!=", "<", "<=", ">", ">="]
Operator = Literal[Comparison, "in", "not_in", "is_null", "is_not_null"]


class Filter(StrictModel):
    """Keep the rows where this holds. A missing value (null or NaN) passes `is_null` only."""

    column: str
    op: Operator
    value: Scalar | list[Scalar] | None = None
    """One value for a comparison, a list for `in` and `not_in`, nothing for `is_null` and `is_not_null`."""

    @model_validator(mode="after")
    def _value_fits_operator(self) -> Self:
        if self.op in {"in", "not_in"}:
            if not isinstance(self.value, list) or not self.value:
                raise ValueError(f"`{self.op}` needs a list of values, for example value: [1, 2]")
        elif self.op in {"is_null", "is_not_null"}:
            if self.value is not None:
                raise ValueError(f"`{self.op}` takes no value")
        elif self.value is None or isinstance(self.value, list):
            raise ValueError(f"`{self.op}` needs one value")
        return self


class CsvSource(StrictModel):
    """A CSV file, a glob or a folder of `*.csv` and `*.csv.gz`, with a header line."""

    kind: Literal["csv"]
    path: str
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    null_values: tuple[str, ...] = (
        "", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A", "#N/A N/A",
    )  # fmt: skip
    """Cells with exactly this text are missing; the last ones are those of pandas, Excel and Bloomberg."""
    encoding: Annotated[str, AfterValidator(_text_encoding)] = "utf-8"
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    """Mark between groups of three digits, as the comma in 1,234.5; none by default."""
    time_format: Annotated[str, AfterValidator(_time_format)] | None = None
    """How the time column is written where not as in ISO 8601: %d/%m/%Y, %Y%m%d; the letters are those of strptime."""

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.decimal == self.thousands:
            raise ValueError(f"`decimal` and `thousands` are both {self.decimal!r}, but must differ")
        return self


class ParquetSource(StrictModel):
    """A Parquet file, a glob or a folder of `*.parquet` (read in the order of their names)."""

    kind: Literal["parquet"]
    path: str


def _table_or_sql(source: DuckDBSource | BigQuerySource) -> None:
    if (source.table is None) == (source.sql is None):
        raise ValueError("expected either `table` or `sql`")
    if source.parameters and source.sql is None:
        raise ValueError("`parameters` belong to `sql`; use `filter` with a table")


class DuckDBSource(StrictModel):
    """A table or a query of a DuckDB file. Rows are ordered by entity and time."""

    kind: Literal["duckdb"]
    database: str
    table: str | None = None
    sql: str | None = None
    """One SELECT; values go into `parameters` and are written `$name`."""
    parameters: dict[ParameterName, Scalar] = Field(default_factory=dict)
    memory_mib: PositiveInt = 512
    """Memory DuckDB may use; what it sorts beyond that goes to a temporary folder."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _table_or_sql(self)
        return self


class BigQuerySource(StrictModel):
    """A table or a query in BigQuery. Rows are ordered by entity and time."""

    kind: Literal["bigquery"]
    project: str | None = None
    """Project that pays for the query; null for the one of the credentials."""
    table: str | None = None
    """`dataset.table` or `project.dataset.table`."""
    sql: str | None = None
    """One SELECT; values go into `parameters` and are written `@name`."""
    parameters: dict[ParameterName, Scalar] = Field(default_factory=dict)
    location: str | None = None
    maximum_bytes_billed: PositiveInt = 10 * GIB
    """A query that would read more is refused, by a dry run before and by BigQuery itself."""
    full_scan_bytes: PositiveInt = GIB
    """A partitioned table larger than this is read only with a filter on the column it is partitioned by."""
    encryption_key: EncryptionKey | None = None
    """Of the temporary table that holds a query's answer; in the cloud, that of the run when null."""
    streams: int = Field(default=4, ge=1, le=64)
    """Most streams to read at once; each holds a few MiB."""
    retry_seconds: PositiveInt = 600
    """How long to try again while a stream gives nothing; then a run fails, and the next one goes on from there."""
    api_endpoint: str | None = None
    """Another server that speaks BigQuery's REST API; credentials are sent to https endpoints only."""
    storage_endpoint: str | None = None
    """That server's Storage Read API, as `http://host:port`; the rows come from there."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _table_or_sql(self)
        if (self.api_endpoint is None) != (self.storage_endpoint is None):
            raise ValueError("another server needs both, `api_endpoint` and `storage_endpoint`")
        return self


SourceConfig = Annotated[CsvSource | ParquetSource | DuckDBSource | BigQuerySource, Field(discriminator="kind")]


def _form_of_catalog(value: Any) -> str:
    return "path" if isinstance(value, str) else "inline"


Catalog = Annotated[
    Annotated[str, Tag("path")] | Annotated[Schema, Tag("inline")],
    Discriminator(_form_of_catalog),
]


class IngestConfig(StrictModel):
    """What to read and what it must look like."""

    source: SourceConfig
    catalog: Catalog | None = None
    """Feature catalog: a path or its columns; null to take names and types from the source."""
    time: str | None = None
    """Without a catalog: the column that orders the rows."""
    target: str | None = None
    """Without a catalog: the column to forecast."""
    entity: str | None = None
    """Without a catalog: the column that tells several series in one table apart."""
    columns: tuple[str, ...] | None = None
    """Columns to keep, null for all. Time, entity and target are always kept."""
    filter: tuple[Filter, ...] = ()
    """Rows must pass all of these."""
    start: Moment | None = None
    """First date or time, inclusive."""
    end: Moment | None = None
    """Last date (its whole day) or time, inclusive."""
    on_extra: Literal["error", "ignore"] = "error"
    """What to do about columns of the source that the catalog does not name."""
    batch_rows: PositiveInt = 65_536
    rows_per_shard: PositiveInt = 1_000_000

    @model_validator(mode="after")
    def _names_come_from_one_place(self) -> Self:
        given = [key for key in ("time", "target", "entity") if getattr(self, key) is not None]
        if self.catalog is not None and given:
            raise ValueError(f"the catalog already says which column is {', '.join(given)}: leave those keys out")
        if self.catalog is None and not {"time", "target"} <= set(given):
            raise ValueError("without a catalog, name the `time` and the `target` column")
        if len({getattr(self, key) for key in given}) < len(given):
            raise ValueError("`time`, `target` and `entity` must be different columns")
        if self.start is not None and self.end is not None and self.start[:10] > self.end[:10]:
            raise ValueError(f"start {self.start} is after end {self.end}")
        return self
