"""A compiled file that is broken anywhere: whatever is wrong with it ends in a message, never in a traceback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from components.shared.errors import InputError
from pipelines.cloud import assembly, compiled_file, cost, preflight
from pipelines.cloud.settings import EXAMPLE, read

if TYPE_CHECKING:
    from cloud.whole import Cloud

WRONG: list[Any] = [None, 3, "text", [], {}]


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where everything is in nested values."""
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def spoilt(spec: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    out = copy.deepcopy(spec)
    part: Any = out
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return out


@pytest.mark.slow
@pytest.mark.parametrize("which", ["theirs", "wrapped"])
def test_no_part_that_is_wrong_ends_in_a_traceback(tmp_path: Path, which: str) -> None:
    from cloud import theirs

    settings = read(EXAMPLE)
    wrapped = assembly.assemble("forecasting", profile="l4x4-workers", settings=settings).text
    plain = yaml.safe_load(theirs.write(tmp_path / "plain.yaml").read_text() if which == "theirs" else wrapped)
    file = tmp_path / "spoilt.yaml"
    for path in places(plain):
        if which == "wrapped" and "worker_pool_specs" not in path:
            continue
        for value in WRONG:
            file.write_text(yaml.dump(spoilt(plain, path, value), Dumper=yaml.CDumper))
            try:
                made = assembly.assemble(str(file), settings=settings)
                preflight.problems(made, settings, "run")
                cost.estimate(made, settings)
            except InputError:
                pass
            except Exception as error:
                raise AssertionError(f"{'.'.join(map(str, path))} = {value!r}") from error


def test_every_part_that_is_no_mapping_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(
        "{pipelineInfo: 3, root: {dag: {tasks: {a: null}}}, deploymentSpec: {executors: {e: []}}, components: x}"
    )
    with pytest.raises(InputError) as caught:
        compiled_file.read(file)
    assert caught.value.problems == [
        "root.dag.tasks.a: expected a value, got nothing", "pipelineInfo: expected a mapping, got int",
        "deploymentSpec.executors.e: expected a mapping, got list", "components: expected a mapping, got str",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--param", "seed=[1,"), "--param 'seed=[1,': the value is not YAML"),
        (("--param", "seed=!!python/object:os.system x"), "the value is not YAML"),
        (("--param", "=3", "--param", "seed"), "--param '=3': expected NAME=VALUE"),
        (("--out", "/proc/nowhere/spec.yaml"), "--out: cannot write /proc/nowhere/spec.yaml"),
    ],
    ids=["bracket", "object", "name", "out"],
)
def test_words_that_cannot_be_used_are_named(cloud: Cloud, words: tuple[str, ...], expected: str) -> None:
    done = cloud.type("submit", "forecasting", "--dry-run", *words)
    assert (done.exit_code, expected in done.stderr) == (2, True), done.stderr
