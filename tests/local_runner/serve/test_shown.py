from __future__ import annotations

import doctest
from types import ModuleType

import pytest

from local_runner.serve import links, security, shown


@pytest.mark.parametrize("module", [shown, security], ids=lambda module: module.__name__)
def test_examples_hold(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    ("value", "text"), [({"a": 1.5}, '{"a": 1.5}'), ("x" * 500, "x" * 199 + "…"), (float("nan"), "nan"), ("", "")]
)
def test_a_value_fits_a_cell(value: object, text: str) -> None:
    assert shown.figure(value) == text


def test_names_are_quoted_into_addresses() -> None:
    assert links.run("a/../b?c#d") == "/runs/a%2F..%2Fb%3Fc%23d"
    assert links.task("r", "loop/0/a&b") == "/runs/r/task?path=loop%2F0%2Fa%26b"
    assert links.live(links.runs(page=2)) == "/live?page=2"
    assert links.live(links.run("r")) == "/runs/r/live"
