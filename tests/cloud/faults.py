"""A verb under faults: broken at each of its requests in turn, it must leave what it leaves undisturbed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cloud.server import Fault

if TYPE_CHECKING:
    from cloud.whole import Cloud

KINDS = ["429", "503", "reset", "lost"]
"""Faults after which a verb goes on by itself."""
Verb = Callable[[], Any]


def requests_of(cloud: Cloud, verb: Verb, before: Sequence[Verb] = ()) -> tuple[str, list[tuple[int, int]]]:
    """What an undisturbed verb leaves, and its requests as (server, number)."""
    begin_anew(cloud, before)
    done = verb()
    assert done.exit_code == 0, done.stderr
    asked = [(server, number) for server, each in enumerate(cloud.servers) for number in range(len(each.seen))]
    return left(cloud), asked


def begin_anew(cloud: Cloud, before: Sequence[Verb] = ()) -> None:
    """An empty cloud, then what must be there first."""
    cloud.anew()
    for step in before:
        assert step().exit_code == 0
    for each in cloud.servers:
        each.forget()


def left(cloud: Cloud) -> str:
    """What there is now, as text to compare."""
    return json.dumps(cloud.made(), default=str, sort_keys=True)


def check_every_request(cloud: Cloud, verb: Verb, kinds: Sequence[Any], before: Sequence[Verb] = ()) -> int:
    """Run a verb once undisturbed, then once for each kind of fault at each of its requests; how many those are."""
    expected, asked = requests_of(cloud, verb, before)
    for server, number in asked:
        for kind in kinds:
            begin_anew(cloud, before)
            cloud.servers[server].faults = {number: Fault(kind)}
            done = verb()
            assert done.exit_code == 0, (kind, number, done.output, done.stderr)
            assert left(cloud) == expected, (server, number, kind)
    return len(asked)
