"""Schemathesis: requests generated from the service's own description, and against it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from components.scenario import service
from components.scenario.engine import Engine

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
POST = ["/api/scenario", "/api/tornado", "/api/goal", "/api/export/{form}"]
GET = ["/health", "/ready", "/api/model"]
SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), max_examples=50)


def of(app: Any, described: dict[str, Any]) -> Any:
    """What schemathesis makes of a description of ``app``."""
    schema = schemathesis.openapi.from_dict(described)
    schema.app = app
    return schema


def statuses_of(operation: Any, mode: Any) -> Counter[int]:
    """Send generated requests; none may be answered by 5xx, or by what the description does not have."""
    statuses: Counter[int] = Counter()
    # A request may fit the description and still name a feature that this model does not have.
    left_out = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]

    @given(case=operation.as_strategy(generation_mode=mode))
    @SETTINGS
    def send(case: Any) -> None:
        answer = case.call()
        statuses[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=left_out)

    send()
    assert not any(status >= 500 for status in statuses)
    return statuses


@pytest.mark.slow
@pytest.mark.parametrize("path", [*GET, *POST])
def test_requests_by_the_description(engine: Engine, path: str) -> None:
    app = service.app(engine, hosts=None)
    method = "POST" if path in POST else "GET"
    statuses_of(of(app, app.openapi())[path][method], schemathesis.GenerationMode.POSITIVE)


@pytest.mark.slow
@pytest.mark.parametrize("path", POST)
def test_requests_against_the_description_are_refused(engine: Engine, path: str) -> None:
    app = service.app(engine, hosts=None)
    statuses = statuses_of(of(app, app.openapi())[path]["POST"], schemathesis.GenerationMode.NEGATIVE)
    assert set(statuses) <= {400, 404, 415, 422}


@pytest.mark.slow
@pytest.mark.parametrize("path", POST)
def test_requests_that_name_real_features(engine: Engine, path: str) -> None:
    """The description narrowed to the model's own features, so that requests get as far as the model."""
    app = service.app(engine, hosts=None)
    described = app.openapi()
    names = {"type": "string", "enum": [*engine.history.columns, "meal*", "*"]}
    for model in described["components"]["schemas"].values():
        for key, field in model.get("properties", {}).items():
            if key in ("features", "vary"):
                field.get("anyOf", [field])[0]["items"] = names
            if key in ("column", "of", "name") and "maxLength" in field:
                model["properties"][key] = names
            if key in ("permitted", "future", "groups", "derived"):
                field["maxProperties" if field["type"] == "object" else "maxItems"] = 0
    statuses = statuses_of(of(app, described)[path]["POST"], schemathesis.GenerationMode.POSITIVE)
    assert statuses[200] > 5
