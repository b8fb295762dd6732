"""The device seam under the backends themselves: what they list, what their out-of-memory looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["torch", "jax", "tensorflow"])
def told(request: pytest.FixtureRequest, run_under: Callable[..., Any]) -> Any:
    return run_under(request.param, "probe_device.py") | {"asked": request.param}


def test_detection_asks_the_backend_in_use_and_imports_no_other(told: Any) -> None:
    assert told["backend"] == told["asked"]
    assert told["others"] == []


def test_a_net_trains_where_it_was_put_and_agrees_with_the_cpu(told: Any) -> None:
    assert told["losses"][-1] < told["losses"][0]
    assert told["parity"]


def test_dropout_of_the_backend_is_sound(told: Any) -> None:
    assert told["dropout"] == ["dropout is sound"] * 2


def test_a_real_out_of_memory_of_the_backend_is_survived(told: Any) -> None:
    assert told["batch"] == 2


def test_torch_compiles_and_the_others_refuse_its_modes(told: Any) -> None:
    refusal = f"compile mode: expected off with {told['asked']} on cpu, got 'default'"
    assert told["compiled"] == (42.0 if told["asked"] == "torch" else refusal)
