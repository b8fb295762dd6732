"""What the serving process is told by its environment: Vertex AI's ``AIP_*`` variables, and ``SERVING_*`` of its own.

https://cloud.google.com/vertex-ai/docs/predictions/custom-container-requirements lists the former.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from components.shared.config import ConfigSource, StrictModel, validate
from components.shared.errors import InputError

LARGEST_MESSAGE = 1_500_000
"""Bytes of a request or a response that an endpoint passes on, 1.5 MB."""

Route = Annotated[str, Field(pattern=r"^/[A-Za-z0-9/_.:-]*$")]


class ServingConfig(StrictModel):
    """Settings of the process.

    Attributes:
        model: what to serve: a folder, ``gs://…``, or a registered version such as ``soybean-oil-1m@champion``.
        host, port: the address it listens on; this machine only unless told otherwise.
        rows: a table, CSV or Parquet file to start scenarios from; without it there are none.
        max_batch: windows a call of the model.
        max_waiting: windows that may wait; beyond that, requests are refused at once.
        drain_seconds: how long it goes on answering after SIGTERM while its health says to send nothing more.
        stop_seconds: most seconds that requests begun before that may still take.
    """

    model: str = Field(min_length=1)
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    predict_route: Route = "/predict"
    health_route: Route = "/health"
    registry: str = "sqlite:///registry/registry.db"
    rows: str | None = None
    max_batch: PositiveInt = 64
    max_waiting: PositiveInt = 4096
    drain_seconds: float = Field(default=5.0, ge=0)
    stop_seconds: PositiveFloat = 30.0


VARIABLES = {
    "AIP_STORAGE_URI": "model",
    "AIP_HTTP_PORT": "port",
    "AIP_PREDICT_ROUTE": "predict_route",
    "AIP_HEALTH_ROUTE": "health_route",
    "SERVING_HOST": "host",
    "SERVING_REGISTRY": "registry",
    "SERVING_ROWS": "rows",
    "SERVING_MAX_BATCH": "max_batch",
    "SERVING_MAX_WAITING": "max_waiting",
    "SERVING_DRAIN_SECONDS": "drain_seconds",
    "SERVING_STOP_SECONDS": "stop_seconds",
}
"""Which setting each environment variable is."""


def from_environment(environment: Mapping[str, str], **given: object) -> ServingConfig:
    """Settings from environment variables; what is ``given`` and not None goes first.

    Raises:
        InputError: naming each variable that is missing or cannot be used.
    """
    values: dict[str, object] = {name: environment[variable] for variable, name in VARIABLES.items()
                                 if environment.get(variable)}  # fmt: skip
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return validate(ServingConfig, ConfigSource(values))
    except InputError as error:
        raise InputError([_in_words(problem) for problem in error.problems], heading="cannot serve:") from None


def _in_words(problem: str) -> str:
    """Name the variable beside the setting it is."""
    if problem == "missing key model":
        return "no model: set AIP_STORAGE_URI, or give --model a folder or NAME@ALIAS"
    setting = problem.split(":", 1)[0]
    variable = next((variable for variable, name in VARIABLES.items() if name == setting), "")
    return f"{problem} [{variable}]" if variable else problem
