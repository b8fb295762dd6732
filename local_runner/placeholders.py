"""Placeholders in command lines, environment variables, importer settings and constants: ``{{$.inputs…}}``."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from local_runner.errors import TaskError
from local_runner.job import Names
from local_runner.values import text

_PLACEHOLDER = re.compile(r"\{\{\$([^{}]*)\}\}")
_INPUT = re.compile(r"""\.inputs\.parameters\[(['"])(.+?)\1\]""")
_ARTIFACT = re.compile(r"""\.(inputs|outputs)\.artifacts\[(['"])(.+?)\2\](?:\.(\w+))?(?:\[(['"])(.+?)\5\])?""")
_OUTPUT = re.compile(r"""\.outputs\.parameters\[(['"])(.+?)\1\]\.output_file""")


class Placeholders:
    """Fills placeholders in for one task.

    Args:
        names: what the job placeholders stand for.
        task: name and path of the task.
        message: the task's ``ExecutorInput``; its parameter values may be added to later.
    """

    def __init__(self, names: Names, name: str, path: str, message: Mapping[str, Any]) -> None:
        self.message = message
        task_id = str(zlib.crc32(f"{names.run_id}/{path}".encode()))
        self._fixed = {
            ".pipeline_job_name": names.pipeline,
            ".pipeline_job_uuid": names.run_id,
            ".pipeline_job_resource_name": names.resource,
            ".pipeline_job_create_time_utc": names.created,
            ".pipeline_job_schedule_time_utc": names.created,
            ".pipeline_root": names.root,
            ".pipeline_task_name": name,
            ".pipeline_task_uuid": task_id,
            ".pipeline_task_resource_name": f"{names.resource}/tasks/{task_id}",
            ".workspace_path": os.path.join(names.root, "workspace"),  # noqa: PTH118  (root may be a URI)
            ".pipeline_google_cloud_project_id": os.environ.get("GOOGLE_CLOUD_PROJECT", "local"),
            ".pipeline_google_cloud_location": "local",
            ".pipeline_persistent_resource_id": "",
        }

    def fill(self, template: str) -> str:
        """``template`` with every placeholder replaced; an absent optional input becomes empty text.

        Raises:
            TaskError: a placeholder this runner does not know.
        """
        if "{{$" not in template:
            return template
        return _PLACEHOLDER.sub(lambda match: self._value(match[1].strip()), template)

    def fill_all(self, value: Any) -> Any:
        """:meth:`fill` on every string of nested lists and mappings. A lone parameter placeholder keeps its type."""
        if isinstance(value, str):
            match = _PLACEHOLDER.fullmatch(value)
            lone = match and _INPUT.fullmatch(match[1].strip())
            return self._parameters().get(lone[2], "") if lone else self.fill(value)
        if isinstance(value, list):
            return [self.fill_all(item) for item in value]
        if isinstance(value, dict):
            return {self.fill(key): self.fill_all(item) for key, item in value.items()}
        return value

    def command(self, words: Sequence[Any]) -> list[str]:
        """A command line: Concat and IfPresent resolved, an absent one left out, everything filled in."""
        out: list[str] = []
        for word in words:
            out += self._word(_structure(word))
        return out

    def _word(self, word: Any) -> list[str]:
        if isinstance(word, str):
            return [self.fill(word)]
        if isinstance(word, list):
            return [part for item in word for part in self._word(item)]
        if "Concat" in word:
            return ["".join(part for item in word["Concat"] for part in self._word(_structure(item)))]
        condition = word["IfPresent"]
        present = condition["InputName"] in self._parameters() or self._artifacts("inputs").get(condition["InputName"])
        chosen = condition.get("Then") if present else condition.get("Else")
        return self._word(_structure(chosen)) if chosen is not None else []

    def _value(self, expression: str) -> str:
        if expression == "":
            return json.dumps(self.message)
        if expression.startswith(".json_escape["):
            return self._escaped(expression)
        if expression in self._fixed:
            return self._fixed[expression]
        if match := _INPUT.fullmatch(expression):
            value = self._parameters().get(match[2])
            return "" if value is None else text(value)
        if match := _OUTPUT.fullmatch(expression):
            return str(self.message["outputs"]["parameters"][match[2]]["outputFile"])
        if match := _ARTIFACT.fullmatch(expression):
            return self._artifact(*match.group(1, 3, 4, 6))
        raise TaskError(f"unknown placeholder {{{{${expression}}}}}")

    def _escaped(self, expression: str) -> str:
        """``json_escape[n]`` followed by an expression: its value inside n levels of JSON strings."""
        match = re.fullmatch(r"\.json_escape\[(\d+)\](.*)", expression, re.DOTALL)
        if match is None:
            raise TaskError(f"unknown placeholder {{{{${expression}}}}}")
        value = self._value(match[2].strip())
        for _ in range(int(match[1])):
            value = json.dumps(value)[1:-1]
        return value

    def _artifact(self, side: str, name: str, attribute: str | None, key: str | None) -> str:
        found = (self._artifacts(side).get(name) or {}).get("artifacts") or []
        if not found:
            return ""
        artifact = found[0]
        if attribute in (None, "value") or (attribute == "metadata" and not key):
            return json.dumps(artifact["metadata"] if attribute == "metadata" else artifact)
        if attribute == "metadata":
            return text(artifact["metadata"].get(key, ""))
        # A local artifact's path is its address.
        return str(artifact.get("uri" if attribute == "path" else str(attribute), ""))

    def _parameters(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.message.get("inputs", {}).get("parameterValues", {})
        return found

    def _artifacts(self, side: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.message.get(side, {}).get("artifacts", {})
        return found


def _structure(word: Any) -> Any:
    """The compiled form of Concat and IfPresent is a JSON string; an older one is a mapping."""
    if isinstance(word, str) and word.startswith(('{"Concat"', '{"IfPresent"')):
        return json.loads(word)
    return word
