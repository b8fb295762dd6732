"""Small components that the feature tests build their pipelines from, and what a run's tasks gave."""

# ruff: noqa: PTH123, UP006, UP035  (components are plain on purpose; KFP reads typing's names)

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, List

import pytest
from kfp import compiler, dsl

from local_runner import api

IMAGE = "python:3.11"


@dsl.component(base_image=IMAGE)
def echo(text: str = "") -> str:
    return text


@dsl.component(base_image=IMAGE)
def add(a: int, b: int) -> int:
    return a + b


@dsl.component(base_image=IMAGE)
def numbers(n: int) -> List[int]:
    return list(range(n))


@dsl.component(base_image=IMAGE)
def shown(values: list) -> str:
    import json

    return json.dumps(values)


@dsl.component(base_image=IMAGE)
def write(text: str, out: dsl.Output[dsl.Dataset]):
    out.metadata["length"] = len(text)
    with open(out.path, "w") as stream:
        stream.write(text)


@dsl.component(base_image=IMAGE)
def read(data: dsl.Input[dsl.Dataset]) -> str:
    with open(data.path) as stream:
        return stream.read()


@dsl.component(base_image=IMAGE)
def join(data: dsl.Input[List[dsl.Dataset]]) -> str:
    texts = []
    for item in data:
        with open(item.path) as stream:
            texts.append(stream.read())
    return "+".join(texts)


@dsl.component(base_image=IMAGE)
def metadata(data: dsl.Input[dsl.Dataset]) -> dict:
    return data.metadata


@dsl.component(base_image=IMAGE)
def fail(text: str = "on purpose") -> str:
    raise RuntimeError(text)


@dsl.component(base_image=IMAGE)
def fail_until(file: str, times: int) -> int:
    with open(file, "a") as stream:
        stream.write("x")
    with open(file) as stream:
        tries = len(stream.read())
    if tries < times:
        raise RuntimeError(f"try {tries}")
    return tries


@pytest.fixture
def parts() -> SimpleNamespace:
    """The components above, by name."""
    everything = (echo, add, numbers, shown, write, read, join, metadata, fail, fail_until)
    return SimpleNamespace(**{component.name.replace("-", "_"): component for component in everything})


@pytest.fixture
def values() -> Callable[[api.Run, str], list[Any]]:
    """What each task of one name returned, in the order in which they started."""
    return lambda run, name: [task.outputs["Output"] for task in run.tasks.values() if task.name == name]


@pytest.fixture
def edited(tmp_path) -> Callable[[Any, str, str], Any]:
    """A compiled pipeline with one piece of its text replaced, as another compiler might have written it."""

    def edit(pipeline: Any, old: str, new: str) -> Any:
        file = tmp_path / "edited.yaml"
        compiler.Compiler().compile(pipeline, str(file))
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return file

    return edit
