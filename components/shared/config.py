"""Typed configuration: strict pydantic models, YAML with line numbers, overrides, every problem reported at once.

An experiment file has one section a stage (``ingest``, ``preprocess``, ``train``, …). Each stage owns the model of
its section; this module knows only how to read, override and check.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from components.shared.errors import InputError

# The same safe loader in C, ten times as fast: a catalog is the larger part of starting a run.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

KeyPath = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


class StrictModel(BaseModel):
    """Base of every config model: unknown keys are refused, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, section: str = "") -> Self:
        """Validate one stage's section.

        Args:
            data: the section as plain values, as it arrives in a component's ``config`` parameter.
            section: name shown before each key in messages, for example ``train``.

        Raises:
            InputError: naming every unknown or invalid key at once.
        """
        return validate(cls, ConfigSource(dict(data)), prefix=(section,) if section else ())


@dataclass
class ConfigSource:
    """Plain values, and where each key came from."""

    data: dict[str, Any]
    file: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)
    overridden: frozenset[KeyPath] = frozenset()

    def place(self, keys: KeyPath) -> str:
        """``file.yaml:12`` of a key, or of the nearest parent that has a line; ``--set a.b`` if that gave it."""
        for end in range(len(keys), 0, -1):
            if keys[:end] in self.overridden:
                return f"--set {'.'.join(map(str, keys[:end]))}: "
            if keys[:end] in self.lines:
                return f"{self.file}:{self.lines[keys[:end]]}: "
        return f"{self.file}: " if self.file else ""


def read_yaml(path: str | Path) -> ConfigSource:
    """Read a YAML mapping and remember the line of every key.

    Raises:
        InputError: the file is absent, unreadable, not YAML, not a mapping, or repeats a key.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_LOADER)
        source = ConfigSource(yaml.load(text, Loader=_LOADER) or {}, file=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read config file {path}: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(source.data, dict):
        raise InputError(f"{path}: expected a mapping of sections, got {type(source.data).__name__}")
    repeated: list[str] = []
    _record_lines(root, (), source.lines, repeated)
    if repeated:
        raise InputError([f"{path}:{key}" for key in repeated], heading="a key is written twice:")
    return source


def _record_lines(node: yaml.Node | None, keys: KeyPath, lines: dict[KeyPath, int], repeated: list[str]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            path = (*keys, key_node.value)
            line = key_node.start_mark.line + 1
            if path in lines:
                repeated.append(f"{line}: {'.'.join(map(str, path))} (first on line {lines[path]})")
            lines[path] = line
            _record_lines(value_node, path, lines, repeated)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*keys, index)] = item.start_mark.line + 1
            _record_lines(item, (*keys, index), lines, repeated)


def override(source: ConfigSource, assignments: Sequence[str]) -> ConfigSource:
    """Apply ``a.b=c`` assignments; the value is read as YAML, so ``train.epochs=3`` is an int.

    Raises:
        InputError: an assignment has no ``=``, or passes through something that is not a section.
    """
    data, lines = _deep_copy(source.data), dict(source.lines)
    problems: list[str] = []
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        keys = tuple(part.strip() for part in key.split("."))
        if not separator or not all(keys):
            problems.append(f"--set {assignment!r}: expected KEY=VALUE, for example --set train.epochs=3")
            continue
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            problems.append(f"--set {assignment!r}: the value is not valid YAML ({error})")
            continue
        node = data
        for part in keys[:-1]:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                problems.append(f"--set {assignment!r}: {part} holds a value, not a section")
                break
            node = child
        else:
            node[keys[-1]] = value
            for known in [path for path in lines if path[: len(keys)] == keys]:
                del lines[known]
    if problems:
        raise InputError(problems)
    given = {tuple(assignment.partition("=")[0].strip().split(".")) for assignment in assignments}
    return ConfigSource(data, source.file, lines, source.overridden | given)


def _deep_copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _deep_copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_deep_copy(item) for item in value]
    return value


def validate(model: type[M], source: ConfigSource, *, prefix: KeyPath = ()) -> M:
    """Validate ``source.data`` against ``model``; see :meth:`StrictModel.parse`."""
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise InputError(explain(error, model, source, prefix)) from None


def explain(error: ValidationError, model: type[BaseModel], source: ConfigSource, prefix: KeyPath = ()) -> list[str]:
    """Turn pydantic's errors into one line each: place, key, what was expected, what came, nearest valid name."""
    problems = []
    found = error.errors()
    for item in found:
        if item["type"] == "too_short" and any(_is_inside(other["loc"], item["loc"]) for other in found):
            continue  # the list is short only because what is in it was refused
        keys = _keys_in_data(item["loc"], source.data, keep_last=item["type"] == "missing")
        shown = ".".join(str(part) for part in (*prefix, *keys))
        place = source.place(keys)
        if item["type"] == "extra_forbidden":
            valid = sorted(_fields_at(model, item["loc"][:-1]))
            near = difflib.get_close_matches(str(keys[-1]), valid, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            problems.append(f"{place}unknown key {shown}: {hint}Valid here: {', '.join(valid)}")
        elif item["type"] == "union_tag_invalid":
            kind = item["ctx"]["discriminator"].strip("'")
            valid = [tag.strip(" '") for tag in item["ctx"]["expected_tags"].split(",")]
            near = difflib.get_close_matches(item["ctx"]["tag"], valid, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            place = source.place((*keys, kind))
            problems.append(f"{place}{shown}.{kind}: unknown {item['ctx']['tag']!r}: {hint}Valid: {', '.join(valid)}")
        elif item["type"] == "literal_error" and isinstance(item["input"], str):
            valid = re.findall(r"'([^']*)'", item["ctx"]["expected"])
            near = difflib.get_close_matches(item["input"], valid, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            problems.append(f"{place}{shown}: unknown {item['input']!r}: {hint}Valid: {', '.join(valid)}")
        elif item["type"] == "missing":
            problems.append(f"{place}missing key {shown}")
        else:
            received = item.get("input")
            came = "" if isinstance(received, (dict, BaseModel)) else f" (got {received!r})"
            message = item["msg"].removeprefix("Value error, ")
            problems.append(f"{place}{shown or 'config'}: {message[0].lower()}{message[1:]}{came}")
    return problems


def _is_inside(location: Sequence[str | int], outer: Sequence[str | int]) -> bool:
    return len(location) > len(outer) and tuple(location[: len(outer)]) == tuple(outer)


def _keys_in_data(location: Sequence[str | int], data: Any, *, keep_last: bool) -> KeyPath:
    """Drop the parts of a pydantic location that name a union's variant rather than a key the user wrote.

    ``keep_last`` keeps a last part that is not in the data, which is right for the name of a missing key.
    """
    keys: list[str | int] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif not (last and keep_last):
            continue
        keys.append(part)
    return tuple(keys)


def _fields_at(model: type[BaseModel], location: Sequence[str | int]) -> set[str]:
    """Names of the keys that are valid at a pydantic error location."""
    candidates: list[Any] = [model]
    for part in location:
        following: list[Any] = []
        for candidate in candidates:
            if part in candidate.model_fields:
                following += _models_in(candidate.model_fields[str(part)].annotation)
            elif candidate in _tagged(candidates, part):
                following.append(candidate)
        candidates = following or candidates
    return {name for candidate in candidates for name in candidate.model_fields}


def _tagged(candidates: list[Any], tag: str | int) -> list[Any]:
    """The variants of a discriminated union whose ``kind`` is ``tag``."""
    with_kind = [candidate for candidate in candidates if "kind" in candidate.model_fields]
    return [c for c in with_kind if tag in typing.get_args(c.model_fields["kind"].annotation)]


def _models_in(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in {typing.Union, types.UnionType, typing.Annotated, list, dict, tuple}:
        return [model for argument in typing.get_args(annotation) for model in _models_in(argument)]
    return []
