"""From what is typed after ``run`` to what is run."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_runner import arguments, plan
from local_runner.api import Options
from local_runner.errors import UsageError, nearest
from local_runner.plan import Pipeline
from local_runner.profiling import KINDS
from local_runner.records import TaskRecord


@dataclass(frozen=True)
class Request:
    """A compiled file, its arguments, and how to run it."""

    compiled: Path
    arguments: dict[str, Any]
    options: Options
    reuse: Callable[[str], TaskRecord | None] | None


def build(
    pipeline: str,
    *,
    root: Path,
    config: str | None,
    overrides: Sequence[str],
    horizon: str | None,
    tune: int | None = None,
    parameters: Sequence[str],
    device: str | None,
    from_task: str | None,
    only_task: str | None,
    **how: Any,
) -> Request:
    """Find the pipeline and check everything that was typed.

    Raises:
        UsageError: it cannot be used. An experiment's own errors pass through.
    """
    compiled, given = _find(pipeline, config, [*overrides, *_tuning(pipeline, tune)], horizon)
    planned = plan.read(compiled)
    given |= arguments.from_assignments(parameters)
    if device and "device" in (planned.inputs.get("parameters") or {}):
        given["device"] = device
    options = _options(how, device or "")
    _check_tasks(planned, options)
    reuse = None
    if from_task or only_task:
        from local_runner import partial

        reuse, skipped, fresh = partial.choose(planned, root, from_task, only_task)
        options = dataclasses.replace(options, skip=skipped, no_cache=(*options.no_cache, *fresh))
    return Request(compiled, given, options, reuse)


def _find(
    pipeline: str, config: str | None, overrides: Sequence[str], horizon: str | None
) -> tuple[Path, dict[str, Any]]:
    """A path to an existing compiled file, or the name of a shipped pipeline with its experiment."""
    path = Path(pipeline)
    if path.suffix in (".yaml", ".yml"):
        if config or overrides or horizon:
            raise UsageError("--config, --set and --horizon belong to a pipeline's name; give a file --param K=V")
        if not path.is_file():
            raise UsageError(f"there is no file {pipeline}")
        return path, {}
    try:
        from pipelines import experiments
    except ImportError as error:
        raise UsageError(f"{pipeline!r} is no .yaml file, and no shipped pipelines are installed ({error})") from error
    experiment = experiments.resolve(pipeline, config, list(overrides), horizon)
    return experiment.compiled, dict(experiment.arguments)


def _tuning(pipeline: str, trials: int | None) -> list[str]:
    """``--tune N`` as an assignment, for a pipeline whose experiments have a training to tune."""
    if trials is None:
        return []
    if pipeline.endswith((".yaml", ".yml")):
        raise UsageError("--tune belongs to a pipeline's name; a file's training is tuned by --param train=…")
    from pipelines import experiments

    known = experiments.PIPELINES.get(pipeline)
    if known is not None and "train" not in known.experiment.model_fields:
        trains = [name for name, spec in experiments.PIPELINES.items() if "train" in spec.experiment.model_fields]
        raise UsageError(
            f"--tune: the pipeline {pipeline} has no parameter train. Those that have: {', '.join(trains)}"
        )
    return [f"train.tune.trials={trials}"]


def _options(how: Mapping[str, Any], device: str) -> Options:
    profile = _profiles(how["profile"])
    # A task that is taken from the cache has nothing to profile.
    tasks = tuple(name for name in (*how["no_cache"], *profile) if name != "*")
    return Options(
        cache="*" not in how["no_cache"],
        no_cache=tasks,
        parallel=how["parallel"],
        fail_fast=how["fail_fast"],
        isolate=tuple(how["isolate"]),
        profile=profile,
        timeout=_timeouts(how["timeout"]),
        allow_host_commands=how["allow_host_commands"],
        components=str(how["components"].absolute()) if how["components"] else "",
        stubs=_stubs(how["stub"]),
        device=device,
        debug=how["pdb"],
    )


def _check_tasks(planned: Pipeline, options: Options) -> None:
    """Refuse options that name tasks the pipeline does not have: they would quietly do nothing."""
    known = {name for path, task in planned.walk() for name in (path, task.name)}
    uncached = [name for name in options.no_cache if name not in options.profile]
    given = {"--no-cache": uncached, "--isolate": options.isolate, "--profile": options.profile}
    named = [(flag, name) for flag, names in {**given, "--timeout": options.timeout}.items() for name in names if name]
    # The iteration numbers of a path that `runs show` prints are not in the compiled file.
    problems = [
        f"{flag} {name}: the pipeline has no such task. {nearest(name, known)}"
        for flag, name in named
        if name not in known and re.sub(r"/\d+(?=/)", "", name) not in known
    ]
    if problems:
        raise UsageError(list(dict.fromkeys(problems)))


def _profiles(given: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given:
        task, _, kind = text.partition("=")
        if kind not in ("", *KINDS):
            raise UsageError(f"--profile {text!r}: expected TASK or TASK=KIND. {nearest(kind, KINDS)}")
        found[task] = kind or KINDS[0]
    return found


def _timeouts(given: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in given:
        task, _, seconds = text.rpartition("=")
        try:
            found[task] = float(seconds)
        except ValueError:
            found[task] = 0.0
        if not 0 < found[task] < math.inf:
            raise UsageError(f"--timeout {text!r}: expected [TASK=]SECONDS, for example train=600")
    return found


def _stubs(given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f'--stub {text!r}: expected NAME=VALUE, for example \'train={{"model": "/path"}}\'')
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value  # plain text needs no quotes
    return found
