"""Read YAML into plain values, faster than PyYAML's own constructor for what the KFP compiler writes.

PyYAML's C parser is quick, but its constructor makes a node and a generator of every value, which for a long pipeline
costs more than anything else before the first task.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

_NOT_TEXT = frozenset("-+.0123456789~<=nNtTfFyYoO")
"""What a plain scalar begins with that may be something else than text: a number, a date, null, true, yes, on, …"""


class _UncommonError(Exception):
    """The text uses what this reader leaves to PyYAML: anchors, tags, merge keys, keys that are not text."""


def documents(text: str) -> list[Any]:
    """Every document of a YAML text, as ``yaml.safe_load_all`` reads it.

    Raises:
        yaml.YAMLError: it is not valid YAML.
    """
    loader = getattr(yaml, "CSafeLoader", None)
    if loader is None:  # PyYAML was built without its C parser
        return list(yaml.safe_load_all(text))
    events = loader(text)
    try:
        return list(_documents(_Events(events)))
    except _UncommonError:
        return list(yaml.load_all(text, Loader=loader))  # a safe loader
    finally:
        events.dispose()


class _Events:
    """The parser's events one by one, refusing what is uncommon."""

    def __init__(self, loader: Any) -> None:
        self.next = loader.get_event

    def value(self, event: Any) -> Any:
        """The value that begins with ``event``."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            if event.anchor is not None or event.tag is not None:
                raise _UncommonError
            return _plain(event.value) if event.implicit[0] else event.value
        if kind is yaml.MappingStartEvent:
            return self._mapping(event)
        if kind is yaml.SequenceStartEvent:
            return self._sequence(event)
        raise _UncommonError  # an alias

    def _mapping(self, start: Any) -> dict[str, Any]:
        if start.anchor is not None or start.tag is not None:
            raise _UncommonError
        found: dict[str, Any] = {}
        while type(event := self.next()) is not yaml.MappingEndEvent:
            key = self.value(event)
            if type(key) is not str or key == "<<":
                raise _UncommonError
            found[key] = self.value(self.next())
        return found

    def _sequence(self, start: Any) -> list[Any]:
        if start.anchor is not None or start.tag is not None:
            raise _UncommonError
        found = []
        while type(event := self.next()) is not yaml.SequenceEndEvent:
            found.append(self.value(event))
        return found


def _documents(events: _Events) -> Iterator[Any]:
    while type(event := events.next()) is not yaml.StreamEndEvent:
        if type(event) is yaml.DocumentStartEvent:
            yield events.value(events.next())


def _plain(text: str) -> Any:
    """A scalar written without quotes."""
    return text if text and text[0] not in _NOT_TEXT else _resolved(text)


@lru_cache(maxsize=4096)
def _resolved(text: str) -> Any:
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag == "tag:yaml.org,2002:str":
        return text
    return loader.construct_object(yaml.ScalarNode(tag, text), deep=True)
