"""The HTTP routes: predict and health where Vertex AI wants them, metrics, and what the model takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Response
from fastapi import Request as HttpRequest
from starlette.exceptions import HTTPException

from components.serving import logs, messages, metrics
from components.serving.batching import Batcher
from components.serving.config import LARGEST_MESSAGE, ServingConfig
from components.serving.messages import RequestError
from components.serving.observing import Life, Observed
from components.serving.predictor import Predictor
from components.serving.windows import Instance

if TYPE_CHECKING:
    from numpy.typing import NDArray

JSON = "application/json"


@dataclass
class Service:
    """One model being served: its predictor, its batches, and the metrics of both."""

    predictor: Predictor
    config: ServingConfig
    life: Life = field(default_factory=Life)
    batch_sizes: metrics.Histogram = field(
        default_factory=lambda: metrics.Histogram("serving_batch_size", "Windows a call of the model.", metrics.SIZES)
    )
    instances: metrics.Counter = field(
        default_factory=lambda: metrics.Counter("serving_instances_total", "Instances predicted.")
    )

    def __post_init__(self) -> None:
        self.batcher: Batcher[Instance, NDArray[np.float32]] = Batcher(
            self._describe, self.config.max_batch, self.config.max_waiting, self.batch_sizes.observe
        )
        # Explanations take hundreds of gradients; on a thread of their own they do not hold up predictions.
        self.explaining = ThreadPoolExecutor(1, "explain")

    def _describe(self, instances: Sequence[Instance]) -> list[NDArray[np.float32]]:
        """What the model says of each instance, (parameters,) scaled."""
        return list(self.predictor.describe(self.predictor.reader.inputs(instances)))

    async def predict(self, body: bytes) -> bytes:
        """Answer the body of a request.

        Raises:
            RequestError: it cannot be answered.
        """
        request = messages.read(body)
        self.predictor.check(request.parameters)
        instances = self.predictor.reader.read(request.instances)
        described = np.stack(await self.batcher.submit(instances))
        predictions = self.predictor.predictions(instances, described, request.parameters)
        if request.parameters.explain:
            await self._explain(predictions, instances, request.parameters.top)
        self.instances.add(by=len(instances))
        return messages.write(predictions)

    async def _explain(self, predictions: list[dict[str, Any]], instances: list[Instance], top: int) -> None:
        explain = self.predictor.explanations
        found = await asyncio.get_running_loop().run_in_executor(self.explaining, explain, instances, top)
        for prediction, explanation in zip(predictions, found, strict=True):
            prediction["explanation"] = explanation

    def close(self) -> None:
        self.batcher.close()
        self.explaining.shutdown()


SCENARIOS = "/scenarios"
"""Where what-if scenarios are, with their page, if there are rows to start them from."""


def build(service: Service, scenarios: FastAPI | None = None) -> Observed:
    """The ASGI application of a service, with :mod:`components.scenario`'s mounted in it."""
    config, life = service.config, service.life
    application = FastAPI(title="Tandem serving", version=service.predictor.name, docs_url=None, redoc_url=None)
    quiet = frozenset([config.health_route, "/metrics"])
    paths = quiet | {config.predict_route, "/model", "/openapi.json"}
    observed = Observed(application, life, quiet, paths=paths)
    shown = [
        observed.requests,
        observed.seconds,
        service.instances,
        service.batch_sizes,
        metrics.Gauge("serving_requests_in_flight", "Requests being answered.", lambda: life.in_flight),
        metrics.Gauge("serving_windows_waiting", "Windows waiting for a batch.", lambda: service.batcher.waiting),
    ]

    @application.post(config.predict_route, openapi_extra=_SCHEMA, responses=_REFUSALS)
    async def predict(request: HttpRequest) -> Response:
        """Forecast the future of each instance."""
        try:
            return Response(await service.predict(await _body(request)), media_type=JSON)
        except RequestError as error:
            return _refusal(error)

    @application.get(config.health_route)
    async def health() -> Response:
        """200 while requests are welcome, 503 once the process was told to end."""
        state, code = ("draining", 503) if life.draining else ("ready", 200)
        return Response(f'{{"status": "{state}"}}', code, media_type=JSON)

    @application.get("/metrics")
    async def exposed() -> Response:
        """Metrics for Prometheus."""
        return Response(metrics.exposition(shown), media_type=metrics.CONTENT_TYPE)

    @application.get("/model")
    async def model() -> dict[str, Any]:
        """What the model takes and gives."""
        return service.predictor.about()

    if scenarios is not None:
        application.mount(SCENARIOS, scenarios)

    @application.exception_handler(HTTPException)
    async def unknown_route(_: HttpRequest, error: HTTPException) -> Response:
        return _refusal(RequestError(f"{error.detail}: predictions are at {config.predict_route}", error.status_code,
                                     "NOT_FOUND"), headers=error.headers)  # fmt: skip

    @application.exception_handler(Exception)
    async def defect(_: HttpRequest, error: Exception) -> Response:
        logs.LOGGER.error("the request failed", exc_info=error)
        return _refusal(RequestError("the request failed; the log says why", 500, "INTERNAL"))

    return observed


async def _body(request: HttpRequest) -> bytes:
    """The body, refused as soon as it is known to be too large.

    Raises:
        RequestError: it has more bytes than an endpoint passes on.
    """
    too_large = RequestError(f"the body has more than {LARGEST_MESSAGE:,} bytes: send fewer instances at a time", 413)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > LARGEST_MESSAGE:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_MESSAGE:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _refusal(error: RequestError, headers: Any = None) -> Response:
    return Response(messages.write_error(error), error.code, media_type=JSON, headers=headers)


_SCHEMA: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": messages.Request.model_json_schema(ref_template="#/$defs/{model}")}},
    }
}
_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "not JSON, or not what the model takes; details lists every problem"},
    413: {"description": "request or response above 1.5 MB"},
    429: {"description": "too many windows wait already"},
}
