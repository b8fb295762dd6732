"""The train stage under another backend, from prepared arrays to a model folder that TensorFlow reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_the_stage_trains_without_tensorflow_and_leaves_a_model_tensorflow_reads(
    run_under: Callable[..., Any], tmp_path: Path, backend: str
) -> None:
    import keras

    told = run_under(backend, "probe_train.py", tmp_path)
    assert not told["tensorflow"]
    environment = json.loads((tmp_path / "model" / "environment.json").read_text())
    assert environment["device"]["reason"].lower().startswith(backend)
    model = keras.saving.load_model(tmp_path / "model" / "model.keras", compile=False)
    window = np.zeros((2, *model.inputs[0].shape[1:]), np.float32)
    assert np.isfinite(model.predict_on_batch(window)).all()
