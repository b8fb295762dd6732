"""A store of its own for each test, one way to run a pipeline in it, and a pipeline that leaves artifacts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl

from local_runner import api
from local_runner.store import Store


@pytest.fixture
def execute(tmp_path: Path) -> Callable[..., api.Run]:
    """Run a pipeline in the test's own store; keyword arguments beyond the pipeline's go to the options."""

    def run(pipeline: Any, arguments: dict[str, Any] | None = None, **options: Any) -> api.Run:
        return api.run(
            pipeline, arguments, root=tmp_path / "runs", raise_on_failure=False, options=api.Options(**options)
        )

    return run


@pytest.fixture
def states() -> Callable[[api.Run], dict[str, str]]:
    """State by task path."""
    return lambda run: {path: task.state.value for path, task in run.tasks.items()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that ``execute`` runs in."""
    with Store(tmp_path / "runs") as opened:
        yield opened


@dsl.component(base_image="python:3.11")
def make(n: int, out: dsl.Output[dsl.Dataset]):
    with open(out.path, "w") as stream:  # noqa: PTH123
        stream.write("x" * n)


@dsl.component(base_image="python:3.11")
def measure(data: dsl.Input[dsl.Dataset], metrics: dsl.Output[dsl.Metrics]) -> int:
    with open(data.path) as stream:  # noqa: PTH123
        length = len(stream.read())
    metrics.log_metric("length", length)
    if not length:
        raise ValueError("nothing to measure")
    return length


@pytest.fixture(scope="session")
def make_and_measure() -> Any:
    """``make`` writes ``n`` characters, ``measure`` counts them and fails on none."""

    @dsl.pipeline(name="kept")
    def pipeline(n: int = 1000):
        measure(data=make(n=n).outputs["out"])

    return pipeline
