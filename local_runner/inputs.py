"""Where a task's inputs come from, and what they are: explicit mapping from a scope, never by name matching."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_runner.errors import MissingInputError
from local_runner.plan import Task
from local_runner.records import ArtifactRecord, State
from local_runner.values import shorten, typed

Parameters = dict[str, Any]
ArtifactLists = dict[str, tuple[ArtifactRecord, ...]]

_SELECTOR = re.compile(r"""parseJson\(string_value\)((?:\[(?:"[^"]*"|'[^']*'|\d+)\])+)""")
_KEY = re.compile(r"""\[(?:"([^"]*)"|'([^']*)'|(\d+))\]""")


@dataclass(frozen=True)
class Outcome:
    """How a task of a scope ended, and what it left. ``blocked``: it was skipped because something upstream failed."""

    state: State
    parameters: Parameters = field(default_factory=dict)
    artifacts: ArtifactLists = field(default_factory=dict)
    error: BaseException | None = None
    blocked: bool = False


@dataclass
class Values:
    """What a scope has to offer its tasks: its own inputs, and the outcomes of tasks that are over."""

    parameters: Parameters
    artifacts: ArtifactLists
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    resource_name: str = ""
    outer: Values | None = None

    def parameter(self, name: str) -> Any:
        """An input of this scope. A channel that the compiler forgot to hand down is looked up in the scopes around it.

        KFP 2.13 does that to an outer loop's item in a string that an inner loop's task is given, and to a field of an
        item in a string.

        Raises:
            MissingInputError: the item has no such field.
        """
        item, separator, field_name = name.rpartition("-subvar-")
        if separator and name not in self.parameters and isinstance(whole := self.parameter(item), dict):
            if field_name not in whole:
                raise MissingInputError(f"a loop's item has no field {field_name!r}: {shorten(whole)}")
            return whole[field_name]
        if name in self.parameters or self.outer is None or not name.startswith("pipelinechannel--"):
            return self.parameters.get(name)
        return self.outer.parameter(name)


@dataclass(frozen=True)
class Resolved:
    """A task's inputs. ``constants`` names parameters written in the compiled file, which may hold placeholders."""

    parameters: Parameters
    artifacts: ArtifactLists
    constants: frozenset[str] = frozenset()


def resolve(task: Task, values: Values) -> Resolved:
    """Look up every input of a task. An input whose source left nothing is absent from the answer.

    Raises:
        MissingInputError: a selector asks for a field that the value does not have.
    """
    parameters: Parameters = {}
    constants = set()
    for name, source in (task.inputs.get("parameters") or {}).items():
        value = _parameter(source, values)
        if "runtimeValue" in source:
            constants.add(name)
        if (selector := source.get("parameterExpressionSelector")) and value is not None:
            value = _select(value, selector, task.name, name)
        if value is not None:
            parameters[name] = value
    artifacts: ArtifactLists = {}
    for name, source in (task.inputs.get("artifacts") or {}).items():
        found = _artifacts(source, values)
        if found is not None:
            artifacts[name] = found
    return Resolved(parameters, artifacts, frozenset(constants))


def _parameter(source: Mapping[str, Any], values: Values) -> Any:
    if "componentInputParameter" in source:
        return values.parameter(source["componentInputParameter"])
    if output := source.get("taskOutputParameter"):
        outcome = values.outcomes.get(output["producerTask"])
        return outcome.parameters.get(output["outputParameterKey"]) if outcome else None
    if "taskFinalStatus" in source:
        return _final_status(source["taskFinalStatus"]["producerTask"], values)
    constant = source.get("runtimeValue") or {}
    return constant.get("constant", _tagged(constant.get("constantValue")))


def _tagged(value: Mapping[str, Any] | None) -> Any:
    """The older form of a constant: ``{stringValue: a}``, ``{intValue: 3}``."""
    return next(iter(value.values())) if value else None


def _artifacts(source: Mapping[str, Any], values: Values) -> tuple[ArtifactRecord, ...] | None:
    if "componentInputArtifact" in source:
        return values.artifacts.get(source["componentInputArtifact"])
    output = source.get("taskOutputArtifact")
    outcome = values.outcomes.get(output["producerTask"]) if output else None
    return outcome.artifacts.get(output["outputArtifactKey"]) if output and outcome else None


def _final_status(producer: str, values: Values) -> dict[str, Any]:
    """What ``PipelineTaskFinalStatus`` is built from."""
    outcome = values.outcomes[producer]
    failed = not outcome.state.good and outcome.state != State.SKIPPED
    state = "SUCCEEDED" if outcome.state.good else outcome.state.value.upper()
    error = {"code": 9, "message": str(outcome.error or "the task failed")} if failed else {}
    return {
        "state": state,
        "error": error,
        "pipelineJobResourceName": values.resource_name,
        "pipelineTaskName": producer,
    }


def _select(value: Any, selector: str, task: str, name: str) -> Any:
    """Apply ``parseJson(string_value)["a"]`` to a value."""
    match = _SELECTOR.fullmatch(selector.strip())
    if match is None:
        raise MissingInputError(f"task {task}: cannot read the selector {selector!r} of input {name}")
    current = json.loads(value) if isinstance(value, str) else value
    for double, single, index in _KEY.findall(match[1]):
        try:
            current = current[int(index)] if index else current[double or single]
        except (KeyError, IndexError, TypeError):
            raise MissingInputError(
                f"task {task}: input {name} takes {double or single or index!r} of {shorten(value)}, which has none"
            ) from None
    return current


def with_defaults(resolved: Parameters, definitions: Mapping[str, Any]) -> Parameters:
    """Add the declared default of every parameter that has no value."""
    declared = definitions.get("parameters") or {}
    defaults = {name: spec["defaultValue"] for name, spec in declared.items() if "defaultValue" in spec}
    return {**{k: v for k, v in defaults.items() if v is not None}, **resolved}


def as_declared(parameters: Parameters, definitions: Mapping[str, Any], where: str) -> Parameters:
    """Give every parameter its declared type.

    Raises:
        MissingInputError: a value is not of its declared type.
    """
    declared = definitions.get("parameters") or {}
    out, problems = {}, []
    for name, value in parameters.items():
        try:
            out[name] = typed(value, declared.get(name, {}).get("parameterType", ""))
        except ValueError as error:
            problems.append(f"{where}: input {name}: {error}")
    if problems:
        raise MissingInputError("\n".join(problems))
    return out


def missing(resolved: Resolved, definitions: Mapping[str, Any]) -> list[str]:
    """Names of required inputs that have no value."""
    return [
        name
        for section, given in (("parameters", resolved.parameters), ("artifacts", resolved.artifacts))
        for name, spec in (definitions.get(section) or {}).items()
        if name not in given and not spec.get("isOptional") and "defaultValue" not in spec
    ]


def scope_outputs(outputs: Mapping[str, Any], values: Values) -> tuple[Parameters, ArtifactLists]:
    """A scope's outputs from its tasks' outcomes. An output whose producers all left nothing is absent."""
    parameters: Parameters = {}
    for name, selector in (outputs.get("parameters") or {}).items():
        several = (selector.get("valueFromOneof") or {}).get("parameterSelectors")
        for one in several or [selector["valueFromParameter"]]:
            outcome = values.outcomes.get(one["producerSubtask"])
            if outcome is not None and one["outputParameterKey"] in outcome.parameters:
                parameters[name] = outcome.parameters[one["outputParameterKey"]]
                break
    artifacts: ArtifactLists = {}
    for name, selector in (outputs.get("artifacts") or {}).items():
        for one in selector.get("artifactSelectors") or []:
            outcome = values.outcomes.get(one["producerSubtask"])
            if outcome is not None and one["outputArtifactKey"] in outcome.artifacts:
                artifacts[name] = outcome.artifacts[one["outputArtifactKey"]]
                break
    return parameters, artifacts
