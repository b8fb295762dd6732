"""Both APIs of the stand-in over one warehouse."""

from __future__ import annotations

from typing import Any

from cloud.bigquery.rest import Rest
from cloud.bigquery.storage import Storage
from cloud.bigquery.warehouse import Warehouse
from cloud.server import StandIn


class BigQuery:
    """A warehouse that the real clients can reach: ``http`` counts requests and breaks them, ``storage`` streams."""

    def __init__(self) -> None:
        self.warehouse = Warehouse()
        self.rest = Rest(self.warehouse)
        self.http = StandIn(self.rest.answer)
        self.storage = Storage(self.warehouse)

    @property
    def endpoints(self) -> dict[str, str]:
        """What a ``source`` section says to reach it."""
        return {"api_endpoint": self.http.url, "storage_endpoint": self.storage.url}

    def source(self, **keys: Any) -> dict[str, Any]:
        """A ``source`` section."""
        return {"kind": "bigquery", "project": "my-project", **self.endpoints, **keys}

    def rows(self, sql: str) -> list[Any]:
        """What is in the warehouse, asked in DuckDB's words."""
        with self.warehouse.lock:
            return self.warehouse.database.sql(sql).fetchall()

    def close(self) -> None:
        self.http.close()
        self.storage.close()
        self.warehouse.database.close()
