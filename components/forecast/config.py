"""The ``forecast`` and ``model`` sections: what to forecast, with which model, and where the answer goes."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, PositiveInt, field_validator

from components.register.config import MlflowConfig, RegistryConfig
from components.shared.bigquery import EncryptionKey
from components.shared.config import StrictModel

CalendarName = Literal["business_days", "days", "weeks", "steps"]
DESTINATION = re.compile(r"^[a-z][a-z0-9-]{4,28}[a-z0-9]\.[A-Za-z0-9_]{1,1000}\.[A-Za-z0-9_-]{1,900}$")

Share = Annotated[float, Field(gt=0, lt=1)]


class BigQueryDestination(StrictModel):
    """A table that forecasts are merged into; it is created when it does not exist."""

    table: str
    """``project.dataset.table``."""
    location: str | None = None
    encryption_key: EncryptionKey | None = None
    """Of the table, when it is created, and of the one beside it; in the cloud, that of the run when null."""
    maximum_bytes_billed: PositiveInt = 10 << 30
    """A merge that would read more of the table is refused."""
    api_endpoint: str | None = None
    """Another server that speaks BigQuery's REST API; credentials are sent to https endpoints only."""

    @field_validator("table")
    @classmethod
    def _names_a_table(cls, table: str) -> str:
        if not DESTINATION.match(table):
            raise ValueError("expected project.dataset.table")
        return table


class ForecastConfig(StrictModel):
    """Which forecasts to make of the rows."""

    origins: Literal["last", "all"] | PositiveInt = "last"
    """Where forecasts are made from: the last row, every row that has a window behind it, or the last N of those."""
    intervals: tuple[Share, ...] = (0.8, 0.9)
    """Shares of outcomes that an interval is to hold."""
    calendar: Literal["auto", "business_days", "days", "weeks", "steps"] = "auto"
    """How rows follow each other beyond the last one; ``auto`` infers it from the rows."""
    largest_gap: PositiveInt = 5
    """Most rows that may be missing in a row, by the calendar, inside what a forecast looks at; holidays count."""
    on_extra: Literal["error", "ignore"] = "error"
    """What to do about columns that the model's table did not have."""
    bigquery: BigQueryDestination | None = None

    @field_validator("intervals")
    @classmethod
    def _ascending(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if list(shares) != sorted(set(shares)):
            raise ValueError(f"expected shares in ascending order, none twice; got {list(shares)}")
        return shares


class ModelChoice(StrictModel):
    """The model to forecast with."""

    source: str = Field(min_length=1)
    """A model folder (also ``gs://``), or a registered version: ``soybean-oil-1m@champion``, ``soybean-oil-1m/3``."""
    registry: RegistryConfig = Field(default_factory=MlflowConfig)
