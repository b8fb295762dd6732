"""Keras's mixed precision is the one path for lower precision and gradient scaling, on every backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_a_net_learns_in_mixed_precision(run_under: Callable[..., Any], backend: str, policy: str) -> None:
    told = run_under(backend, "probe_precision.py", policy)
    assert (told["compute"], told["weights"]) == (policy.removeprefix("mixed_"), "float32")
    assert np.isfinite(told["losses"]).all()
    assert np.mean(told["losses"][-5:]) < 0.5 * told["losses"][0]
    assert told["scaler"] == (policy == "mixed_float16")
    if told["scaler"]:
        before, after = told["scale"]
        assert after == before / 2, "an overflow halves the scale"
        assert told["kept"], "an overflow leaves the weights as they were"
