from __future__ import annotations

from typing import Any

import pytest

from components.shared import backend
from components.shared.compilation import check, compiled
from components.shared.errors import InputError


def double(x: int) -> int:
    return 2 * x


def test_off_leaves_a_function_as_it_is() -> None:
    assert compiled(double, "off") is double


@pytest.mark.parametrize(
    ("name", "mode", "accelerator", "says"),
    [
        ("tensorflow", "default", "metal", "expected off with tensorflow on metal, got 'default'"),
        ("torch", "max-autotune", "metal", "expected off or default with torch on metal, got 'max-autotune'"),
        ("torch", "reduce-overhead", "cpu", "expected off or default or max-autotune with torch on cpu"),
    ],
)
def test_a_mode_that_means_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, mode: Any, accelerator: Any, says: str
) -> None:
    monkeypatch.setattr(backend, "current", lambda: name)
    with pytest.raises(InputError, match=says):
        check(mode, accelerator)
    check("off", accelerator)
