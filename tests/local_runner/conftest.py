"""A store of its own for each test, and one way to run a pipeline in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_runner import api


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
