"""Log lines as JSON objects, one a line, with the keys Cloud Logging understands.

https://cloud.google.com/logging/docs/structured-logging lists them.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from components.shared import progress

LOGGER = logging.getLogger("tandem.serving")


class JsonFormatter(logging.Formatter):
    """A record as one JSON object; what ``extra={"fields": {…}}`` holds is added to it."""

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, Any] = {
            "severity": record.levelname,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "message": record.getMessage(),
            "logger": record.name,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, default=str)


def set_up() -> None:
    """Send everything that is logged in this process to standard output, as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A stage's progress is printed where nobody listens; a line of plain text among these would not be JSON.
    progress.LOGGER.addHandler(logging.NullHandler())
    for noisy in ("absl", "tensorflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def request(method: str, path: str, seconds: float, seen: Mapping[str, int], trace: str) -> None:
    """One line for an answered request; ``seen`` holds its ``status`` and the bytes ``received`` and ``sent``."""
    status = seen["status"]
    http = {
        "requestMethod": method,
        "requestUrl": path,
        "status": status,
        "latency": f"{seconds:.6f}s",
        "requestSize": str(seen["received"]),
        "responseSize": str(seen["sent"]),
    }
    fields: dict[str, Any] = {"httpRequest": http, **({"trace": trace} if trace else {})}
    level = logging.ERROR if status >= 500 else logging.WARNING if status >= 400 else logging.INFO
    LOGGER.log(level, "%s %s %d", method, path, status, extra={"fields": fields})
