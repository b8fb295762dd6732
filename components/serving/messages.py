"""What comes in and goes out, in Vertex AI's formats: bytes to checked instances, answers and problems to bytes.

    {"instances": [{"date": ["2010-08-05", …], "target": [41.2, …], "volume": [10240, null, …]}, …],
     "parameters": {"quantiles": [0.1, 0.5, 0.9], "explain": true}}

An instance is columns of raw values, oldest row first, as they were in the table the model was trained on; null is a
missing value. At least ``lookback`` rows are needed; older ones help to fill what is missing.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from components.serving.config import LARGEST_MESSAGE

Status = Literal["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL", "NOT_FOUND"]
SHOWN_PROBLEMS = 20


class RequestError(Exception):
    """A request that cannot be answered; ``problems`` holds every one that was found."""

    def __init__(self, problems: str | list[str], code: int = 400, status: Status = "INVALID_ARGUMENT") -> None:
        self.problems = [problems] if isinstance(problems, str) else problems
        self.code, self.status = code, status
        super().__init__("; ".join(self.problems[:SHOWN_PROBLEMS]))


class Parameters(BaseModel):
    """How to answer; all of it may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantiles: tuple[float, ...] | None = Field(default=None, max_length=99)
    """Levels between 0 and 1; when left out, 0.05, 0.1, 0.5, 0.9 and 0.95, or those of them that the model knows."""
    explain: bool = False
    """Add what each feature contributed to each forecast."""
    top: int = Field(default=20, ge=1, le=10_000)
    """How many features an explanation names, the strongest first."""

    @field_validator("quantiles")
    @classmethod
    def _levels(cls, levels: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if levels is not None and (sorted(set(levels)) != list(levels) or not all(0 < level < 1 for level in levels)):
            raise ValueError("expected levels between 0 and 1 in ascending order, none twice")
        return levels


class Request(BaseModel):
    """A request of the predict route."""

    model_config = ConfigDict(extra="forbid")

    instances: list[dict[str, list[Any]]] = Field(min_length=1)
    parameters: Parameters = Parameters()


def read(body: bytes) -> Request:
    """Read a request.

    Raises:
        RequestError: it is not JSON (which has no NaN and no Infinity), or not of this shape.
    """
    try:
        content = json.loads(body, parse_constant=_refuse)
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    try:
        return Request.model_validate(content)
    except ValidationError as error:
        raise RequestError([_problem(item) for item in error.errors()]) from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value; write null for a missing one")


def _problem(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"]) or "body"
    message = item["msg"].removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}"


def write(predictions: list[dict[str, Any]]) -> bytes:
    """A response in Vertex AI's format.

    Raises:
        RequestError: it is larger than an endpoint passes on.
    """
    body = json.dumps({"predictions": predictions}, allow_nan=False, separators=(",", ":")).encode()
    if len(body) > LARGEST_MESSAGE:
        raise RequestError(
            f"the response would have {len(body):,} bytes, more than {LARGEST_MESSAGE:,}: ask for fewer instances at "
            "a time, or explain fewer features with parameters.top",
            413,
        )
    return body


def write_error(error: RequestError) -> bytes:
    """A refusal in the form of Google's APIs, with every problem in ``details``."""
    shown = error.problems[:SHOWN_PROBLEMS]
    more = len(error.problems) - len(shown)
    message = "; ".join(shown) + (f"; and {more} more" if more else "")
    content = {"code": error.code, "message": message, "status": error.status, "details": error.problems}
    return json.dumps({"error": content}).encode()
